/*
 * names.h - names of fields from outside: finding one given twice, and showing one
 *
 * What a client sends may be long, hold control characters or be no UTF-8;
 * a reason that quotes it must be none of that, since it goes into logs and
 * JSON answers.
 */
#ifndef PROTO_NAMES_H
#define PROTO_NAMES_H

#include <stddef.h>

#include "proto/base/text.h"

#define NAME_SHOWN_LEN 68

/* A name that stands twice in names, or NULL. The order of names is lost. */
const struct text *names_repeated(struct text *names, size_t count);

/* text fit to be quoted: at most 64 bytes (then "..."), control characters
 * and broken UTF-8 as '?'. Returns out. */
const char *name_show(struct text text, char out[NAME_SHOWN_LEN]);

#endif
