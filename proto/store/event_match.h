/*
 * event_match.h - does an event meet a query? The same answer for every store.
 */
#ifndef PROTO_STORE_EVENT_MATCH_H
#define PROTO_STORE_EVENT_MATCH_H

#include "proto/store/store.h"

/* 1 when every filter is equal (numbers and booleans by their text, ASCII case
 * ignored) and the query's text is inside one of the event's. */
int event_matches(const struct event *ev, const struct event_query *query);

/* 1 when needle is somewhere in text, ASCII letters of either case the same. */
int has_text_nocase(struct text text, struct text needle);

#endif
