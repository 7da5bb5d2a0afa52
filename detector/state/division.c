#include "detector/state/division_inner.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/log.h"

/* The note: how many slots the new files are for. */
#define NOTE "detector-division"

void
division_path(const char *dir, unsigned slot, int is_new, char out[DB_PATH_LEN])
{
    snprintf(out, DB_PATH_LEN, "%s/detector-%u%s.db", dir, slot, is_new ? ".new" : "");
}

static void
note_path(const char *dir, const char *end, char out[DB_PATH_LEN])
{
    snprintf(out, DB_PATH_LEN, "%s/%s%s", dir, NOTE, end);
}

/* The file, and what SQLite keeps beside it. A missing one is fine. */
static int
remove_file(const char *path, struct err *err)
{
    static const char *const ends[] = { "-wal", "-shm", "-journal", "" };
    char name[DB_PATH_LEN + 16];

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        snprintf(name, sizeof(name), "%s%s", path, ends[i]);
        if (unlink(name) != 0 && errno != ENOENT) {
            err_set(err, "%s: %s", name, strerror(errno));
            return -1;
        }
    }
    return 0;
}

/* Names and files of the folder are on the disk. */
static int
sync_dir(const char *dir, struct err *err)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = fd < 0 ? -1 : fsync(fd);

    if (rc != 0)
        err_set(err, "%s: %s", dir, strerror(errno));
    if (fd >= 0)
        close(fd);
    return rc;
}

static int
write_note(const char *dir, unsigned slots, struct err *err)
{
    char path[DB_PATH_LEN], draft[DB_PATH_LEN];
    int fd, rc = -1;

    note_path(dir, "", path);
    note_path(dir, ".new", draft);
    fd = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd >= 0 && dprintf(fd, "%u\n", slots) > 0 && fsync(fd) == 0 &&
        rename(draft, path) == 0)
        rc = 0;
    else
        err_set(err, "%s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return rc == 0 ? sync_dir(dir, err) : -1;
}

/* How many slots the note names; 0: there is none. */
static int
read_note(const char *dir, unsigned *ret_slots, struct err *err)
{
    char path[DB_PATH_LEN], bytes[16];
    int64_t slots;
    ssize_t len;
    int fd;

    *ret_slots = 0;
    note_path(dir, "", path);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return 0;
    len = fd < 0 ? -1 : read(fd, bytes, sizeof(bytes));
    if (fd >= 0)
        close(fd);
    if (len < 0 || text_to_int(text_trim((struct text){ bytes, (size_t)len }), 1,
                               SHARE_MAX_SLOTS, &slots) != 0) {
        err_set(err, "%s: cannot be read, or is no number of slots", path);
        return -1;
    }
    *ret_slots = (unsigned)slots;
    return 0;
}

int
division_finish(const char *dir, struct err *err)
{
    char made[DB_PATH_LEN], path[DB_PATH_LEN];
    unsigned slots;

    if (read_note(dir, &slots, err) != 0)
        return -1;
    for (unsigned i = 0; i < SHARE_MAX_SLOTS; i++) {
        division_path(dir, i, 1, made);
        division_path(dir, i, 0, path);
        if (i < slots && access(made, F_OK) != 0)
            continue;           /* put in its place before we died */
        if (slots > 0 && remove_file(path, err) != 0)
            return -1;
        if (i >= slots ? remove_file(made, err) != 0 : rename(made, path) != 0) {
            if (i < slots)
                err_set(err, "%s: %s", made, strerror(errno));
            return -1;
        }
    }
    note_path(dir, "", path);
    if (sync_dir(dir, err) != 0)
        return -1;
    if (slots > 0 && unlink(path) != 0) {
        err_set(err, "%s: %s", path, strerror(errno));
        return -1;
    }
    return slots > 0 ? sync_dir(dir, err) : 0;
}

/* What a file says of itself; 0 when it does not, or is damaged: who opens it to
 * work with it sees to that. */
static unsigned
read_slots(const char *path)
{
    sqlite3_stmt *stmt = NULL;
    unsigned slots = 0;
    struct err err;
    sqlite3 *db = db_open(path, NULL, INT_MAX, NULL, &err);

    if (db != NULL && db_prepare(db, &stmt, "SELECT max(slots) FROM slots", &err) == 0 &&
        sqlite3_step(stmt) == SQLITE_ROW)
        slots = (unsigned)sqlite3_column_int(stmt, 0);
    sqlite3_finalize(stmt);
    db_close(&db);
    return slots <= SHARE_MAX_SLOTS ? slots : 0;
}

int
division_find(const char *dir, unsigned *ret_slots, struct err *err)
{
    unsigned said, most = 0, highest = 0;
    char path[DB_PATH_LEN];

    if (division_finish(dir, err) != 0)
        return -1;
    for (unsigned i = 0; i < SHARE_MAX_SLOTS; i++) {
        division_path(dir, i, 0, path);
        if (access(path, F_OK) != 0)
            continue;
        said = read_slots(path);
        highest = i + 1;
        if (said > most)
            most = said;
    }
    /* from before the files said it */
    *ret_slots = most > 0 ? most : highest;
    return 0;
}

static void
close_old(struct division_old *old)
{
    for (unsigned i = 0; i < SHARE_MAX_SLOTS; i++) {
        sources_destroy(&old->sources[i]);
        checkpoint_close(&old->files[i]);
    }
}

static int
open_old(const struct division *division, struct division_old *old, struct metrics *metrics,
         struct err *err)
{
    const struct sources_options options = { .max = SOURCES_MAX };
    char path[DB_PATH_LEN];
    uint64_t refused = 0;

    for (unsigned i = 0; i < old->slots; i++) {
        const struct share share = { .slots = old->slots, .slot = i };

        division_path(division->dir, i, 0, path);
        if (access(path, F_OK) != 0) {
            log_warn("a slot has no state: its keys begin anew", "path=\"%s\"", path);
            continue;
        }
        old->files[i] = checkpoint_open(path, division->now_us, err);
        old->sources[i] = sources_new(&options, metrics);
        if (old->files[i] == NULL)
            return -1;
        if (old->sources[i] == NULL) {
            err_set(err, "state: out of memory");
            return -1;
        }
        if (checkpoint_restore_sources(old->files[i], old->sources[i], &refused, err) != 0)
            return -1;
        sources_set_share(old->sources[i], &share);
    }
    return 0;
}

int
division_prepare(const struct division *division, unsigned old_slots, struct err *err)
{
    struct division_old old = { .slots = old_slots };
    struct metrics *metrics = metrics_new();
    int rc = -1;

    if (metrics == NULL) {
        err_set(err, "state: out of memory");
        return -1;
    }
    if (open_old(division, &old, metrics, err) != 0)
        goto done;
    for (unsigned i = 0; i < division->slots; i++)
        if (division_fill(division, &old, i, err) != 0)
            goto done;
    rc = 0;

done:
    close_old(&old);
    metrics_destroy(&metrics);
    if (rc != 0)
        return -1;
    return write_note(division->dir, division->slots, err);
}

int
division_make(const struct division *division, unsigned old, struct err *err)
{
    if (division_prepare(division, old, err) != 0 || division_finish(division->dir, err) != 0) {
        err_add(err, "state of %u slots cannot be divided among %u", old, division->slots);
        return -1;
    }
    log_info("state divided anew", "from=%u to=%u", old, division->slots);
    return 0;
}
