/*
 * bus_guard.h - who may speak to this process's tcp sockets: CURVE, and a ZAP handler
 *
 * CURVE alone lets in whoever has some key; the handler (ZeroMQ RFC 27) lets in
 * only those whose public key lies in DIR/allowed (bus_keys.h). It is a socket on
 * the one loop, opened before anything is bound. What it refuses is counted:
 * bongsu_bus_refused_peers_total{reason="key"}, and {reason="handshake"} of those
 * who do not come as far (no CURVE, another server's key). What is no ZeroMQ at all
 * libzmq drops without a word.
 */
#ifndef PROTO_RUN_BUS_GUARD_H
#define PROTO_RUN_BUS_GUARD_H

#include <czmq.h>

#include "proto/base/err.h"
#include "proto/base/metrics.h"
#include "proto/settings.h"

struct bus_guard;

/* Take the keys of role from bus.curve_dir (made there when there are none) for all
 * sockets of this process, or warn of a bus that is open to the network. *ret_guard
 * stays NULL when there is nothing to guard: ipc, or no bus.curve_dir. 0, or -1
 * with the reason. */
int bus_guard_new(zloop_t *loop, const struct settings *settings, const char *role,
                  struct metrics *metrics, struct bus_guard **ret_guard, struct err *err);

/* After all sockets of the bus. */
void bus_guard_destroy(struct bus_guard **guard);

/* What bus_guard_new would find wrong with the files; nothing is made. 0 or -1. */
int bus_guard_check(const struct settings *settings, const char *role, struct err *err);

#endif
