/*
 * id_memory.h - was this id there lately? Almost surely, in little memory
 *
 * A file that is sent again comes too late for its windows, which hold its
 * first sending no more; but it is no news that a source is late. Two Bloom
 * filters: when one has taken its share the older is emptied. So the last
 * million ids are known, at most two; about one of a thousand strangers is taken
 * for known. For counters only: it is lost with the process.
 */
#ifndef DETECTOR_ENGINE_ID_MEMORY_H
#define DETECTOR_ENGINE_ID_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/hash.h"

enum { ID_MEMORY_SHARE = 1024 * 1024 };

/* A zeroed one is empty; it takes 4 MiB with the first id. */
struct id_memory {
    uint64_t *filters[2];       /* filled now; before that */
    size_t taken;               /* ids of the one that is filled */
};

void id_memory_release(struct id_memory *memory);

/* Remember an id, which is a hash itself: 1 when it was there, 0 when it is new,
 * or when memory is out. */
int id_memory_add(struct id_memory *memory, const uint8_t id[HASH_ID_LEN]);

#endif
