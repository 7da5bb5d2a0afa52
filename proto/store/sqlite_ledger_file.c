/*
 * <dir>/ledger.db as a file: made when missing, begun anew when damaged, also while it
 * is in use; and what is put into it, in one transaction.
 */
#include <stdlib.h>

#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/store/store_sqlite.h"

static const char ledger_schema[] =
    "CREATE TABLE rows(journal INTEGER NOT NULL, first INTEGER NOT NULL, hour INTEGER NOT NULL,"
    " stored INTEGER NOT NULL, not_stored INTEGER NOT NULL, PRIMARY KEY(journal, first))"
    " WITHOUT ROWID;"
    "CREATE INDEX rows_hour ON rows(hour);"
    "CREATE TABLE balance(hour INTEGER NOT NULL, journal INTEGER NOT NULL, what INTEGER NOT NULL,"
    " events INTEGER NOT NULL, PRIMARY KEY(hour, journal, what)) WITHOUT ROWID";

/* Apart, since there are files that were made before it. */
static const char allowed_schema[] =
    "CREATE TABLE IF NOT EXISTS allowed(day TEXT NOT NULL, entry TEXT NOT NULL, reason TEXT NOT NULL,"
    " events INTEGER NOT NULL, PRIMARY KEY(day, entry)) WITHOUT ROWID";

static char *
ledger_path(const struct sqlite_store *store)
{
    char *path = NULL;

    return asprintf(&path, "%s/ledger.db", store->dir) < 0 ? NULL : path;
}

/* Counts of a damaged file are lost, and no event is. */
static int
set_aside(const char *path, struct err *err)
{
    char kept[DB_PATH_LEN];

    if (db_set_aside(path, clock_real_us(), kept, err) != 0)
        return -1;
    log_error("balance sheet is damaged; a new one is begun", "kept=\"%s\"", kept);
    return 0;
}

static void
open_for_writing(struct sqlite_store *store, const char *path, int *ret_outcome, struct err *err)
{
    struct stat info;
    sqlite3 *db = connection_open(store, path, ledger_schema, ret_outcome, err);

    if (db == NULL && *ret_outcome == STORE_UNCLEAR && set_aside(path, err) == 0)
        db = connection_open(store, path, ledger_schema, ret_outcome, err);
    if (db != NULL && (db_exec(db, allowed_schema, err) != DB_DONE || stat(path, &info) != 0)) {
        *ret_outcome = STORE_RETRY;
        connection_close(&db);
    }
    store->ledger = db;
    store->ledger_inode = db != NULL ? info.st_ino : 0;
}

/* 1: path is the file that is open. It may have been put aside by another process. */
static int
is_in_place(const struct sqlite_store *store, const char *path)
{
    struct stat info;

    return store->ledger != NULL && stat(path, &info) == 0 && info.st_ino == store->ledger_inode;
}

sqlite3 *
ledger_begin(struct sqlite_store *store, enum store_outcome *ret_outcome, struct err *err)
{
    char *path = ledger_path(store);
    int outcome = 1;

    *ret_outcome = STORE_UNCLEAR;
    if (store->mode != STORE_WRITE || path == NULL) {
        err_set(err, path == NULL ? "store: out of memory" : "store: opened for reading");
        free(path);
        return NULL;
    }
    store->deadline_ms = 0;
    if (!is_in_place(store, path)) {
        connection_close(&store->ledger);
        open_for_writing(store, path, &outcome, err);
    }
    free(path);
    *ret_outcome = outcome == 0 ? STORE_RETRY : (enum store_outcome)outcome;
    if (store->ledger == NULL)
        return NULL;
    *ret_outcome = ledger_judge(store, db_exec(store->ledger, "BEGIN IMMEDIATE", err));
    return *ret_outcome == STORE_DONE ? store->ledger : NULL;
}

/* Damage shows when the page is read, perhaps long after the file was opened. It must
 * not stop those who have events to store. */
enum store_outcome
ledger_judge(struct sqlite_store *store, enum db_outcome outcome)
{
    int code = sqlite3_errcode(store->ledger) & 0xff;
    char *path;
    struct err err;

    if (outcome != DB_UNCLEAR || (code != SQLITE_CORRUPT && code != SQLITE_NOTADB))
        return (enum store_outcome)outcome;
    path = ledger_path(store);
    if (path != NULL && (!is_in_place(store, path) || set_aside(path, &err) == 0))
        outcome = DB_RETRY;
    free(path);
    return (enum store_outcome)outcome;
}

enum store_outcome
ledger_end(struct sqlite_store *store, enum store_outcome outcome, struct err *err)
{
    if (outcome == STORE_DONE)
        outcome = ledger_judge(store, db_exec(store->ledger, "COMMIT", err));
    if (outcome != STORE_DONE && !sqlite3_get_autocommit(store->ledger))
        sqlite3_exec(store->ledger, "ROLLBACK", NULL, NULL, NULL);
    return outcome;
}

enum store_outcome
ledger_put(struct sqlite_store *store, const struct ledger_put *put, struct err *err)
{
    enum store_outcome outcome;
    sqlite3 *db = ledger_begin(store, &outcome, err);
    sqlite3_stmt *stmt = NULL;

    if (db == NULL)
        return outcome;
    if (db_prepare(db, &stmt, put->sql, err) != 0)
        outcome = ledger_judge(store, db_failed(db, err));
    for (size_t i = 0; i < put->count && outcome == STORE_DONE; i++)
        if (put->bind(stmt, put->all, i))
            outcome = ledger_judge(store, db_step(stmt, err));
    sqlite3_finalize(stmt);
    return ledger_end(store, outcome, err);
}

sqlite3 *
ledger_open_to_read(struct sqlite_store *store, int *ret_outcome, struct err *err)
{
    char *path = ledger_path(store);
    sqlite3 *db = NULL;

    *ret_outcome = STORE_RETRY;
    store->deadline_ms = clock_steady_ms() + READ_LIMIT_MS;
    if (path == NULL)
        err_set(err, "store: out of memory");
    else
        db = connection_open(store, path, NULL, ret_outcome, err);
    free(path);
    return db;
}
