#include "notifier/notifier.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "notifier/reports.h"
#include "notifier/watch.h"
#include "proto/base/clock.h"
#include "proto/http/http_client.h"

enum { READ_STORE_MS = 60000, LOOK_MS = 1000, PAGE = 200, PRUNE = 500, LAST_ANSWER_MS = 1000,
       DETECTOR_GONE_MS = 5000 };

/* An outbox that was lost tells only what is younger than this. */
static const int64_t lost_outbox_us = INT64_C(24) * 3600 * 1000000;
/* What is in the store since may say that it was written before: a transaction
 * takes its time, on a slow disk. */
static const int64_t overlap_us = INT64_C(600) * 1000000;

int
notifier_add(struct notifier *nt, const struct incident *inc, int is_old, uint64_t *counter,
             struct err *err)
{
    int made = outbox_add(nt->outbox, inc, nt->min_severity, is_old, clock_real_us(), err);

    if (made > 0)
        *counter += (uint64_t)made;
    return made < 0 ? -1 : 0;
}

void
notifier_outbox_failed(struct notifier *nt, const struct err *err)
{
    ++*nt->outbox_failures;
    nt->is_missed = 1;
    health_set(nt->daemon->health, "outbox", 0, err->text);
    log_warn_burst(&nt->burst, "outbox cannot be written; the store will tell again",
                   "reason=\"%s\"", err->text);
}

static int
on_look(zloop_t *loop, int timer, void *self)
{
    struct notifier *nt = self;
    int64_t slots = nt->daemon->settings->detector_slots, heard = 0;
    char why[64];

    (void)loop, (void)timer;
    for (size_t i = 0; i < NOTIFIER_MAX_DETECTORS; i++)
        heard += nt->streams[i].at_ms != 0 &&
                 clock_steady_ms() - nt->streams[i].at_ms < DETECTOR_GONE_MS;
    if (slots == 1)
        snprintf(why, sizeof(why), "no detector is heard");
    else
        snprintf(why, sizeof(why), "%d of %d detectors are heard", (int)heard, (int)slots);
    health_set(nt->daemon->health, "detector", heard >= slots, why);
    /* what the outbox did not take; waiting for the minute would be long */
    return nt->is_missed ? notifier_read_store(loop, timer, nt) : 0;
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
        rc = notifier_add(nt, found[i],
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

int
notifier_read_store(zloop_t *loop, int timer, void *self)
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
    json_object_set_new(status, "messages_refused_last",
                        json_integer((json_int_t)counts.refused_last));
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
    char *path = settings_path(nt->daemon->settings, "notifier.db");
    int rc = -1;

    if (path == NULL)
        err_set(err, "out of memory");
    else if ((nt->outbox = outbox_open(path, clock_real_us(), err)) != NULL &&
             (nt->store = store_open(nt->daemon->settings, STORE_READ, err)) != NULL)
        rc = 0;
    free(path);
    return rc;
}

static int
open_sockets(struct notifier *nt, struct err *err)
{
    const struct fan_spec spec = {
        .settings = nt->daemon->settings, .data = ENDPOINT_LIVE_INCIDENTS,
        .report = ENDPOINT_LIVE_INCIDENTS, .slots = (int)nt->daemon->settings->detector_slots,
        .on_batch = notifier_on_batch, .self = nt,
    };

    nt->client = http_client_new(nt->daemon->loop, err);
    if (nt->client == NULL)
        return -1;
    nt->lives = fan_new(nt->daemon->loop, &spec, nt->daemon->metrics, err);
    return nt->lives == NULL ? -1 : 0;
}

static void
notifier_destroy(void **self)
{
    struct notifier *nt = *self;

    if (nt == NULL)
        return;
    turn_destroy(&nt->turn);
    http_client_destroy(&nt->client);
    watch_destroy(&nt->watch);
    fan_destroy(&nt->lives);
    for (size_t i = 0; i < nt->waiting_count; i++)
        incident_destroy(&nt->waiting[i]);
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

/* From here on this one tells; others, if there are any, stand by. */
static int
begin_work(void *self, struct err *err)
{
    struct notifier *nt = self;
    zloop_t *loop = nt->daemon->loop;

    if (open_files(nt, err) != 0 || open_sockets(nt, err) != 0)
        return -1;
    health_on_status(nt->daemon->health, fill_status, nt);
    notifier_add_routes(nt);
    nt->watch = watch_new(nt, err);
    if (nt->watch == NULL)
        return -1;
    watch_on_own_status(nt->watch, fill_status);
    zloop_timer(loop, READ_STORE_MS, 0, notifier_read_store, nt);
    zloop_timer(loop, LOOK_MS, 0, on_look, nt);
    on_look(loop, 0, nt);
    reports_start(nt);
    return notifier_read_store(loop, 0, nt);
}

static int
notifier_start(struct daemon *daemon, int is_check, void **ret_self, int *ret_code,
               struct err *err)
{
    const char *url = daemon->settings->slack_webhook_url;
    struct notifier *nt;
    char lock[4096];

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
    if (nt->url == NULL)
        log_info("no SLACK_WEBHOOK_URL is set; incidents go to this log", "");
    snprintf(lock, sizeof(lock), "%s/notifier.lock", daemon->settings->data_dir);
    nt->turn = turn_new(daemon, lock, begin_work, nt, err);
    return nt->turn == NULL ? -1 : 0;
}

/* A message on the way was perhaps told already: its answer, noted, spares
 * people a second one. Slack takes a tenth of this. */
static void
notifier_drain(void *self)
{
    struct notifier *nt = self;

    if (nt->client != NULL)
        http_client_finish(nt->client, LAST_ANSWER_MS);
}

const struct daemon_spec notifier_spec = {
    .name = "notifier",
    .help = "tells people of incidents (Slack)",
    .start = notifier_start,
    .drain = notifier_drain,
    .destroy = notifier_destroy,
};
