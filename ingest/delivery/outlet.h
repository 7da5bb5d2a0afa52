/*
 * outlet.h - a PUSH socket that says when it takes more
 */
#ifndef INGEST_DELIVERY_OUTLET_H
#define INGEST_DELIVERY_OUTLET_H

#include <czmq.h>

#include "proto/bus.h"

struct outlet {
    zloop_t *loop;
    zsock_t *sock;
    int is_watched;             /* full: waiting for room */
    void (*on_room)(void *self);
    void *self;
};

/* Bind. on_room(self) is called on the loop when a full socket has room. 0,
 * or -1 with the reason. */
int outlet_init(struct outlet *outlet, zloop_t *loop, const char *endpoint,
                struct err *err);
void outlet_release(struct outlet *outlet);

/* Send a batch of events without waiting: 0, or -1 when there is no room (or
 * nobody) now. */
int outlet_send(struct outlet *outlet, const struct batch_head *head, struct text body);

#endif
