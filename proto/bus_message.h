/*
 * bus_message.h - the frame around every message: [kind, version][head][body]
 *
 * Shared by bus.c (sockets, batches) and bus_report.c (reports) alone.
 */
#ifndef PROTO_BUS_MESSAGE_H
#define PROTO_BUS_MESSAGE_H

#include <czmq.h>

#include "proto/base/err.h"
#include "proto/base/text.h"

/* The largest frame, either way. */
enum { BUS_MAX_MESSAGE = 16 * 1024 * 1024 };

/* Send three frames or nothing, without waiting. 0, or -1. */
int bus_send_message(zsock_t *sock, int kind, struct text head, struct text body);

/* The next message of three frames and a known version, without waiting: 1
 * (the caller destroys *ret_msg), 0 when there is none, -1 with the reason. */
int bus_recv_message(zsock_t *sock, zmsg_t **ret_msg, int *ret_kind, struct err *err);

#endif
