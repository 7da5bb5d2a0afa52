/*
 * rule_index.h - which rules an event has a chance with
 *
 * Made of the witnesses of all rules. Rules that can do without any are always there.
 */
#ifndef DETECTOR_MATCH_RULE_INDEX_H
#define DETECTOR_MATCH_RULE_INDEX_H

#include "detector/match/compiled.h"
#include "proto/base/err.h"

struct rule_index;

/* Of count rules, over the predicates of a table (both lent). NULL with the reason. */
struct rule_index *rule_index_new(const struct compiled *rules, size_t count,
                                  const struct predicate_table *table, struct err *err);

/* One in which all are always there. */
struct rule_index *rule_index_new_plain(size_t count, struct err *err);
void rule_index_destroy(struct rule_index **index);

/* The rules worth a look for the event that the field table began with, as a set of
 * bits in words of 64. Borrowed until the next call. */
const uint64_t *rule_index_find(struct rule_index *index, size_t *ret_words);

/* How many rules are always there. */
size_t rule_index_always(const struct rule_index *index);

#endif
