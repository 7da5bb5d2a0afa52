/*
 * relation.h - how a field's text stands to the value of another field (|fieldref)
 *
 * Both come with the event, so each comparison is linear in their length. A field
 * that is absent or null stands to nothing; of an array any element counts.
 */
#ifndef DETECTOR_MATCH_RELATION_H
#define DETECTOR_MATCH_RELATION_H

#include "detector/match/predicate.h"
#include "proto/base/text.h"

/* 1 when the text equals, begins with, ends with or contains (pred->open) what one of
 * pred->others holds. */
int relation_holds(const struct predicate *pred, struct predicate_context *ctx,
                   struct text text);

#endif
