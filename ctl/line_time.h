/*
 * line_time.h - when a line says that it happened
 *
 * By the same decoders as ingest's, so that what is sorted here is in order
 * there.
 */
#ifndef CTL_LINE_TIME_H
#define CTL_LINE_TIME_H

#include <stdint.h>

#include "proto/base/text.h"

struct line_time;

/* For raw lines, or for events as JSON. now_us serves dates without a year.
 * NULL when out of memory. */
struct line_time *line_time_new(int is_json, int64_t now_us);
void line_time_destroy(struct line_time **reader);

/* 1 with the line's time; 0 when it has none or cannot be read. */
int line_time_read(struct line_time *reader, struct text line, int64_t *ret_us);

#endif
