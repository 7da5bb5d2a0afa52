/*
 * engine_fates.h - what becomes of each rule's rows when other rules come in force
 */
#ifndef DETECTOR_ENGINE_ENGINE_FATES_H
#define DETECTOR_ENGINE_ENGINE_FATES_H

#include <stdint.h>

#include "detector/engine/engine_internal.h"

/* They are handed over; or no rule makes their keys any more; or they go the way of a
 * restart, packed and given back. */
enum outcome { MOVE, LEAVE, RESTORE };

struct fate {
    enum outcome outcome;
    uint32_t number;            /* the rule's from now on; or that of those who leave */
    uint8_t is_bare, is_undetailed;     /* the rule has other windows, other details now */
};

struct fates {
    struct fate *rules;         /* by old number */
    int has_changed;            /* not all move, */
    int has_restored;           /* and some are restored */
};

/* Those of the rules of `from` (which notes the names of rules that leave) when those of
 * `to` come. free() rules. 0, or -1 when out of memory. */
int fates_find(struct fates *fates, struct engine *from, const struct engine *to);

#endif
