/*
 * stream.h - one detector gets the whole journal, in order, from its place
 *
 * Each row names its predecessor, so the detector sees a gap and asks again;
 * what it reports as received makes room for more, what it reports as
 * durable moves the cursor. No clock and no socket: the owner gives times
 * and a function that sends.
 */
#ifndef INGEST_DELIVERY_STREAM_H
#define INGEST_DELIVERY_STREAM_H

#include <stdint.h>

#include "proto/base/err.h"
#include "proto/bus.h"
#include "proto/run/sender.h"

struct stream;

enum { STREAM_WINDOW_BYTES = 16 * 1024 * 1024, STREAM_MAX_FLIGHTS = 8192,
       STREAM_IDLE_MS = 1000, STREAM_GONE_MS = 5000 };

/* What the stream knows of the journal beside its rows. */
struct stream_place {
    uint64_t last;              /* newest sequence */
    uint64_t oldest;            /* `first` of the oldest row held */
    int64_t now_us;             /* wall clock, for empty heads; 0: no events are taken in */
};

struct stream_source {
    struct sender_source rows;  /* next and send, as a sender's */
    /* origin and nonce of the journal, for empty heads */
    uint64_t origin;
    uint32_t nonce;
};

struct stream_numbers {
    uint64_t sent, resent;      /* rows, since start */
    uint64_t refused;           /* reports that claim what was never sent */
    uint64_t in_flight_bytes;
    int is_alive;               /* reported in the last STREAM_GONE_MS */
};

/* Starts after durable. NULL when out of memory. */
struct stream *stream_new(const struct stream_source *source, uint64_t durable);
void stream_destroy(struct stream **stream);

/* Send what fits in the window, and an empty head when nothing was sent for
 * STREAM_IDLE_MS. 0, or -1 with the source's reason. */
int stream_pump(struct stream *stream, const struct stream_place *place, int64_t now_ms,
                struct err *err);

/* Take in what the detector reports of our origin. A report with a new boot
 * sets the place anew; claims beyond what was sent are refused and counted,
 * those of a new boot beyond place->last are cut to it and counted. */
void stream_report(struct stream *stream, uint64_t boot, const struct report_origin *part,
                   const struct stream_place *place, int64_t now_ms);

/* The detector has spoken, though of no place in our journal. */
void stream_hear(struct stream *stream, int64_t now_ms);

/* On the detector's disk up to here. It falls when a detector comes back with
 * less than it had: then the journal keeps for it what there still is. */
uint64_t stream_durable(const struct stream *stream);

struct stream_numbers stream_numbers(const struct stream *stream, int64_t now_ms);

#endif
