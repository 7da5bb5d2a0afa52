#include "proto/value.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_MAX_LEN = 64 };   /* of a text that counts as a number */

struct value
value_text(struct text text)
{
    return (struct value){ .kind = VALUE_TEXT, .as.text = text };
}

struct value
value_int(int64_t number)
{
    return (struct value){ .kind = VALUE_INT, .as.integer = number };
}

struct text
value_get_text(const struct value *value)
{
    return value->kind == VALUE_TEXT ? value->as.text : (struct text){ NULL, 0 };
}

/* The shortest of 15 to 17 digits that reads back as the same number, so
 * that 0.1 is "0.1". */
static int
real_format(double real, char space[32])
{
    int len = 0;

    for (int digits = 15; digits <= 17; digits++) {
        len = snprintf(space, 32, "%.*g", digits, real);
        if (strtod(space, NULL) == real)
            break;
    }
    return len;
}

struct text
value_as_text(const struct value *value, char space[32])
{
    int len;

    switch (value->kind) {
    case VALUE_TEXT:
        return value->as.text;
    case VALUE_BOOL:
        return text_of(value->as.boolean ? "true" : "false");
    case VALUE_INT:
        len = snprintf(space, 32, "%" PRId64, value->as.integer);
        break;
    case VALUE_UINT:
        len = snprintf(space, 32, "%" PRIu64, value->as.natural);
        break;
    case VALUE_REAL:
        len = real_format(value->as.real, space);
        break;
    default:
        return (struct text){ NULL, 0 };
    }
    return (struct text){ space, (size_t)len };
}

static const char *
digits_skip(const char *at)
{
    while (*at >= '0' && *at <= '9')
        at++;
    return at;
}

/* [+-]digits[.digits][e[+-]digits]: strtod alone takes "inf", "0x1p3", " 1". */
static int
is_decimal(const char *at)
{
    const char *start;

    if (*at == '+' || *at == '-')
        at++;
    start = at;
    at = digits_skip(at);
    if (at == start)
        return 0;
    if (*at == '.') {
        start = ++at;
        at = digits_skip(at);
        if (at == start)
            return 0;
    }
    if (*at == 'e' || *at == 'E') {
        at++;
        if (*at == '+' || *at == '-')
            at++;
        start = at;
        at = digits_skip(at);
        if (at == start)
            return 0;
    }
    return *at == '\0';
}

static int
text_as_number(struct text text, double *ret_number)
{
    char copy[NUMBER_MAX_LEN + 1];
    double number;

    if (text.len == 0 || text.len > NUMBER_MAX_LEN ||
        memchr(text.ptr, '\0', text.len) != NULL)
        return -1;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    if (!is_decimal(copy))
        return -1;
    number = strtod(copy, NULL);
    if (!isfinite(number))
        return -1;
    *ret_number = number;
    return 0;
}

int
value_as_number(const struct value *value, double *ret_number)
{
    switch (value->kind) {
    case VALUE_INT:
        *ret_number = (double)value->as.integer;
        return 0;
    case VALUE_UINT:
        *ret_number = (double)value->as.natural;
        return 0;
    case VALUE_REAL:
        *ret_number = value->as.real;
        return 0;
    case VALUE_TEXT:
        return text_as_number(value->as.text, ret_number);
    default:
        return -1;
    }
}

struct value
value_of_msgpack(const msgpack_object *object)
{
    switch (object->type) {
    case MSGPACK_OBJECT_NIL:
        return (struct value){ .kind = VALUE_NULL };
    case MSGPACK_OBJECT_BOOLEAN:
        return (struct value){ VALUE_BOOL, { .boolean = object->via.boolean } };
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        return object->via.u64 > INT64_MAX
               ? (struct value){ VALUE_UINT, { .natural = object->via.u64 } }
               : value_int((int64_t)object->via.u64);
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        return value_int(object->via.i64);
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        return (struct value){ VALUE_REAL, { .real = object->via.f64 } };
    case MSGPACK_OBJECT_STR:
        return value_text((struct text){ object->via.str.ptr, object->via.str.size });
    default:
        return (struct value){ VALUE_OBJECT, { .object = object } };
    }
}
