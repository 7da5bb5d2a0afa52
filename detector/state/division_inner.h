/*
 * division_inner.h - what division*.c share
 */
#ifndef DETECTOR_STATE_DIVISION_INNER_H
#define DETECTOR_STATE_DIVISION_INNER_H

#include "detector/engine/share.h"
#include "detector/state/checkpoint_inner.h"
#include "detector/state/division.h"

/* Where a state file is: "detector-0.db", while it is made "detector-0.new.db". */
void division_path(const char *dir, unsigned slot, int is_new, char out[DB_PATH_LEN]);

/* The old files, opened: what each knows. NULL: that slot has none. */
struct division_old {
    unsigned slots;
    struct checkpoint *files[SHARE_MAX_SLOTS];
    struct sources *sources[SHARE_MAX_SLOTS];
};

/* Make one new file of the old ones. 0, or -1 with the reason. */
int division_fill(const struct division *division, const struct division_old *old,
                  unsigned slot, struct err *err);

#endif
