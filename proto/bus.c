#include "proto/bus.h"

#include <errno.h>
#include <string.h>

#include "proto/bus_message.h"
#include "proto/wire.h"

/* What all sockets have in common. */
enum {
    HANDSHAKE_MS = 5000,
    CURVE_ADDS = 64,            /* to a frame, at most: command, nonce, MAC, flags (33) */
    RECONNECT_MAX_MS = 1000,
    KEEPALIVE_IDLE_S = 5, KEEPALIVE_EVERY_S = 5, KEEPALIVE_COUNT = 3, UNACKED_MS = 20000,
};

/* Who binds a PUSH or connects a PULL moves batches of up to 1 MiB: few may
 * wait. The other way round go reports, small and soon out of date. */
static const struct bus_socket {
    int type, is_bound, hwm;
} sockets[] = {
    { ZMQ_PUSH, 1, 16 },   { ZMQ_PULL, 0, 16 },
    { ZMQ_PUSH, 0, 1000 }, { ZMQ_PULL, 1, 1000 },
    { ZMQ_PUB,  1, 1000 }, { ZMQ_SUB,  0, 1000 },
    { ZMQ_XPUB, 1, 16 },            /* live batches; lossy by design */
};

static const struct bus_socket *
socket_row(int type, int is_bound)
{
    for (size_t i = 0; i < sizeof(sockets) / sizeof(sockets[0]); i++)
        if (sockets[i].type == type && sockets[i].is_bound == is_bound)
            return &sockets[i];
    return NULL;
}

/* The kernel's, not ZMTP's heartbeats: with these libzmq 4.3 aborts the process
 * ("Assertion failed: !_io_error") when a peer dies whose messages wait in a
 * full pipe (libzmq issues 3937, 4767). Heads and reports go each second anyway. */
static void
set_keepalive(zsock_t *sock)
{
    zsock_set_tcp_keepalive(sock, 1);
    zsock_set_tcp_keepalive_idle(sock, KEEPALIVE_IDLE_S);
    zsock_set_tcp_keepalive_intvl(sock, KEEPALIVE_EVERY_S);
    zsock_set_tcp_keepalive_cnt(sock, KEEPALIVE_COUNT);
    zsock_set_tcp_maxrt(sock, UNACKED_MS);
}

static const struct bus_curve *curve_in_use;

void
bus_use_curve(const struct bus_curve *curve)
{
    curve_in_use = curve;
}

/* What a socket is to be, and where. */
struct bus_place {
    int type, is_bound;
    const char *endpoint, *server, *monitor;
};

/* Keys, if there are to be any. A socket that has not got them is never bound. */
static int
set_curve(zsock_t *sock, struct bus_place *place, struct err *err)
{
    const struct bus_curve *curve = curve_in_use;
    const char *server_key;

    if (curve == NULL || strncmp(place->endpoint, "tcp:", strlen("tcp:")) != 0)
        return 0;
    zsock_set_curve_publickey(sock, curve->public_key);
    zsock_set_curve_secretkey(sock, curve->secret_key);
    if (place->is_bound) {
        zsock_set_curve_server(sock, 1);
        zsock_set_zap_domain(sock, "bongsu");
        place->monitor = curve->monitor_of(curve->self, place->endpoint, err);
        return place->monitor != NULL ? 0 : -1;
    }
    server_key = curve->key_of(curve->self, place->server, err);
    if (server_key == NULL)
        return -1;
    zsock_set_curve_serverkey(sock, server_key);
    return 0;
}

enum {
    FAILED_HANDSHAKES = ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                        ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH
};

static int
open_place(zsock_t *sock, const struct bus_place *place, struct err *err)
{
    int rc = 0;

    if (place->monitor != NULL)
        rc = zmq_socket_monitor(zsock_resolve(sock), place->monitor, FAILED_HANDSHAKES);
    if (rc != -1)
        rc = place->is_bound ? zsock_bind(sock, "%s", place->endpoint)
                             : zsock_connect(sock, "%s", place->endpoint);
    if (rc == -1)
        err_set(err, "cannot %s %s: %s", place->is_bound ? "bind" : "connect",
                place->endpoint, zmq_strerror(errno));
    return rc == -1 ? -1 : 0;
}

static zsock_t *
bus_socket(struct bus_place place, struct err *err)
{
    const struct bus_socket *row = socket_row(place.type, place.is_bound);
    zsock_t *sock;

    assert(row != NULL);
    sock = zsock_new(place.type);
    if (sock == NULL) {
        err_set(err, "%s: cannot make a socket: %s", place.endpoint, zmq_strerror(errno));
        return NULL;
    }
    zsock_set_linger(sock, 0);
    zsock_set_sndhwm(sock, row->hwm);
    zsock_set_rcvhwm(sock, row->hwm);
    zsock_set_maxmsgsize(sock, BUS_MAX_MESSAGE + CURVE_ADDS);
    zsock_set_handshake_ivl(sock, HANDSHAKE_MS);
    set_keepalive(sock);
    zsock_set_reconnect_ivl_max(sock, RECONNECT_MAX_MS);
    if (place.type == ZMQ_SUB)
        zsock_set_subscribe(sock, "");
    if (set_curve(sock, &place, err) != 0 || open_place(sock, &place, err) != 0)
        zsock_destroy(&sock);
    return sock;
}

zsock_t *
bus_bind(int type, const char *endpoint, struct err *err)
{
    return bus_socket((struct bus_place){ .type = type, .is_bound = 1, .endpoint = endpoint },
                      err);
}

zsock_t *
bus_connect(int type, const char *endpoint, const char *server, const char *monitor,
            struct err *err)
{
    return bus_socket((struct bus_place){ .type = type, .endpoint = endpoint,
                                          .server = server, .monitor = monitor }, err);
}

#define AT(member) offsetof(struct batch_head, member)

enum number_type { NUMBER_U64, NUMBER_U32, NUMBER_I64 };

static const struct head_row {
    uint64_t number;            /* on the wire */
    const char *name;
    enum number_type type;
    size_t offset;
    int is_required;
} head_rows[] = {
    { 1, "origin",   NUMBER_U64, AT(origin),      1 },
    { 2, "nonce",    NUMBER_U32, AT(nonce),       1 },
    { 3, "first",    NUMBER_U64, AT(first),       1 },
    { 4, "count",    NUMBER_U32, AT(count),       1 },
    { 5, "previous", NUMBER_U64, AT(previous),    1 },
    { 6, "received", NUMBER_I64, AT(received_us), 1 },
    { 7, "oldest",   NUMBER_U64, AT(oldest),      0 },
    { 8, "again",    NUMBER_U32, AT(is_again),    0 },
};

enum { HEAD_ROWS = sizeof(head_rows) / sizeof(head_rows[0]) };

static int
head_pack(const struct batch_head *head, struct buf *out)
{
    msgpack_packer packer;
    int rc;

    wire_packer_init(&packer, out);
    rc = msgpack_pack_map(&packer, HEAD_ROWS);
    for (size_t i = 0; i < HEAD_ROWS; i++) {
        const void *at = (const char *)head + head_rows[i].offset;

        rc |= msgpack_pack_uint64(&packer, head_rows[i].number);
        if (head_rows[i].type == NUMBER_U64)
            rc |= msgpack_pack_uint64(&packer, *(const uint64_t *)at);
        else if (head_rows[i].type == NUMBER_U32)
            rc |= msgpack_pack_uint32(&packer, *(const uint32_t *)at);
        else
            rc |= msgpack_pack_int64(&packer, *(const int64_t *)at);
    }
    return rc;
}

int
bus_send_batch(zsock_t *sock, enum bus_kind kind, const struct batch_head *head,
               struct text body)
{
    struct buf packed = { 0 };
    int rc = -1;

    assert(kind == BUS_EVENTS || kind == BUS_INCIDENTS);
    if (head_pack(head, &packed) == 0)
        rc = bus_send_message(sock, kind, buf_text(&packed), body);
    buf_release(&packed);
    return rc;
}

static int
head_take(const struct head_row *row, const msgpack_object *object,
          struct batch_head *head)
{
    void *at = (char *)head + row->offset;
    uint64_t number;

    if (row->type == NUMBER_I64)
        return wire_get_int(object, at);
    if (wire_get_uint(object, &number) != 0)
        return -1;
    if (row->type == NUMBER_U64)
        *(uint64_t *)at = number;
    else if (number <= UINT32_MAX)
        *(uint32_t *)at = (uint32_t)number;
    else
        return -1;
    return 0;
}

static int
head_take_all(const msgpack_object_map *map, struct batch_head *head, struct err *err)
{
    unsigned seen = 0;

    for (uint32_t i = 0; i < map->size; i++) {
        uint64_t number;

        if (wire_get_uint(&map->ptr[i].key, &number) != 0)
            continue;
        for (size_t k = 0; k < HEAD_ROWS; k++) {
            if (head_rows[k].number != number)
                continue;
            if ((seen & 1u << k) || head_take(&head_rows[k], &map->ptr[i].val, head)) {
                err_set(err, "batch head: %s is broken", head_rows[k].name);
                return -1;
            }
            seen |= 1u << k;
        }
    }
    for (size_t k = 0; k < HEAD_ROWS; k++) {
        if (head_rows[k].is_required && !(seen & 1u << k)) {
            err_set(err, "batch head: %s is missing", head_rows[k].name);
            return -1;
        }
    }
    return 0;
}

static int
head_unpack(zframe_t *frame, struct batch_head *head, struct err *err)
{
    msgpack_unpacked unpacked;
    int rc = -1;

    msgpack_unpacked_init(&unpacked);
    if (wire_open(zframe_data(frame), zframe_size(frame), &unpacked, err) != 0)
        err_add(err, "batch head");
    else if (unpacked.data.type != MSGPACK_OBJECT_MAP)
        err_set(err, "batch head: no msgpack map");
    else
        rc = head_take_all(&unpacked.data.via.map, head, err);
    msgpack_unpacked_destroy(&unpacked);
    return rc;
}

int
bus_recv_batch(zsock_t *sock, struct bus_batch *ret_batch, struct err *err)
{
    struct bus_batch batch = { 0 };
    zframe_t *body;
    int kind, rc;

    rc = bus_recv_message(sock, &batch.msg, &kind, err);
    if (rc != 1)
        return rc;
    if (kind != BUS_EVENTS && kind != BUS_INCIDENTS) {
        err_set(err, "message of kind %d where a batch was expected", kind);
        goto refused;
    }
    zmsg_first(batch.msg);
    if (head_unpack(zmsg_next(batch.msg), &batch.head, err) != 0)
        goto refused;
    body = zmsg_next(batch.msg);
    batch.kind = (enum bus_kind)kind;
    batch.body = (struct text){ (const char *)zframe_data(body), zframe_size(body) };
    *ret_batch = batch;
    return 1;

refused:
    zmsg_destroy(&batch.msg);
    return -1;
}

void
bus_batch_release(struct bus_batch *batch)
{
    zmsg_destroy(&batch->msg);
    memset(batch, 0, sizeof(*batch));
}
