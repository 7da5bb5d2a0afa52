#include "ingest/delivery.h"

#include <stdlib.h>

#include "ingest/delivery_inner.h"
#include "proto/base/clock.h"
#include "proto/endpoints.h"

enum { TICK_MS = 250, HEAD_MS = 1000, REPORTS_A_TURN = 256 };

/* --- rows and where they go --- */

static int
next_row(void *ctx, uint64_t after, struct batch_head *ret_head, struct text *ret_body,
         struct err *err)
{
    struct feed *feed = ctx;

    return journal_next(feed->journal, after, ret_head, ret_body, err);
}

static int
send_row(void *ctx, const struct batch_head *head, struct text body)
{
    struct feed *feed = ctx;

    return outlet_send(&feed->outlet, head, body);
}

/* Time stands still while nobody can send us anything: a source is not silent then. */
static struct stream_place
place_of(const struct delivery *delivery)
{
    return (struct stream_place){ .last = journal_last(delivery->journal),
                                  .oldest = journal_oldest(delivery->journal),
                                  .now_us = delivery->is_taking ? clock_real_us() : 0 };
}

/* An indexer knows by this that ingest is there: one for each that reports. */
static void
send_index_heads(struct delivery *delivery, int64_t now_ms)
{
    static const char empty_array[1] = { (char)0x90 };
    const struct text body = { empty_array, sizeof(empty_array) };
    struct journal *journal = delivery->journal;
    const struct batch_head head = {
        .origin = journal_id(journal), .nonce = journal_nonce(journal),
        .first = journal_last(journal) + 1, .previous = journal_last(journal),
        .oldest = journal_oldest(journal),
    };
    uint64_t consumers = sender_numbers(delivery->sender).consumers;

    if (now_ms - delivery->head_sent_ms < HEAD_MS)
        return;
    delivery->head_sent_ms = now_ms;
    for (uint64_t i = 0; i < (consumers == 0 ? 1 : consumers); i++)
        if (outlet_send(&delivery->feeds[CONSUMER_INDEX].outlet, &head, body) != 0)
            return;
}

static void
pump_consumer(struct delivery *delivery, size_t consumer, int64_t now_ms)
{
    struct stream_place place = place_of(delivery);
    struct err err;
    int rc;

    if (consumer == CONSUMER_INDEX)
        rc = sender_pump(delivery->sender, now_ms, &err);
    else
        rc = stream_pump(delivery->feeds[consumer].stream, &place, now_ms, &err);
    if (rc != 0)
        log_warn_burst(&delivery->read_burst, "journal cannot be read",
                       "consumer=%s reason=\"%s\"",
                       journal_consumer_name(delivery->journal, consumer), err.text);
}

void
delivery_pump(struct delivery *delivery)
{
    int64_t now_ms = clock_steady_ms();

    for (size_t i = 0; i < delivery->feed_count; i++)
        pump_consumer(delivery, i, now_ms);
    live_pump(delivery->live);
}

static void
on_room(void *self)
{
    delivery_pump(self);
}

/* --- reports --- */

static void
move_cursors(struct delivery *delivery)
{
    struct journal *journal = delivery->journal;

    journal_set_cursor(journal, CONSUMER_INDEX, sender_frontier(delivery->sender));
    for (size_t i = 1; i < delivery->feed_count; i++)
        journal_set_cursor(journal, i, stream_durable(delivery->feeds[i].stream));
    journal_trim(journal);
}

/* The consumer's number, or feed_count for one we do not know. */
static size_t
find_consumer(const struct delivery *delivery, const struct report *report)
{
    size_t i = 0;

    while (i < delivery->feed_count &&
           !text_is(text_of(report->consumer), journal_consumer_name(delivery->journal, i)))
        i++;
    return i;
}

static const struct report_origin *
find_ours(const struct delivery *delivery, const struct report *report)
{
    for (size_t i = 0; i < report->origin_count; i++)
        if (report->origins[i].origin == journal_id(delivery->journal))
            return &report->origins[i];
    return NULL;
}

static void
take_report(struct delivery *delivery, const struct report *report, int64_t now_ms)
{
    const struct report_origin nothing = { .origin = journal_id(delivery->journal) };
    const struct report_origin *ours = find_ours(delivery, report);
    struct stream_place place = place_of(delivery);
    size_t consumer = find_consumer(delivery, report);

    if (consumer == delivery->feed_count) {
        ++*delivery->foreign_reports;
        log_warn_burst(&delivery->report_burst, "report of a consumer that is not configured",
                       "name=\"%s\"", report->consumer);
    } else if (consumer == CONSUMER_INDEX) {
        delivery->index_heard_ms = now_ms;
        sender_report(delivery->sender, report->boot, ours != NULL ? ours : &nothing, now_ms);
    } else if (report->slots != 0 &&
               (int64_t)report->slots != delivery->daemon->settings->detector_slots) {
        ++*delivery->other_slots;
        log_warn_burst(&delivery->report_burst,
                       "detector of another number of slots, not served",
                       "name=\"%s\" slots=%u ours=%d", report->consumer, report->slots,
                       (int)delivery->daemon->settings->detector_slots);
    } else if (ours != NULL) {
        stream_report(delivery->feeds[consumer].stream, report->boot, ours, &place, now_ms);
    } else {
        stream_hear(delivery->feeds[consumer].stream, now_ms);
    }
}

static int
on_report(zloop_t *loop, zsock_t *sock, void *arg)
{
    struct delivery *delivery = arg;
    int64_t now_ms = clock_steady_ms();
    struct report report;
    struct err err;
    int rc;

    (void)loop;
    for (int i = 0; i < REPORTS_A_TURN; i++) {
        rc = bus_recv_report(sock, &report, &err);
        if (rc == 0)
            break;
        if (rc < 0) {
            ++*delivery->bad_reports;
            log_warn_burst(&delivery->report_burst, "report refused", "reason=\"%s\"",
                           err.text);
            continue;
        }
        take_report(delivery, &report, now_ms);
        report_release(&report);
    }
    move_cursors(delivery);
    delivery_pump(delivery);
    return 0;
}

/* --- the tick --- */

int
delivery_is_alive(const struct delivery *delivery, size_t consumer, int64_t now_ms)
{
    if (consumer == CONSUMER_INDEX)
        return delivery->index_heard_ms != 0 &&
               now_ms - delivery->index_heard_ms <= CONSUMER_GONE_MS;
    return stream_numbers(delivery->feeds[consumer].stream, now_ms).is_alive;
}

static void
show_numbers(struct delivery *delivery, int64_t now_ms)
{
    struct sender_numbers index = sender_numbers(delivery->sender);
    struct journal_space space = journal_space(delivery->journal);

    *delivery->feeds[CONSUMER_INDEX].sent = index.sent;
    *delivery->feeds[CONSUMER_INDEX].resent = index.resent;
    for (size_t i = 1; i < delivery->feed_count; i++) {
        struct stream_numbers numbers = stream_numbers(delivery->feeds[i].stream, now_ms);

        *delivery->feeds[i].sent = numbers.sent;
        *delivery->feeds[i].resent = numbers.resent;
        *delivery->feeds[i].refused = numbers.refused;
    }
    *delivery->journal_bytes = (uint64_t)space.bytes;
    *delivery->journal_max_bytes = (uint64_t)space.max_bytes;
}

static int
on_tick(zloop_t *loop, int timer, void *arg)
{
    struct delivery *delivery = arg;
    int64_t now_ms = clock_steady_ms();
    struct err err;

    (void)loop, (void)timer;
    send_index_heads(delivery, now_ms);
    delivery_pump(delivery);
    show_numbers(delivery, now_ms);
    journal_flush_ledger(delivery->journal);
    delivery->is_taking = journal_check(delivery->journal, &err) == JOURNAL_DONE;
    if (delivery->is_taking)
        health_set(delivery->daemon->health, "journal", 1, NULL);
    else
        health_set(delivery->daemon->health, "journal", 0, err.text);
    return 0;
}

/* --- lifecycle --- */

static int
open_feed(struct delivery *delivery, size_t consumer, struct err *err)
{
    struct feed *feed = &delivery->feeds[consumer];
    struct stream_source source = {
        .rows = { feed, next_row, send_row },
        .origin = journal_id(delivery->journal), .nonce = journal_nonce(delivery->journal),
    };
    uint64_t cursor = journal_cursor(delivery->journal, consumer);
    char address[ENDPOINT_LEN];
    int is_index = consumer == CONSUMER_INDEX;

    feed->journal = delivery->journal;
    feed->outlet.on_room = on_room;
    feed->outlet.self = delivery;
    if (is_index)
        delivery->sender = sender_new(&source.rows, cursor);
    else
        feed->stream = stream_new(&source, cursor);
    if ((is_index ? (void *)delivery->sender : (void *)feed->stream) == NULL) {
        err_set(err, "delivery: out of memory");
        return -1;
    }
    if (endpoint_to_bind(delivery->daemon->settings, is_index ? ENDPOINT_INDEX : ENDPOINT_DETECT,
                         is_index ? 0 : (int)consumer - 1, address) != 0) {
        err_set(err, "bus.dir: the path is too long for a socket");
        return -1;
    }
    return outlet_init(&feed->outlet, delivery->daemon->loop, address, err);
}

static void
take_numbers(struct delivery *delivery)
{
    struct metrics *metrics = delivery->daemon->metrics;

    for (size_t i = 0; i < delivery->feed_count; i++) {
        struct feed *feed = &delivery->feeds[i];
        char label[64];

        snprintf(label, sizeof(label), "consumer=\"%s\"",
                 journal_consumer_name(delivery->journal, i));
        feed->sent = metrics_number(metrics, METRIC_COUNTER, "bongsu_ingest_rows_sent_total",
                                    label, "rows sent to a consumer");
        feed->resent = metrics_number(metrics, METRIC_COUNTER,
                                      "bongsu_ingest_rows_resent_total", label,
                                      "rows sent to a consumer again");
        feed->refused = metrics_number(metrics, METRIC_COUNTER,
                                       "bongsu_ingest_acks_refused_total", label,
                                       "reports that claim what was never sent");
    }
    delivery->bad_reports = metrics_number(metrics, METRIC_COUNTER,
        "bongsu_ingest_reports_refused_total", "reason=\"malformed\"", "reports refused");
    delivery->foreign_reports = metrics_number(metrics, METRIC_COUNTER,
        "bongsu_ingest_reports_refused_total", "reason=\"consumer\"", "reports refused");
    delivery->other_slots = metrics_number(metrics, METRIC_COUNTER,
        "bongsu_ingest_reports_refused_total", "reason=\"slots\"", "reports refused");
    delivery->journal_bytes = metrics_number(metrics, METRIC_GAUGE,
        "bongsu_ingest_journal_bytes", "", "size of the journal's files");
    delivery->journal_max_bytes = metrics_number(metrics, METRIC_GAUGE,
        "bongsu_ingest_journal_max_bytes", "", "the journal's quota");
}

static int
open_others(struct delivery *delivery, struct err *err)
{
    const struct settings *settings = delivery->daemon->settings;
    zloop_t *loop = delivery->daemon->loop;
    char reports[ENDPOINT_LEN], live[ENDPOINT_LEN];

    if (endpoint_to_bind(settings, ENDPOINT_INGEST_REPORT, 0, reports) != 0 ||
        endpoint_to_bind(settings, ENDPOINT_LIVE_EVENTS, 0, live) != 0) {
        err_set(err, "bus.dir: the path is too long for a socket");
        return -1;
    }
    delivery->reports = bus_bind(ZMQ_PULL, reports, err);
    if (delivery->reports == NULL)
        return -1;
    delivery->live = live_new(loop, delivery->journal, live, err);
    if (delivery->live == NULL)
        return -1;
    delivery->tick = zloop_timer(loop, TICK_MS, 0, on_tick, delivery);
    if (delivery->tick < 0 || zloop_reader(loop, delivery->reports, on_report, delivery) != 0) {
        err_set(err, "delivery: out of memory");
        return -1;
    }
    return 0;
}

struct delivery *
delivery_new(struct daemon *daemon, struct journal *journal, struct err *err)
{
    struct delivery *delivery = calloc(1, sizeof(*delivery));
    int rc = -1;

    if (delivery == NULL) {
        err_set(err, "delivery: out of memory");
        return NULL;
    }
    delivery->daemon = daemon;
    delivery->journal = journal;
    delivery->tick = -1;
    delivery->feeds = calloc(journal_consumer_count(journal), sizeof(*delivery->feeds));
    if (delivery->feeds == NULL) {
        err_set(err, "delivery: out of memory");
        goto done;
    }
    delivery->feed_count = journal_consumer_count(journal);
    take_numbers(delivery);
    for (size_t i = 0; i < delivery->feed_count; i++)
        if (open_feed(delivery, i, err) != 0)
            goto done;
    rc = open_others(delivery, err);

done:
    if (rc != 0)
        delivery_destroy(&delivery);
    return delivery;
}

void
delivery_destroy(struct delivery **delivery)
{
    struct delivery *self = *delivery;

    if (self == NULL)
        return;
    if (self->tick >= 0)
        zloop_timer_end(self->daemon->loop, self->tick);
    if (self->reports != NULL)
        zloop_reader_end(self->daemon->loop, self->reports);
    zsock_destroy(&self->reports);
    live_destroy(&self->live);
    sender_destroy(&self->sender);
    for (size_t i = 0; i < self->feed_count; i++) {
        stream_destroy(&self->feeds[i].stream);
        outlet_release(&self->feeds[i].outlet);
    }
    free(self->feeds);
    free(self);
    *delivery = NULL;
}
