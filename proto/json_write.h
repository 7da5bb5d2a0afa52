/*
 * json_write.h - texts and numbers as JSON, appended to a buffer
 *
 * For what is written for every event and whose shape is ours (the store's
 * documents); anything else is made with jansson. Bytes are yyjson's, to the
 * last: "/" stands as it is, broken UTF-8 too. Each: 0, or -1 when out of memory.
 */
#ifndef PROTO_JSON_WRITE_H
#define PROTO_JSON_WRITE_H

#include <stdint.h>

#include "proto/base/buf.h"
#include "proto/base/text.h"

/* With its quotes. */
int json_write_text(struct buf *out, struct text text);

int json_write_int(struct buf *out, int64_t number);
int json_write_uint(struct buf *out, uint64_t number);

/* The shortest that reads back as the same; null for NaN and infinities. */
int json_write_real(struct buf *out, double real);

#endif
