/*
 * A turn is written by the loop; its COMMIT, which waits for the disk, is the writer
 * thread's, and meanwhile the next turn gathers. Its rows stand in the ring between the
 * recent and the pending ones: they are flying. Until it is over nobody may use the newest
 * file's connection: who needs it calls journal_land() first.
 */
#include "ingest/journal/journal.h"

#include <string.h>

#include "ingest/journal/journal_inner.h"
#include "proto/base/fault.h"

/* The array's header goes right before the maps. */
static int
close_row(struct row *row, struct err *err)
{
    struct buf header = { 0 };
    int rc = batch_pack_count(row->head.count, &header);

    if (rc == 0 && header.len <= BODY_SPACE) {
        row->start = BODY_SPACE - header.len;
        memcpy(row->buf.ptr + row->start, header.ptr, header.len);
    } else {
        err_set(err, "out of memory");
        rc = -1;
    }
    buf_release(&header);
    return rc;
}

static struct text
row_body(const struct row *row)
{
    return (struct text){ row->buf.ptr + row->start, row->buf.len - row->start };
}

/* The turn as a transaction, whole but for its COMMIT. */
static enum db_outcome
write_turn(struct journal *journal, struct segment *seg, struct err *err)
{
    enum db_outcome outcome = db_exec(seg->db, "BEGIN IMMEDIATE", err);

    for (size_t i = 0; i < journal->pending_count && outcome == DB_DONE; i++) {
        struct row *row = journal_pending_row(journal, i);

        outcome = close_row(row, err) != 0 ? DB_RETRY
                : segment_insert(seg, &row->head, row_body(row), err);
    }
    if (journal->is_cursor_moved)
        for (size_t i = 0; i < journal->meta.cursor_count && outcome == DB_DONE; i++)
            outcome = segment_write_cursor(seg, &journal->meta.cursors[i], err);
    if (outcome == DB_DONE)
        outcome = segment_write_ledger(seg, &journal->ledger, err);
    if (outcome == DB_DONE)
        outcome = journal_write_places(journal, seg, err);
    if (outcome == DB_DONE)
        fault_point("ingest.before_commit");
    return outcome;
}

/* The transaction failed: nothing of it is there, nor can what was numbered after it be. */
static enum journal_outcome
take_back(struct journal *journal, struct segment *seg, enum db_outcome outcome)
{
    const struct journal_mark start = { .last = journal->last };

    if (!sqlite3_get_autocommit(seg->db) && db_exec(seg->db, "ROLLBACK", NULL) != DB_DONE)
        outcome = DB_UNCLEAR;
    journal_uncount_flying(journal);
    journal->is_cursor_moved = 1;
    journal->pending_count += journal->flying_count;
    journal->flying_count = 0;
    journal->flying_bytes = 0;
    journal_cancel(journal, &start);
    return outcome == DB_RETRY ? JOURNAL_RETRY : JOURNAL_UNCLEAR;
}

/* The turn's rows become the recent ones. */
static void
keep_recent(struct journal *journal, struct segment *seg)
{
    for (size_t i = 0; i < journal->flying_count; i++) {
        struct row *row = journal_row(journal, journal->recent_count + i);

        segment_note(seg, &row->head, row->buf.len - row->start);
        journal->recent_bytes += row->buf.len;
    }
    journal->recent_count += journal->flying_count;
    journal->room_bytes -= (int64_t)journal->flying_bytes;
    journal->flying_count = 0;
    journal->flying_bytes = 0;
    journal->last = journal->flying_last;
    while (journal->recent_bytes > RECENT_MAX_BYTES)
        journal_drop_recent(journal);
}

static enum journal_outcome
finish(struct journal *journal, enum db_outcome outcome)
{
    struct segment *seg = journal_newest(journal);

    journal->is_committing = 0;
    if (outcome != DB_DONE)
        return take_back(journal, seg, outcome);
    fault_point("ingest.after_commit");
    keep_recent(journal, seg);
    return JOURNAL_DONE;
}

/* Write the turn, and have its rows fly. */
static enum journal_outcome
depart(struct journal *journal, struct err *err)
{
    struct segment *seg = journal_newest(journal);
    enum db_outcome outcome;

    journal_count_pending(journal);
    outcome = write_turn(journal, seg, err);
    journal_clear_places(journal);
    journal->flying_count = journal->pending_count;
    journal->flying_bytes = journal->pending_bytes;
    journal->flying_last = journal->last_given;
    journal->pending_count = 0;
    journal->pending_bytes = 0;
    if (outcome != DB_DONE)
        return take_back(journal, seg, outcome);
    journal->is_cursor_moved = 0;
    journal_ledger_is_written(journal);
    return JOURNAL_DONE;
}

void
journal_land(struct journal *journal)
{
    enum db_outcome outcome;

    if (journal->writer == NULL || !journal_writer_is_busy(journal->writer))
        return;
    outcome = journal_writer_wait(journal->writer, &journal->landed_err);
    if (!journal->is_committing)
        return;                                 /* it was a checkpoint */
    journal->landed = finish(journal, outcome);
    journal->has_landed = 1;
}

int
journal_is_flying(const struct journal *journal)
{
    return journal->has_landed ||
           (journal->writer != NULL && journal_writer_is_busy(journal->writer));
}

enum journal_outcome
journal_commit(struct journal *journal, struct err *err)
{
    enum journal_outcome outcome = journal_end_commit(journal, err);

    if (outcome != JOURNAL_DONE || !journal_has_turn(journal))
        return outcome;
    outcome = depart(journal, err);
    if (outcome != JOURNAL_DONE)
        return outcome;
    return finish(journal, db_exec(journal_newest(journal)->db, "COMMIT", err));
}

enum journal_outcome
journal_begin_commit(struct journal *journal, struct err *err)
{
    enum journal_outcome outcome;

    if (journal->writer == NULL && (journal->writer = journal_writer_new(err)) == NULL)
        return JOURNAL_RETRY;
    outcome = depart(journal, err);
    if (outcome != JOURNAL_DONE)
        return outcome;
    journal->is_committing = 1;
    journal_writer_commit(journal->writer, journal_newest(journal)->db);
    return JOURNAL_DONE;
}

enum journal_outcome
journal_end_commit(struct journal *journal, struct err *err)
{
    const struct journal_mark start = { .last = journal->last };

    journal_land(journal);
    if (journal->writer != NULL)
        journal_writer_heard(journal->writer);
    if (!journal->has_landed)
        return JOURNAL_DONE;
    journal->has_landed = 0;
    if (journal->landed == JOURNAL_DONE)
        return JOURNAL_DONE;
    /* what was appended since it failed goes with what was appended before */
    journal_cancel(journal, &start);
    journal_clear_places(journal);
    *err = journal->landed_err;
    return journal->landed;
}

int
journal_commit_fd(struct journal *journal, struct err *err)
{
    if (journal->writer == NULL && (journal->writer = journal_writer_new(err)) == NULL)
        return -1;
    return journal_writer_fd(journal->writer);
}

void
journal_tidy(struct journal *journal)
{
    struct segment *seg = journal_newest(journal);
    struct err err;

    if (journal_is_flying(journal))
        return;
    if (seg->bytes >= (uint64_t)journal->options.segment_bytes) {
        if (journal_roll(journal, &err) == 0)
            journal_trim(journal);
        else
            log_warn_burst(&journal->tidy_burst, "no new segment, the old one goes on",
                           "reason=\"%s\"", err.text);
    } else if (seg->unwritten >= CHECKPOINT_BYTES && journal->writer != NULL) {
        seg->unwritten = 0;
        journal_writer_checkpoint(journal->writer, seg->db);
    } else if (seg->unwritten >= CHECKPOINT_BYTES) {
        segment_checkpoint(seg);
    }
}
