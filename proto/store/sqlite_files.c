#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/clock.h"
#include "proto/base/timestamp.h"
#include "proto/store/store_sqlite.h"

/* A write less than this long ago may share its time stamp with the next. */
#define SETTLED_NS (INT64_C(2) * 1000000000)

/* places is what an index would be, with the columns that are searched: one
 * append per event, where an index per column dirties a page for each distinct
 * source and user (measured with 5,000 sources and 2,000 users, indexes on
 * those two: a quarter of the events per second). */
static const char day_schema[] =
    "CREATE TABLE events(n INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE,"
    " received INTEGER NOT NULL, body BLOB NOT NULL);"
    "CREATE TABLE places(at INTEGER NOT NULL, id BLOB NOT NULL, n INTEGER NOT NULL,"
    " type INTEGER, severity INTEGER, source INTEGER, destination INTEGER,"
    " username INTEGER, PRIMARY KEY(at, id)) WITHOUT ROWID;"
    "CREATE TABLE counts(kind INTEGER NOT NULL, bucket INTEGER NOT NULL,"
    " part INTEGER NOT NULL, sheet BLOB NOT NULL,"
    " PRIMARY KEY(kind, bucket, part)) WITHOUT ROWID;"
    "CREATE TABLE seen(day INTEGER NOT NULL, source BLOB NOT NULL,"
    " first INTEGER NOT NULL, PRIMARY KEY(day, source)) WITHOUT ROWID;"
    "CREATE TABLE span(only_row INTEGER PRIMARY KEY CHECK(only_row = 1),"
    " min_at INTEGER NOT NULL, max_at INTEGER NOT NULL, last_write INTEGER NOT NULL)";

static const char *const day_sql[DAY_STMTS] = {
    [DAY_INSERT_EVENT] = "INSERT INTO events(id, received, body) VALUES(?1, ?2, ?3)"
                         " ON CONFLICT DO NOTHING",
    [DAY_INSERT_PLACE] = "INSERT INTO places(at, id, n, type, severity, source,"
                         " destination, username) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [DAY_INSERT_SHEET] = "INSERT INTO counts(kind, bucket, part, sheet)"
                         " VALUES(?1, ?2, ?3, ?4)",
    [DAY_COUNT_SHEETS] = "SELECT COUNT(*) FROM counts WHERE kind = ?1 AND bucket = ?2",
    [DAY_READ_SHEETS] = "SELECT bucket, sheet FROM counts"
                        " WHERE kind = ?1 AND bucket >= ?2 AND bucket < ?3",
    [DAY_READ_HOURS] = "SELECT bucket, sheet FROM counts WHERE kind = ?1"
                       " AND bucket >= ?2 AND bucket <= ?3 ORDER BY bucket DESC",
    [DAY_DELETE_SHEETS] = "DELETE FROM counts WHERE kind = ?1 AND bucket = ?2",
    [DAY_TOUCH] = "INSERT INTO span VALUES(1, ?1, ?2, ?3) ON CONFLICT DO UPDATE SET"
                  " min_at = MIN(min_at, excluded.min_at),"
                  " max_at = MAX(max_at, excluded.max_at),"
                  " last_write = MAX(last_write, excluded.last_write)",
    [DAY_READ_SPAN] = "SELECT min_at, max_at, last_write,"
                      " (SELECT COALESCE(MAX(n), 0) FROM events) FROM span",
    [DAY_READ_EVENT] = "SELECT id, received, body FROM events WHERE n = ?1",
    [DAY_READ_NEWS] = "SELECT id, received, body, n FROM events"
                      " WHERE n > ?1 AND n <= ?2 ORDER BY n",
    [DAY_FIND_ID] = "SELECT id, received, body FROM events WHERE id = ?1",
    [DAY_INSERT_SEEN] = "INSERT INTO seen(day, source, first) VALUES(?1, ?2, ?3)"
                        " ON CONFLICT DO UPDATE SET first = min(first, excluded.first)",
    [DAY_READ_SEEN] = "SELECT day, source, first FROM seen WHERE day >= ?1 AND day < ?2",
};

char *
file_path(const struct sqlite_store *store, int32_t day)
{
    char name[TIMESTAMP_LEN], *path = NULL;

    timestamp_format_day(day, name);
    return asprintf(&path, "%s/events-%s.db", store->dir, name) < 0 ? NULL : path;
}

void
file_close(struct day_file *file)
{
    connection_close(&file->db);
    store_tally_release(&file->sheets);
    store_tally_release(&file->seen);
    *file = (struct day_file){ 0 };
}

sqlite3_stmt *
file_stmt(struct day_file *file, enum day_stmt which, struct err *err)
{
    sqlite3_stmt **stmt = &file->stmts[which];

    if (*stmt != NULL)
        sqlite3_reset(*stmt);
    else if (db_prepare(file->db, stmt, day_sql[which], err) != 0)
        return NULL;
    return *stmt;
}

/* The place of this day, or the one to use for it: free, or used longest ago. */
static struct day_file *
place_for(struct sqlite_store *store, int32_t day)
{
    struct day_file *oldest = &store->files[0];

    for (int i = 0; i < DAY_FILES_OPEN; i++) {
        struct day_file *file = &store->files[i];

        if (file->db != NULL && file->day == day)
            return file;
        if (file->used < oldest->used)
            oldest = file;
    }
    return oldest;
}

int
file_open(struct sqlite_store *store, int32_t day, int may_create,
          struct day_file **ret_file, struct err *err)
{
    struct day_file *file = place_for(store, day);
    char *path = file_path(store, day);
    struct stat info = { 0 };
    int exists, outcome = STORE_RETRY;

    if (path == NULL) {
        err_set(err, "store: out of memory");
        goto done;
    }
    exists = stat(path, &info) == 0;
    outcome = errno == ENOENT || errno == ENOTDIR ? 0 : STORE_RETRY;
    if (!exists && outcome != 0)
        err_set(err, "%s: %s", path, strerror(errno));
    if (file->db != NULL && (!exists || file->day != day || file->inode != info.st_ino))
        file_close(file); /* another day's, or deleted under us */
    if (file->db == NULL && (exists || (outcome == 0 && may_create))) {
        file->db = connection_open(
            store, path, store->mode == STORE_WRITE ? day_schema : NULL, &outcome, err);
        file->day = day;
        if (file->db != NULL && stat(path, &info) == 0)
            file->inode = info.st_ino;
    }
    if (file->db != NULL) {
        file->used = ++store->uses;
        *ret_file = file;
        outcome = 1;
    }

done:
    free(path);
    return outcome;
}

static int
by_day_falling(const void *left, const void *right)
{
    const struct day_span *a = left, *b = right;

    return a->day < b->day ? 1 : a->day > b->day ? -1 : 0;
}

static int
add_span(struct day_span **spans, size_t *count, size_t *cap, int32_t day)
{
    if (*count == *cap) {
        size_t more = *cap == 0 ? 64 : *cap * 2;
        struct day_span *grown = realloc(*spans, more * sizeof(*grown));

        if (grown == NULL)
            return -1;
        *spans = grown;
        *cap = more;
    }
    (*spans)[(*count)++] = (struct day_span){ .day = day };
    return 0;
}

/* The days that have a file, newest first. A folder that is not there has none. */
static int
list_days(const struct sqlite_store *store, struct day_span **ret_spans,
          size_t *ret_count, struct err *err)
{
    DIR *dir = opendir(store->dir);
    struct dirent *entry;
    size_t cap = 0;

    *ret_spans = NULL;
    *ret_count = 0;
    if (dir == NULL) {
        if (errno == ENOENT)
            return 0;
        err_set(err, "%s: %s", store->dir, strerror(errno));
        return -1;
    }
    while ((entry = readdir(dir)) != NULL) {
        struct text name = text_of(entry->d_name);
        int32_t day;

        if (!text_starts_with(name, "events-") || !text_ends_with(name, ".db") ||
            timestamp_parse_day((struct text){ name.ptr + 7, name.len - 10 }, &day) != 0)
            continue;
        if (add_span(ret_spans, ret_count, &cap, day) != 0) {
            err_set(err, "store: out of memory");
            free(*ret_spans);
            closedir(dir);
            return -1;
        }
    }
    closedir(dir);
    if (*ret_count > 1)
        qsort(*ret_spans, *ret_count, sizeof(**ret_spans), by_day_falling);
    return 0;
}

static int64_t
nanoseconds(struct timespec time)
{
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* Size and last change of the file with its log. */
static void
look_at(const struct sqlite_store *store, struct day_span *span)
{
    char *path = file_path(store, span->day), *log = NULL;
    struct stat info;

    if (path != NULL && stat(path, &info) == 0) {
        span->bytes = info.st_size;
        span->inode = info.st_ino;
        span->changed_ns = nanoseconds(info.st_mtim);
    }
    if (path != NULL && asprintf(&log, "%s-wal", path) >= 0 && stat(log, &info) == 0) {
        span->bytes += info.st_size;
        if (nanoseconds(info.st_mtim) > span->changed_ns)
            span->changed_ns = nanoseconds(info.st_mtim);
    }
    free(log);
    free(path);
}

/* From the file itself. One that cannot be read overlaps everything, so that
 * whoever asks meets its error; for retention it is as old as its last change. */
static void
read_span(struct sqlite_store *store, struct day_span *span)
{
    struct day_file *file = NULL;
    int rc = file_open(store, span->day, 0, &file, NULL);
    sqlite3_stmt *stmt = rc == 1 ? file_stmt(file, DAY_READ_SPAN, NULL) : NULL;
    int code = stmt == NULL ? SQLITE_ERROR : sqlite3_step(stmt);

    span->min_at = rc == 0 || code == SQLITE_DONE ? INT64_MAX : INT64_MIN;
    span->max_at = rc == 0 || code == SQLITE_DONE ? INT64_MIN : INT64_MAX;
    span->last_write_us = span->changed_ns / 1000;
    if (code == SQLITE_ROW) {
        span->min_at = sqlite3_column_int64(stmt, 0);
        span->max_at = sqlite3_column_int64(stmt, 1);
        span->last_write_us = sqlite3_column_int64(stmt, 2);
        span->last_n = sqlite3_column_int64(stmt, 3);
        span->is_settled = span->changed_ns < clock_real_us() * 1000 - SETTLED_NS;
    }
    if (stmt != NULL)
        sqlite3_reset(stmt);
}

int
files_refresh(struct sqlite_store *store, struct err *err)
{
    struct day_span *spans;
    size_t count;

    if (list_days(store, &spans, &count, err) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        struct day_span *span = &spans[i], *known;

        look_at(store, span);
        known = store->span_count == 0 ? NULL
                                       : bsearch(span, store->spans, store->span_count,
                                                 sizeof(*span), by_day_falling);
        if (known != NULL && known->is_settled && known->inode == span->inode &&
            known->changed_ns == span->changed_ns && known->bytes == span->bytes)
            *span = *known;
        else
            read_span(store, span);
    }
    free(store->spans);
    store->spans = spans;
    store->span_count = count;
    return 0;
}
