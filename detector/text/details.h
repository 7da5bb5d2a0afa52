/*
 * details.h - which values some fields had in a key's events, for the summary
 *
 * "for 12 users on web1": a rule names a few fields (bongsu.details), and the
 * key remembers the values that its matches brought, each with the time of
 * its first and last event. An incident counts those of its own time. At most
 * so many values a field: what comes beyond is only known to be more.
 */
#ifndef DETECTOR_TEXT_DETAILS_H
#define DETECTOR_TEXT_DETAILS_H

#include <stddef.h>
#include <stdint.h>

#include "detector/text/packing.h"
#include "proto/base/text.h"

enum { DETAILS_MAX_FIELDS = 4, DETAILS_MAX_VALUES = 32, DETAILS_MAX_TEXT = 64 };

struct detail_value {
    int64_t first_us, last_us;
    uint64_t hash;              /* of the value without regard to ASCII case */
    char text[DETAILS_MAX_TEXT + 1];    /* as it came first, cut */
};

struct detail {
    struct detail_value *values;
    uint8_t count, cap;
    int64_t over_us;            /* last event with a value that had no room */
};

/* One key's, a detail for each field. */
struct details {
    struct detail fields[DETAILS_MAX_FIELDS];
};

/* Empty ones, or NULL when out of memory. */
struct details *details_new(void);
void details_destroy(struct details **details);

/* How many values they hold, of all fields. */
size_t details_size(const struct details *details);

/* An event had this value; a new one is kept only when has_room. 0 or -1. */
int detail_add(struct detail *detail, struct text value, int64_t at_us, int has_room);

/* Add what another has seen. 0 or -1. */
int detail_merge(struct detail *detail, const struct detail *other, int has_room);

/* What was seen from one time to another. only is the one value's text (borrowed)
 * when there is but one, else NULL; first that of the value seen first. */
struct detail_seen {
    size_t distinct;
    int is_more;                /* at least so many */
    const char *only, *first;
};
struct detail_seen detail_within(const struct detail *detail, int64_t from_us,
                                 int64_t to_us);

/* As part of a row (NULL: as empty ones); times are counted from start_us. unpack: broken when they make
 * no sense. NULL when out of memory or broken. */
void details_pack(const struct details *details, int64_t start_us, struct packer *packer);
struct details *details_unpack(int64_t start_us, struct unpacker *unpacker);

#endif
