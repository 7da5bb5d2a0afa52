/*
 * take.h - pieces off the left end of a line
 *
 * What every reader of headers, times and messages is made of. A take_ moves
 * past what it takes, or leaves *rest as it was and returns -1. Here rather
 * than in a source file, since each line passes dozens of them.
 */
#ifndef PROTO_DECODE_TAKE_H
#define PROTO_DECODE_TAKE_H

#include <stdint.h>
#include <string.h>

#include "proto/base/text.h"

static inline int
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* text without its first n bytes, of which it has as many. */
static inline struct text
drop(struct text text, size_t n)
{
    return (struct text){ text.ptr + n, text.len - n };
}

static inline void
skip(struct text *rest, size_t n)
{
    *rest = drop(*rest, n);
}

static inline struct text
from_to(const char *start, const char *end)
{
    return (struct text){ start, (size_t)(end - start) };
}

static inline const char *
end_of(struct text text)
{
    return text.ptr + text.len;
}

static inline void
skip_spaces(struct text *rest)
{
    while (rest->len > 0 && *rest->ptr == ' ')
        skip(rest, 1);
}

/* The bytes before the first space, or all. */
static inline struct text
first_word(struct text text)
{
    const char *end = text.len == 0 ? NULL : memchr(text.ptr, ' ', text.len);

    return end == NULL ? text : from_to(text.ptr, end);
}

static inline int
take_char(struct text *rest, char c)
{
    if (rest->len == 0 || *rest->ptr != c)
        return -1;
    skip(rest, 1);
    return 0;
}

/* From min_digits to max_digits (at most 18) of them, and no more than max. */
static inline int
take_number(struct text *rest, size_t min_digits, size_t max_digits, int64_t max,
            int64_t *ret)
{
    int64_t number = 0;
    size_t n = 0;

    for (; n < rest->len && n < max_digits && is_digit(rest->ptr[n]); n++)
        number = number * 10 + (rest->ptr[n] - '0');
    if (n < min_digits || number > max)
        return -1;
    skip(rest, n);
    *ret = number;
    return 0;
}

#endif
