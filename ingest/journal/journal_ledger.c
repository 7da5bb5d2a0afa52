/* The balance sheet's hours, which each segment repeats and each commit moves. */
#include <inttypes.h>

#include "ingest/journal/journal_inner.h"

static const char put_sql[] =
    "INSERT INTO ledger VALUES(?,?,?) ON CONFLICT DO UPDATE SET events=excluded.events";

int
segment_ledger_schema(const struct ledger *ledger, struct buf *sql)
{
    for (size_t i = 0; i < ledger->count; i++)
        for (int k = 0; k < LEDGER_COLUMNS; k++)
            if (ledger->rows[i].counts[k] > 0 &&
                buf_printf(sql, ";INSERT INTO ledger VALUES(%" PRId64 ",%d,%" PRIu64 ")",
                           ledger->rows[i].hour, k, ledger->rows[i].counts[k]) != 0)
                return -1;
    return 0;
}

int
segment_read_ledger(struct segment *seg, uint64_t id, struct ledger *ledger, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    int code;

    if (ledger == NULL)
        return 0;
    ledger->count = 0;
    if (db_prepare(seg->db, &stmt, "SELECT hour, what, events FROM ledger", err) != 0)
        return -1;
    while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
        int column = sqlite3_column_int(stmt, 1);

        if (column >= 0 && column < LEDGER_COLUMNS)
            ledger_add(ledger, id, sqlite3_column_int64(stmt, 0), (enum ledger_column)column,
                       sqlite3_column_int64(stmt, 2));
    }
    if (code != SQLITE_DONE)
        db_failed(seg->db, err);
    sqlite3_finalize(stmt);
    ledger_settle(ledger);
    return code == SQLITE_DONE ? 0 : -1;
}

enum db_outcome
segment_write_ledger(struct segment *seg, const struct ledger *ledger, struct err *err)
{
    enum db_outcome outcome = DB_DONE;
    const struct ledger_row *row;
    enum ledger_column column;
    size_t at = 0;

    if (seg->ledger == NULL && db_prepare(seg->db, &seg->ledger, put_sql, err) != 0)
        return db_failed(seg->db, err);
    while (outcome == DB_DONE && ledger_next_changed(ledger, &at, &row, &column)) {
        sqlite3_bind_int64(seg->ledger, 1, row->hour);
        sqlite3_bind_int(seg->ledger, 2, (int)column);
        sqlite3_bind_int64(seg->ledger, 3, (sqlite3_int64)row->counts[column]);
        outcome = db_step(seg->ledger, err);
    }
    return outcome;
}

/* count rows of the ring, from the i-th on. */
static void
add_rows(struct journal *journal, size_t i, size_t count, int sign)
{
    for (; count > 0; i++, count--) {
        const struct batch_head *head = &journal_row(journal, i)->head;

        ledger_add(&journal->ledger, journal->meta.id, ledger_hour(head->received_us),
                   LEDGER_ACCEPTED, sign * (int64_t)head->count);
    }
}

void
journal_count_pending(struct journal *journal)
{
    add_rows(journal, journal->recent_count + journal->flying_count, journal->pending_count, 1);
}

void
journal_uncount_flying(struct journal *journal)
{
    add_rows(journal, journal->recent_count, journal->flying_count, -1);
    ledger_unsettle(&journal->ledger);
    journal->is_ledger_due = 1;
}

void
journal_ledger_is_written(struct journal *journal)
{
    ledger_settle(&journal->ledger);
    journal->is_ledger_due = 0;
}

void
journal_count_refused(struct journal *journal, enum ledger_column column, int64_t now_us)
{
    ledger_add(&journal->ledger, journal->meta.id, ledger_hour(now_us), column, 1);
    journal->is_ledger_due = 1;
}

const struct ledger *
journal_ledger(const struct journal *journal)
{
    return &journal->ledger;
}

/* What fails is tried again, or goes along with the next commit. */
void
journal_flush_ledger(struct journal *journal)
{
    struct segment *seg = journal_newest(journal);
    enum db_outcome outcome;
    struct err err;

    if (!journal->is_ledger_due || journal->pending_count > 0)
        return;
    journal_land(journal);
    outcome = db_exec(seg->db, "BEGIN IMMEDIATE", &err);
    if (outcome == DB_DONE)
        outcome = segment_write_ledger(seg, &journal->ledger, &err);
    if (outcome == DB_DONE)
        outcome = db_exec(seg->db, "COMMIT", &err);
    if (outcome == DB_DONE) {
        journal_ledger_is_written(journal);
        return;
    }
    if (!sqlite3_get_autocommit(seg->db))
        db_exec(seg->db, "ROLLBACK", NULL);
    log_warn_burst(&journal->tidy_burst, "the count of what was refused cannot be written yet",
                   "reason=\"%s\"", err.text);
}
