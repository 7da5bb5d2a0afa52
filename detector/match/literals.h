/*
 * literals.h - which of many texts are in an event's fields, and whose they are
 *
 * For each field a hash of the texts that must be all of it, and a vectorscan database of
 * those that may stand anywhere. Databases are one for each field: one for all would find
 * in every field what only matters in one, twenty times over. What is found is
 * marked in a set of numbers. More may be marked than is there (an array of numbers,
 * a machine without the instructions that vectorscan wants), never less.
 */
#ifndef DETECTOR_MATCH_LITERALS_H
#define DETECTOR_MATCH_LITERALS_H

#include <stdint.h>

#include "detector/match/witness.h"
#include "proto/base/err.h"

struct literals;

/* NULL when out of memory. */
struct literals *literals_new(void);
void literals_destroy(struct literals **literals);

/* Where witness is found, mark number. 0, or -1 when out of memory. */
int literals_add(struct literals *literals, const struct witness *witness, uint32_t number);

/* All are there. 0, or -1 with the reason. */
int literals_finish(struct literals *literals, struct err *err);

/* Set the bits of the numbers whose witnesses are in the event that the field table
 * began with; others stay as they are. */
void literals_mark(struct literals *literals, struct field_table *fields, uint64_t *bits);

#endif
