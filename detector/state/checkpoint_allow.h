/*
 * checkpoint_allow.h - the last good allow list, as the bytes of its file
 *
 * Kept in the state file, so that a list that is broken when the detector
 * starts does not mean that nothing is allowed: every rule would tell of the
 * scanner that everybody knows. No acknowledgement rests on it.
 */
#ifndef DETECTOR_STATE_CHECKPOINT_ALLOW_H
#define DETECTOR_STATE_CHECKPOINT_ALLOW_H

#include "detector/state/checkpoint.h"
#include "proto/base/buf.h"

/* Append what is kept: 1, 0 when nothing was ever kept (an empty list is something),
 * -1 with the reason. */
int checkpoint_read_allow(struct checkpoint *checkpoint, struct buf *out, struct err *err);

/* Keep these bytes instead; a transaction of its own. Writes nothing when they are
 * what is kept already. */
enum db_outcome checkpoint_keep_allow(struct checkpoint *checkpoint, struct text bytes,
                                      struct err *err);

#endif
