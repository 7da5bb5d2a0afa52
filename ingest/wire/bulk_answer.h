/*
 * bulk_answer.h - what a _bulk is answered: one entry for each action, in order
 *
 *   {"took":3,"errors":false,"items":[{"create":{"_index":..,"status":201}},..]}
 *
 * Compact and in this order: Fluent Bit and Vector look for `"errors":true` as it
 * stands. Written while the body is read, sent after the commit.
 */
#ifndef INGEST_WIRE_BULK_ANSWER_H
#define INGEST_WIRE_BULK_ANSWER_H

#include "ingest/wire/bulk.h"
#include "proto/base/buf.h"

struct bulk_answer {
    struct buf bytes;
    size_t count;
    int has_errors;
    int is_short;               /* no more than errors, status and error */
    int has_no_took;
};

/* What became of an action. */
struct bulk_outcome {
    int status;                 /* 201 */
    struct text id;             /* its _id, or the event's */
    uint64_t sequence;
    const char *type, *reason;  /* of a refusal; reason may quote what was sent */
};

/* Begin; filter is filter_path as it was sent, ptr NULL: none. What it asks for is
 * left out only where it is one that shippers use. 0, or -1 when out of memory. */
int bulk_answer_init(struct bulk_answer *answer, struct text filter);
void bulk_answer_release(struct bulk_answer *answer);

/* 0, or -1 when out of memory. */
int bulk_answer_add(struct bulk_answer *answer, const struct bulk_item *item,
                    const struct bulk_outcome *outcome);

/* The whole, borrowed; ptr NULL when out of memory. */
struct text bulk_answer_finish(struct bulk_answer *answer, int64_t took_ms);

#endif
