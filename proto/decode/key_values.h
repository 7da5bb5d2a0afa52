/*
 * key_values.h - a line of name=value and name="a value", read once
 *
 * A value may be what a user chose, with a quote and the words of other values in it
 * (x" srcip=192.0.2.1 y="). A name that stands twice with different values has none:
 * nobody can say which of them the program wrote.
 */
#ifndef PROTO_DECODE_KEY_VALUES_H
#define PROTO_DECODE_KEY_VALUES_H

#include "proto/base/text.h"

enum { KEY_VALUES_MAX = 128 };

struct key_values {
    struct text names[KEY_VALUES_MAX], values[KEY_VALUES_MAX];
    size_t count;
};

/* Read all of text; further pairs than the most are left out. Texts borrow it. */
void key_values_read(struct text text, struct key_values *ret_pairs);

/* {NULL, 0} when it is not there, empty, or there with two values. */
struct text key_values_get(const struct key_values *pairs, const char *name);

/* The first of that name: for what a program writes before anything that others chose. */
struct text key_values_first(const struct key_values *pairs, const char *name);

#endif
