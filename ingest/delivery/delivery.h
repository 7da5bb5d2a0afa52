/*
 * delivery.h - from the journal to its consumers: sockets, reports, cursors
 *
 * Binds ingest's four kinds of sockets. `index` is shared out by a sender,
 * each detector slot has its stream, and live events go to whoever listens.
 * What is reported durable moves the journal's cursors.
 */
#ifndef INGEST_DELIVERY_DELIVERY_H
#define INGEST_DELIVERY_DELIVERY_H

#include <jansson.h>

#include "ingest/journal/journal.h"
#include "proto/run/daemon.h"

struct delivery;

/* Bind and register on the loop; the journal is lent. NULL with the reason. */
struct delivery *delivery_new(struct daemon *daemon, struct journal *journal,
                              struct err *err);
void delivery_destroy(struct delivery **delivery);

/* Deliver another journal too (lent), until it is let go: 1 when all consumers are past all
 * of it, else 0 and it stays. */
int delivery_adopt(struct delivery *delivery, struct journal *journal, struct err *err);
int delivery_let_go(struct delivery *delivery, const struct journal *journal);

/* Send what there is: call after each commit. */
void delivery_pump(struct delivery *delivery);

/* A health_on_status: "journal" {id, bytes, max_bytes, free_bytes, min_free,
 * segments, last}, "consumers" {name: {is_alive, backlog_rows, backlog_events,
 * backlog_bytes, oldest_age_ms (of the oldest row not acknowledged, 0: none),
 * sent, resent, in_flight_bytes}} and "warnings" [text]. */
void delivery_status(void *self, json_t *status);

#endif
