#include "proto/base/log_pairs.h"

#include <stdio.h>
#include <string.h>

struct out {
    char *bytes;
    size_t size, len;           /* of size, one is kept for the NUL */
};

/* What stands between a % and the end of its conversion. */
struct spec {
    int is_zero_padded, width, precision;   /* precision -1: none */
    int longs;                              /* of l and z */
    char conversion;
};

static void
put(struct out *out, const char *bytes, size_t len)
{
    size_t room = out->size - 1 - out->len;

    if (len > room)
        len = room;
    memcpy(out->bytes + out->len, bytes, len);
    out->len += len;
}

static void
put_escaped(struct out *out, const char *str, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (str[i] == '"' || str[i] == '\\')
            put(out, "\\", 1);
        put(out, str + i, 1);
    }
}

static int
needs_quotes(const char *str, size_t len)
{
    return len == 0 || memchr(str, ' ', len) != NULL || memchr(str, '"', len) != NULL ||
           memchr(str, '\\', len) != NULL;
}

/* before: the byte of the format that stands in front of the conversion. */
static void
put_string(struct out *out, const char *str, const struct spec *spec, char before)
{
    size_t len;

    if (str == NULL)
        str = "(null)";
    len = spec->precision < 0 ? strlen(str) : strnlen(str, (size_t)spec->precision);
    if (before != '=' || !needs_quotes(str, len)) {
        put_escaped(out, str, len);
        return;
    }
    put(out, "\"", 1);
    put_escaped(out, str, len);
    put(out, "\"", 1);
}

/* The longs decide how wide the argument was passed. */
static long long
take_integer(const struct spec *spec, va_list *args)
{
    if (spec->longs > 1)
        return va_arg(*args, long long);
    if (spec->longs == 1)
        return va_arg(*args, long);
    return va_arg(*args, int);
}

static unsigned long long
take_unsigned(const struct spec *spec, va_list *args)
{
    if (spec->longs > 1)
        return va_arg(*args, unsigned long long);
    if (spec->longs == 1)
        return va_arg(*args, unsigned long);
    return va_arg(*args, unsigned);
}

/* 0, or -1 for a conversion that is not known. */
static int
put_number(struct out *out, const struct spec *spec, va_list *args)
{
    char number[512];
    const int zero = spec->is_zero_padded, width = spec->width;
    long long value;
    unsigned long long bits;

    switch (spec->conversion) {
    case 'd':
    case 'i':
        value = take_integer(spec, args);
        snprintf(number, sizeof(number), zero ? "%0*lld" : "%*lld", width, value);
        break;
    case 'u':
        bits = take_unsigned(spec, args);
        snprintf(number, sizeof(number), zero ? "%0*llu" : "%*llu", width, bits);
        break;
    case 'x':
    case 'X':
        bits = take_unsigned(spec, args);
        snprintf(number, sizeof(number), zero ? "%0*llx" : "%*llx", width, bits);
        break;
    case 'c':
        snprintf(number, sizeof(number), "%c", va_arg(*args, int));
        break;
    case 'f':
        snprintf(number, sizeof(number), "%*.*f", width,
                 spec->precision < 0 ? 6 : spec->precision, va_arg(*args, double));
        break;
    default:
        return -1;
    }
    put_escaped(out, number, strlen(number));
    return 0;
}

static int
read_count(const char **at, va_list *args)
{
    int count = 0;

    if (**at == '*') {
        ++*at;
        return va_arg(*args, int);
    }
    while (**at >= '0' && **at <= '9' && count < 1000)
        count = count * 10 + (*(*at)++ - '0');
    return count;
}

/* *at: after the %; it is moved past the conversion. */
static void
read_spec(const char **at, va_list *args, struct spec *ret)
{
    *ret = (struct spec){ .precision = -1 };
    if (**at == '0') {
        ret->is_zero_padded = 1;
        ++*at;
    }
    ret->width = read_count(at, args);
    if (**at == '.') {
        ++*at;
        ret->precision = read_count(at, args);
    }
    for (; **at == 'l' || **at == 'z'; ++*at)
        ret->longs++;
    ret->conversion = **at;
    if (**at != '\0')
        ++*at;
}

size_t
log_pairs(char *bytes, size_t size, const char *pairs, va_list args)
{
    struct out out = { bytes, size, 0 };
    const char *at = pairs;
    struct spec spec;
    va_list rest;           /* args itself may be no va_list but a pointer to one */

    va_copy(rest, args);
    while (*at != '\0') {
        const char *start = at;

        if (*at++ != '%') {
            put(&out, start, 1);
            continue;
        }
        read_spec(&at, &rest, &spec);
        if (spec.conversion == 's') {
            put_string(&out, va_arg(rest, const char *), &spec,
                       start == pairs ? '\0' : start[-1]);
        } else if (spec.conversion == '%') {
            put(&out, "%", 1);
        } else if (put_number(&out, &spec, &rest) != 0) {
            put(&out, start, strlen(start));
            break;
        }
    }
    va_end(rest);
    out.bytes[out.len] = '\0';
    return out.len;
}
