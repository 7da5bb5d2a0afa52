/*
 * letters.h - the indexer's dead letters: carried over into the store, and tried again
 *
 * What the store refused, or what killed us, is in a file of our own before it is
 * acknowledged (proto/run/poison.h). Every few seconds it is put into the store, where
 * people see it, and only then forgotten here; and the letters that somebody wants are
 * tried again. All of it is idempotent on the letter's key, so that it may be broken off
 * anywhere and several indexers may do it at once.
 */
#ifndef INDEXER_LETTERS_H
#define INDEXER_LETTERS_H

#include <stdint.h>

#include "proto/base/err.h"

struct indexer;
struct letters;

/* Begin; ends with the process. NULL with the reason. */
struct letters *letters_new(struct indexer *ix, struct err *err);
void letters_destroy(struct letters **letters);

/* One turn of it; the timer does that, and tests. */
void letters_work(struct letters *letters);

/* How many the store has, as far as known. NULL: 0. */
uint64_t letters_in_store(const struct letters *letters);

#endif
