#include "ingest/journal/journal.h"

#include <string.h>
#include <sys/statvfs.h>

#include "ingest/journal/journal_inner.h"

uint64_t
journal_oldest(const struct journal *journal)
{
    for (size_t i = 0; i < journal->segment_count; i++)
        if (journal->segments[i].rows > 0)
            return journal->segments[i].first;
    return journal->last + 1;
}

/* --- reading --- */

/* Of the files behind the newest few stay open: those read last. */
static void
close_idle_segments(struct journal *journal)
{
    struct segment *idle = NULL;
    size_t open_count = 0;

    for (size_t i = 0; i + 1 < journal->segment_count; i++) {
        struct segment *seg = &journal->segments[i];

        if (seg->db == NULL)
            continue;
        open_count++;
        if (idle == NULL || seg->used_at < idle->used_at)
            idle = seg;
    }
    if (open_count > MAX_OPEN_SEGMENTS)
        segment_close(idle);
}

/* The first recent row above `after`, when no older row is. */
static const struct row *
find_recent(struct journal *journal, uint64_t after)
{
    size_t low = 0, high = journal->recent_count;

    if (high == 0 || after < journal_row(journal, 0)->head.previous)
        return NULL;
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (journal_row(journal, middle)->head.first > after)
            high = middle;
        else
            low = middle + 1;
    }
    return low == journal->recent_count ? NULL : journal_row(journal, low);
}

static struct segment *
find_segment(struct journal *journal, uint64_t after)
{
    for (size_t i = 0; i < journal->segment_count; i++)
        if (journal->segments[i].rows > 0 && journal->segments[i].last_first > after)
            return &journal->segments[i];
    return NULL;
}

static int
read_from_file(struct journal *journal, uint64_t after, struct batch_head *head, struct err *err)
{
    struct segment *seg = find_segment(journal, after);
    int rc;

    if (seg == NULL)
        return 0;
    if (seg == journal_newest(journal))
        journal_land(journal);
    seg->used_at = ++journal->reads;
    rc = segment_next(seg, after, head, &journal->read_body, err);
    close_idle_segments(journal);
    if (rc == 0) {
        err_set(err, "%s: rows that were here are gone", seg->path);
        return -1;
    }
    return rc;
}

int
journal_next(struct journal *journal, uint64_t after, struct batch_head *ret_head,
             struct text *ret_body, struct err *err)
{
    const struct row *row = find_recent(journal, after);
    int rc = 1;

    if (row != NULL) {
        *ret_head = row->head;
        *ret_body = (struct text){ row->buf.ptr + row->start, row->buf.len - row->start };
    } else {
        rc = read_from_file(journal, after, ret_head, err);
        *ret_body = buf_text(&journal->read_body);
    }
    if (rc == 1) {
        ret_head->origin = journal->meta.id;
        ret_head->is_again = 0;             /* who sends it knows */
        ret_head->oldest = journal_oldest(journal);
    }
    return rc;
}

/* --- deleting --- */

void
journal_trim(struct journal *journal)
{
    uint64_t oldest;
    struct err err;

    while (journal->segment_count > 1 && journal_is_done(journal, &journal->segments[0])) {
        if (segment_unlink(&journal->segments[0], &err) != 0) {
            log_warn_burst(&journal->tidy_burst, "segment is not deleted",
                           "reason=\"%s\"", err.text);
            return;
        }
        journal->segment_count--;
        memmove(journal->segments, journal->segments + 1,
                journal->segment_count * sizeof(journal->segments[0]));
    }
    /* what heads call gone is not served from memory either */
    oldest = journal_oldest(journal);
    while (journal->recent_count > 0 && journal_row(journal, 0)->head.first < oldest)
        journal_drop_recent(journal);
}

/* --- numbers --- */

int
journal_backlog(struct journal *journal, uint64_t position,
                struct journal_backlog *ret_backlog, struct err *err)
{
    memset(ret_backlog, 0, sizeof(*ret_backlog));
    for (size_t i = 0; i < journal->segment_count; i++) {
        struct segment *seg = &journal->segments[i];

        if (seg->rows == 0 || seg->last_first <= position)
            continue;
        if (position < seg->first && ret_backlog->oldest_received_us != 0) {
            ret_backlog->rows += seg->rows;
            ret_backlog->events += seg->events;
            ret_backlog->bytes += seg->bytes;
            continue;
        }
        if (seg == journal_newest(journal))
            journal_land(journal);
        seg->used_at = ++journal->reads;
        if (segment_backlog(seg, position, ret_backlog, err) != 0)
            return -1;
        close_idle_segments(journal);
    }
    return 0;
}

struct journal_space
journal_space(struct journal *journal)
{
    struct journal_space space = { .max_bytes = journal->options.max_bytes,
                                   .min_free = journal->options.min_free,
                                   .segments = journal->segment_count };
    struct statvfs disk;

    segment_measure(journal_newest(journal));
    for (size_t i = 0; i < journal->segment_count; i++)
        space.bytes += journal->segments[i].disk_bytes;
    if (statvfs(journal->dir, &disk) == 0)
        space.free_bytes = (int64_t)((uint64_t)disk.f_bavail * disk.f_frsize);
    return space;
}
