/*
 * form.h - lines of a fixed form, as a table of templates
 *
 *   { "add '%' to group '%'", "group_changed", NULL,
 *     { FIELD_USER_TARGET_NAME, FIELD_GROUP_NAME } }
 *
 * A template covers the whole message: %w is a word, %c has no comma, % is
 * anything, nothing too. The thing to know: what stands for a % may hold the words around it
 * (a name may be "x' to group 'y"). Where that can be read in two ways, no
 * field is taken, only the type of the event, which both ways agree on.
 */
#ifndef PROTO_DECODE_FORM_H
#define PROTO_DECODE_FORM_H

#include <stddef.h>

#include "proto/base/text.h"
#include "proto/decode/decode.h"
#include "proto/fields.h"

enum { FORM_FIELDS_MAX = 6 };

struct form {
    const char *pattern;            /* no two % stand side by side */
    const char *event_type;
    const char *outcome;            /* event.outcome; NULL: not said */
    enum field fields[FORM_FIELDS_MAX];     /* 0: this % is not kept */
};

/* 1 and what each % stands for (all {NULL, 0} when that is not certain), else 0. */
int form_match(const char *pattern, struct text text,
               struct text ret_values[FORM_FIELDS_MAX]);

/* Write value under field, which may be one of the event's own (username,
 * source_address: an address or a name; source_ip: only an address). An empty value is no value. */
void form_keep(struct event *ev, enum field field, struct text value);

/* Fill ev by the first of the forms that message is of: type, description,
 * outcome and fields. The form, or NULL: then ev is as it was. */
const struct form *form_decode(const struct form *forms, size_t count,
                               struct text message, struct event *ev);

#endif
