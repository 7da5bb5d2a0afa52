#include "ingest/delivery/live.h"

#include <stdlib.h>

#include "proto/bus.h"

/* Rows of one pump; what is more is skipped, a tail is no history. */
enum { LIVE_MAX_ROWS = 32 };

struct live {
    zloop_t *loop;
    zsock_t *sock;
    struct journal *journal;
    uint64_t place;
    unsigned listeners;
};

/* XPUB hears of the first subscription to a topic and the end of the last. */
static int
on_subscription(zloop_t *loop, zsock_t *sock, void *arg)
{
    struct live *live = arg;
    unsigned char topic[64];

    (void)loop;
    while (zmq_recv(zsock_resolve(sock), topic, sizeof(topic), ZMQ_DONTWAIT) > 0) {
        if (topic[0] == 1)
            live->listeners++;
        else if (topic[0] == 0 && live->listeners > 0)
            live->listeners--;
    }
    return 0;
}

struct live *
live_new(zloop_t *loop, struct journal *journal, const char *endpoint, struct err *err)
{
    struct live *live = calloc(1, sizeof(*live));

    if (live == NULL) {
        err_set(err, "live events: out of memory");
        return NULL;
    }
    live->loop = loop;
    live->journal = journal;
    live->place = journal_last(journal);
    live->sock = bus_bind(ZMQ_XPUB, endpoint, err);
    if (live->sock == NULL || zloop_reader(loop, live->sock, on_subscription, live) != 0)
        live_destroy(&live);
    return live;
}

void
live_destroy(struct live **live)
{
    if (*live == NULL)
        return;
    if ((*live)->sock != NULL)
        zloop_reader_end((*live)->loop, (*live)->sock);
    zsock_destroy(&(*live)->sock);
    free(*live);
    *live = NULL;
}

void
live_pump(struct live *live)
{
    struct batch_head head;
    struct text body;

    for (int i = 0; i < LIVE_MAX_ROWS && live->listeners > 0; i++) {
        if (journal_next(live->journal, live->place, &head, &body, NULL) != 1)
            break;
        (void)bus_send_batch(live->sock, BUS_EVENTS, &head, body);
        live->place = head.first;
    }
    live->place = journal_last(live->journal);
}
