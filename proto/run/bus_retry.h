/*
 * bus_retry.h - a connecting socket that comes again
 *
 * libzmq 4.3 connects again when a connection breaks, but gives an address up
 * for good when what answers there breaks the protocol, or refuses our key:
 * another program that had the port for a moment, a key that is allowed a
 * minute later. This one tries again every second, and says why it had to.
 */
#ifndef PROTO_RUN_BUS_RETRY_H
#define PROTO_RUN_BUS_RETRY_H

#include <czmq.h>
#include <stdint.h>

#include "proto/base/err.h"

struct bus_retry;

struct bus_retry_spec {
    zloop_t *loop;
    int type;                   /* as of bus_connect, as are the next two */
    const char *endpoint;
    const char *server;
    uint64_t *failed;           /* counts handshakes that failed */
};

/* Connect. NULL with the reason. */
struct bus_retry *bus_retry_new(const struct bus_retry_spec *spec, struct err *err);

/* Close the socket, too. */
void bus_retry_destroy(struct bus_retry **retry);

/* Valid until bus_retry_destroy, NULL for NULL. */
zsock_t *bus_retry_sock(const struct bus_retry *retry);

#endif
