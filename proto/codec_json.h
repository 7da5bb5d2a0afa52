/*
 * codec_json.h - events as JSON: in from clients (yyjson), out to the API (jansson)
 */
#ifndef PROTO_CODEC_JSON_H
#define PROTO_CODEC_JSON_H

#include <jansson.h>
#include <stddef.h>

#include "proto/base/arena.h"
#include "proto/base/buf.h"
#include "proto/base/err.h"
#include "proto/event.h"

struct json_reader;
struct yyjson_val;

/* A reader with its own bounded memory (max_bytes of input per event); one
 * serves for any number of events. NULL when out of memory. */
struct json_reader *json_reader_new(size_t max_bytes);
void json_reader_destroy(struct json_reader **reader);

/* One JSON object into ev (cleared first; not yet event_check'ed). ev borrows
 * reader and arena until the next call. *ret_key is the text of the client's
 * "idempotency_key", or {NULL, 0}: it names the event and is no field of it.
 * Refused, naming field and reason: not JSON (with the byte), not an object,
 * wrong types, a NUL in a text or a name, numbers that 64 bits or a double
 * cannot keep, names given twice or too long, too many fields, too deep,
 * fields that only we may set (id, received_at, ...). 0 or -1. */
int event_from_json(struct json_reader *reader, struct text json, struct arena *arena,
                    struct event *ev, struct text *ret_key, struct err *err);

/* The root of one JSON object, which borrows the reader until its next call: for who
 * reads it by himself (with proto/json_value.h, in this space). NULL with the reason. */
struct yyjson_val *json_reader_object(struct json_reader *reader, struct text json,
                                      struct err *err);
struct buf *json_reader_space(struct json_reader *reader);

/* The event as the API shows it: id, received_at, received_from, then every
 * field as it was sent. A new reference, NULL when out of memory. */
json_t *event_to_json(const struct event *ev);

/* A value as JSON; a new reference, NULL when out of memory. */
json_t *value_to_json(const struct value *value);

/* Walks the events of a POST /logs body: NDJSON lines or the elements of one
 * JSON array, each as its own text, without parsing them. */
struct json_splitter {
    struct text rest;
    int is_array;
    int is_started;
    size_t number;          /* of the current line or element, from 1 */
};

/* Look at the first byte that is no space: '[' makes it an array. */
void json_splitter_init(struct json_splitter *split, struct text body);

/* The next element or line that is not blank. 1, 0 at the end, -1 with the
 * reason when the array's own structure is broken. */
int json_splitter_next(struct json_splitter *split, struct text *ret_item, struct err *err);

#endif
