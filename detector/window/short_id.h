/*
 * short_id.h - event ids in 16 bytes instead of 21
 *
 * Windows hold many ids of few journals. The id of an event that we numbered
 * is kept with its journal's number in a table; one that its client keyed is
 * its hash. Which of the two a short id is, its owner knows (is_keyed).
 */
#ifndef DETECTOR_WINDOW_SHORT_ID_H
#define DETECTOR_WINDOW_SHORT_ID_H

#include <stddef.h>
#include <stdint.h>

#include "proto/event.h"

/* The journals that ids came from. It only grows: by eight bytes for each
 * journal that the process has heard of. Zeroed is empty. */
struct journals {
    uint64_t *ids;
    uint32_t count, cap;
    uint32_t last;              /* found last: most events in a row are of one */
};

struct short_id {
    union {
        uint8_t hash[16];
        struct {
            uint64_t sequence;
            uint32_t nonce, journal;    /* number in the table */
        } numbered;
    } as;
};

void journals_release(struct journals *journals);

/* The number of a journal, added when new. -1: out of memory. */
int64_t journals_number(struct journals *journals, uint64_t id);

/* Shorten; keyed ids have 16 bytes, all others 20. 0, or -1 when out of memory. */
int short_id_make(struct journals *journals, const struct event_id *id,
                  struct short_id *ret);

/* The whole id again. */
struct event_id short_id_expand(const struct journals *journals,
                                const struct short_id *id, int is_keyed);

#endif
