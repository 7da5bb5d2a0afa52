/*
 * store_tally.h - sums per (kind, bucket, value), in memory
 *
 * What a batch adds to the counters before they are written, how full a
 * bucket on disk is, and what a dashboard adds up over files. Entries stand in
 * the order of their first addition; values are copied.
 */
#ifndef PROTO_STORE_STORE_TALLY_H
#define PROTO_STORE_STORE_TALLY_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/arena.h"
#include "proto/base/text.h"

struct tally_entry {
    int64_t bucket;
    struct text value;
    uint64_t events;
    uint32_t hash;
    int kind;
};

/* A zeroed one is empty. The caller bounds it: see tally.count. */
struct tally {
    struct tally_entry *entries;
    size_t count, cap;
    uint32_t *slots;            /* entry number + 1; a power of two of them */
    size_t slot_count;
    struct arena values;
};

void store_tally_release(struct tally *tally);

/* Forget the entries, keep the memory. */
void store_tally_clear(struct tally *tally);

/* The entry of (kind, bucket, value), or NULL. Valid until the next add. */
struct tally_entry *store_tally_find(const struct tally *tally, int kind, int64_t bucket,
                               struct text value);

/* Add events to the entry (made when missing) and return it, valid until the
 * next add; NULL when out of memory. */
struct tally_entry *store_tally_add(struct tally *tally, int kind, int64_t bucket,
                              struct text value, uint64_t events);

/* Entries of one (kind, bucket) side by side. They can no longer be found or
 * added to until store_tally_clear. */
void store_tally_by_bucket(struct tally *tally);

/* By kind, then the most events first, then by value. As above. */
void store_tally_most_first(struct tally_entry *entries, size_t count);

#endif
