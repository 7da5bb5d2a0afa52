/*
 * value.h - one value of an event's field
 *
 * Borrowed like struct text: the bytes belong to the buffer that the event
 * was read from. A nested value (array or map) comes in two forms: PACKED is
 * its msgpack bytes (as a JSON reader makes it), OBJECT is msgpack-c's
 * decoded tree (as the wire reader finds it).
 */
#ifndef PROTO_VALUE_H
#define PROTO_VALUE_H

#include <msgpack.h>
#include <stdint.h>

#include "proto/base/text.h"

enum value_kind {
    VALUE_ABSENT,       /* the field is not there */
    VALUE_NULL,         /* there, and null */
    VALUE_BOOL,
    VALUE_INT,
    VALUE_UINT,         /* only what does not fit VALUE_INT */
    VALUE_REAL,
    VALUE_TEXT,
    VALUE_PACKED,
    VALUE_OBJECT,
};

struct value {
    enum value_kind kind;
    union {
        int boolean;
        int64_t integer;
        uint64_t natural;
        double real;
        struct text text;           /* VALUE_TEXT, VALUE_PACKED */
        const msgpack_object *object;
    } as;
};

struct value value_text(struct text text);
struct value value_int(int64_t number);

/* The text of a VALUE_TEXT, {NULL, 0} for any other kind. */
struct text value_get_text(const struct value *value);

/* The value as people and rules compare it: numbers and booleans written out
 * into space[32], text as it is, {NULL, 0} for absent, null and nested. */
struct text value_as_text(const struct value *value, char space[32]);

/* The value as a number (a text that is wholly a decimal number counts):
 * 0, or -1 when it is none. */
int value_as_number(const struct value *value, double *ret_number);

/* What a decoded object of the wire is as a value: arrays and maps stay VALUE_OBJECT. */
struct value value_of_msgpack(const msgpack_object *object);

#endif
