/*
 * literals_inner.h - what literals.c and literals_make.c share
 */
#ifndef DETECTOR_MATCH_LITERALS_INNER_H
#define DETECTOR_MATCH_LITERALS_INNER_H

#include <hs/hs.h>

#include "detector/match/literals.h"

/* As it is given; sorted, those of a field, of a kind and of a text stand together. */
struct entry {
    struct witness witness;
    uint32_t number;
};

/* A place where a text counts, and for whom: entries from first on. */
struct use {
    enum witness_place place;
    size_t first, count;
};

/* A text of a field, found wholly or in parts. */
struct needle {
    struct text literal;
    uint64_t hash;              /* wholly: of the folded text */
    size_t first_use, use_count;
};

struct haystack {
    size_t first, count;        /* its entries */
    uint32_t *wholes;           /* needle + 1 by hash; a power of two, NULL: none */
    size_t whole_slots, longest_whole;
    hs_database_t *parts;       /* ids are needles */
    int is_blind;               /* parts cannot be looked for: all that it has may be there */
};

struct literals {
    struct entry *entries;
    size_t entry_count, entry_cap;
    struct use *uses;
    size_t use_count;
    struct needle *needles;
    size_t needle_count;
    struct haystack keywords;   /* what is looked for wherever keywords are */
    struct haystack *fields;    /* by field number */
    size_t field_count;
    hs_scratch_t *scratch;
};

/* Of the folded text. Texts are looked up, never added, while events are judged: whoever
 * makes them collide gains nothing. */
uint64_t literals_hash(struct text text);

#endif
