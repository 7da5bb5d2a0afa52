/*
 * live.h - new rows to whoever watches them, lossy by design
 *
 * An XPUB socket, which knows whether anybody listens: with nobody there
 * nothing is read and nothing is sent.
 */
#ifndef INGEST_DELIVERY_LIVE_H
#define INGEST_DELIVERY_LIVE_H

#include <czmq.h>

#include "ingest/journal/journal.h"

struct live;

/* Bind and register on the loop. NULL with the reason. */
struct live *live_new(zloop_t *loop, struct journal *journal, const char *endpoint,
                      struct err *err);
void live_destroy(struct live **live);

/* Send the rows that are new since the last call. */
void live_pump(struct live *live);

#endif
