/*
 * decoded.h - how a decoder writes what it found into an event
 *
 * A field that the event has already is never changed: what a client said
 * itself goes before what its line says. {NULL, 0} is written nowhere.
 */
#ifndef INGEST_DECODED_H
#define INGEST_DECODED_H

#include "proto/base/text.h"
#include "proto/event.h"

void decoded_text(struct event *ev, enum event_field field, struct text text);
void decoded_number(struct event *ev, enum event_field field, int64_t number);

/* A further field, named as in ECS where ECS has one ("source.port"). */
void decoded_extra(struct event *ev, const char *name, struct value value);
void decoded_extra_text(struct event *ev, const char *name, struct text text);
void decoded_flag(struct event *ev, const char *name);

/* An address into source_ip, anything else into source_host; nothing for
 * what programs write when they do not know ("UNKNOWN", "-", "?"). */
void decoded_source(struct event *ev, struct text address);

/* 1 for an IPv4 or IPv6 address. */
int decoded_is_address(struct text text);

#endif
