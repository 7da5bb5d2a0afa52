/*
 * bus_monitor.h - what libzmq tells of a socket's failed handshakes, on the loop
 *
 * libzmq's own thread waits for whom it tells, so the monitor is there before
 * the socket has its address, and until that no more tells anything.
 */
#ifndef PROTO_RUN_BUS_MONITOR_H
#define PROTO_RUN_BUS_MONITOR_H

#include <czmq.h>

#include "proto/base/err.h"

struct bus_monitor;

/* on_event(self, ZMQ_EVENT_HANDSHAKE_FAILED_...) is called on the loop. NULL
 * with the reason. */
struct bus_monitor *bus_monitor_new(zloop_t *loop, void (*on_event)(void *self, int event),
                                    void *self, struct err *err);
void bus_monitor_destroy(struct bus_monitor **monitor);

/* Where the socket is to tell it: zmq_socket_monitor's address. */
const char *bus_monitor_address(const struct bus_monitor *monitor);

#endif
