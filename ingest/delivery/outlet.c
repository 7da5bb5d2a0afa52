#include "ingest/delivery/outlet.h"

#include "proto/base/fault.h"

static int
on_writable(zloop_t *loop, zmq_pollitem_t *item, void *arg)
{
    struct outlet *outlet = arg;

    zloop_poller_end(loop, item);
    outlet->is_watched = 0;
    outlet->on_room(outlet->self);
    return 0;
}

int
outlet_init(struct outlet *outlet, zloop_t *loop, const char *endpoint, struct err *err)
{
    outlet->loop = loop;
    outlet->sock = bus_bind(ZMQ_PUSH, endpoint, err);
    return outlet->sock != NULL ? 0 : -1;
}

void
outlet_release(struct outlet *outlet)
{
    if (outlet->is_watched) {
        zmq_pollitem_t item = { .socket = zsock_resolve(outlet->sock) };

        zloop_poller_end(outlet->loop, &item);
        outlet->is_watched = 0;
    }
    zsock_destroy(&outlet->sock);
}

int
outlet_send(struct outlet *outlet, const struct batch_head *head, struct text body)
{
    int rc;

    fault_point("ingest.before_send");
    rc = bus_send_batch(outlet->sock, BUS_EVENTS, head, body);
    if (rc == 0) {
        fault_point("ingest.after_send");
    } else if (!outlet->is_watched) {
        zmq_pollitem_t item = { .socket = zsock_resolve(outlet->sock),
                                .events = ZMQ_POLLOUT };

        outlet->is_watched = zloop_poller(outlet->loop, &item, on_writable, outlet) == 0;
    }
    return rc;
}
