/*
 * json_text.h - texts that may be no UTF-8, as jansson values
 *
 * jansson refuses broken UTF-8. What reaches here was checked on the way in,
 * but a peer or a damaged file may bring anything: a broken byte is shown as
 * U+FFFD rather than the whole answer lost.
 */
#ifndef PROTO_JSON_TEXT_H
#define PROTO_JSON_TEXT_H

#include <jansson.h>

#include "proto/base/text.h"

/* text as a JSON string; a new reference, NULL when out of memory. */
json_t *json_text(struct text text);

/* object[name] = value, taking the reference. 0, or -1 when value is NULL or
 * memory is out. */
int json_set(json_t *object, struct text name, json_t *value);

#endif
