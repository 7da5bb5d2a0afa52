/* What the allow list took from the rules, by day: a table of ledger.db. */
#include "proto/store/store_sqlite.h"

static const char put_sql[] =
    "INSERT INTO allowed VALUES(?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET"
    " reason = excluded.reason, events = excluded.events";

static const char sums_sql[] =
    "SELECT entry, max(reason), sum(events) FROM allowed WHERE day >= ?1 AND day <= ?2"
    " GROUP BY entry ORDER BY 3 DESC, 1 LIMIT ?3";

static int
bind_allowed(sqlite3_stmt *stmt, const void *all, size_t i)
{
    const struct store_allowed *row = (const struct store_allowed *)all + i;

    db_bind_text(stmt, 1, text_of(row->day));
    db_bind_text(stmt, 2, text_of(row->entry));
    db_bind_text(stmt, 3, text_of(row->reason));
    sqlite3_bind_int64(stmt, 4, (sqlite3_int64)row->events);
    return 1;
}

enum store_outcome
sqlite_put_allowed(struct store *base, const struct store_allowed *rows, size_t count,
                   struct err *err)
{
    return ledger_put((struct sqlite_store *)base,
                      &(struct ledger_put){ put_sql, bind_allowed, rows, count }, err);
}

static int
read_sums(sqlite3 *db, const char *first_day, const char *last_day,
          int (*visit)(void *ctx, const struct store_allowed *sum), void *ctx, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    int code;

    /* a file that was made before there was such a table, and not written to since */
    if (sqlite3_table_column_metadata(db, NULL, "allowed", NULL, NULL, NULL, NULL, NULL,
                                      NULL) != SQLITE_OK)
        return 0;
    if (db_prepare(db, &stmt, sums_sql, err) != 0)
        return -1;
    db_bind_text(stmt, 1, text_of(first_day));
    db_bind_text(stmt, 2, text_of(last_day));
    sqlite3_bind_int(stmt, 3, STORE_MAX_ALLOWED);
    while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
        const struct store_allowed sum = {
            .entry = (const char *)sqlite3_column_text(stmt, 0),
            .reason = (const char *)sqlite3_column_text(stmt, 1),
            .events = (uint64_t)sqlite3_column_int64(stmt, 2) };

        if (visit(ctx, &sum) != 0) {
            code = SQLITE_DONE;
            break;
        }
    }
    if (code != SQLITE_DONE)
        db_failed(db, err);
    sqlite3_finalize(stmt);
    return code == SQLITE_DONE ? 0 : -1;
}

int
sqlite_get_allowed(struct store *base, const char *first_day, const char *last_day,
                   int (*visit)(void *ctx, const struct store_allowed *sum), void *ctx,
                   struct err *err)
{
    int outcome, rc = -1;
    sqlite3 *db = ledger_open_to_read((struct sqlite_store *)base, &outcome, err);

    if (db != NULL)
        rc = read_sums(db, first_day, last_day, visit, ctx, err);
    else if (outcome == 0)
        rc = 0;                 /* nothing was written yet */
    connection_close(&db);
    return rc;
}
