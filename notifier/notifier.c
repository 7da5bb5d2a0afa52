#include "notifier/notifier.h"

#include <stdlib.h>
#include <string.h>

#include "notifier/reports.h"
#include "notifier/watch.h"
#include "proto/base/clock.h"
#include "proto/bus.h"
#include "proto/endpoints.h"
#include "proto/http/http_client.h"

enum { READ_STORE_MS = 60000, LOOK_MS = 1000, PAGE = 200, PRUNE = 500, LAST_ANSWER_MS = 1000,
       CATCH_UP_MS = 500,          /* the indexer has stored by then what was published */
       DETECTOR_GONE_MS = 5000 };

static int on_read_store(zloop_t *loop, int timer, void *self);

/* An outbox that was lost tells only what is younger than this. */
static const int64_t lost_outbox_us = INT64_C(24) * 3600 * 1000000;
/* What is in the store since may say that it was written before: a transaction
 * takes its time, on a slow disk. */
static const int64_t overlap_us = INT64_C(600) * 1000000;

static int
add_to_outbox(struct notifier *nt, const struct incident *inc, int is_old, uint64_t *counter,
              struct err *err)
{
    int made = outbox_add(nt->outbox, inc, nt->min_severity, is_old, clock_real_us(), err);

    if (made > 0)
        *counter += (uint64_t)made;
    return made < 0 ? -1 : 0;
}

static void
outbox_failed(struct notifier *nt, const struct err *err)
{
    ++*nt->outbox_failures;
    nt->is_missed = 1;
    health_set(nt->daemon->health, "outbox", 0, err->text);
    log_warn_burst(&nt->burst, "outbox cannot be written; the store will tell again",
                   "reason=\"%s\"", err->text);
}

static int
on_catch_up(zloop_t *loop, int timer, void *self)
{
    struct notifier *nt = self;

    nt->is_reading_due = 0;
    return on_read_store(loop, timer, nt);
}

/* Note how far the detector's stream is. PUB may lose (a late subscriber, a
 * full queue): then the store tells what was missed. */
static void
follow_stream(struct notifier *nt, const struct batch_head *head)
{
    uint64_t before = head->count > 0 ? head->first - 1 : head->previous;
    int is_gap = head->origin != nt->heard_origin || before > nt->heard_counter;

    nt->heard_ms = clock_steady_ms();
    nt->heard_origin = head->origin;
    if (head->count > 0)
        nt->heard_counter = head->first;
    else if (is_gap)
        nt->heard_counter = head->previous;
    if (!is_gap)
        return;
    ++*nt->gaps;
    if (nt->is_reading_due)
        return;
    nt->is_reading_due = 1;
    zloop_timer(nt->daemon->loop, CATCH_UP_MS, 1, on_catch_up, nt);
}

static int
on_look(zloop_t *loop, int timer, void *self)
{
    struct notifier *nt = self;

    health_set(nt->daemon->health, "detector",
               nt->heard_ms != 0 && clock_steady_ms() - nt->heard_ms < DETECTOR_GONE_MS,
               "no detector is heard");
    /* what the outbox did not take; waiting for the minute would be long */
    return nt->is_missed ? on_read_store(loop, timer, nt) : 0;
}

/* Take in what the detector has published: one transaction for all that waits. */
static int
on_live(zloop_t *loop, zsock_t *sock, void *self)
{
    struct notifier *nt = self;
    struct bus_batch batch;
    struct err err;
    int rc, failed = outbox_begin(nt->outbox, &err) != 0;

    (void)loop;
    while ((rc = bus_recv_batch(sock, &batch, &err)) != 0) {
        struct incident *inc = NULL;

        if (rc > 0 && batch.kind == BUS_INCIDENTS)
            follow_stream(nt, &batch.head);
        if (rc > 0 && batch.head.count == 0) {
            bus_batch_release(&batch);
            continue;
        }
        if (rc < 0 || batch.kind != BUS_INCIDENTS || batch.body.len < 2 ||
            incident_unpack(batch.body.ptr + 1, batch.body.len - 1, &inc, &err) != 0)
            ++*nt->refused;
        else if (!failed)
            failed = add_to_outbox(nt, inc, 0, nt->heard, &err) != 0;
        incident_destroy(&inc);
        if (rc > 0)
            bus_batch_release(&batch);
    }
    if (failed)
        outbox_rollback(nt->outbox);
    if (failed || outbox_commit(nt->outbox, &err) != 0)
        outbox_failed(nt, &err);
    notifier_pump(nt);
    return 0;
}

/* One page of what was written to the store since; -1 with the reason. */
static int
read_page(struct notifier *nt, struct incident_query *query, int *ret_is_more, struct err *err)
{
    struct incident **found = NULL;
    size_t count = 0;
    int64_t too_old = clock_real_us() - lost_outbox_us;
    int rc = nt->store->ops->find_incidents(nt->store, query, &found, &count, ret_is_more, err);

    if (rc == 0)
        rc = outbox_begin(nt->outbox, err);
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = add_to_outbox(nt, found[i],
                           outbox_is_new(nt->outbox) && found[i]->newest_received_us < too_old,
                           nt->found, err);
    if (rc == 0)
        rc = outbox_commit(nt->outbox, err);
    else
        outbox_rollback(nt->outbox);
    if (count > 0) {
        query->has_cursor = 1;
        query->cursor_us = found[count - 1]->last_seen_us;
        memcpy(query->cursor_id, found[count - 1]->id, sizeof(query->cursor_id));
    } else {
        *ret_is_more = 0;
    }
    store_free_incidents(&found, count);
    return rc;
}

/* What was written to the store before this was looked at. After the clock was
 * set back what is new says an earlier time than that. */
static int64_t
read_from(const struct notifier *nt, int64_t now_us)
{
    int64_t until = outbox_read_until(nt->outbox);
    int64_t from = until > now_us ? now_us - lost_outbox_us : until - overlap_us;

    return from > 0 ? from : 0;
}

/* The store has deleted an incident: nobody will read of it there again. */
static int
is_gone(void *ctx, const char *id, struct err *err)
{
    struct notifier *nt = ctx;
    struct incident *inc = NULL;
    int rc = nt->store->ops->get_incident(nt->store, id, &inc, err);

    incident_destroy(&inc);
    return rc < 0 ? -1 : !rc;
}

/* What was told is remembered as long as the store and the detector may come back
 * to it: the retention, after which the store drops what is closed. */
static void
prune(struct notifier *nt, int64_t now_us)
{
    int64_t retention_ms = nt->daemon->settings->store_retention_ms;
    uint64_t rows = 0;
    struct err err;

    if (retention_ms <= 0)
        return;
    if (outbox_prune(nt->outbox, now_us - retention_ms * 1000, PRUNE, is_gone, nt, &rows,
                     &err) != 0)
        log_warn_burst(&nt->burst, "what was told cannot be forgotten", "reason=\"%s\"",
                       err.text);
    *nt->pruned += rows;
}

static int
on_read_store(zloop_t *loop, int timer, void *self)
{
    struct notifier *nt = self;
    struct incident_query query = { .to_us = INT64_MAX, .status = -1, .severity = -1,
                                    .limit = PAGE };
    int64_t started = clock_real_us();
    struct err err;
    int is_more = 1, rc = 0;

    (void)loop, (void)timer;
    query.from_us = INT64_MIN;
    query.updated_from_us = read_from(nt, started);
    while (rc == 0 && is_more)
        rc = read_page(nt, &query, &is_more, &err);
    if (rc == 0)
        rc = outbox_set_read_until(nt->outbox, started, &err);
    health_set(nt->daemon->health, "store", rc == 0, rc == 0 ? NULL : err.text);
    if (rc == 0 && nt->is_missed)
        health_set(nt->daemon->health, "outbox", 1, NULL);
    nt->is_missed = rc != 0;
    if (rc == 0)
        prune(nt, started);
    else
        log_warn_burst(&nt->burst, "store cannot be read for what was not told",
                       "reason=\"%s\"", err.text);
    notifier_pump(nt);
    return 0;
}

static void
fill_status(void *self, json_t *status)
{
    struct notifier *nt = self;
    struct outbox_counts counts = { 0 };
    struct err err;

    if (outbox_counts(nt->outbox, &counts, &err) != 0)
        return;
    json_object_set_new(status, "channel", json_string(nt->url == NULL ? "log" : "slack"));
    json_object_set_new(status, "messages_waiting", json_integer((json_int_t)counts.waiting));
    json_object_set_new(status, "messages_failed", json_integer((json_int_t)counts.failed));
    json_object_set_new(status, "messages_unreadable",
                        json_integer((json_int_t)outbox_broken(nt->outbox)));
    json_object_set_new(status, "oldest_waiting_s",
                        json_integer((json_int_t)(counts.waiting == 0 ? 0 :
                            (clock_real_us() - counts.oldest_us) / 1000000)));
    watch_fill_status(nt->watch, status);
    json_object_set_new(status, "messages_sent", json_integer((json_int_t)counts.sent));
}

static void
open_metrics(struct notifier *nt)
{
    const struct { uint64_t **number; const char *name, *help; } rows[] = {
        { &nt->sent, "bongsu_notifier_messages_sent_total", "messages that were taken" },
        { &nt->digests, "bongsu_notifier_digests_sent_total", "messages that stand for several incidents" },
        { &nt->retries, "bongsu_notifier_retries_total", "attempts that are made again" },
        { &nt->outbox_failures, "bongsu_notifier_outbox_failures_total", "writes that the outbox did not take" },
        { &nt->failed, "bongsu_notifier_messages_failed_total", "messages refused for good" },
        { &nt->broken, "bongsu_notifier_messages_unreadable_total", "messages of the outbox that could not be read, failed" },
        { &nt->heard, "bongsu_notifier_deliveries_heard_total", "deliveries that the detector's call made" },
        { &nt->found, "bongsu_notifier_deliveries_found_total", "deliveries that only the store told of" },
        { &nt->pruned, "bongsu_notifier_deliveries_pruned_total", "deliveries forgotten: their incidents are past the retention" },
        { &nt->gaps, "bongsu_notifier_gaps_total", "times the detector's stream had a gap and the store was read" },
        { &nt->refused, "bongsu_notifier_refused_total", "messages from the bus that make no sense" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        *rows[i].number = metrics_number(nt->daemon->metrics, METRIC_COUNTER, rows[i].name, "",
                                         rows[i].help);
}

static int
open_files(struct notifier *nt, struct err *err)
{
    char *lock = settings_path(nt->daemon->settings, "notifier.lock");
    char *path = settings_path(nt->daemon->settings, "notifier.db");
    int rc = -1;

    if (lock == NULL || path == NULL)
        err_set(err, "out of memory");
    else if (daemon_lock(lock, err) >= 0 && (nt->outbox = outbox_open(path, clock_real_us(), err)) != NULL &&
             (nt->store = store_open(nt->daemon->settings, STORE_READ, err)) != NULL)
        rc = 0;
    free(lock);
    free(path);
    return rc;
}

static int
open_sockets(struct notifier *nt, struct err *err)
{
    char address[ENDPOINT_LEN];

    nt->client = http_client_new(nt->daemon->loop, err);
    if (nt->client == NULL)
        return -1;
    if (endpoint_to_connect(nt->daemon->settings, ENDPOINT_LIVE_INCIDENTS, 0, address) != 0) {
        err_set(err, "bus.dir: the path is too long for a socket");
        return -1;
    }
    nt->live = bus_connect(ZMQ_SUB, address, err);
    if (nt->live == NULL)
        return -1;
    zsock_set_subscribe(nt->live, "");
    return zloop_reader(nt->daemon->loop, nt->live, on_live, nt);
}

static void
notifier_destroy(void **self)
{
    struct notifier *nt = *self;

    if (nt == NULL)
        return;
    http_client_destroy(&nt->client);
    watch_destroy(&nt->watch);
    zsock_destroy(&nt->live);
    notifier_release_deliveries(nt);
    outbox_close(&nt->outbox);
    store_close(&nt->store);
    free(nt);
    *self = NULL;
}

/* The webhook, checked; a wrong one is a mistake to be told at start. */
static int
check_settings(const struct settings *settings, struct err *err)
{
    if (severity_parse(text_of(settings->slack_min_severity)) < 0) {
        err_set(err, "slack.min_severity: must be low, medium, high or critical");
        return -1;
    }
    if (reports_check(settings, err) != 0)
        return -1;
    if (settings->slack_webhook_url == NULL || settings->slack_webhook_url[0] == '\0')
        return 0;
    if (http_url_check_webhook(settings->slack_webhook_url, err) == 0)
        return 0;
    err_add(err, "SLACK_WEBHOOK_URL");
    return -1;
}

static int
notifier_start(struct daemon *daemon, int is_check, void **ret_self, int *ret_code,
               struct err *err)
{
    const char *url = daemon->settings->slack_webhook_url;
    struct notifier *nt;

    *ret_code = EXIT_CONFIG;
    if (check_settings(daemon->settings, err) != 0)
        return -1;
    if (is_check)
        return 0;
    nt = calloc(1, sizeof(*nt));
    if (nt == NULL) {
        err_set(err, "out of memory");
        return -1;
    }
    *ret_self = nt;
    nt->daemon = daemon;
    nt->channel = &channel_slack;
    nt->url = url == NULL || url[0] == '\0' ? NULL : url;
    nt->min_severity = severity_parse(text_of(daemon->settings->slack_min_severity));
    open_metrics(nt);
    if (open_files(nt, err) != 0 || open_sockets(nt, err) != 0)
        return -1;
    if (nt->url == NULL)
        log_info("no SLACK_WEBHOOK_URL is set; incidents go to this log", "");
    health_on_status(daemon->health, fill_status, nt);
    notifier_add_routes(nt);
    nt->watch = watch_new(nt, err);
    if (nt->watch == NULL)
        return -1;
    watch_on_own_status(nt->watch, fill_status);
    zloop_timer(daemon->loop, READ_STORE_MS, 0, on_read_store, nt);
    zloop_timer(daemon->loop, LOOK_MS, 0, on_look, nt);
    on_look(daemon->loop, 0, nt);
    reports_start(nt);
    return on_read_store(daemon->loop, 0, nt);
}

/* A message on the way was perhaps told already: its answer, noted, spares
 * people a second one. Slack takes a tenth of this. */
static void
notifier_drain(void *self)
{
    http_client_finish(((struct notifier *)self)->client, LAST_ANSWER_MS);
}

const struct daemon_spec notifier_spec = {
    .name = "notifier",
    .help = "tells people of incidents (Slack)",
    .start = notifier_start,
    .drain = notifier_drain,
    .destroy = notifier_destroy,
};
