/*
 * journal_line.h - a line of `journalctl -o json`, as any other log line
 *
 * The journal's fields become the header, MESSAGE the message, and that goes
 * through the decoders as if syslog had brought it.
 */
#ifndef PROTO_DECODE_JOURNAL_LINE_H
#define PROTO_DECODE_JOURNAL_LINE_H

#include "proto/decode/decode.h"
#include "proto/decode/json_line.h"

/* Whether text is, beyond doubt, one line of that output: an object with
 * __REALTIME_TIMESTAMP and MESSAGE, and no field that makes an event of our own
 * form (event_type, raw_log, idempotency_key). 1, 0, or -1 when out of memory. */
int journal_line_is(struct text text, struct arena *arena);

/* 1 and the header and message of *line, when json is an entry of the journal;
 * else 0, and line is as it was. Texts are json's arena's. */
int journal_line_read(const struct json_line *json, struct log_line *line);

#endif
