/*
 * pattern.h - a Sigma string with its wildcards
 *
 * "*" is any run of characters, "?" one character (of UTF-8), a backslash
 * makes either plain (and itself, before a wildcard or another backslash).
 * The whole value must match. ASCII letters of either case are the same
 * unless the pattern is cased; other letters are not folded. (Sigma 2.1.0,
 * rules specification, "Wildcards" and "Escaping".)
 */
#ifndef DETECTOR_TEXT_PATTERN_H
#define DETECTOR_TEXT_PATTERN_H

#include <stddef.h>

#include "proto/base/arena.h"
#include "proto/base/text.h"

enum pattern_shape {
    PATTERN_EXACT, PATTERN_PREFIX, PATTERN_SUFFIX, PATTERN_CONTAINS, PATTERN_ANY,
    PATTERN_GLOB
};

/* Wildcards put around the value by startswith, endswith, contains. */
enum { PATTERN_OPEN_END = 1, PATTERN_OPEN_START = 2 };

struct pattern {
    enum pattern_shape shape;
    int is_cased;
    struct text literal;        /* folded unless cased; for every shape but GLOB */
    size_t anchor;              /* in literal: its rarest byte, to look for first */
    const char *kinds;          /* GLOB: 'c' a character of bytes, '*', '?' */
    const char *bytes;
    size_t len;                 /* of kinds and bytes */
};

/* Read a value as written in a rule. Memory is the arena's. 0, or -1 when
 * out of memory. */
int pattern_parse(struct arena *arena, struct text value, unsigned open, int is_cased,
                  struct pattern *ret_pattern);

/* 1 when the whole of text matches. */
int pattern_matches(const struct pattern *pattern, struct text text);

/* ASCII lower case of one byte. */
static inline char
fold_char(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* Order of two texts without regard to the case of ASCII letters: below 0, 0, above 0. */
int fold_compare(struct text a, struct text b);

#endif
