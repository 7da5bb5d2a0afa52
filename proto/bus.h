/*
 * bus.h - the messages between the processes
 *
 * [kind, version][head: msgpack map][body]: an unknown version is refused,
 * an unknown field of a head skipped. To change a message: add a field with
 * a new number (old readers skip it); when that will not do, raise
 * BUS_VERSION, and old readers refuse it with a log line.
 */
#ifndef PROTO_BUS_H
#define PROTO_BUS_H

#include <czmq.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/err.h"
#include "proto/codec_msgpack.h"

enum bus_kind { BUS_EVENTS = 1, BUS_INCIDENTS = 2, BUS_REPORT = 3 };
enum { BUS_VERSION = 1 };

/* A batch as it came: body borrows the message. head.count 0 is an empty
 * head, which only says how far the stream is. */
struct bus_batch {
    enum bus_kind kind;
    struct batch_head head;
    struct text body;
    zmsg_t *msg;
};

/* Send a batch of kind BUS_EVENTS or BUS_INCIDENTS without waiting. 0, or -1
 * when the socket takes nothing now (nothing was sent). */
int bus_send_batch(zsock_t *sock, enum bus_kind kind, const struct batch_head *head,
                   struct text body);

/* The next batch, without waiting: 1, 0 when there is none, -1 with the
 * reason when what came was refused. On 1 the caller releases. */
int bus_recv_batch(zsock_t *sock, struct bus_batch *ret_batch, struct err *err);
void bus_batch_release(struct bus_batch *batch);

/* What a consumer says of one origin. */
struct report_origin {
    uint64_t origin;
    uint64_t received;      /* last sequence taken, in order (a detector's) */
    uint64_t durable;       /* last sequence on its disk, in order (a detector's) */
    int wants_resend;       /* a gap was seen: send again after `received` */
    const uint64_t *acked;  /* keys of batches on its disk since the last report */
    size_t acked_count;
    const uint64_t *held;   /* keys of batches that it has and works on */
    size_t held_count;
};

/* Hello, ack and renewal in one: each second, and after each commit. */
struct report {
    char consumer[32];      /* "index", "detect/0" */
    uint64_t boot;          /* random, new at each start of the consumer */
    unsigned slots;         /* a detector's: how many share the work; 0: not said */
    struct report_origin *origins;
    size_t origin_count;
    void *memory;           /* of a received one */
};

int bus_send_report(zsock_t *sock, const struct report *report);
/* 1, 0 when there is none, -1 with the reason. On 1 the caller releases. */
int bus_recv_report(zsock_t *sock, struct report *ret_report, struct err *err);
void report_release(struct report *report);

/* A socket with the settings that all have in common (LINGER 0, small HWM,
 * MAXMSGSIZE 16 MiB, HANDSHAKE_IVL 5 s, TCP keepalive), bound or connected to
 * endpoint. type is ZMQ_PUSH and so on; server is the role of who binds what is
 * connected to ("ingest"); monitor is NULL, or where failed handshakes are told
 * (zmq_socket_monitor). NULL with the reason. */
zsock_t *bus_bind(int type, const char *endpoint, struct err *err);
zsock_t *bus_connect(int type, const char *endpoint, const char *server,
                     const char *monitor, struct err *err);

/* Keys for all tcp sockets of this process: who binds takes only clients that a
 * ZAP handler lets in, who connects speaks only to the holder of the server's
 * key. ipc stays without. */
struct bus_curve {
    const char *public_key, *secret_key;    /* ours, in Z85 */
    /* The public key of a role, borrowed until the next call; NULL with the reason. */
    const char *(*key_of)(void *self, const char *role, struct err *err);
    /* Where a socket that is about to be bound tells failed handshakes; NULL with
     * the reason. */
    const char *(*monitor_of)(void *self, const char *endpoint, struct err *err);
    void *self;
};

/* From now on, for new sockets; borrowed. NULL: no keys. One for the process, as is
 * czmq's context with its one ZAP handler. */
void bus_use_curve(const struct bus_curve *curve);

#endif
