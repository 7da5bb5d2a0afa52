/*
 * structured_data.h - the parameters of RFC 5424's structured data, as fields
 *
 *   [exampleSDID@32473 iut="3" eventSource="Application"]
 *
 * become log.syslog.structured_data.exampleSDID@32473.iut and .eventSource: ECS's name,
 * and theirs behind it.
 */
#ifndef PROTO_DECODE_STRUCTURED_DATA_H
#define PROTO_DECODE_STRUCTURED_DATA_H

#include "proto/base/arena.h"
#include "proto/base/text.h"
#include "proto/event.h"

#define STRUCTURED_DATA_PREFIX "log.syslog.structured_data."

/* Parameters of one message that become fields; further ones stand in raw_log. */
enum { STRUCTURED_DATA_MAX = 64 };

/* Cut the structured data, "-" or "[id name=\"value\"]...", off the start of *rest. 0 and
 * what stands there ({NULL, 0} for "-"), or -1 when it has no end. */
int structured_data_take(struct text *rest, struct text *ret_data);

/* Write its parameters into ev: values are unescaped, those of one name joined by ", ",
 * what is not as RFC 5424 writes it left out. 0, or -1 when out of memory. */
int structured_data_put(struct text data, struct arena *arena, struct event *ev);

#endif
