#include "ingest/delivery/delivery.h"

#include <stdio.h>

#include "ingest/delivery/delivery_inner.h"
#include "proto/base/clock.h"

static json_t *
show_journal(struct journal *journal)
{
    struct journal_space space = journal_space(journal);
    char id[17];

    snprintf(id, sizeof(id), "%016llx", (unsigned long long)journal_id(journal));
    return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "id", id,
                     "bytes", (json_int_t)space.bytes,
                     "max_bytes", (json_int_t)space.max_bytes,
                     "free_bytes", (json_int_t)space.free_bytes,
                     "min_free", (json_int_t)space.min_free,
                     "segments", (json_int_t)space.segments,
                     "last", (json_int_t)journal_last(journal));
}

struct flow {
    uint64_t sent, resent, in_flight_bytes;
};

static struct flow
flow_of(const struct course *course, size_t consumer, int64_t now_ms)
{
    if (consumer == CONSUMER_INDEX) {
        struct sender_numbers numbers = sender_numbers(course->sender);

        return (struct flow){ numbers.sent, numbers.resent, numbers.in_flight_bytes };
    } else {
        struct stream_numbers numbers = stream_numbers(course->streams[consumer], now_ms);

        return (struct flow){ numbers.sent, numbers.resent, numbers.in_flight_bytes };
    }
}

static json_t *
show_consumer(struct delivery *delivery, const struct course *course, size_t consumer,
              int64_t now_ms)
{
    struct flow flow = flow_of(course, consumer, now_ms);
    struct journal_backlog backlog = { 0 };
    int64_t age_us = 0;
    struct err err;

    if (journal_backlog(course->journal, journal_cursor(course->journal, consumer),
                        &backlog, &err) != 0)
        log_warn_burst(&delivery->read_burst, "backlog cannot be counted", "reason=\"%s\"",
                       err.text);
    if (backlog.oldest_received_us > 0)
        age_us = clock_real_us() - backlog.oldest_received_us;
    return json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
                     "is_alive", delivery_is_alive(delivery, consumer, now_ms),
                     "backlog_rows", (json_int_t)backlog.rows,
                     "backlog_events", (json_int_t)backlog.events,
                     "backlog_bytes", (json_int_t)backlog.bytes,
                     "oldest_age_ms", (json_int_t)(age_us < 0 ? 0 : age_us / 1000),
                     "sent", (json_int_t)flow.sent, "resent", (json_int_t)flow.resent,
                     "in_flight_bytes", (json_int_t)flow.in_flight_bytes);
}

static json_t *
show_consumers(struct delivery *delivery, const struct course *course, int64_t now_ms)
{
    json_t *consumers = json_object();

    for (size_t i = 0; i < course->count; i++)
        json_object_set_new(consumers, journal_consumer_name(course->journal, i),
                            show_consumer(delivery, course, i, now_ms));
    return consumers;
}

static json_t *
show_ledger(struct journal *journal)
{
    return ledger_to_json(journal_ledger(journal),
                          ledger_hour(clock_real_us()) - LEDGER_SHOWN_HOURS);
}

/* A consumer that is away makes ingest no less ready: the journal waits for it. */
void
delivery_status(void *self, json_t *status)
{
    struct delivery *delivery = self;
    json_t *adopted = json_array(), *warnings = json_array();
    int64_t now_ms = clock_steady_ms();

    for (size_t i = 0; i < delivery->feed_count; i++)
        if (!delivery_is_alive(delivery, i, now_ms))
            json_array_append_new(warnings,
                                  json_sprintf("%s: has not reported in the last %d s",
                                               journal_consumer_name(delivery->journal, i),
                                               CONSUMER_GONE_MS / 1000));
    for (size_t i = 1; i < delivery->course_count; i++) {
        struct course *course = delivery->courses[i];

        json_array_append_new(adopted, json_pack("{s:o, s:o, s:o}",
            "journal", show_journal(course->journal),
            "consumers", show_consumers(delivery, course, now_ms),
            "ledger", show_ledger(course->journal)));
    }
    json_object_set_new(status, "journal", show_journal(delivery->journal));
    json_object_set_new(status, "adopted", adopted);
    json_object_set_new(status, "consumers",
                        show_consumers(delivery, delivery->courses[0], now_ms));
    json_object_set_new(status, "warnings", warnings);
    json_object_set_new(status, "ledger", show_ledger(delivery->journal));
}
