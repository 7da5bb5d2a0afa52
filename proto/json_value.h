/*
 * json_value.h - a value of parsed JSON (yyjson) as a struct value
 *
 * What stands inside arrays and objects is packed as msgpack into the arena.
 * The limits of an event's values are checked on the way.
 */
#ifndef PROTO_JSON_VALUE_H
#define PROTO_JSON_VALUE_H

#include <msgpack.h>

#include "proto/base/arena.h"
#include "proto/base/buf.h"
#include "proto/base/err.h"
#include "proto/value.h"

struct yyjson_val;

struct json_value_reader {
    struct arena *arena;
    struct buf *packed;         /* space for the nested value at hand */
    struct err *err;
    struct text field;          /* top-level name, shown in reasons */
    int may_hold_nul;           /* a backslash is somewhere: \u0000 is possible */
    msgpack_packer packer;
};

/* val as a value that borrows val's document and the arena. Refused: a NUL,
 * numbers that 64 bits or a double cannot keep, names inside that are given
 * twice or too long, too many or too deep. 0, or -1 with the reason. */
int json_value_take(struct json_value_reader *r, struct yyjson_val *val,
                    struct value *ret_value);

/* -1 with "<field>: <reason>". */
int json_value_refuse(const struct json_value_reader *r, const char *reason);

/* 1 when text holds a NUL. */
int json_value_has_nul(const struct json_value_reader *r, struct text text);

#endif
