/*
 * The balance sheet in ledger.db: what each row of a journal came to, once by its
 * place, while rows of its hour come; then, and for the other columns, sums by hour.
 */
#include "proto/store/store_sqlite.h"

#include <stdlib.h>

/* A journal that has ended brings no later rows; nobody is away for longer than a month. */
#define AWAY_HOURS "720"
enum { ROWS_HOURS = 6, BALANCE_HOURS = 400 * 24 };

static const char put_row_sql[] =
    "INSERT INTO rows VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET"
    " stored = excluded.stored, not_stored = excluded.not_stored";

static const char put_balance_sql[] =
    "INSERT INTO balance SELECT ?1, ?2, ?3, ?4 WHERE ?4 <> 0 OR EXISTS(SELECT 1 FROM balance"
    " WHERE hour = ?1 AND journal = ?2 AND what = ?3)"
    " ON CONFLICT DO UPDATE SET events = excluded.events WHERE events <> excluded.events";

static const char sums_sql[] =
    "SELECT hour, journal, sum(stored), sum(not_stored) FROM rows"
    " WHERE hour >= ?1 AND hour < ?2 GROUP BY hour, journal";

/* Hours whose rows have all come: of their journal there are rows of two hours later. An
 * indexer that was away for days takes in old hours, and some of one at a time. */
#define DONE_HOURS "SELECT hour, journal FROM rows AS done WHERE hour < ?1" \
    " GROUP BY hour, journal HAVING hour < ?1 - " AWAY_HOURS " OR hour + 1 < (SELECT later.hour FROM rows AS later" \
    " WHERE later.journal = done.journal ORDER BY later.first DESC LIMIT 1)"

/* LEDGER_STORED and LEDGER_NOT_STORED are ?2 and ?3. */
static const char fold_sql[] =
    "WITH done(hour, journal) AS MATERIALIZED (" DONE_HOURS "),"
    " sums AS MATERIALIZED (SELECT hour, journal, sum(stored) AS stored, sum(not_stored) AS"
    " not_stored FROM rows WHERE hour < ?1 AND (hour, journal) IN (SELECT * FROM done)"
    " GROUP BY hour, journal)"
    "INSERT INTO balance SELECT hour, journal, ?2, stored FROM sums UNION ALL"
    " SELECT hour, journal, ?3, not_stored FROM sums WHERE not_stored > 0"
    " ON CONFLICT DO UPDATE SET events = max(events, excluded.events)";

static int
bind_row(sqlite3_stmt *stmt, const void *all, size_t i)
{
    const struct store_ledger_row *row = (const struct store_ledger_row *)all + i;

    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)row->journal);
    sqlite3_bind_int64(stmt, 2, (sqlite3_int64)row->first);
    sqlite3_bind_int64(stmt, 3, row->hour);
    sqlite3_bind_int64(stmt, 4, (sqlite3_int64)row->stored);
    sqlite3_bind_int64(stmt, 5, (sqlite3_int64)row->not_stored);
    return 1;
}

enum store_outcome
sqlite_put_ledger(struct store *base, const struct store_ledger_row *rows, size_t count,
                  struct err *err)
{
    return ledger_put((struct sqlite_store *)base,
                      &(struct ledger_put){ put_row_sql, bind_row, rows, count }, err);
}

static int
bind_count(sqlite3_stmt *stmt, const void *all, size_t i)
{
    const struct ledger_row *row = &((const struct ledger *)all)->rows[i / LEDGER_COLUMNS];
    size_t column = i % LEDGER_COLUMNS;

    sqlite3_bind_int64(stmt, 1, row->hour);
    sqlite3_bind_int64(stmt, 2, (sqlite3_int64)row->journal);
    sqlite3_bind_int(stmt, 3, (int)column);
    sqlite3_bind_int64(stmt, 4, (sqlite3_int64)row->counts[column]);
    /* set aside once, and stored after all: there may be none any more */
    return row->counts[column] != 0 || column == LEDGER_NOT_STORED;
}

enum store_outcome
sqlite_put_balance(struct store *base, const struct ledger *hours, struct err *err)
{
    return ledger_put((struct sqlite_store *)base,
                      &(struct ledger_put){ put_balance_sql, bind_count, hours,
                                            hours->count * LEDGER_COLUMNS }, err);
}

/* --- reading --- */

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

        ledger_raise(ret, journal, hour, LEDGER_STORED, sqlite3_column_int64(stmt, 2));
        ledger_raise(ret, journal, hour, LEDGER_NOT_STORED, sqlite3_column_int64(stmt, 3));
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
            ledger_raise(ret, (uint64_t)sqlite3_column_int64(stmt, 1), sqlite3_column_int64(stmt, 0),
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

    struct ledger *counted = calloc(1, sizeof(*counted));

    if (counted == NULL)
        err_set(err, "store: out of memory");
    else if (db != NULL && read_sums(db, from_hour, to_hour, counted, err) == 0 &&
             read_balance(db, from_hour, to_hour, ret_hours, err) == 0)
        rc = 0;
    else if (outcome == 0)
        rc = 0;                 /* nothing was written yet */
    if (rc == 0)
        ledger_take_counted(ret_hours, counted);
    free(counted);
    connection_close(&db);
    return rc;
}

/* --- forgetting --- */

static enum store_outcome
run(struct sqlite_store *store, const char *sql, int64_t hour, struct err *err)
{
    enum db_outcome outcome;
    sqlite3_stmt *stmt = NULL;

    if (db_prepare(store->ledger, &stmt, sql, err) != 0)
        return ledger_judge(store, db_failed(store->ledger, err));
    sqlite3_bind_int64(stmt, 1, hour);
    if (sqlite3_bind_parameter_count(stmt) == 3) {
        sqlite3_bind_int(stmt, 2, LEDGER_STORED);
        sqlite3_bind_int(stmt, 3, LEDGER_NOT_STORED);
    }
    outcome = db_step(stmt, err);
    sqlite3_finalize(stmt);
    return ledger_judge(store, outcome);
}

int
ledger_expire(struct sqlite_store *store, int64_t now_us, struct err *err)
{
    static const struct { const char *sql; int64_t hours; } steps[] = {
        { fold_sql, ROWS_HOURS },
        { "DELETE FROM rows WHERE hour < ?1 AND (hour, journal) IN (" DONE_HOURS ")", ROWS_HOURS },
        { "DELETE FROM balance WHERE hour < ?1", BALANCE_HOURS },
        { "DELETE FROM allowed WHERE day < date(?1 * 3600, 'unixepoch')", BALANCE_HOURS },
    };
    enum store_outcome outcome;

    if (ledger_begin(store, &outcome, err) == NULL)
        return -1;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && outcome == STORE_DONE; i++)
        outcome = run(store, steps[i].sql, ledger_hour(now_us) - steps[i].hours, err);
    return ledger_end(store, outcome, err) == STORE_DONE ? 0 : -1;
}
