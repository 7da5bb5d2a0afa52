/* The detector's side of the balance sheet, in the commit that it speaks of. */
#include "detector/state/checkpoint_inner.h"

static const char make_sql[] =
    "CREATE TABLE IF NOT EXISTS ledger (hour INTEGER NOT NULL, journal INTEGER NOT NULL,"
    " what INTEGER NOT NULL, events INTEGER NOT NULL, PRIMARY KEY (hour, journal, what))"
    " WITHOUT ROWID;"
    /* those that are kept in memory (LEDGER_MAX_ROWS): the others are in the store. By
     * their number, for an hour of a clock that was wrong may be years ahead */
    "DELETE FROM ledger WHERE (hour, journal) NOT IN (SELECT DISTINCT hour, journal FROM ledger"
    " ORDER BY hour DESC, journal DESC LIMIT 400)";

static const char put_sql[] =
    "INSERT INTO ledger VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET events = excluded.events";

int
checkpoint_ledger_open(struct checkpoint *cp, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    int code;

    cp->ledger.count = 0;
    if (db_exec(cp->db, make_sql, err) != DB_DONE ||
        db_prepare(cp->db, &stmt, "SELECT hour, journal, what, events FROM ledger", err) != 0)
        return -1;
    while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
        int column = sqlite3_column_int(stmt, 2);

        if (column >= 0 && column < LEDGER_COLUMNS)
            ledger_add(&cp->ledger, (uint64_t)sqlite3_column_int64(stmt, 1),
                       sqlite3_column_int64(stmt, 0), (enum ledger_column)column,
                       sqlite3_column_int64(stmt, 3));
    }
    if (code != SQLITE_DONE)
        db_failed(cp->db, err);
    sqlite3_finalize(stmt);
    ledger_settle(&cp->ledger);
    return code == SQLITE_DONE ? db_prepare(cp->db, &cp->put_ledger, put_sql, err) : -1;
}

void
checkpoint_ledger_close(struct checkpoint *cp)
{
    sqlite3_finalize(cp->put_ledger);
    cp->put_ledger = NULL;
}

enum db_outcome
checkpoint_ledger_write(struct checkpoint *cp, struct err *err)
{
    enum db_outcome outcome = DB_DONE;
    const struct ledger_row *row;
    enum ledger_column column;
    size_t at = 0;

    while (outcome == DB_DONE && ledger_next_changed(&cp->ledger, &at, &row, &column)) {
        sqlite3_bind_int64(cp->put_ledger, 1, row->hour);
        sqlite3_bind_int64(cp->put_ledger, 2, (sqlite3_int64)row->journal);
        sqlite3_bind_int(cp->put_ledger, 3, (int)column);
        sqlite3_bind_int64(cp->put_ledger, 4, (sqlite3_int64)row->counts[column]);
        outcome = db_step(cp->put_ledger, err);
    }
    return outcome;
}

struct ledger *
checkpoint_ledger(struct checkpoint *checkpoint)
{
    return &checkpoint->ledger;
}
