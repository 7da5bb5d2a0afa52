#include "ingest/journal/journal.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/statvfs.h>

#include "ingest/journal/journal_inner.h"

struct row *
journal_row(struct journal *journal, size_t i)
{
    return &journal->ring[(journal->ring_first + i) % RING_ROWS];
}

/* --- the ring --- */

static void
put_buf_aside(struct journal *journal, struct buf *buf)
{
    buf_clear(buf);
    if (buf->cap > 0 && journal->spare_count < SPARE_BUFS) {
        journal->spare[journal->spare_count++] = *buf;
        memset(buf, 0, sizeof(*buf));
        return;
    }
    buf_release(buf);
}

void
journal_drop_recent(struct journal *journal)
{
    struct row *row = journal_row(journal, 0);

    journal->recent_bytes -= row->buf.len;
    put_buf_aside(journal, &row->buf);
    journal->ring_first = (journal->ring_first + 1) % RING_ROWS;
    journal->recent_count--;
}

struct row *
journal_pending_row(struct journal *journal, size_t i)
{
    return journal_row(journal, journal->recent_count + journal->flying_count + i);
}

static void
drop_last_pending(struct journal *journal)
{
    struct row *row = journal_pending_row(journal, journal->pending_count - 1);

    put_buf_aside(journal, &row->buf);
    journal->pending_count--;
}

static struct row *
last_pending(struct journal *journal)
{
    if (journal->pending_count == 0)
        return NULL;
    return journal_pending_row(journal, journal->pending_count - 1);
}

static struct row *
start_row(struct journal *journal, int64_t now_us)
{
    struct row *row;

    if (journal->recent_count + journal->flying_count + journal->pending_count == RING_ROWS) {
        if (journal->recent_count == 0)
            return NULL;
        journal_drop_recent(journal);
    }
    row = journal_pending_row(journal, journal->pending_count);
    memset(row, 0, sizeof(*row));
    if (journal->spare_count > 0)
        row->buf = journal->spare[--journal->spare_count];
    row->head.origin = journal->meta.id;
    row->head.nonce = journal->nonce;
    row->head.first = journal->next;
    row->head.previous = journal->last_given;
    row->head.received_us = now_us;
    journal->pending_count++;
    return row;
}

/* --- room --- */

static enum journal_outcome
measure_room(struct journal *journal, int64_t *ret_room, struct err *err)
{
    struct journal_space space = journal_space(journal);
    int64_t in_quota = space.max_bytes - space.bytes - (int64_t)journal->flying_bytes;
    int64_t on_disk = space.free_bytes - space.min_free;

    *ret_room = in_quota < on_disk ? in_quota : on_disk;
    if (on_disk <= 0) {
        err_set(err, "the journal's disk has %" PRId64 " MiB free, journal.min_free is %" PRId64
                " MiB", space.free_bytes >> 20, space.min_free >> 20);
        return JOURNAL_NO_SPACE;
    }
    if (in_quota <= 0) {
        err_set(err, "the journal holds %" PRId64 " MiB, journal.max_bytes is %" PRId64 " MiB",
                space.bytes >> 20, space.max_bytes >> 20);
        return JOURNAL_OVER_QUOTA;
    }
    return JOURNAL_DONE;
}

enum journal_outcome
journal_check(struct journal *journal, struct err *err)
{
    enum journal_outcome outcome = measure_room(journal, &journal->room_bytes, err);
    struct segment *seg = journal_newest(journal);

    /* What fills the room may be a newest file that nobody needs any more. */
    if (outcome == JOURNAL_DONE || seg->rows == 0 || journal->pending_count > 0 ||
        journal_is_flying(journal) || !journal_is_done(journal, seg))
        return outcome;
    if (journal_roll(journal, NULL) != 0)
        return outcome;
    journal_trim(journal);
    return measure_room(journal, &journal->room_bytes, err);
}

/* Asking the file system at each turn would cost as much as a small COMMIT:
 * while there is plenty, once every 50 ms will do. */
static int
is_room_known(struct journal *journal, int64_t now_us)
{
    int64_t age_us = now_us - journal->room_at_us;

    if (journal->room_bytes >= ROOM_PLENTY && age_us >= 0 && age_us < ROOM_FOR_US)
        return 1;
    journal->room_at_us = now_us;
    return 0;
}

/* --- one turn --- */

/* The row that takes an event of len bytes; NULL with *ret_outcome. */
static struct row *
row_for(struct journal *journal, size_t len, int64_t now_us,
        enum journal_outcome *ret_outcome, struct err *err)
{
    struct row *row = last_pending(journal);

    *ret_outcome = JOURNAL_DONE;
    if (row == NULL && !is_room_known(journal, now_us))
        *ret_outcome = journal_check(journal, err);
    if (*ret_outcome != JOURNAL_DONE)
        return NULL;
    if ((int64_t)(journal->pending_bytes + len) > journal->room_bytes) {
        err_set(err, "the journal has no room for this");
        *ret_outcome = JOURNAL_OVER_QUOTA;
        return NULL;
    }
    if (row == NULL || row->buf.len + len > BATCH_MAX_BYTES)
        row = start_row(journal, now_us);
    if (row == NULL || journal->pending_bytes + len > JOURNAL_MAX_PENDING) {
        err_set(err, "over %zu MiB in one go", JOURNAL_MAX_PENDING >> 20);
        *ret_outcome = JOURNAL_TURN_FULL;
        return NULL;
    }
    return row;
}

static void
drop_if_empty(struct journal *journal)
{
    struct row *row = last_pending(journal);

    if (row != NULL && row->head.count == 0)
        drop_last_pending(journal);
}

enum journal_outcome
journal_append(struct journal *journal, struct text encoded, int64_t now_us,
               uint64_t *ret_sequence, struct err *err)
{
    static const char space[BODY_SPACE] = { 0 };
    enum journal_outcome outcome;
    struct row *row = row_for(journal, encoded.len, now_us, &outcome, err);

    if (row == NULL)
        goto failed;
    if ((row->buf.len == 0 && buf_append(&row->buf, space, BODY_SPACE) != 0) ||
        buf_append(&row->buf, encoded.ptr, encoded.len) != 0) {
        err_set(err, "out of memory");
        outcome = JOURNAL_RETRY;
        goto failed;
    }
    row->head.count++;
    journal->pending_bytes += encoded.len;
    journal->last_given = journal->next++;
    *ret_sequence = journal->last_given;
    return JOURNAL_DONE;

failed:
    drop_if_empty(journal);
    return outcome;
}

size_t
journal_pending_bytes(const struct journal *journal)
{
    return journal->pending_bytes;
}

struct journal_mark
journal_mark(const struct journal *journal)
{
    struct journal_mark mark = { .rows = journal->pending_count,
                                 .bytes = journal->pending_bytes,
                                 .last = journal->last_given };

    if (mark.rows > 0) {
        size_t i = journal->ring_first + journal->recent_count + journal->flying_count +
                   mark.rows - 1;
        const struct row *row = &journal->ring[i % RING_ROWS];

        mark.len = row->buf.len;
        mark.count = row->head.count;
    }
    return mark;
}

void
journal_cancel(struct journal *journal, const struct journal_mark *mark)
{
    uint64_t first = 0;
    struct row *row;

    while (journal->pending_count > mark->rows) {
        first = last_pending(journal)->head.first;
        drop_last_pending(journal);
    }
    row = last_pending(journal);
    if (row != NULL) {
        row->buf.len = mark->len;
        row->head.count = mark->count;
        first = row->head.first + row->head.count;
    }
    if (first != 0)
        journal->next = first;
    journal->last_given = mark->last;
    journal->pending_bytes = mark->bytes;
}
