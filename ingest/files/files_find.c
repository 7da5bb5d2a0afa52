#include "ingest/files/files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "ingest/files/files_inner.h"
#include "proto/base/text.h"

enum { BACK_BYTES = 64 * 1024 };        /* where the last line of a file is looked for */

static const char not_regular[] = "is no regular file", compressed[] = "is compressed",
    too_many_open[] = "too many files are open already",
    too_many_known[] = "too many files are known already";

/* --- open files --- */

static int64_t
time_of(const struct stat *st)
{
    return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

void
files_look(struct files *files, struct watched *w, const struct stat *st)
{
    int64_t changed_ns = time_of(st);

    if (w->size == (uint64_t)st->st_size && w->changed_ns == changed_ns)
        return;
    w->size = (uint64_t)st->st_size;
    w->changed_ns = changed_ns;
    w->quiet_ms = files->now_ms;
    w->has_news = 1;
}

/* The file that has been quiet for longest makes room, if there is one. */
static int
make_room(struct files *files)
{
    struct watched *idle = NULL;

    if (files->open_count < FILES_MAX_OPEN)
        return 0;
    for (size_t i = 0; i < files->count; i++) {
        struct watched *w = files->all[i];

        if (w->fd >= 0 && !w->has_news && w->size == w->place.offset &&
            files->now_ms - w->quiet_ms >= IDLE_MS &&
            (idle == NULL || w->quiet_ms < idle->quiet_ms))
            idle = w;
    }
    if (idle == NULL)
        return -1;
    files_close(files, idle);
    return 0;
}

int
files_open(struct files *files, struct watched *w, const char *path)
{
    struct stat st;
    int fd;

    if (w->fd >= 0)
        return 0;
    if (make_room(files) != 0) {
        files_refuse(files, path, too_many_open, 1);
        return -1;
    }
    fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
        if (errno != ENOENT)
            files_refuse(files, path, strerror(errno), 1);
        goto failed;
    }
    /* renamed since it was looked at: the next scan sees who it is */
    if (!S_ISREG(st.st_mode) || st.st_ino != w->place.inode || st.st_dev != w->place.device)
        goto failed;
    w->fd = fd;
    files->open_count++;
    files_listen(files, w);
    files_look(files, w, &st);
    return 0;

failed:
    if (fd >= 0)
        close(fd);
    return -1;
}

/* What is read to its end need not be open while many are: it is opened when
 * it changes. */
static void
open_if_needed(struct files *files, struct watched *w, const char *path,
               const struct stat *st)
{
    int is_known = w->changed_ns != 0;

    files_look(files, w, st);
    if (w->fd >= 0) {
        /* what failed to be read is tried again */
        w->has_news |= (uint64_t)st->st_size != w->place.offset;
        return;
    }
    if ((uint64_t)st->st_size == w->place.offset &&
        (is_known ? !w->has_news : files->open_count >= FILES_MAX_OPEN))
        w->has_news = 0;
    else
        files_open(files, w, path);
}

/* --- new files --- */

static int
is_compressed(int fd, const char *path)
{
    static const char *const ends[] = { ".gz", ".xz", ".bz2", ".zst", ".lz4", ".Z", ".zip" };
    static const struct text starts[] = { { "\x1f\x8b", 2 }, { "\xfd" "7zXZ", 5 }, { "BZh", 3 },
                                          { "\x28\xb5\x2f\xfd", 4 }, { "PK\3\4", 4 } };
    char bytes[8] = { 0 };
    ssize_t len = pread(fd, bytes, sizeof(bytes), 0);

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        if (text_ends_with(text_of(path), ends[i]))
            return 1;
    for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
        if (len >= (ssize_t)starts[i].len && memcmp(bytes, starts[i].ptr, starts[i].len) == 0)
            return 1;
    return 0;
}

/* Where the last line starts that has no end yet, so that it is read whole. */
static uint64_t
end_of_lines(int fd, uint64_t size)
{
    char bytes[BACK_BYTES];
    size_t len = size < sizeof(bytes) ? (size_t)size : sizeof(bytes);
    const char *end;

    if (pread(fd, bytes, len, (off_t)(size - len)) != (ssize_t)len || len == 0)
        return size;
    end = memrchr(bytes, '\n', len);
    if (end == NULL)
        return len == size ? 0 : size;
    return size - len + (size_t)(end - bytes) + 1;
}

/* Is it still there, and not only in our hands? */
static int
is_there(const struct watched *w)
{
    struct stat st;

    if (w->fd >= 0)
        return fstat(w->fd, &st) == 0 && st.st_nlink > 0;
    return stat(w->path, &st) == 0 && st.st_ino == w->place.inode &&
           st.st_dev == w->place.device;
}

/* Where reading starts: behind what is known of it, at its end, or at 0. */
static void
choose_start(struct files *files, int fd, const struct stat *st, int is_first,
             struct file_place *place)
{
    struct watched *original = files_original(files, fd, st, place->path);

    if (original == NULL) {
        if (is_first && !files->spec.from_start)
            place->offset = end_of_lines(fd, (uint64_t)st->st_size);
    } else if (original->place.kind == FILE_READ && is_there(original)) {
        place->copy_of = original->place.id;
        ++*files->numbers.copies;
    } else {
        /* moved to another disk, written anew with the same beginning, or what
         * was copied before a truncation: it goes on there */
        place->offset = original->place.offset;
        if (place->offset > (uint64_t)st->st_size)
            place->offset = (uint64_t)st->st_size;
        files_bury(files, original);
        ++*files->numbers.copies;
    }
    if (place->offset > 0 && files_fingerprint(fd, place) != 0)
        place->offset = 0;
}

static void
discover(struct files *files, const char *path, const struct stat *st, int is_first)
{
    struct file_place place = { .device = st->st_dev, .inode = st->st_ino, .path = path };
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct watched *w;
    struct stat now;

    if (fd < 0 || fstat(fd, &now) != 0) {
        if (errno != ENOENT)
            files_refuse(files, path, strerror(errno), 1);
        goto done;
    }
    if (now.st_ino != st->st_ino || now.st_dev != st->st_dev || !S_ISREG(now.st_mode))
        goto done;
    if (is_compressed(fd, path)) {
        files_refuse(files, path, compressed, 0);
        goto done;
    }
    choose_start(files, fd, &now, is_first, &place);
    place.id = files_new_id(files);
    w = files_add(files, &place);
    if (w == NULL) {
        files_refuse(files, path, too_many_known, 1);
        goto done;
    }
    files_mark(w);
    w->is_listed = w->is_home = 1;
    files_listen_to_folder(files, path);
    open_if_needed(files, w, path, &now);

done:
    if (fd >= 0)
        close(fd);
}

/* --- known files --- */

static struct watched *
find_inode(struct files *files, const struct stat *st)
{
    for (size_t i = 0; i < files->count; i++) {
        struct watched *w = files->all[i];

        if (w->place.kind == FILE_READ && !w->is_dead && w->place.inode == st->st_ino &&
            w->place.device == st->st_dev)
            return w;
    }
    return NULL;
}

static void
see(struct files *files, struct watched *w, const char *path, const struct stat *st)
{
    w->is_listed = 1;
    w->is_home |= strcmp(path, w->path) == 0;
    if (w->place.gone_us != 0) {
        w->place.gone_us = 0;
        files_mark(w);
    }
    open_if_needed(files, w, path, st);
    if (w->place.copy_of != 0 && w->has_news && !files_is_copy_still(files, w)) {
        w->place.copy_of = 0;
        files_mark(w);
    }
}

/* A file that nobody held open may be gone, and its inode another's, whose
 * name is not the one that we know. */
static int
is_another(const struct watched *w, const char *path, const struct stat *st)
{
    int fd, is_same;

    if (w->fd >= 0 || strcmp(path, w->path) == 0 ||
        (w->size == (uint64_t)st->st_size && w->changed_ns == time_of(st)))
        return 0;
    fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    is_same = w->place.offset > 0 && files_matches(fd, &w->place);
    close(fd);
    return !is_same;
}

void
files_look_at(struct files *files, const char *path, int is_first)
{
    struct watched *w;
    struct stat st;

    /* before it is opened: a device may do something when it is */
    if (stat(path, &st) != 0) {
        if (errno != ENOENT)
            files_refuse(files, path, strerror(errno), 1);
        return;
    }
    if (!S_ISREG(st.st_mode)) {
        files_refuse(files, path, not_regular, 1);
        return;
    }
    w = find_inode(files, &st);
    if (w != NULL && is_another(w, path, &st)) {
        files_bury(files, w);
        w = NULL;
    }
    if (w != NULL)
        see(files, w, path, &st);
    else
        discover(files, path, &st, is_first);
}
