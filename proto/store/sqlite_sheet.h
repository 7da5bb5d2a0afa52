/*
 * sqlite_sheet.h - many (value, events) pairs as one run of bytes
 *
 * A bucket of the counters is a few of these, not a row per value: a batch
 * adds one sheet to each bucket it touches. (Measured: a row for each value
 * took as long as writing the events.)
 */
#ifndef PROTO_STORE_SQLITE_SHEET_H
#define PROTO_STORE_SQLITE_SHEET_H

#include <stdint.h>

#include "proto/base/buf.h"
#include "proto/base/text.h"

/* 0, or -1 when out of memory. */
int sheet_append(struct buf *sheet, struct text value, uint64_t events);

/* Take the first pair off *rest; the value borrows it. 1, 0 at the end, -1
 * when the bytes are no sheet. */
int sheet_next(struct text *rest, struct text *ret_value, uint64_t *ret_events);

#endif
