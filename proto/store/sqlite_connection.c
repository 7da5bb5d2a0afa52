#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/clock.h"
#include "proto/store/store_sqlite.h"

/* At SQLite's usual 4 KiB a body of 2 KB has a page of its own (measured: files
 * a tenth larger). The log may grow to 32 MiB before it is copied into the
 * file, or each large batch would be written and synced twice at once. */
static const char empty_file[] = "PRAGMA page_size=8192; PRAGMA journal_mode=WAL";
static const char for_writing[] = "PRAGMA wal_autocheckpoint=4096;"
                                  "PRAGMA journal_size_limit=67108864;"
                                  "PRAGMA cache_size=-8192;"
                                  "PRAGMA temp_store=MEMORY";

enum { PROGRESS_STEPS = 4000, SCHEMA_VERSION = 1 };

static int
is_past_deadline(void *ctx)
{
    const struct sqlite_store *store = ctx;

    return store->deadline_ms != 0 && clock_steady_ms() >= store->deadline_ms;
}

/* What an earlier file of this name left behind must not be taken for ours. */
static void
unlink_logs(const char *path)
{
    char *name = sqlite3_mprintf("%s-wal", path);

    if (name == NULL)
        return;
    unlink(name);
    memcpy(name + strlen(path), "-shm", 4);
    unlink(name);
    sqlite3_free(name);
}

void
file_unlink(const char *path)
{
    unlink(path);
    unlink_logs(path);
}

/* The page size can be said only before there is anything. A failure shows
 * again, with its reason, when the file is opened properly. */
static void
make_empty(const char *path)
{
    sqlite3 *db = NULL;

    unlink_logs(path);
    if (sqlite3_open_v2(path, &db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        NULL) == SQLITE_OK)
        sqlite3_exec(db, empty_file, NULL, NULL, NULL);
    sqlite3_close_v2(db);
}

/* A log that an earlier process wrote but had not synced when it was killed
 * is read as committed. Before we answer "met again" for what it holds, it
 * has to be on disk: a checkpoint syncs it first. */
static int
settle(sqlite3 *db, struct err *err)
{
    int code;

    if (db_exec(db, for_writing, err) != DB_DONE)
        return -1;
    code = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    if (code == SQLITE_OK || code == SQLITE_BUSY || code == SQLITE_LOCKED)
        return 0;
    db_failed(db, err);
    return -1;
}

/* A file that is just being made has no tables yet: 0. */
static int
has_tables(sqlite3 *db, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc = STORE_UNCLEAR;

    if (db_prepare(db, &stmt, "SELECT 1 FROM sqlite_schema LIMIT 1", err) == 0) {
        int code = sqlite3_step(stmt);

        if (code == SQLITE_ROW || code == SQLITE_DONE)
            rc = code == SQLITE_ROW;
        else
            rc = (int)db_failed(db, err);
    }
    sqlite3_finalize(stmt);
    return rc;
}

void
connection_close(sqlite3 **db)
{
    sqlite3_stmt *stmt;

    while (*db != NULL && (stmt = sqlite3_next_stmt(*db, NULL)) != NULL)
        sqlite3_finalize(stmt);
    db_close(db);
}

sqlite3 *
connection_open(struct sqlite_store *store, const char *path, const char *schema,
                int *ret_outcome, struct err *err)
{
    int is_corrupt = 0, outcome = 1;
    sqlite3 *db;

    if (schema != NULL && access(path, F_OK) != 0 && errno == ENOENT)
        make_empty(path);
    db = db_open(path, schema, SCHEMA_VERSION, &is_corrupt, err);
    if (db == NULL) {
        /* nothing was written yet, so only a broken file is more than a wait */
        outcome = is_corrupt ? STORE_UNCLEAR : STORE_RETRY;
        if (schema == NULL && access(path, F_OK) != 0 && errno == ENOENT)
            outcome = 0;
    } else if (schema != NULL) {
        outcome = settle(db, err) == 0 ? 1 : (int)db_failed(db, err);
    } else {
        outcome = has_tables(db, err);
    }
    if (outcome != 1)
        connection_close(&db);
    else
        sqlite3_progress_handler(db, PROGRESS_STEPS, is_past_deadline, store);
    *ret_outcome = outcome;
    return db;
}
