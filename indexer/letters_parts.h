/*
 * letters_parts.h - what letters*.c share (private to them)
 */
#ifndef INDEXER_LETTERS_PARTS_H
#define INDEXER_LETTERS_PARTS_H

#include "indexer/indexer.h"
#include "indexer/letters.h"

enum {
    LETTERS_EVERY_MS = 5000,
    LETTERS_SOON_MS = 50,           /* where a page was not all */
    LETTERS_AT_ONCE = 100,
    LETTERS_ALONE_MS = 500          /* so long in one turn, before no other one is begun */
};

struct letters {
    struct indexer *ix;
    int timer;
    int is_alone;                   /* a page took too long: go one by one */
    uint64_t in_store;
    struct log_burst burst;
    uint64_t *carried, *tried, *stored, *refused, *failed, *waiting;
};

/* Try a page of those that are wanted. 1: there may be more of them, 0: no, -1: not now
 * (it was logged). */
int letters_try_again(struct letters *letters);

/* Count and log that the store does not do its part. */
void letters_failed(struct letters *letters, const char *what, const struct err *err);

#endif
