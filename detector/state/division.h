/*
 * division.h - the state of all detector slots, divided anew when their number changes
 *
 * Every row names its key's hash, so each finds the slot that owns it now.
 * The old slots may have come to different places in the journals: the new
 * ones begin at the lowest, and know what was judged beyond it and by whom
 * (engine/share.h). New files are made beside the old; a note in the folder
 * says that all are complete, and what it says is done even after a crash.
 */
#ifndef DETECTOR_STATE_DIVISION_H
#define DETECTOR_STATE_DIVISION_H

#include <stdint.h>

#include "detector/ruleset/ruleset.h"
#include "proto/base/err.h"

struct division {
    const char *dir;                /* of detector-N.db */
    unsigned slots;                 /* wanted */
    const struct ruleset *rules;    /* in force: some rows go to more than one */
    int64_t now_us;
};

/* How many slots the state in dir is divided among, 0 when there is none, or -1
 * with the reason. Finishes a division that was noted, and clears away one that was
 * not. No slot may be held by a process that does not wait for the caller. */
int division_find(const char *dir, unsigned *ret_slots, struct err *err);

/* Divide anew what was divided among `old` slots. The caller holds all slots, old and
 * new. 0, or -1 with the reason: then all is as before, or division_find goes on. */
int division_make(const struct division *division, unsigned old, struct err *err);

/* division_make's halves, for tests: make the new files and note them; put them in
 * the place of the old. */
int division_prepare(const struct division *division, unsigned old, struct err *err);
int division_finish(const char *dir, struct err *err);

#endif
