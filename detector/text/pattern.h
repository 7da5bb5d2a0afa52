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
#include <stdint.h>
#include <string.h>

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

/* A value as written in a rule, read: its escapes undone, its wildcards told from its
 * characters, which have the case that they were written in. */
struct pattern_tokens {
    char *kinds, *bytes;        /* as in struct pattern, room for two more */
    size_t len;
};

/* Read a value. Memory is the arena's. 0, or -1 when out of memory. */
int pattern_read(struct arena *arena, struct text value, struct pattern_tokens *ret_tokens);

/* Tokens of plain bytes, in which nothing is a wildcard or an escape. */
int pattern_plain(struct arena *arena, struct text bytes, struct pattern_tokens *ret_tokens);

/* 1 when no token is a wildcard: then bytes is the text meant. */
int pattern_is_plain(const struct pattern_tokens *tokens);

/* What tokens match; they are changed, and kept by the pattern. */
void pattern_make(struct pattern_tokens *tokens, unsigned open, int is_cased,
                  struct pattern *ret_pattern);

/* pattern_read and pattern_make. */
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

/* The same of eight bytes: the top bit of each that is a capital letter, two places down,
 * is what makes it small. */
static inline void
fold_eight(char *out, const char *in)
{
    const uint64_t ones = UINT64_MAX / 255, tops = ones << 7;
    uint64_t eight, low, capitals;

    memcpy(&eight, in, sizeof(eight));
    low = eight & ~tops;
    capitals = (low + ones * (0x80 - 'A')) & ~(low + ones * (0x7F - 'Z')) & ~eight & tops;
    eight |= capitals >> 2;
    memcpy(out, &eight, sizeof(eight));
}

/* And of a text. The last eight may be some that were folded already, even onto
 * themselves: what is small stays so. */
static inline void
fold_copy(char *out, const char *in, size_t len)
{
    for (size_t i = 0; i + 8 <= len; i += 8)
        fold_eight(out + i, in + i);
    if (len >= 8)
        fold_eight(out + len - 8, in + len - 8);
    for (size_t i = 0; len < 8 && i < len; i++)
        out[i] = fold_char(in[i]);
}

/* Order of two texts without regard to the case of ASCII letters: below 0, 0, above 0. */
int fold_compare(struct text a, struct text b);

#endif
