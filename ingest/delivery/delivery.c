#include "ingest/delivery/delivery.h"

#include <stdio.h>
#include <stdlib.h>

#include "ingest/delivery/delivery_inner.h"
#include "proto/base/clock.h"
#include "proto/endpoints.h"

enum { TICK_MS = 250, HEAD_MS = 1000, REPORTS_A_TURN = 256 };

void
delivery_pump(struct delivery *delivery)
{
    int64_t now_ms = clock_steady_ms();

    for (size_t i = 0; i < delivery->course_count; i++)
        course_pump(delivery, delivery->courses[i], now_ms);
    live_pump(delivery->live);
}

/* --- reports --- */

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

static void
take_report(struct delivery *delivery, const struct report *report, int64_t now_ms)
{
    size_t consumer = find_consumer(delivery, report);

    if (consumer == delivery->feed_count) {
        ++*delivery->foreign_reports;
        log_warn_burst(&delivery->report_burst, "report of a consumer that is not configured",
                       "name=\"%s\"", report->consumer);
        return;
    }
    if (consumer != CONSUMER_INDEX && report->slots != 0 &&
        (int64_t)report->slots != delivery->daemon->settings->detector_slots) {
        ++*delivery->other_slots;
        log_warn_burst(&delivery->report_burst,
                       "detector of another number of slots, not served",
                       "name=\"%s\" slots=%u ours=%d", report->consumer, report->slots,
                       (int)delivery->daemon->settings->detector_slots);
        return;
    }
    if (consumer == CONSUMER_INDEX)
        delivery->index_heard_ms = now_ms;
    for (size_t i = 0; i < delivery->course_count; i++)
        course_report(delivery, delivery->courses[i], consumer, report, now_ms);
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
    for (size_t i = 0; i < delivery->course_count; i++)
        course_move_cursors(delivery->courses[i]);
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
    return stream_numbers(delivery->courses[0]->streams[consumer], now_ms).is_alive;
}

static void
show_numbers(struct delivery *delivery, int64_t now_ms)
{
    struct journal_space space = journal_space(delivery->journal);
    uint64_t backlog = 0;

    for (size_t i = 0; i < delivery->feed_count; i++) {
        struct feed *feed = &delivery->feeds[i];

        *feed->sent = *feed->resent = *feed->refused = 0;
        for (size_t c = 0; c < delivery->course_count; c++) {
            struct course *course = delivery->courses[c];

            if (i == CONSUMER_INDEX) {
                struct sender_numbers numbers = sender_numbers(course->sender);

                *feed->sent += numbers.sent;
                *feed->resent += numbers.resent;
            } else {
                struct stream_numbers numbers = stream_numbers(course->streams[i], now_ms);

                *feed->sent += numbers.sent;
                *feed->resent += numbers.resent;
                *feed->refused += numbers.refused;
            }
        }
    }
    for (size_t c = 1; c < delivery->course_count; c++)
        backlog += delivery->courses[c]->backlog;
    *delivery->adopted = delivery->course_count - 1;
    *delivery->adopted_backlog = backlog;
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
    for (size_t i = 0; i < delivery->course_count; i++)
        course_send_heads(delivery, delivery->courses[i], now_ms);
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

static void
on_room(void *self)
{
    delivery_pump(self);
}

static int
open_feed(struct delivery *delivery, size_t consumer, struct err *err)
{
    struct feed *feed = &delivery->feeds[consumer];
    char address[ENDPOINT_LEN];
    int is_index = consumer == CONSUMER_INDEX;

    feed->outlet.on_room = on_room;
    feed->outlet.self = delivery;
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
    delivery->adopted = metrics_number(metrics, METRIC_GAUGE, "bongsu_ingest_adopted_journals",
        "", "journals that no other ingest holds, delivered by this one");
    delivery->adopted_backlog = metrics_number(metrics, METRIC_GAUGE,
        "bongsu_ingest_adopted_backlog_events", "", "events of these not yet confirmed by all");
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
    delivery->courses[0] = course_new(delivery, journal, err);
    if (delivery->courses[0] == NULL)
        goto done;
    delivery->courses[0]->is_own = 1;
    delivery->course_count = 1;
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
    while (self->course_count > 0)
        course_destroy(&self->courses[--self->course_count]);
    for (size_t i = 0; i < self->feed_count; i++)
        outlet_release(&self->feeds[i].outlet);
    free(self->feeds);
    free(self);
    *delivery = NULL;
}

int
delivery_adopt(struct delivery *delivery, struct journal *journal, struct err *err)
{
    struct course *course;

    if (delivery->course_count == DELIVERY_MAX_COURSES) {
        err_set(err, "%d journals are adopted already", (int)DELIVERY_MAX_COURSES - 1);
        return -1;
    }
    course = course_new(delivery, journal, err);
    if (course == NULL)
        return -1;
    delivery->courses[delivery->course_count++] = course;
    return 0;
}

int
delivery_let_go(struct delivery *delivery, const struct journal *journal)
{
    for (size_t i = 1; i < delivery->course_count; i++) {
        if (delivery->courses[i]->journal != journal)
            continue;
        delivery->courses[i]->backlog = course_backlog(delivery->courses[i]);
        if (delivery->courses[i]->backlog > 0)
            return 0;
        course_destroy(&delivery->courses[i]);
        delivery->courses[i] = delivery->courses[--delivery->course_count];
        return 1;
    }
    return 1;
}
