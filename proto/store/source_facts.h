/*
 * source_facts.h - which sources a span of days has, and had before
 *
 * A store adds what it has seen, part by part in their order, and takes the
 * two lists: sources that are new, and those that went quiet. Pure.
 */
#ifndef PROTO_STORE_SOURCE_FACTS_H
#define PROTO_STORE_SOURCE_FACTS_H

#include "proto/store/store.h"
#include "proto/store/store_tally.h"

enum { SOURCE_FACTS_MAX = 200000 };     /* distinct ones that a question takes in */

/* Three times of one question, which read the rows differently: the span itself;
 * the days before it whose sources may be quiet now; those before that. */
enum source_part { SOURCE_PART_SPAN, SOURCE_PART_QUIET, SOURCE_PART_KNOWN, SOURCE_PARTS };

struct source_fact;

struct source_facts {
    const struct source_query *query;
    enum source_part part;              /* that is being added */
    int32_t from_day, to_day;           /* of the part */
    struct tally values;
    struct source_fact *facts;          /* beside the entries of values */
    size_t fact_cap;
    struct source_changes changes;
};

/* -1 with the reason when the question makes no sense. */
int source_facts_init(struct source_facts *facts, const struct source_query *query,
                      struct err *err);
void source_facts_release(struct source_facts *facts);

/* Begin a part. 1, or 0 when it has no days. */
int source_facts_begin(struct source_facts *facts, enum source_part part);

/* The source was there on that day of the part, first at that time (to the
 * minute). 0, or -1 when out of memory. */
int source_facts_add(struct source_facts *facts, int32_t day, struct text value,
                     int64_t first_us);

/* All is added: the answer, which the caller releases. 0 or -1. */
int source_facts_take(struct source_facts *facts, struct source_changes *ret_changes,
                      struct err *err);

#endif
