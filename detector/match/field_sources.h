/*
 * field_sources.h - which of the fields that rules name an event's field is a value for
 *
 * A field of a rule may be found under several names; an event's field is gone through
 * once, and says which those are.
 */
#ifndef DETECTOR_MATCH_FIELD_SOURCES_H
#define DETECTOR_MATCH_FIELD_SOURCES_H

#include <stddef.h>
#include <stdint.h>

#include "proto/event.h"

/* Where a field's value may come from, the best first; of a map of that name (PARENT) it
 * may be a part, which is looked for when there is nothing better. */
enum field_rank { RANK_PREFIXED, RANK_KNOWN, RANK_NAME_KNOWN, RANK_NAME, RANK_OTHER_KNOWN, RANK_OTHER,
                  RANK_PARENT };

struct field_source {
    struct text name;           /* lent; ptr NULL: of a row of event_fields[] */
    uint64_t hash;
    uint32_t field;             /* of the rules */
    enum field_rank rank;
    int32_t next;               /* of the same bucket or row; -1: none */
};

struct field_sources {
    struct field_source *all;
    size_t count, cap;
    int32_t *buckets;           /* a power of two */
    size_t bucket_count;
    int32_t rows[EVENT_FIELD_COUNT];
};

void field_sources_init(struct field_sources *sources);
void field_sources_release(struct field_sources *sources);

/* A row of event_fields[], or a further field by this name, is one for `field`. Nothing is done
 * for row -1 and for an empty name. 0, or -1 when out of memory. */
int field_sources_add_row(struct field_sources *sources, int row, uint32_t field,
                          enum field_rank rank);
int field_sources_add_name(struct field_sources *sources, struct text name, uint32_t field,
                           enum field_rank rank);

/* The first by this name, and the next after one; NULL: no more. */
const struct field_source *field_sources_first(const struct field_sources *sources,
                                               struct text name);
const struct field_source *field_sources_next(const struct field_sources *sources,
                                              const struct field_source *source);

#endif
