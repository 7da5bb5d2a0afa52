/*
 * decoded.h - how a decoder writes what it found into an event
 *
 * A field that the event has already is never changed: what a client said
 * itself goes before what its line says. {NULL, 0} is written nowhere.
 */
#ifndef PROTO_DECODE_DECODED_H
#define PROTO_DECODE_DECODED_H

#include <stdint.h>

#include "proto/base/arena.h"
#include "proto/base/text.h"
#include "proto/event.h"
#include "proto/fields.h"

void decoded_text(struct event *ev, enum event_field field, struct text text);
void decoded_number(struct event *ev, enum event_field field, int64_t number);

/* When it happened, as the line itself says, which goes before its header's time.
 * 0, or -1 when out of memory: then the header's, or that of receipt, stands. */
int decoded_time(struct event *ev, int64_t at_us, struct arena *arena);

/* A further field, by its number in proto/fields.h. */
void decoded_put(struct event *ev, enum field field, struct value value);
void decoded_put_text(struct event *ev, enum field field, struct text text);
void decoded_put_number(struct event *ev, enum field field, int64_t number);
void decoded_put_flag(struct event *ev, enum field field);

/* The same under a name of no row, as its source calls it; borrowed like text. */
void decoded_put_named(struct event *ev, struct text name, struct text text);

/* An address into source_ip ("::ffff:192.0.2.7" as the IPv4 address that it is),
 * anything else into source_host; nothing for what programs write when they do
 * not know ("UNKNOWN", "-", "?"). */
void decoded_source(struct event *ev, struct text address);

/* "192.0.2.7:5555", "[2001:db8::17]:5555", "2001:db8::17:5555", or an address
 * without a port, into source_ip and source.port: 1, or 0 for anything else. */
int decoded_endpoint(struct event *ev, struct text endpoint);

/* 1 for an IPv4 or IPv6 address. */
int decoded_is_address(struct text text);

#endif
