/*
 * nested.h - a field "a.b.c" of an event that has maps within maps
 *
 * The name is looked for as a path: b in the map a, and so on; names with dots of
 * their own are found too. Where an array is on the way, all of its elements are
 * followed, and what is found is an array: any element is enough for a rule.
 */
#ifndef DETECTOR_MATCH_NESTED_H
#define DETECTOR_MATCH_NESTED_H

#include "proto/base/arena.h"
#include "proto/base/text.h"
#include "proto/event.h"

/* How many values a path may find; more are not looked at. */
enum { NESTED_MAX = 256 };

/* The value at a path, in *ret_value (memory: the event's and the arena's). 0, or -1 when
 * there is none, or out of memory. */
int nested_find(const struct event *ev, struct text path, struct arena *arena,
                struct value *ret_value);

#endif
