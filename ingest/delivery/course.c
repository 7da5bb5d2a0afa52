/* One journal on its way: rows shared out to indexers, in order to each detector slot. */
#include <stdlib.h>

#include "ingest/delivery/delivery_inner.h"
#include "proto/base/clock.h"

enum { HEAD_MS = 1000 };

static int
next_row(void *ctx, uint64_t after, struct batch_head *ret_head, struct text *ret_body,
         struct err *err)
{
    struct tap *tap = ctx;

    return journal_next(tap->journal, after, ret_head, ret_body, err);
}

static int
send_row(void *ctx, const struct batch_head *head, struct text body)
{
    struct tap *tap = ctx;

    return outlet_send(tap->outlet, head, body);
}

/* Time stands still while nobody can send us anything: a source is not silent then. Nor
 * does an adopted journal, which takes nothing in, say what time it is. */
static struct stream_place
place_of(const struct delivery *delivery, const struct course *course)
{
    return (struct stream_place){
        .last = journal_last(course->journal), .oldest = journal_oldest(course->journal),
        .now_us = delivery->is_taking && course->is_own ? clock_real_us() : 0,
    };
}

/* An indexer knows by this that ingest is there: one for each that reports. */
void
course_send_heads(struct delivery *delivery, struct course *course, int64_t now_ms)
{
    static const char empty_array[1] = { (char)0x90 };
    const struct text body = { empty_array, sizeof(empty_array) };
    struct journal *journal = course->journal;
    const struct batch_head head = {
        .origin = journal_id(journal), .nonce = journal_nonce(journal),
        .first = journal_last(journal) + 1, .previous = journal_last(journal),
        .oldest = journal_oldest(journal),
    };
    uint64_t consumers = sender_numbers(course->sender).consumers;

    if (now_ms - course->head_sent_ms < HEAD_MS)
        return;
    course->head_sent_ms = now_ms;
    for (uint64_t i = 0; i < (consumers == 0 ? 1 : consumers); i++)
        if (outlet_send(&delivery->feeds[CONSUMER_INDEX].outlet, &head, body) != 0)
            return;
}

void
course_pump(struct delivery *delivery, struct course *course, int64_t now_ms)
{
    struct stream_place place = place_of(delivery, course);

    for (size_t i = 0; i < course->count; i++) {
        struct err err;
        int rc = i == CONSUMER_INDEX ? sender_pump(course->sender, now_ms, &err)
                                     : stream_pump(course->streams[i], &place, now_ms, &err);

        if (rc != 0)
            log_warn_burst(&delivery->read_burst, "journal cannot be read",
                           "journal=%016llx consumer=%s reason=\"%s\"",
                           (unsigned long long)journal_id(course->journal),
                           journal_consumer_name(course->journal, i), err.text);
    }
}

void
course_report(struct delivery *delivery, struct course *course, size_t consumer,
              const struct report *report, int64_t now_ms)
{
    const struct report_origin nothing = { .origin = journal_id(course->journal) };
    struct stream_place place = place_of(delivery, course);
    const struct report_origin *ours = NULL;

    for (size_t i = 0; i < report->origin_count; i++)
        if (report->origins[i].origin == nothing.origin)
            ours = &report->origins[i];
    if (consumer == CONSUMER_INDEX)
        sender_report(course->sender, report->boot, ours != NULL ? ours : &nothing, now_ms);
    else if (ours != NULL)
        stream_report(course->streams[consumer], report->boot, ours, &place, now_ms);
    else
        stream_hear(course->streams[consumer], now_ms);
}

void
course_move_cursors(struct course *course)
{
    journal_set_cursor(course->journal, CONSUMER_INDEX, sender_frontier(course->sender));
    for (size_t i = 1; i < course->count; i++)
        journal_set_cursor(course->journal, i, stream_durable(course->streams[i]));
    journal_trim(course->journal);
}

uint64_t
course_backlog(const struct course *course)
{
    uint64_t most = 0;

    for (size_t i = 0; i < course->count; i++) {
        struct journal_backlog backlog = { 0 };
        struct err err;

        /* what cannot be read is not known to be done */
        if (journal_backlog(course->journal, journal_cursor(course->journal, i), &backlog,
                            &err) != 0)
            backlog.events = 1;
        if (backlog.events > most)
            most = backlog.events;
    }
    return most;
}

static int
open_tap(struct delivery *delivery, struct course *course, size_t consumer)
{
    struct tap *tap = &course->taps[consumer];
    const struct stream_source source = {
        .rows = { tap, next_row, send_row, journal_last(course->journal) },
        .origin = journal_id(course->journal), .nonce = journal_nonce(course->journal),
    };
    uint64_t cursor = journal_cursor(course->journal, consumer);

    *tap = (struct tap){ course->journal, &delivery->feeds[consumer].outlet };
    if (consumer == CONSUMER_INDEX)
        return (course->sender = sender_new(&source.rows, cursor)) == NULL ? -1 : 0;
    return (course->streams[consumer] = stream_new(&source, cursor)) == NULL ? -1 : 0;
}

struct course *
course_new(struct delivery *delivery, struct journal *journal, struct err *err)
{
    struct course *course = calloc(1, sizeof(*course));
    size_t count = delivery->feed_count;

    if (course == NULL)
        goto no_memory;
    course->journal = journal;
    course->taps = calloc(count, sizeof(*course->taps));
    course->streams = calloc(count, sizeof(*course->streams));
    if (course->taps == NULL || course->streams == NULL)
        goto no_memory;
    course->count = count;
    for (size_t i = 0; i < count; i++)
        if (open_tap(delivery, course, i) != 0)
            goto no_memory;
    return course;

no_memory:
    err_set(err, "delivery: out of memory");
    course_destroy(&course);
    return NULL;
}

void
course_destroy(struct course **course)
{
    struct course *self = *course;

    if (self == NULL)
        return;
    sender_destroy(&self->sender);
    for (size_t i = 0; i < self->count; i++)
        stream_destroy(&self->streams[i]);
    free(self->streams);
    free(self->taps);
    free(self);
    *course = NULL;
}
