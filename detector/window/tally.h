/*
 * tally.h - how often each of many numbers is there
 *
 * Behind counts of distinct values (the number is a hash of the value) and
 * "was this event counted already" (a hash of its id). Open addressing; a
 * zeroed struct tally is an empty one. 64-bit hashes stand for the values:
 * two of a window's values collide with a chance of about n^2 / 2^65.
 */
#ifndef DETECTOR_WINDOW_TALLY_H
#define DETECTOR_WINDOW_TALLY_H

#include <stddef.h>
#include <stdint.h>

struct tally_slot {
    uint64_t number;
    uint32_t times;             /* 0: free */
};

struct tally {
    struct tally_slot *slots;
    uint32_t cap;               /* a power of two, or 0 */
    uint32_t distinct;
};

void tally_release(struct tally *tally);

/* Forget everything, keep the memory that was in use. */
void tally_clear(struct tally *tally);

/* Give back memory when there is much and less than an eighth of it is used. */
void tally_fit(struct tally *tally);

/* How often number is there, 0 when it is new: then it is to be raised at once. Good
 * until the next change. NULL: out of memory. */
uint32_t *tally_times(struct tally *tally, uint64_t number);

/* Count number once more. 0, or -1 when out of memory (nothing changed). */
int tally_add(struct tally *tally, uint64_t number);

/* Count it once less; a number that is not there is left alone. */
void tally_remove(struct tally *tally, uint64_t number);

/* 1 when number is there. */
int tally_has(const struct tally *tally, uint64_t number);

#endif
