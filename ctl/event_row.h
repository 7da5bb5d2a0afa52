/*
 * event_row.h - an event as one line for people
 */
#ifndef CTL_EVENT_ROW_H
#define CTL_EVENT_ROW_H

#include <jansson.h>

#include "proto/base/buf.h"

/* "2026-11-22 10:00:00", in the site's zone; as it is when it is no time. */
enum { EVENT_TIME_LEN = 40 };
void event_time(const char *timestamp, char out[EVENT_TIME_LEN]);

/* An array of events (as the api gives them) as a table. */
void event_rows_print(const json_t *events);

/* One, in columns of a fixed width, cut to width cells (0: not). With its line
 * end. 0, or -1 when out of memory. */
int event_row_append(const json_t *event, size_t width, struct buf *out);

#endif
