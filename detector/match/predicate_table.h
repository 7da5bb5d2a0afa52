/*
 * predicate_table.h - the predicates of all rules, each there once
 *
 * Rules share most of their tests. A predicate that two rules have is one
 * predicate here, and is tested at most once per event, whoever asks.
 */
#ifndef DETECTOR_MATCH_PREDICATE_TABLE_H
#define DETECTOR_MATCH_PREDICATE_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "detector/match/predicate.h"

struct predicate_table;

/* An empty table over a field table (lent). NULL when out of memory. */
struct predicate_table *predicate_table_new(struct field_table *fields);
void predicate_table_destroy(struct predicate_table **table);

/* Compile a test of `count` values of an item of a rule of this logsource, or find
 * the one that is the same. Its number, or -1 with the reason as
 * predicate_init gives it. */
int64_t predicate_table_add(struct predicate_table *table, const struct sigma_item *item,
                            const struct logsource *of, const struct sigma_value *values,
                            size_t count, int *ret_line, struct err *err);

const struct predicate *predicate_table_get(const struct predicate_table *table,
                                            uint32_t number);

/* The field table that was lent. */
struct field_table *predicate_table_fields(const struct predicate_table *table);

/* The field table began with another event: forget the answers. */
void predicate_table_begin(struct predicate_table *table);

/* 1 when the predicate holds for the event. */
int predicate_table_test(struct predicate_table *table, uint32_t number);

/* How many regular expressions were given up at their limit, so far. */
uint64_t predicate_table_limits_hit(const struct predicate_table *table);

#endif
