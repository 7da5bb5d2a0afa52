/*
 * delivery_inner.h - the delivery's own state, for delivery*.c alone
 */
#ifndef INGEST_DELIVERY_DELIVERY_INNER_H
#define INGEST_DELIVERY_DELIVERY_INNER_H

#include "ingest/delivery/delivery.h"
#include "ingest/delivery/live.h"
#include "ingest/delivery/outlet.h"
#include "ingest/delivery/stream.h"
#include "proto/base/log.h"
#include "proto/run/sender.h"

/* The consumer's number in the journal: 0 is "index", 1 + slot "detect/slot". */
enum { CONSUMER_INDEX = 0, CONSUMER_GONE_MS = 5000 };

/* Where the rows of one consumer go, whichever journal they are of. */
struct feed {
    struct outlet outlet;
    uint64_t *sent, *resent, *refused;
};

/* A journal's rows on their way to one consumer. */
struct tap {
    struct journal *journal;
    struct outlet *outlet;
};

/* One journal on its way to all consumers: our own, or one that we adopted. */
struct course {
    struct journal *journal;
    int is_own;
    struct tap *taps;           /* by consumer number, as the next */
    struct stream **streams;    /* a detector slot's; NULL: index */
    struct sender *sender;
    size_t count;
    int64_t head_sent_ms;
    uint64_t backlog;           /* of an adopted one, when it was looked at last */
};

enum { DELIVERY_MAX_COURSES = 16 };

struct delivery {
    struct daemon *daemon;
    struct journal *journal;
    struct course *courses[DELIVERY_MAX_COURSES];   /* our own first */
    size_t course_count;
    struct feed *feeds;         /* by consumer number */
    size_t feed_count;
    struct live *live;
    zsock_t *reports;
    int tick;                   /* timer id */
    int64_t index_heard_ms;
    int is_taking;              /* the journal has room: ingest takes events */
    uint64_t *bad_reports, *foreign_reports, *other_slots;
    uint64_t *journal_bytes, *journal_max_bytes, *adopted, *adopted_backlog;
    struct log_burst report_burst, read_burst;
};

/* Has this consumer reported lately? */
int delivery_is_alive(const struct delivery *delivery, size_t consumer, int64_t now_ms);

/* course.c. NULL with the reason. */
struct course *course_new(struct delivery *delivery, struct journal *journal, struct err *err);
void course_destroy(struct course **course);
void course_pump(struct delivery *delivery, struct course *course, int64_t now_ms);
void course_send_heads(struct delivery *delivery, struct course *course, int64_t now_ms);

/* What a consumer reports of this journal, or of none of its rows. */
void course_report(struct delivery *delivery, struct course *course, size_t consumer,
                   const struct report *report, int64_t now_ms);

/* What is durable moves the journal's cursors. */
void course_move_cursors(struct course *course);

/* Events that some consumer has yet to confirm; 0: the journal is done. */
uint64_t course_backlog(const struct course *course);

#endif
