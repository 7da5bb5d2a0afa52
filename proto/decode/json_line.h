/*
 * json_line.h - a log line that is a JSON object
 *
 * Read once per line by decode_line(), for whichever decoder knows its keys.
 * yyjson reads without recursion, so depth costs nothing; size is bounded, and
 * nobody looks deeper than five levels. All texts are UTF-8 without NULs.
 */
#ifndef PROTO_DECODE_JSON_LINE_H
#define PROTO_DECODE_JSON_LINE_H

#include <stdint.h>

#include "proto/base/arena.h"
#include "proto/base/text.h"

struct yyjson_val;
struct yyjson_doc;

/* Longer lines are not looked into. */
enum { JSON_LINE_MAX_BYTES = 256 * 1024 };

/* Whose form it has, by the names of its keys, found in one pass: a decoder looks at
 * its own and no line is asked for each decoder's keys. JSON_OTHER: none of these. */
enum json_form {
    JSON_OTHER, JSON_WINLOGBEAT, JSON_NXLOG, JSON_SURICATA, JSON_CLOUDTRAIL,
    JSON_EVENTBRIDGE, JSON_KUBERNETES, JSON_DOCKER
};

struct json_line {
    struct yyjson_doc *doc;
    struct yyjson_val *root;    /* an object; NULL when the line is none */
    struct arena *arena;
    /* The line had "\xHH", which is no JSON: nginx without escape=json, Apache.
     * Texts carry it as these four characters. */
    int has_hex_escapes;
    enum json_form form;
};

/* 1 and *ret_json (release it) when text is a JSON object, 0 when not, -1 when
 * out of memory. Texts live in arena. */
int json_line_read(struct text text, struct arena *arena, struct json_line *ret_json);
void json_line_release(struct json_line *json);

/* The form of an object that was read elsewhere; JSON_OTHER too for what is none. */
enum json_form json_form_of(struct yyjson_val *value);

/* 1 when text is an object of a form whose lines decoders read, and that cannot be meant as
 * an event of ours (which has an event_type, as Suricata's have), 0 when not, -1 when out
 * of memory. */
int json_line_is_known(struct text text, struct arena *arena);

/* The value of a key of an object; NULL when it has none, or object is NULL. */
struct yyjson_val *json_line_get(struct yyjson_val *object, const char *key);

/* A string, or a number written out, or the first of an array of strings; an
 * array of numbers is bytes (journald). {NULL, 0} for all else. */
struct text json_line_text(const struct json_line *json, struct yyjson_val *value);

/* An integer, also one in a string: 0, or -1. */
int json_line_number(struct yyjson_val *value, int64_t *ret_number);

#endif
