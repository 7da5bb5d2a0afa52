#include "proto/base/text.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A zero-length text may have a NULL ptr, which memcmp and memchr must not see. */
static int
same_bytes(const char *a, const char *b, size_t len)
{
    return len == 0 || memcmp(a, b, len) == 0;
}

static int
is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct text
text_of(const char *str)
{
    return (struct text){ str, str == NULL ? 0 : strlen(str) };
}

int
text_equals(struct text a, struct text b)
{
    return a.len == b.len && same_bytes(a.ptr, b.ptr, a.len);
}

int
text_is(struct text text, const char *str)
{
    return text_equals(text, text_of(str));
}

static unsigned char
lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (unsigned char)(c | 0x20) : (unsigned char)c;
}

int
text_equals_nocase(struct text a, struct text b)
{
    if (a.len != b.len)
        return 0;
    if (a.len > 0 && memcmp(a.ptr, b.ptr, a.len) == 0)
        return 1;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.ptr[i]) != lower(b.ptr[i]))
            return 0;
    return 1;
}

int
text_starts_with(struct text text, const char *prefix)
{
    size_t len = strlen(prefix);

    return text.len >= len && same_bytes(text.ptr, prefix, len);
}

int
text_ends_with(struct text text, const char *suffix)
{
    size_t len = strlen(suffix);

    return text.len >= len &&
           (len == 0 || same_bytes(text.ptr + text.len - len, suffix, len));
}

const char *
text_find(struct text text, const char *needle)
{
    return text.len == 0 ? NULL : memmem(text.ptr, text.len, needle, strlen(needle));
}

struct text
text_trim(struct text text)
{
    while (text.len > 0 && is_space(text.ptr[0])) {
        text.ptr++;
        text.len--;
    }
    while (text.len > 0 && is_space(text.ptr[text.len - 1]))
        text.len--;
    return text;
}

struct text
text_split(struct text *rest, char sep)
{
    struct text piece = *rest;
    const char *at = rest->len == 0 ? NULL : memchr(rest->ptr, sep, rest->len);

    if (at == NULL) {
        *rest = (struct text){ NULL, 0 };
        return piece;
    }
    piece.len = (size_t)(at - piece.ptr);
    rest->ptr = at + 1;
    rest->len -= piece.len + 1;
    return piece;
}

/* Counted downwards, because INT64_MIN has no positive counterpart. */
int
text_to_int(struct text text, int64_t min, int64_t max, int64_t *ret_number)
{
    int is_negative = text.len > 0 && text.ptr[0] == '-';
    size_t i = is_negative ? 1 : 0;
    int64_t number = 0;

    if (i == text.len)
        return -1;
    for (; i < text.len; i++) {
        int digit = text.ptr[i] - '0';

        if (digit < 0 || digit > 9 || __builtin_mul_overflow(number, 10, &number) ||
            __builtin_sub_overflow(number, digit, &number))
            return -1;
    }
    if (!is_negative && __builtin_sub_overflow(0, number, &number))
        return -1;
    if (number < min || number > max)
        return -1;
    *ret_number = number;
    return 0;
}

/* How many bytes the well-formed sequence at p has (RFC 3629 section 4), or 0. */
static size_t
sequence_len(const unsigned char *p, size_t left)
{
    size_t len = p[0] < 0x80   ? 1
                 : p[0] < 0xc2 ? 0
                 : p[0] < 0xe0 ? 2
                 : p[0] < 0xf0 ? 3
                 : p[0] < 0xf5 ? 4
                               : 0;

    if (len > left)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
        (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return len;
}

int
text_is_utf8(struct text text)
{
    const unsigned char *p = (const unsigned char *)text.ptr;
    size_t left = text.len;

    while (left > 0) {
        uint64_t eight;
        size_t len;

        if (left >= sizeof(eight)) {    /* most of a log is ASCII */
            memcpy(&eight, p, sizeof(eight));
            if ((eight & UINT64_C(0x8080808080808080)) == 0) {
                p += sizeof(eight);
                left -= sizeof(eight);
                continue;
            }
        }
        len = sequence_len(p, left);
        if (len == 0)
            return 0;
        p += len;
        left -= len;
    }
    return 1;
}

void
text_mend(char *str)
{
    size_t left = strlen(str);

    if (text_is_utf8((struct text){ str, left }))
        return;
    while (left > 0) {
        size_t len = sequence_len((const unsigned char *)str, left);

        if (len == 0) {
            *str = '?';
            len = 1;
        }
        str += len;
        left -= len;
    }
}

char *
text_dup(struct text text)
{
    char *copy = text.len == SIZE_MAX ? NULL : malloc(text.len + 1);

    if (copy != NULL) {
        if (text.len > 0)
            memcpy(copy, text.ptr, text.len);
        copy[text.len] = '\0';
    }
    return copy;
}
