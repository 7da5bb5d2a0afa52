#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/buf.h"
#include "proto/base/clock.h"
#include "proto/base/fault.h"
#include "proto/store/incident_apply.h"
#include "proto/store/sqlite_incidents.h"

static const char incidents_schema[] =
    "CREATE TABLE incidents(id TEXT NOT NULL PRIMARY KEY, rev_epoch INTEGER NOT NULL,"
    " rev_counter INTEGER NOT NULL, last_seen INTEGER NOT NULL, updated INTEGER NOT NULL,"
    " severity INTEGER NOT NULL, rule_id TEXT, body BLOB NOT NULL,"
    " status INTEGER NOT NULL, reopened INTEGER NOT NULL, history BLOB NOT NULL);"
    "CREATE INDEX incidents_seen ON incidents(last_seen, id);"
    "CREATE INDEX incidents_updated ON incidents(updated);"
    "CREATE TABLE incident_keys(value TEXT NOT NULL, id TEXT NOT NULL,"
    " PRIMARY KEY(value, id)) WITHOUT ROWID";

static const char insert_sql[] =
    "INSERT INTO incidents(id, rev_epoch, rev_counter, last_seen, updated, severity,"
    " rule_id, body, status, reopened, history)"
    " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT(id) DO UPDATE SET"
    " rev_epoch = ?2, rev_counter = ?3, last_seen = ?4, updated = ?5, severity = ?6,"
    " rule_id = ?7, body = ?8, status = ?9, reopened = ?10, history = ?11";

int
incidents_open(struct sqlite_store *store, int may_write, sqlite3 **ret_db,
               struct err *err)
{
    int is_kept = !may_write || store->mode == STORE_WRITE, outcome = STORE_RETRY, exists;
    struct stat info = { 0 };
    sqlite3 *db = NULL;
    char *path = NULL;

    if (asprintf(&path, "%s/incidents.db", store->dir) < 0) {
        err_set(err, "store: out of memory");
        return STORE_RETRY;
    }
    exists = stat(path, &info) == 0;
    if (store->incidents != NULL && (!exists || info.st_ino != store->incidents_inode))
        connection_close(&store->incidents);
    if (is_kept && store->incidents != NULL) {
        db = store->incidents;
        outcome = 1;
    } else if (!exists && store->mode == STORE_READ) {
        outcome = errno == ENOENT || errno == ENOTDIR ? 0 : STORE_RETRY;
        if (outcome != 0)
            err_set(err, "%s: %s", path, strerror(errno));
    } else {
        db = connection_open(store, path,
                             may_write || store->mode == STORE_WRITE ? incidents_schema
                                                                     : NULL,
                             &outcome, err);
        if (is_kept && db != NULL && stat(path, &info) == 0) {
            store->incidents = db;
            store->incidents_inode = info.st_ino;
        }
    }
    free(path);
    *ret_db = db;
    return outcome;
}

void
incidents_done(struct sqlite_store *store, sqlite3 **db)
{
    if (*db != store->incidents)
        connection_close(db);
    *db = NULL;
}

/* inc's own fields, with status, reopened and history of `analyst`. */
static enum db_outcome
write_row(sqlite3 *db, const struct incident *inc, const struct incident *analyst,
          struct err *err)
{
    struct buf body = { 0 }, history = { 0 };
    sqlite3_stmt *stmt = NULL;
    enum db_outcome outcome = DB_RETRY;

    if (incident_pack(inc, &body) != 0 || incident_pack_history(analyst, &history) != 0) {
        err_set(err, "store: out of memory");
        goto done;
    }
    if (db_prepare(db, &stmt, insert_sql, err) != 0) {
        outcome = db_failed(db, err);
        goto done;
    }
    db_bind_text(stmt, 1, text_of(inc->id));
    sqlite3_bind_int64(stmt, 2, inc->rev_epoch);
    sqlite3_bind_int64(stmt, 3, (sqlite3_int64)inc->rev_counter);
    sqlite3_bind_int64(stmt, 4, inc->last_seen_us);
    sqlite3_bind_int64(stmt, 5, clock_real_us());
    sqlite3_bind_int(stmt, 6, inc->severity);
    db_bind_text(stmt, 7, text_of(inc->rule_id));
    db_bind_blob(stmt, 8, buf_text(&body));
    sqlite3_bind_int(stmt, 9, analyst->status);
    sqlite3_bind_int64(stmt, 10, (sqlite3_int64)analyst->reopened);
    db_bind_blob(stmt, 11, buf_text(&history));
    outcome = db_step(stmt, err);

done:
    sqlite3_finalize(stmt);
    buf_release(&body);
    buf_release(&history);
    return outcome;
}

static enum db_outcome
write_keys(sqlite3 *db, const struct incident *inc, struct err *err)
{
    enum db_outcome outcome = DB_DONE;
    sqlite3_stmt *stmt = NULL;

    if (db_prepare(db, &stmt,
                   "INSERT INTO incident_keys(value, id) VALUES(?1, ?2)"
                   " ON CONFLICT DO NOTHING",
                   err) != 0)
        return db_failed(db, err);
    for (size_t i = 0; i < inc->key_count && outcome == DB_DONE; i++) {
        if (inc->keys[i].value == NULL)
            continue;
        db_bind_text(stmt, 1, text_of(inc->keys[i].value));
        db_bind_text(stmt, 2, text_of(inc->id));
        outcome = db_step(stmt, err);
    }
    sqlite3_finalize(stmt);
    return outcome;
}

static enum db_outcome
put_one(sqlite3 *db, const struct incident *inc, struct err *err)
{
    static const struct incident fresh = { .status = STATUS_OPEN };
    struct incident *stored = NULL;
    int found = incident_read(db, inc->id, &stored, err);
    enum db_outcome outcome = found < 0 ? (enum db_outcome)found : DB_DONE;

    if (found == 0) {
        outcome = write_row(db, inc, &fresh, err);
    } else if (found == 1 && incident_is_newer(inc, stored)) {
        if (incident_reopen_if_due(stored, inc, clock_real_us()) != 0) {
            err_set(err, "store: out of memory");
            outcome = DB_RETRY;
        } else {
            outcome = write_row(db, inc, stored, err);
        }
    }
    if (outcome == DB_DONE && found == 0)
        outcome = write_keys(db, inc, err);
    incident_destroy(&stored);
    return outcome;
}

static void
roll_back(sqlite3 *db)
{
    if (!sqlite3_get_autocommit(db))
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
}

enum store_outcome
sqlite_put_incidents(struct store *base, struct incident *const *incidents, size_t count,
                     struct err *err)
{
    struct sqlite_store *store = (struct sqlite_store *)base;
    sqlite3 *db = NULL;
    int outcome;

    if (store->mode != STORE_WRITE) {
        err_set(err, "store: opened for reading");
        return STORE_UNCLEAR;
    }
    store->deadline_ms = 0;
    outcome = incidents_open(store, 1, &db, err);
    if (outcome != 1)
        return outcome == 0 ? STORE_RETRY : (enum store_outcome)outcome;
    outcome = (int)db_exec(db, "BEGIN IMMEDIATE", err);
    for (size_t i = 0; i < count && outcome == DB_DONE; i++)
        outcome = (int)put_one(db, incidents[i], err);
    if (outcome == DB_DONE)
        outcome = (int)db_exec(db, "COMMIT", err);
    if (outcome == DB_DONE)
        fault_point("indexer.incidents_committed");
    else
        roll_back(db);
    incidents_done(store, &db);
    return (enum store_outcome)outcome;
}

/* Within a transaction: 1 changed, 2 there was nothing to change, 0, -1, -2. */
static int
change_status(sqlite3 *db, const char *id, const struct incident_change *change,
              struct err *err)
{
    struct incident *stored = NULL;
    int rc = incident_read(db, id, &stored, err);

    if (rc != 1)
        return rc == 0 ? 0 : -1;
    rc = incident_change_status(stored, change, err);
    if (rc == 1)
        rc = write_row(db, stored, stored, err) == DB_DONE ? 1 : -1;
    incident_destroy(&stored);
    return rc;
}

int
sqlite_set_status(struct store *base, const char *id,
                  const struct incident_change *change, struct err *err)
{
    struct sqlite_store *store = (struct sqlite_store *)base;
    sqlite3 *db = NULL;
    int rc;

    store->deadline_ms = 0;
    rc = incidents_open(store, 1, &db, err);
    if (rc != 1)
        return rc == 0 ? 0 : -1;
    rc = db_exec(db, "BEGIN IMMEDIATE", err) == DB_DONE ? 1 : -1;
    if (rc == 1)
        rc = change_status(db, id, change, err);
    if (rc == 1) {
        fault_point("api.before_status");
        rc = db_exec(db, "COMMIT", err) == DB_DONE ? 1 : -1;
        if (rc == 1)
            fault_point("api.after_status");
    }
    roll_back(db);
    incidents_done(store, &db);
    return rc == 2 ? 1 : rc;
}

/* Forget what was last seen before this and is closed: 0 or -1. */
int
incidents_expire(struct sqlite_store *store, int64_t before_us, struct err *err)
{
    struct buf sql = { 0 };
    sqlite3 *db = NULL;
    int rc = incidents_open(store, 1, &db, err);

    if (rc != 1)
        return rc == 0 ? 0 : -1;
    rc = buf_printf(&sql,
                    "BEGIN IMMEDIATE; DELETE FROM incidents WHERE last_seen < %lld"
                    " AND status IN (%d, %d); DELETE FROM incident_keys"
                    " WHERE changes() > 0 AND id NOT IN (SELECT id FROM incidents);"
                    " COMMIT",
                    (long long)before_us, STATUS_RESOLVED, STATUS_FALSE_POSITIVE);
    if (rc != 0)
        err_set(err, "store: out of memory");
    else
        rc = db_exec(db, sql.ptr, err) == DB_DONE ? 0 : -1;
    roll_back(db);
    buf_release(&sql);
    incidents_done(store, &db);
    return rc;
}
