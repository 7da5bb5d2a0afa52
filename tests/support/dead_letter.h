/*
 * dead_letter.h - what the indexer has set aside
 */
#ifndef TESTS_SUPPORT_DEAD_LETTER_H
#define TESTS_SUPPORT_DEAD_LETTER_H

#include "tests/support/chain.h"

/* Why the one event with this text in it is among the dead letters, in the indexer's own
 * file or in the store (it is carried over soon, unless the store cannot take it); the
 * caller frees. Fails the test unless it is one. */
char *dead_letter(struct chain *chain, const char *text);

#endif
