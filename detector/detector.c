#include "detector/detector.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "detector/state/checkpoint.h"
#include "detector/engine/engine.h"
#include "detector/sources/sources.h"
#include "proto/base/clock.h"
#include "proto/base/fault.h"
#include "proto/base/hash.h"
#include "proto/base/log.h"
#include "proto/bus.h"
#include "proto/endpoints.h"
#include "proto/run/poison.h"
#include "proto/run/sender.h"

enum { REPORT_MS = 1000, GROWN_A_SECOND = 100 };

void
detector_report(struct detector *det)
{
    struct report_origin origins[DETECTOR_MAX_JOURNALS];
    struct report report = { .boot = det->boot, .slots = det->share.slots,
                             .origins = origins };
    const struct position *positions;
    size_t count;

    positions = checkpoint_positions(det->checkpoint, &count);
    snprintf(report.consumer, sizeof(report.consumer), "%s", det->consumer);
    for (size_t i = 0; i < count && i < DETECTOR_MAX_JOURNALS; i++) {
        origins[i] = (struct report_origin){
            .origin = positions[i].origin, .received = positions[i].last,
            .durable = positions[i].durable,
        };
        for (size_t r = 0; r < det->resend_count; r++)
            if (det->resend[r] == positions[i].origin)
                origins[i].wants_resend = 1;
        report.origin_count++;
    }
    fault_point("detector.before_ack");
    fan_report(det->links, &report);
    fault_point("detector.after_ack");
    det->resend_count = 0;
}

static void
publish(void *ctx, const struct incident *inc, const struct batch_head *head, struct text body)
{
    struct detector *det = ctx;

    (void)inc;
    /* PUB never blocks; who misses it reads the store */
    (void)bus_send_batch(det->live, BUS_INCIDENTS, head, body);
    fault_point("detector.after_publish");
}

static void
pump(struct detector *det)
{
    struct err err;

    if (sender_pump(det->sender, clock_steady_ms(), &err) != 0)
        log_warn_burst(&det->fail_burst, "outbox cannot be read", "reason=\"%s\"", err.text);
}

void
detector_refuse(struct detector *det, const struct err *err)
{
    ++*det->failures;
    det->is_refused = 1;
    fan_pause(det->links, 1);
    health_set(det->daemon->health, "state", 0, err->text);
    log_warn_burst(&det->fail_burst, "state cannot be written, trying again", "reason=\"%s\"",
                   err->text);
}

/* So many a second: a store that is asked for more would be kept from its events. */
static size_t
grown_at_once(const struct detector *det)
{
    int64_t most = det->daemon->settings->checkpoint_ms * GROWN_A_SECOND / 1000;

    return most > 0 ? (size_t)most : 1;
}

void
detector_commit(struct detector *det, size_t most_grown)
{
    const struct checkpoint_commit work = {
        .engine = det->engine, .sources = det->sources, .most_grown = most_grown,
        .sent = det->sent_counter,
        .acked = sender_frontier(det->sender), .published = publish, .ctx = det,
    };
    int64_t began_us = zclock_usecs();
    struct err err;
    enum db_outcome outcome;

    det->is_commit_due = 0;
    outcome = checkpoint_commit(det->checkpoint, &work, &err);
    if (outcome == DB_UNCLEAR)
        daemon_die(EXIT_IO, err.text);
    if (outcome != DB_DONE) {
        detector_refuse(det, &err);
        return;
    }
    ++*det->commits;
    det->is_dirty = 0;
    if (det->is_refused) {
        det->is_refused = 0;
        fan_pause(det->links, 0);
        health_set(det->daemon->health, "state", 1, NULL);
        log_info("state can be written again", "");
    }
    pump(det);
    detector_report(det);
    commit_pace_note(&det->pace, began_us, zclock_usecs());
}

static int
on_commit_due(zloop_t *loop, int timer, void *self)
{
    struct detector *det = self;

    (void)loop, (void)timer;
    if (det->is_commit_due)
        detector_commit(det, 0);
    return 0;
}

void
detector_commit_soon(struct detector *det)
{
    if (det->is_commit_due)
        return;
    det->is_commit_due = 1;
    zloop_timer(det->daemon->loop, (size_t)commit_pace_wait_ms(&det->pace, zclock_usecs()), 1,
                on_commit_due, det);
}

static int
on_checkpoint(zloop_t *loop, int timer, void *self)
{
    struct detector *det = self;

    (void)loop, (void)timer;
    detector_keep_rules(det);
    if (det->reload.has_news)
        detector_take_rules(det);
    if (det->is_dirty || det->is_refused || sources_is_due(det->sources) ||
        engine_untold(det->engine) > 0)
        detector_commit(det, grown_at_once(det));
    return 0;
}

/* An empty head each second: who subscribed sees that we are there, and by
 * `previous`, the newest snapshot's counter, whether it has missed one. */
static void
beat(struct detector *det)
{
    const struct batch_head head = { .origin = checkpoint_id(det->checkpoint),
                                     .previous = checkpoint_counter(det->checkpoint) };

    (void)bus_send_batch(det->live, BUS_INCIDENTS, &head, (struct text){ "\x90", 1 });
}

static int
on_second(zloop_t *loop, int timer, void *self)
{
    struct detector *det = self;

    (void)loop, (void)timer;
    detector_report(det);
    pump(det);
    beat(det);
    allow_file_look(&det->allow, det->engine);
    detector_keep_allow(det);
    sources_review(det->sources);
    detector_note_losses(det);
    health_set(det->daemon->health, "ingest",
               fan_alive(det->links, clock_steady_ms()) > 0, "no ingest is heard");
    return 0;
}

static int
on_report(zloop_t *loop, zsock_t *sock, void *self)
{
    struct detector *det = self;
    uint64_t frontier = sender_frontier(det->sender);
    struct report report;
    struct err err;
    int rc;

    (void)loop;
    while ((rc = bus_recv_report(sock, &report, &err)) != 0) {
        struct report_origin ours = { .origin = checkpoint_id(det->checkpoint) };

        if (rc < 0) {
            ++*det->bad_reports;
            log_warn_burst(&det->fail_burst, "report refused", "reason=\"%s\"", err.text);
            continue;
        }
        for (size_t i = 0; i < report.origin_count; i++)
            if (report.origins[i].origin == ours.origin)
                ours = report.origins[i];
        sender_report(det->sender, report.boot, &ours, clock_steady_ms());
        report_release(&report);
    }
    /* the next commit clears what is acknowledged; a report that says nothing
     * new is worth no write */
    det->is_dirty |= sender_frontier(det->sender) != frontier;
    pump(det);
    return 0;
}

static int
next_incident(void *ctx, uint64_t after, struct batch_head *ret_head, struct text *ret_body,
              struct err *err)
{
    struct detector *det = ctx;

    return checkpoint_next(det->checkpoint, after, ret_head, ret_body, err);
}

static int
send_incident(void *ctx, const struct batch_head *head, struct text body)
{
    struct detector *det = ctx;
    int rc;

    fault_point("detector.before_send");
    rc = bus_send_batch(det->incidents, BUS_INCIDENTS, head, body);
    if (rc == 0 && head->first > det->sent_counter)
        det->sent_counter = head->first;
    fault_point("detector.after_send");
    return rc;
}

static int
open_sockets(struct detector *det, struct err *err)
{
    const struct settings *settings = det->daemon->settings;
    const struct sender_source source = { .ctx = det, .next = next_incident, .send = send_incident };
    int slot = (int)det->share.slot;
    char address[ENDPOINT_LEN];
    const struct fan_spec spec = {
        .settings = settings, .data = ENDPOINT_DETECT, .report = ENDPOINT_INGEST_REPORT,
        .first_slot = slot, .slots = 1, .on_batch = detector_on_batch, .self = det,
    };

    det->sender = sender_new(&source, checkpoint_frontier(det->checkpoint));
    if (det->sender == NULL ||
        endpoint_to_bind(settings, ENDPOINT_INCIDENTS, slot, address) != 0 ||
        (det->incidents = bus_bind(ZMQ_PUSH, address, err)) == NULL ||
        endpoint_to_bind(settings, ENDPOINT_INCIDENT_REPORT, slot, address) != 0 ||
        (det->reports = bus_bind(ZMQ_PULL, address, err)) == NULL ||
        endpoint_to_bind(settings, ENDPOINT_LIVE_INCIDENTS, slot, address) != 0 ||
        (det->live = bus_bind(ZMQ_PUB, address, err)) == NULL)
        return -1;
    det->links = fan_new(det->daemon->loop, &spec, det->daemon->metrics, err);
    return det->links == NULL ? -1 : 0;
}

static void
detector_destroy(void **self)
{
    struct detector *det = *self;

    if (det == NULL)
        return;
    detector_close_reload(det);
    fan_destroy(&det->links);
    sender_destroy(&det->sender);
    zsock_destroy(&det->incidents);
    zsock_destroy(&det->reports);
    zsock_destroy(&det->live);
    engine_destroy(&det->engine);
    sources_destroy(&det->sources);
    checkpoint_close(&det->checkpoint);
    poison_close(&det->poison);
    rule_files_release(&det->rule_files);
    allow_file_close(&det->allow);
    json_decref(det->refusals);
    read_ahead_release(&det->ahead);
    free(det);
    *self = NULL;
}

/* The rules and the allow list, which have nothing to do with each other: one that is
 * wrong does not hide the other. */
static int
check_files(const struct settings *settings, struct err *err)
{
    char *path = detector_allow_path(settings);
    int rc = detector_check_rules(settings, err);
    struct err why = { "" };

    if (path == NULL || allow_file_check(path, &why) != 0) {
        if (rc != 0)
            log_warn("allow list refused", "reason=\"%s\"", why.text);
        else
            *err = why;
        rc = -1;
    }
    free(path);
    return rc;
}

static int
detector_start(struct daemon *daemon, int is_check, void **ret_self, int *ret_code,
               struct err *err)
{
    struct detector *det = NULL;

    *ret_code = EXIT_CONFIG;
    if (is_check)
        return check_files(daemon->settings, err);
    det = calloc(1, sizeof(*det));
    if (det == NULL) {
        err_set(err, "out of memory");
        return -1;
    }
    det->daemon = daemon;
    det->boot = hash_random64();
    detector_open_metrics(det);
    *ret_self = det;
    if (detector_open_state(det, err) != 0 || detector_open_allow(det, err) != 0) {
        if (det->is_taken)
            *ret_code = EXIT_TAKEN;
        return -1;
    }
    snprintf(det->consumer, sizeof(det->consumer), "detect/%u", det->share.slot);
    *ret_code = EXIT_TAKEN;
    if (open_sockets(det, err) != 0 || detector_open_reload(det, err) != 0)
        return -1;
    health_on_status(daemon->health, detector_fill_status, det);
    zloop_reader(daemon->loop, det->reports, on_report, det);
    zloop_timer(daemon->loop, (size_t)daemon->settings->checkpoint_ms, 0, on_checkpoint, det);
    zloop_timer(daemon->loop, REPORT_MS, 0, on_second, det);
    detector_report(det);
    pump(det);
    return 0;
}

/* What was judged and heard is committed; the rest stays in the journals. */
static void
detector_drain(void *self)
{
    struct detector *det = self;

    fan_pause(det->links, 1);
    sources_hasten(det->sources);
    detector_commit(det, grown_at_once(det));
}

const struct daemon_spec detector_spec = {
    .name = "detector",
    .help = "judges every event by the rules and tells of incidents",
    .start = detector_start,
    .reload = detector_reload,
    .drain = detector_drain,
    .destroy = detector_destroy,
};
