/*
 * spool.h - events in the order in which they were received, however they come
 *
 * A merge sort through a file that is unlinked at once: memory stays the same for a
 * thousand events and for ten million. Pages of the api come newest first by the
 * events' own times; the detector saw them in the journal's order.
 */
#ifndef DETECTOR_TOOL_SPOOL_H
#define DETECTOR_TOOL_SPOOL_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/err.h"
#include "proto/base/text.h"

/* How much is sorted in memory at once, and how many such pieces there may be: so many
 * bytes of events are the most. */
enum { SPOOL_RUN_BYTES = 16 * 1024 * 1024, SPOOL_MAX_RUNS = 1024 };

/* Where an event stands: by time of receipt; within one row by its number in the journal,
 * or, when its client keyed it and it has none, by its own time; then as added. */
struct spool_place {
    int64_t received_us;
    uint64_t sequence;          /* 0: none */
    int64_t at_us;
    uint64_t number;            /* set by spool_add */
};

struct spool;

/* run_bytes 0: SPOOL_RUN_BYTES. NULL when out of memory. */
struct spool *spool_new(size_t run_bytes);
void spool_destroy(struct spool **spool);

/* bytes are copied. 0, or -1 with the reason: memory, the disk, too much. */
int spool_add(struct spool *spool, const struct spool_place *place, struct text bytes,
              struct err *err);

/* All are there: begin with the first. 0 or -1 likewise. */
int spool_rewind(struct spool *spool, struct err *err);

/* The next in order, until the next call. 1; 0 at the end; -1 with the reason. */
int spool_next(struct spool *spool, struct spool_place *ret_place, struct text *ret_bytes,
               struct err *err);

uint64_t spool_count(const struct spool *spool);

#endif
