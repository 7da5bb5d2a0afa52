/*
 * json_fields.h - fields of an event from keys of a JSON object, by a table
 *
 *   { "alert.signature", FIELD_RULE_NAME },
 *
 * A dot goes into an object. Where two rows have one field, the first that is
 * there has it. What a field's type in proto/fields.yml is not is left out, and so
 * is what programs write for nothing: an empty text, "-".
 */
#ifndef PROTO_DECODE_JSON_FIELDS_H
#define PROTO_DECODE_JSON_FIELDS_H

#include <stddef.h>

#include "proto/decode/json_line.h"
#include "proto/event.h"
#include "proto/fields.h"

struct json_field {
    const char *path;
    enum field field;
};

/* The value at a path of an object; NULL when it is not there. */
struct yyjson_val *json_fields_at(struct yyjson_val *object, const char *path);

/* Its text, as json_line_text() gives it; {NULL, 0} also for "" and "-". */
struct text json_fields_text(const struct json_line *json, struct yyjson_val *object,
                             const char *path);

void json_fields_put(const struct json_line *json, struct yyjson_val *object,
                     const struct json_field *rows, size_t count, struct event *ev);

/* value into a field, by the field's type: an address, a number, a text. */
void json_fields_keep(struct event *ev, enum field field, struct text value);

/* The RFC 3339 time at path, as the event's own. */
void json_fields_time(const struct json_line *json, struct yyjson_val *object,
                      const char *path, struct event *ev);

#endif
