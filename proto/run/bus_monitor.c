#include "proto/run/bus_monitor.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    READS_PER_TURN = 64,
    /* events that wait while the loop works on something else, beyond libzmq's
     * thousand: some 2 MiB. Then libzmq waits, and with it who knocks. */
    MAX_WAITING = 20000
};

struct bus_monitor {
    zloop_t *loop;
    zsock_t *pair;
    char address[48];
    void (*on_event)(void *self, int event);
    void *self;
};

static int
read_events(zloop_t *loop, zsock_t *pair, void *arg)
{
    struct bus_monitor *monitor = arg;

    (void)loop;
    for (int i = 0; i < READS_PER_TURN && (zsock_events(pair) & ZMQ_POLLIN); i++) {
        zmsg_t *msg = zmsg_recv(pair);
        zframe_t *frame = msg != NULL ? zmsg_first(msg) : NULL;
        uint16_t event;

        if (frame != NULL && zframe_size(frame) >= sizeof(event)) {
            memcpy(&event, zframe_data(frame), sizeof(event));
            monitor->on_event(monitor->self, event);
        }
        zmsg_destroy(&msg);
    }
    return 0;
}

struct bus_monitor *
bus_monitor_new(zloop_t *loop, void (*on_event)(void *self, int event), void *self,
                struct err *err)
{
    static unsigned long number;
    struct bus_monitor *monitor = calloc(1, sizeof(*monitor));

    if (monitor == NULL || (monitor->pair = zsock_new(ZMQ_PAIR)) == NULL)
        goto failed;
    monitor->loop = loop;
    monitor->on_event = on_event;
    monitor->self = self;
    snprintf(monitor->address, sizeof(monitor->address), "inproc://bongsu-monitor-%lu",
             number++);
    zsock_set_linger(monitor->pair, 0);
    zsock_set_rcvhwm(monitor->pair, MAX_WAITING);
    if (zsock_connect(monitor->pair, "%s", monitor->address) != 0 ||
        zloop_reader(loop, monitor->pair, read_events, monitor) != 0)
        goto failed;
    zloop_reader_set_tolerant(loop, monitor->pair);
    return monitor;

failed:
    err_set(err, "cannot watch a socket: %s", zmq_strerror(errno));
    if (monitor != NULL)
        zsock_destroy(&monitor->pair);
    free(monitor);
    return NULL;
}

void
bus_monitor_destroy(struct bus_monitor **ref)
{
    struct bus_monitor *monitor = *ref;

    if (monitor == NULL)
        return;
    zloop_reader_end(monitor->loop, monitor->pair);
    zsock_destroy(&monitor->pair);
    free(monitor);
    *ref = NULL;
}

const char *
bus_monitor_address(const struct bus_monitor *monitor)
{
    return monitor->address;
}
