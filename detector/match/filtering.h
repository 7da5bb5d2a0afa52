/*
 * filtering.h - filters as programs: what they take from rules that match
 *
 * Asked only when a rule holds, so a filter costs nothing until then. A filter
 * is compiled once for each logsource of the rules that it is for, since that
 * decides what its fields are called in events; its names stay its own.
 */
#ifndef DETECTOR_MATCH_FILTERING_H
#define DETECTOR_MATCH_FILTERING_H

#include <stddef.h>
#include <stdint.h>

#include "detector/match/predicate_table.h"
#include "detector/sigma/sigma_filter.h"
#include "proto/base/err.h"

struct filtering;

/* None yet, over a table of predicates (lent). NULL when out of memory. */
struct filtering *filtering_new(struct predicate_table *table);
void filtering_destroy(struct filtering **filtering);

/* The rule (its number, never one below that of an earlier call) holds only when the
 * filter does. Both are lent. 0, or -1 with "file:line: reason". */
int filtering_add(struct filtering *filtering, size_t rule, const struct sigma_rule *sigma,
                  const struct sigma_filter *filter, uint32_t number, struct err *err);

/* The number of the first filter that takes the rule from an event received at that time,
 * or -1. */
int64_t filtering_takes(const struct filtering *filtering, size_t rule, int64_t received_us);

#endif
