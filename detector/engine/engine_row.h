/*
 * engine_row.h - the form of a state row, for engine_pack.c and engine_unpack.c
 */
#ifndef DETECTOR_ENGINE_ENGINE_ROW_H
#define DETECTOR_ENGINE_ENGINE_ROW_H

#include <stdint.h>

#include "detector/engine/engine_internal.h"

/* version, shape (8), touch, touched, FLAG_*, number, how many incidents,
 * incidents, [shape of details (8), details], [window]
 * window:   adds, how many clocks, [origin (8), clock, adds since]..., tidy_at,
 *           [sum (8), [FLAG_REST: rest (8)]], how many entries, entries
 *           waits: final and lost (1 and the time, or 0), and of each clock when it moved;
 *           before the entries
 * entry:    page | ENTRY_*, steps of its time and its time of receipt, [weight
 *           (whole, or 8) or value (6) [others]], the id's rest
 * incident: id (16), opened, from there to last, first, newest received; count,
 *           [FLAG_STEPS: steps], severity, INCIDENT_*, how many events, each:
 *           page | EVIDENCE_*, [step of its day], the id's rest */
enum { PACK_VERSION = 2 };
enum { FLAG_WINDOW = 1, FLAG_KNOWN = 2, FLAG_DETAILS = 4, FLAG_STEPS = 8, FLAG_REST = 16,
       FLAG_MAX = 31 };
enum { ENTRY_COUNTED = 1, ENTRY_WHOLE = 2, ENTRY_OTHERS = 2, EVIDENCE_NEXT_DAY = 1 };
/* A file of before has 1 for incomplete: the same. Untold: it grew since it was told. */
enum { INCIDENT_INCOMPLETE = 1, INCIDENT_UNTOLD = 2, INCIDENT_FLAGS = 3 };
enum { VALUE_BYTES = 6 };       /* as ENGINE_VALUE_MASK */

/* What the steps of an entry are counted from. */
struct steps {
    int64_t at_us, received_us;
};

/* What a row's windows depend on: of another shape they are not read. */
uint64_t engine_shape_of(const struct engine *engine, const struct state *state);

#endif
