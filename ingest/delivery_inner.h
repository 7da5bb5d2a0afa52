/*
 * delivery_inner.h - the delivery's own state, for delivery*.c alone
 */
#ifndef INGEST_DELIVERY_INNER_H
#define INGEST_DELIVERY_INNER_H

#include "ingest/delivery.h"
#include "ingest/live.h"
#include "ingest/outlet.h"
#include "ingest/stream.h"
#include "proto/base/log.h"
#include "proto/run/sender.h"

/* The consumer's number in the journal: 0 is "index", 1 + slot "detect/slot". */
enum { CONSUMER_INDEX = 0, CONSUMER_GONE_MS = 5000 };

/* Where the rows of one consumer come from, and where they go. */
struct feed {
    struct journal *journal;
    struct outlet outlet;
    struct stream *stream;      /* a detector slot's; NULL: index */
    uint64_t *sent, *resent, *refused;
};

struct delivery {
    struct daemon *daemon;
    struct journal *journal;
    struct sender *sender;
    struct feed *feeds;         /* by consumer number */
    size_t feed_count;
    struct live *live;
    zsock_t *reports;
    int tick;                   /* timer id */
    int64_t index_heard_ms, head_sent_ms;
    int is_taking;              /* the journal has room: ingest takes events */
    uint64_t *bad_reports, *foreign_reports, *other_slots;
    uint64_t *journal_bytes, *journal_max_bytes;
    struct log_burst report_burst, read_burst;
};

/* Has this consumer reported lately? */
int delivery_is_alive(const struct delivery *delivery, size_t consumer, int64_t now_ms);

#endif
