/*
 * random_number.h - numbers that look random, the same ones for the same seed
 */
#ifndef TESTS_SUPPORT_RANDOM_NUMBER_H
#define TESTS_SUPPORT_RANDOM_NUMBER_H

#include <stdint.h>

/* Where the numbers begin; not 0. */
extern uint64_t random_seed;

/* 0 .. below - 1 (xorshift64). */
uint64_t random_number(uint64_t below);

#endif
