/*
 * notifier.h - the notifier process: hear of incidents, write down, tell
 *
 * The detector's PUB makes it fast, the store makes it complete: it is read
 * at start and every minute for what nobody was told of. What is to be told
 * is in the outbox before it is sent; one request is on the way at a time.
 * Private to this program.
 */
#ifndef NOTIFIER_NOTIFIER_H
#define NOTIFIER_NOTIFIER_H

#include <czmq.h>
#include <stdint.h>

#include "notifier/channel.h"
#include "notifier/outbox.h"
#include "proto/base/log.h"
#include "proto/run/daemon.h"
#include "proto/run/fan.h"
#include "proto/run/turn.h"
#include "proto/store/store.h"

extern const struct daemon_spec notifier_spec;

enum { NOTIFIER_RATE_SECONDS = 60, NOTIFIER_MAX_DETECTORS = 32,
       NOTIFIER_MAX_WAITING = 256 };

struct notifier {
    struct daemon *daemon;
    struct outbox *outbox;
    struct store *store;
    struct http_client *client;
    struct turn *turn;
    struct fan *lives;
    struct incident *waiting[NOTIFIER_MAX_WAITING];     /* heard, not yet written down */
    size_t waiting_count;
    int is_taking_due;
    const struct channel *channel;
    const char *url;                /* NULL: messages go to the log */
    int min_severity;

    /* what each detector's stream has brought: a gap makes us read the store */
    struct heard { uint64_t origin, counter; int64_t at_ms; } streams[NOTIFIER_MAX_DETECTORS];
    int is_reading_due;
    int is_missed;                  /* the outbox did not take what was heard */

    /* the request on the way */
    struct delivery deliveries[OUTBOX_MAX_DUE];
    size_t delivery_count;
    struct attempt attempt;
    int is_busy;
    enum outbox_end end;            /* how it ended, while that is not written down */
    int64_t end_wait_ms;
    char end_why[400];
    int64_t hold_until_ms;          /* the channel asked us to wait, or is down */
    unsigned failures;              /* in a row */
    int64_t pump_at_ms;             /* when the timer looks again, 0: none is set */
    int pump_timer;

    /* messages of the last minute, by second */
    struct { int64_t second; int64_t sent; } rate[NOTIFIER_RATE_SECONDS];
    int64_t digest_ms;              /* when the last message over the rate went out */
    int is_over_rate;               /* the one on the way is such a message */
    struct log_burst burst;
    uint64_t *sent, *digests, *retries, *failed, *heard, *found, *pruned, *refused, *gaps, *broken;
    uint64_t *outbox_failures, *reports;
    int has_reported[REPORT_PERIODS];           /* since the start, */
    int32_t reported_day[REPORT_PERIODS];       /* of the span that begins here */
    struct watch *watch;
};

/* deliver.c: tell what is due, if nothing is on the way. */
void notifier_pump(struct notifier *nt);
void notifier_release_deliveries(struct notifier *nt);

/* test_message.c: POST /test on the process's own socket. */
void notifier_add_routes(struct notifier *nt);

/* hear.c: a fan_spec's on_batch. */
int notifier_on_batch(void *self, struct link *link, struct bus_batch *batch);

/* Put what is due of an incident into the outbox, counted; 0 or -1. is_old: it is only
 * noted. The caller has begun. */
int notifier_add(struct notifier *nt, const struct incident *inc, int is_old,
                 uint64_t *counter, struct err *err);
void notifier_outbox_failed(struct notifier *nt, const struct err *err);

/* Read the store for what nobody was told of (a zloop timer's function). */
int notifier_read_store(zloop_t *loop, int timer, void *self);

#endif
