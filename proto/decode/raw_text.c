/*
 * raw_text.c - a log line's bytes as UTF-8
 *
 * Korean systems still write CP949. A line that is no UTF-8 is tried as that,
 * whole; what is neither keeps its good parts and shows each odd byte as \xHH,
 * so that nothing is refused and the bytes can be told afterwards.
 */
#include <iconv.h>
#include <stdint.h>
#include <string.h>

#include "proto/decode/decode.h"

enum { ESCAPED_LEN = 4 };       /* \xHH */

/* How many bytes the valid character at the start of text has; 0 when it is
 * none (RFC 3629: no surrogates, nothing over-long, nothing above U+10FFFF),
 * or a NUL. */
static size_t
utf8_char_len(struct text text)
{
    const unsigned char *s = (const unsigned char *)text.ptr;
    unsigned char low = 0x80, high = 0xbf;
    size_t n;

    if (s[0] < 0x80)
        return s[0] != 0;
    if (s[0] < 0xc2 || s[0] > 0xf4)
        return 0;

    n = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    if (s[0] == 0xe0)
        low = 0xa0;
    else if (s[0] == 0xed)
        high = 0x9f;
    else if (s[0] == 0xf0)
        low = 0x90;
    else if (s[0] == 0xf4)
        high = 0x8f;

    if (text.len < n || s[1] < low || s[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++)
        if (s[i] < 0x80 || s[i] > 0xbf)
            return 0;
    return n;
}

/* Whether eight bytes are ASCII without a NUL: then neither they nor they less
 * one have a highest bit. */
static int
is_plain(const char *bytes)
{
    uint64_t eight;

    memcpy(&eight, bytes, sizeof eight);
    return ((eight | (eight - UINT64_C(0x0101010101010101))) &
            UINT64_C(0x8080808080808080)) == 0;
}

/* Count the bytes that belong to no character, and the characters of three or
 * four bytes (Korean is three). Most of a log is ASCII. */
static void
utf8_count(struct text text, size_t *ret_odd, size_t *ret_wide)
{
    size_t odd = 0, wide = 0;

    while (text.len > 0) {
        size_t n;

        if (text.len >= sizeof(uint64_t) && is_plain(text.ptr)) {
            text.ptr += sizeof(uint64_t);
            text.len -= sizeof(uint64_t);
            continue;
        }
        n = utf8_char_len(text);

        odd += n == 0;
        wide += n > 2;
        text.ptr += n > 0 ? n : 1;
        text.len -= n > 0 ? n : 1;
    }
    *ret_odd = odd;
    *ret_wide = wide;
}

/* The converter is opened once (it loads a table) and kept; this program has
 * one thread. (iconv_t)-1 where the system has no CP949. */
static iconv_t
cp949_converter(void)
{
    static iconv_t converter;
    static int is_open;

    if (!is_open) {
        converter = iconv_open("UTF-8", "CP949");
        is_open = 1;
    }
    return converter;
}

/* 1 and the text, 0 when bytes are not CP949, -1 when out of memory. */
static int
from_cp949(struct text bytes, struct arena *arena, struct text *ret_text)
{
    iconv_t converter = cp949_converter();
    char *in = (char *)(uintptr_t)bytes.ptr;    /* iconv reads it only */
    size_t in_left = bytes.len, room = bytes.len * 3, out_left = room;
    char *start, *out;

    if (converter == (iconv_t)-1 || memchr(bytes.ptr, '\0', bytes.len) != NULL)
        return 0;

    start = out = arena_alloc(arena, room);
    if (start == NULL)
        return -1;

    (void)iconv(converter, NULL, NULL, NULL, NULL);
    if (iconv(converter, &in, &in_left, &out, &out_left) == (size_t)-1 || in_left > 0)
        return 0;

    *ret_text = (struct text){ start, room - out_left };
    return 1;
}

static struct text
escape(struct text bytes, size_t odd, struct arena *arena)
{
    static const char hex[] = "0123456789abcdef";
    char *start = arena_alloc(arena, bytes.len + odd * (ESCAPED_LEN - 1)), *out = start;

    if (start == NULL)
        return (struct text){ NULL, 0 };

    while (bytes.len > 0) {
        size_t n = utf8_char_len(bytes);
        unsigned char c = (unsigned char)*bytes.ptr;

        if (n > 0) {
            memcpy(out, bytes.ptr, n);
            out += n;
        } else {
            const char escaped[ESCAPED_LEN] = { '\\', 'x', hex[c >> 4], hex[c & 15] };

            memcpy(out, escaped, ESCAPED_LEN);
            out += ESCAPED_LEN;
            n = 1;
        }
        bytes.ptr += n;
        bytes.len -= n;
    }
    return (struct text){ start, (size_t)(out - start) };
}

size_t
raw_cut(struct text bytes, size_t max)
{
    size_t cut = max;

    while (cut > max - 4 && ((unsigned char)bytes.ptr[cut] & 0xC0) == 0x80)
        cut--;
    return cut > max - 4 ? cut : max;
}

struct text
raw_to_utf8(struct text bytes, struct arena *arena, enum raw_encoding *ret_how)
{
    struct text text = { NULL, 0 };
    size_t odd, wide;

    *ret_how = RAW_UTF8;
    utf8_count(bytes, &odd, &wide);
    if (odd == 0)
        return bytes;

    /* UTF-8 that was cut inside a character would often pass as CP949 too. */
    *ret_how = RAW_CP949;
    if (wide < odd && from_cp949(bytes, arena, &text) != 0)
        return text;

    *ret_how = RAW_ESCAPED;
    return escape(bytes, odd, arena);
}
