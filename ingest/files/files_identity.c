#include "ingest/files/files.h"

#include <string.h>
#include <unistd.h>

#include "ingest/files/files_inner.h"
#include "proto/base/hash.h"

static size_t
least(uint64_t a, uint64_t b)
{
    return (size_t)(a < b ? a : b);
}

/* 1 when exactly len bytes are there. */
static int
read_at(int fd, char *out, size_t len, uint64_t offset)
{
    return pread(fd, out, len, (off_t)offset) == (ssize_t)len;
}

static int
hash_ends(int fd, uint64_t offset, size_t head_len, uint64_t *ret_head, uint64_t *ret_tail)
{
    char head[HEAD_BYTES], tail[TAIL_BYTES];
    size_t tail_len = least(offset, TAIL_BYTES);

    if (!read_at(fd, head, head_len, 0) || !read_at(fd, tail, tail_len, offset - tail_len))
        return -1;
    *ret_head = hash64(head, head_len);
    *ret_tail = hash64(tail, tail_len);
    return 0;
}

int
files_fingerprint(int fd, struct file_place *place)
{
    place->head_len = (uint32_t)least(place->offset, HEAD_BYTES);
    return hash_ends(fd, place->offset, place->head_len, &place->head, &place->tail);
}

int
files_matches(int fd, const struct file_place *place)
{
    uint64_t head, tail;

    return place->head_len <= HEAD_BYTES &&
           hash_ends(fd, place->offset, place->head_len, &head, &tail) == 0 &&
           head == place->head && tail == place->tail;
}

/* --- copies --- */

/* "/var/log/app.log.1" beside "/var/log/app.log" */
static int
is_of_family(const char *path, const char *original)
{
    size_t len = strlen(original);

    return strncmp(path, original, len) == 0 && path[len] != '\0' &&
           strchr(path + len, '/') == NULL;
}

static int
is_in_same_folder(const char *a, const char *b)
{
    size_t len = (size_t)(strrchr(a, '/') - a);

    return (size_t)(strrchr(b, '/') - b) == len && strncmp(a, b, len) == 0;
}

/* The short file fd stands at the start of the longer one too, as far as its
 * start and its end say: a copy that is being written. */
static int
is_start_of(int fd, uint64_t size, const struct watched *longer)
{
    char ours[HEAD_BYTES], theirs[HEAD_BYTES];
    size_t head = least(size, HEAD_BYTES), tail = least(size, TAIL_BYTES);

    return longer->fd >= 0 && read_at(fd, ours, head, 0) &&
           read_at(longer->fd, theirs, head, 0) && memcmp(ours, theirs, head) == 0 &&
           read_at(fd, ours, tail, size - tail) &&
           read_at(longer->fd, theirs, tail, size - tail) && memcmp(ours, theirs, tail) == 0;
}

/* Files that begin alike by chance (a first line "started") must not pass for
 * copies: so much must be the same, or a name that says so. */
static int
is_copy(int fd, const struct stat *st, const char *path, const struct watched *w)
{
    int is_family = is_of_family(path, w->path);
    int is_long = w->place.offset >= HEAD_BYTES && is_in_same_folder(path, w->path);
    uint64_t size = (uint64_t)st->st_size;
    struct file_place start = { .offset = HEAD_BYTES };

    if (!is_family && !is_long && w->place.inode != st->st_ino)
        return 0;
    if (w->place.offset > 0 && size >= w->place.offset)
        return files_matches(fd, &w->place);
    if (w->place.kind == FILE_READ)
        return size > 0 && (is_family || size >= HEAD_BYTES) && is_start_of(fd, size, w);
    /* what the ghost held after the copy was made went with the truncation */
    return is_family && w->place.head_len == HEAD_BYTES && size >= HEAD_BYTES &&
           files_fingerprint(fd, &start) == 0 && start.head == w->place.head;
}

struct watched *
files_original(struct files *files, int fd, const struct stat *st, const char *path)
{
    for (size_t i = 0; i < files->count; i++) {
        struct watched *w = files->all[i];

        if (w->place.kind != FILE_PATTERN && !w->is_dead && w->place.copy_of == 0 &&
            is_copy(fd, st, path, w))
            return w;
    }
    return NULL;
}

static struct watched *
find(struct files *files, uint64_t id)
{
    for (size_t i = 0; i < files->count; i++)
        if (files->all[i]->place.id == id && !files->all[i]->is_dead)
            return files->all[i];
    return NULL;
}

int
files_is_copy_still(struct files *files, struct watched *copy)
{
    struct watched *original = find(files, copy->place.copy_of);
    struct stat st;

    if (original == NULL || copy->fd < 0 || fstat(copy->fd, &st) != 0)
        return 0;
    /* truncated, and files_read has not seen it yet: it releases its copies */
    if (original->fd >= 0 && original->place.offset > 0 &&
        !files_matches(original->fd, &original->place))
        return 1;
    return is_copy(copy->fd, &st, copy->path, original);
}

void
files_release_copies(struct files *files, const struct file_place *old)
{
    for (size_t i = 0; i < files->count; i++) {
        struct watched *w = files->all[i];
        struct stat st;

        if (w->is_dead || w->place.kind != FILE_READ || w->place.copy_of != old->id)
            continue;
        if (w->fd < 0 || fstat(w->fd, &st) != 0)
            continue;
        /* one that ends before holds only what was read of the original */
        w->place.offset = files_matches(w->fd, old) ? old->offset : (uint64_t)st.st_size;
        if (files_fingerprint(w->fd, &w->place) != 0)
            continue;
        w->place.copy_of = 0;
        w->has_news = 1;
        files_mark(w);
    }
}
