#include "proto/bus_message.h"

#include "proto/bus.h"

enum { FRAMES = 3, START_LEN = 2 };

/* Once libzmq took the first frame it takes the rest; of a message that it
 * drops because the peer went, that peer's process sees no part. */
int
bus_send_message(zsock_t *sock, int kind, struct text head, struct text body)
{
    const unsigned char start[START_LEN] = { (unsigned char)kind, BUS_VERSION };
    void *handle = zsock_resolve(sock);

    if (body.len > BUS_MAX_MESSAGE)
        return -1;          /* it would only make the peer hang up */
    if (zmq_send(handle, start, sizeof(start), ZMQ_DONTWAIT | ZMQ_SNDMORE) == -1 ||
        zmq_send(handle, head.ptr, head.len, ZMQ_DONTWAIT | ZMQ_SNDMORE) == -1 ||
        zmq_send(handle, body.ptr, body.len, ZMQ_DONTWAIT) == -1)
        return -1;
    return 0;
}

int
bus_recv_message(zsock_t *sock, zmsg_t **ret_msg, int *ret_kind, struct err *err)
{
    const unsigned char *start;
    zmsg_t *msg;

    /* A message is there wholly or not at all, so that this does not wait. */
    if (!(zsock_events(sock) & ZMQ_POLLIN))
        return 0;
    msg = zmsg_recv(sock);
    if (msg == NULL)
        return 0;           /* interrupted; it is there next time */
    if (zmsg_size(msg) != FRAMES || zframe_size(zmsg_first(msg)) != START_LEN) {
        err_set(err, "message of %zu frames that is none of ours", zmsg_size(msg));
        goto refused;
    }
    start = zframe_data(zmsg_first(msg));
    if (start[1] != BUS_VERSION) {
        err_set(err, "message of version %d; this program knows %d", start[1],
                (int)BUS_VERSION);
        goto refused;
    }
    *ret_kind = start[0];
    *ret_msg = msg;
    return 1;

refused:
    zmsg_destroy(&msg);
    return -1;
}
