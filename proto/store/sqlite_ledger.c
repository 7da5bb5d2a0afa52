/*
 * <dir>/ledger.db: the balance sheet. What each row of a journal came to, once
 * by its place, for three days; then, and for the other columns, sums by hour.
 */
#include <stdlib.h>

#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/store/store_sqlite.h"

enum { ROWS_HOURS = 72, BALANCE_HOURS = 400 * 24 };

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

static const char put_row_sql[] =
    "INSERT INTO rows VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET"
    " stored = excluded.stored, not_stored = excluded.not_stored";

static const char put_balance_sql[] =
    "INSERT INTO balance VALUES(?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET"
    " events = excluded.events";

static const char sums_sql[] =
    "SELECT hour, journal, sum(stored), sum(not_stored) FROM rows"
    " WHERE hour >= ?1 AND hour < ?2 GROUP BY hour, journal";

/* LEDGER_STORED and LEDGER_NOT_STORED are ?2 and ?3. */
static const char fold_sql[] =
    "INSERT INTO balance SELECT hour, journal, ?2, sum(stored) FROM rows WHERE hour < ?1"
    " GROUP BY hour, journal UNION ALL"
    " SELECT hour, journal, ?3, sum(not_stored) FROM rows WHERE hour < ?1"
    " GROUP BY hour, journal HAVING sum(not_stored) > 0"
    " ON CONFLICT DO UPDATE SET events = max(events, excluded.events)";

static char *
ledger_path(const struct sqlite_store *store)
{
    char *path = NULL;

    return asprintf(&path, "%s/ledger.db", store->dir) < 0 ? NULL : path;
}

/* Counts of a damaged file are lost, and no event is. */
static sqlite3 *
open_for_writing(struct sqlite_store *store, int *ret_outcome, struct err *err)
{
    char *path = ledger_path(store), kept[DB_PATH_LEN];
    sqlite3 *db;

    *ret_outcome = STORE_RETRY;
    if (path == NULL) {
        err_set(err, "store: out of memory");
        return NULL;
    }
    db = connection_open(store, path, ledger_schema, ret_outcome, err);
    if (db == NULL && *ret_outcome == STORE_UNCLEAR &&
        db_set_aside(path, clock_real_us(), kept, err) == 0) {
        log_error("balance sheet is damaged; a new one is begun", "kept=\"%s\"", kept);
        db = connection_open(store, path, ledger_schema, ret_outcome, err);
    }
    if (db != NULL && db_exec(db, allowed_schema, err) != DB_DONE) {
        *ret_outcome = STORE_RETRY;
        connection_close(&db);
    }
    free(path);
    return db;
}

sqlite3 *
ledger_begin(struct sqlite_store *store, enum store_outcome *ret_outcome, struct err *err)
{
    int outcome = 1;

    *ret_outcome = STORE_UNCLEAR;
    if (store->mode != STORE_WRITE) {
        err_set(err, "store: opened for reading");
        return NULL;
    }
    store->deadline_ms = 0;
    if (store->ledger == NULL)
        store->ledger = open_for_writing(store, &outcome, err);
    *ret_outcome = outcome == 0 ? STORE_RETRY : (enum store_outcome)outcome;
    if (store->ledger == NULL)
        return NULL;
    *ret_outcome = (enum store_outcome)db_exec(store->ledger, "BEGIN IMMEDIATE", err);
    return *ret_outcome == STORE_DONE ? store->ledger : NULL;
}

enum store_outcome
ledger_end(sqlite3 *db, enum db_outcome outcome, struct err *err)
{
    if (outcome == DB_DONE)
        outcome = db_exec(db, "COMMIT", err);
    if (outcome != DB_DONE && !sqlite3_get_autocommit(db))
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return (enum store_outcome)outcome;
}

enum store_outcome
sqlite_put_ledger(struct store *base, const struct store_ledger_row *rows, size_t count,
                  struct err *err)
{
    enum db_outcome outcome = DB_DONE;
    enum store_outcome begun;
    sqlite3 *db = ledger_begin((struct sqlite_store *)base, &begun, err);
    sqlite3_stmt *stmt = NULL;

    if (db == NULL)
        return begun;
    if (db_prepare(db, &stmt, put_row_sql, err) != 0)
        outcome = db_failed(db, err);
    for (size_t i = 0; i < count && outcome == DB_DONE; i++) {
        sqlite3_bind_int64(stmt, 1, (sqlite3_int64)rows[i].journal);
        sqlite3_bind_int64(stmt, 2, (sqlite3_int64)rows[i].first);
        sqlite3_bind_int64(stmt, 3, rows[i].hour);
        sqlite3_bind_int64(stmt, 4, (sqlite3_int64)rows[i].stored);
        sqlite3_bind_int64(stmt, 5, (sqlite3_int64)rows[i].not_stored);
        outcome = db_step(stmt, err);
    }
    sqlite3_finalize(stmt);
    return ledger_end(db, outcome, err);
}

enum store_outcome
sqlite_put_balance(struct store *base, const struct ledger *hours, struct err *err)
{
    enum db_outcome outcome = DB_DONE;
    enum store_outcome begun;
    sqlite3 *db = ledger_begin((struct sqlite_store *)base, &begun, err);
    sqlite3_stmt *stmt = NULL;

    if (db == NULL)
        return begun;
    if (db_prepare(db, &stmt, put_balance_sql, err) != 0)
        outcome = db_failed(db, err);
    for (size_t i = 0; i < hours->count; i++)
        for (int k = 0; k < LEDGER_COLUMNS && outcome == DB_DONE; k++) {
            if (hours->rows[i].counts[k] == 0)
                continue;
            sqlite3_bind_int64(stmt, 1, hours->rows[i].hour);
            sqlite3_bind_int64(stmt, 2, (sqlite3_int64)hours->rows[i].journal);
            sqlite3_bind_int(stmt, 3, k);
            sqlite3_bind_int64(stmt, 4, (sqlite3_int64)hours->rows[i].counts[k]);
            outcome = db_step(stmt, err);
        }
    sqlite3_finalize(stmt);
    return ledger_end(db, outcome, err);
}

/* --- reading --- */

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

/* The larger counts: rows go on when sums were kept, and go when they are. */
static void
raise_to(struct ledger *ledger, uint64_t journal, int64_t hour, int column, int64_t events)
{
    const struct ledger_row *row = ledger_find(ledger, journal, hour);
    int64_t had = row == NULL ? 0 : (int64_t)row->counts[column];

    if (events > had)
        ledger_add(ledger, journal, hour, (enum ledger_column)column, events - had);
}

static int
read_sums(sqlite3 *db, int64_t from, int64_t to, struct ledger *ret, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    int code;

    if (db_prepare(db, &stmt, sums_sql, err) != 0)
        return -1;
    sqlite3_bind_int64(stmt, 1, from);
    sqlite3_bind_int64(stmt, 2, to);
    while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
        int64_t hour = sqlite3_column_int64(stmt, 0);
        uint64_t journal = (uint64_t)sqlite3_column_int64(stmt, 1);

        raise_to(ret, journal, hour, LEDGER_STORED, sqlite3_column_int64(stmt, 2));
        raise_to(ret, journal, hour, LEDGER_NOT_STORED, sqlite3_column_int64(stmt, 3));
    }
    if (code != SQLITE_DONE)
        db_failed(db, err);
    sqlite3_finalize(stmt);
    return code == SQLITE_DONE ? 0 : -1;
}

static int
read_balance(sqlite3 *db, int64_t from, int64_t to, struct ledger *ret, struct err *err)
{
    static const char sql[] = "SELECT hour, journal, what, events FROM balance"
                              " WHERE hour >= ?1 AND hour < ?2";
    sqlite3_stmt *stmt = NULL;
    int code;

    if (db_prepare(db, &stmt, sql, err) != 0)
        return -1;
    sqlite3_bind_int64(stmt, 1, from);
    sqlite3_bind_int64(stmt, 2, to);
    while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
        int column = sqlite3_column_int(stmt, 2);

        if (column >= 0 && column < LEDGER_COLUMNS)
            raise_to(ret, (uint64_t)sqlite3_column_int64(stmt, 1), sqlite3_column_int64(stmt, 0),
                     column, sqlite3_column_int64(stmt, 3));
    }
    if (code != SQLITE_DONE)
        db_failed(db, err);
    sqlite3_finalize(stmt);
    return code == SQLITE_DONE ? 0 : -1;
}

int
sqlite_get_ledger(struct store *base, int64_t from_hour, int64_t to_hour,
                  struct ledger *ret_hours, struct err *err)
{
    int outcome, rc = -1;
    sqlite3 *db = ledger_open_to_read((struct sqlite_store *)base, &outcome, err);

    if (db != NULL && read_sums(db, from_hour, to_hour, ret_hours, err) == 0 &&
        read_balance(db, from_hour, to_hour, ret_hours, err) == 0)
        rc = 0;
    else if (outcome == 0)
        rc = 0;                 /* nothing was written yet */
    connection_close(&db);
    return rc;
}

/* --- forgetting --- */

static enum db_outcome
run(sqlite3 *db, const char *sql, int64_t hour, struct err *err)
{
    enum db_outcome outcome;
    sqlite3_stmt *stmt = NULL;

    if (db_prepare(db, &stmt, sql, err) != 0)
        return db_failed(db, err);
    sqlite3_bind_int64(stmt, 1, hour);
    if (sqlite3_bind_parameter_count(stmt) == 3) {
        sqlite3_bind_int(stmt, 2, LEDGER_STORED);
        sqlite3_bind_int(stmt, 3, LEDGER_NOT_STORED);
    }
    outcome = db_step(stmt, err);
    sqlite3_finalize(stmt);
    return outcome;
}

int
ledger_expire(struct sqlite_store *store, int64_t now_us, struct err *err)
{
    int64_t hour = ledger_hour(now_us);
    enum store_outcome begun;
    enum db_outcome outcome;
    sqlite3 *db = ledger_begin(store, &begun, err);

    if (db == NULL)
        return -1;
    outcome = run(db, fold_sql, hour - ROWS_HOURS, err);
    if (outcome == DB_DONE)
        outcome = run(db, "DELETE FROM rows WHERE hour < ?1", hour - ROWS_HOURS, err);
    if (outcome == DB_DONE)
        outcome = run(db, "DELETE FROM balance WHERE hour < ?1", hour - BALANCE_HOURS, err);
    if (outcome == DB_DONE)
        outcome = run(db, "DELETE FROM allowed WHERE day < date(?1 * 3600, 'unixepoch')",
                      hour - BALANCE_HOURS, err);
    return ledger_end(db, outcome, err) == STORE_DONE ? 0 : -1;
}
