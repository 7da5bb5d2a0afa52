#include "proto/json_write.h"

#include <math.h>
#include <string.h>
#include <yyjson.h>

enum { REAL_SPACE = 1024 };     /* yyjson asks for some 64 bytes; and its pool's own */

/* What follows a backslash; 'u': a code point in hex; 0: the byte needs none. */
static const char escapes[256] = {
    'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'b', 't', 'n', 'u', 'f', 'r', 'u', 'u',
    'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u',
    ['"'] = '"', ['\\'] = '\\',
};

/* Is one of these eight bytes below a space, a quote or a backslash? (x - n) & ~x
 * has a byte's highest bit where that byte is below n, or above one that is. */
static int
has_escape(uint64_t x)
{
    const uint64_t ones = UINT64_MAX / 255, high = ones * 128;
    const uint64_t quote = x ^ (ones * '"'), back = x ^ (ones * '\\');

    return ((((x - ones * ' ') & ~x) | ((quote - ones) & ~quote) | ((back - ones) & ~back)) &
            high) != 0;
}

static uint64_t
eight_at(const char *at)
{
    uint64_t eight;

    memcpy(&eight, at, 8);
    return eight;
}

/* How many bytes stand as they are. The last eight are looked at together, be it that
 * some of them were before. */
static size_t
plain_len(const char *at, size_t len)
{
    size_t plain = 0;

    while (plain + 8 <= len && !has_escape(eight_at(at + plain)))
        plain += 8;
    if (len >= 8 && plain + 8 > len && !has_escape(eight_at(at + len - 8)))
        return len;
    while (plain < len && escapes[(unsigned char)at[plain]] == 0)
        plain++;
    return plain;
}

static size_t
put_escape(char *out, unsigned char c)
{
    static const char digits[] = "0123456789ABCDEF";

    out[0] = '\\';
    out[1] = escapes[c];
    if (out[1] != 'u')
        return 2;
    memcpy(out + 2, "00", 2);
    out[4] = digits[c >> 4];
    out[5] = digits[c & 15];
    return 6;
}

int
json_write_text(struct buf *out, struct text text)
{
    size_t before = out->len;

    if (buf_reserve(out, text.len + 2) != 0)
        return -1;
    out->ptr[out->len++] = '"';
    while (text.len > 0) {
        size_t plain = plain_len(text.ptr, text.len);

        if (plain < text.len && buf_reserve(out, text.len + 8) != 0) {
            out->len = before;
            out->ptr[before] = '\0';
            return -1;
        }
        memcpy(out->ptr + out->len, text.ptr, plain);
        out->len += plain;
        if (plain < text.len)
            out->len += put_escape(out->ptr + out->len, (unsigned char)text.ptr[plain++]);
        text.ptr += plain;
        text.len -= plain;
    }
    out->ptr[out->len++] = '"';
    out->ptr[out->len] = '\0';
    return 0;
}

static int
write_number(struct buf *out, uint64_t number, int is_below_zero)
{
    static const char pairs[] = "00010203040506070809101112131415161718192021222324"
        "25262728293031323334353637383940414243444546474849505152535455565758596061626364"
        "6566676869707172737475767778798081828384858687888990919293949596979899";
    char space[24];
    size_t at = sizeof(space);

    for (; number >= 10; number /= 100)
        memcpy(&space[at -= 2], &pairs[number % 100 * 2], 2);
    if (number > 0 || at == sizeof(space))
        space[--at] = (char)('0' + number);
    if (is_below_zero)
        space[--at] = '-';
    return buf_append(out, space + at, sizeof(space) - at);
}

int
json_write_int(struct buf *out, int64_t number)
{
    return write_number(out, number < 0 ? -(uint64_t)number : (uint64_t)number, number < 0);
}

int
json_write_uint(struct buf *out, uint64_t number)
{
    return write_number(out, number, 0);
}

int
json_write_real(struct buf *out, double real)
{
    char space[REAL_SPACE];
    yyjson_alc alc;
    yyjson_val val = { 0 };
    size_t len = 0;
    const char *digits;

    if (!isfinite(real))
        return buf_append(out, "null", 4);
    yyjson_set_real(&val, real);
    digits = yyjson_alc_pool_init(&alc, space, sizeof(space))
                 ? yyjson_val_write_opts(&val, 0, &alc, &len, NULL) : NULL;
    return digits == NULL ? -1 : buf_append(out, digits, len);
}
