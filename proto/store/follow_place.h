/*
 * follow_place.h - how far somebody has read of what is stored, as a text
 *
 * "s1_20779.1234_1.99": what kind of store it is of; the newest storage day
 * and the number of the last thing read there; then by how many days older,
 * and its number. Numbers of a day only grow. Pure.
 */
#ifndef PROTO_STORE_FOLLOW_PLACE_H
#define PROTO_STORE_FOLLOW_PLACE_H

#include "proto/store/store.h"

struct follow_place {
    struct { int32_t day; int64_t n, last_n; } files[STORE_FOLLOW_DAYS];    /* newest first */
    size_t count;
};

/* Into an empty place: 0, or -2 with the reason. */
int follow_place_parse(struct text text, const char *version, struct follow_place *ret,
                       struct err *err);

/* 0, or -1 when out of memory. */
int follow_place_format(const struct follow_place *place, const char *version, struct buf *out);

/* How far that day was read by who has this place. Fewer numbers than were read:
 * it was deleted and made anew. */
int64_t follow_place_find(const struct follow_place *place, int32_t day, int64_t last_n);

#endif
