/*
 * sender.h - shares batches out over any number of consumers until each is on one's disk
 *
 * The rules of DESIGN.md section 3 for `index` (and for the detector's
 * incidents): acks come in any order; what nobody has reported as held for
 * 10 s is sent again; at most a window of bytes per reporting consumer is on
 * the way, but always at least one batch. No clock and no socket: the owner
 * gives times and a function that sends.
 */
#ifndef PROTO_RUN_SENDER_H
#define PROTO_RUN_SENDER_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/err.h"
#include "proto/bus.h"

struct sender;

struct sender_source {
    void *ctx;
    /* The first batch with a key above `after`: 1 and head and body (borrowed
     * until the next call), 0 when there is none, -1 with the reason. */
    int (*next)(void *ctx, uint64_t after, struct batch_head *ret_head,
                struct text *ret_body, struct err *err);
    /* Send without waiting: 0, or -1 when the socket takes nothing now. */
    int (*send)(void *ctx, const struct batch_head *head, struct text body);
    /* Keys up to this may have been sent before the sender was made. What was sent goes out
     * with is_again in its head. */
    uint64_t sent_before;
};

struct sender_numbers {
    uint64_t sent, resent, acked;       /* batches, since start */
    uint64_t gone;                      /* no longer at the source when due again: done */
    uint64_t in_flight, in_flight_bytes;
    uint64_t consumers;                 /* that reported in the last 5 s */
};

enum { SENDER_WINDOW_BYTES = 16 * 1024 * 1024, SENDER_RESEND_MS = 10000,
       SENDER_CONSUMER_GONE_MS = 5000, SENDER_MAX_FLIGHTS = 8192 };

/* Everything up to key `frontier` is acknowledged already. */
struct sender *sender_new(const struct sender_source *source, uint64_t frontier);
void sender_destroy(struct sender **sender);

/* Send what may be sent now: new batches within the window, and those whose
 * time to be sent again has come. 0, or -1 with the source's reason. */
int sender_pump(struct sender *sender, int64_t now_ms, struct err *err);

/* Take in what a consumer reports of our origin. */
void sender_report(struct sender *sender, uint64_t boot, const struct report_origin *part,
                   int64_t now_ms);

/* Every batch with a key up to this is acknowledged. */
uint64_t sender_frontier(const struct sender *sender);

struct sender_numbers sender_numbers(const struct sender *sender);

#endif
