#include "proto/run/bus_retry.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/log.h"
#include "proto/bus.h"
#include "proto/run/bus_monitor.h"

enum { AGAIN_AFTER_MS = 1000 };

struct bus_retry {
    zloop_t *loop;
    zsock_t *sock;
    struct bus_monitor *monitor;
    char *endpoint, *server;
    int timer;                  /* -1: none */
    uint64_t *failed;
    struct log_burst burst;
};

static int
connect_again(zloop_t *loop, int timer, void *self)
{
    struct bus_retry *retry = self;

    (void)loop;
    (void)timer;
    retry->timer = -1;
    /* what libzmq keeps of the address goes, else it would be one more each time */
    zsock_disconnect(retry->sock, "%s", retry->endpoint);
    if (zsock_connect(retry->sock, "%s", retry->endpoint) != 0)
        log_error("cannot connect again", "to=%s reason=\"%s\"", retry->endpoint,
                  zmq_strerror(errno));
    return 0;
}

/* After the first kind libzmq itself goes on. */
static const struct failure {
    int event;
    int is_final;
    const char *reason;
} failures[] = {
    { ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL, 0, "it hung up, or did not answer in time" },
    { ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL, 1, "what answers there is not what we look for" },
    { ZMQ_EVENT_HANDSHAKE_FAILED_AUTH, 1, "it refuses our key" },
};

static void
on_event(void *self, int event)
{
    struct bus_retry *retry = self;

    for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
        if (failures[i].event != event)
            continue;
        ++*retry->failed;
        log_warn_burst(&retry->burst, "no connection", "to=%s server=%s reason=\"%s\"",
                       retry->endpoint, retry->server, failures[i].reason);
        if (failures[i].is_final && retry->timer < 0)
            retry->timer = zloop_timer(retry->loop, AGAIN_AFTER_MS, 1, connect_again, retry);
    }
}

struct bus_retry *
bus_retry_new(const struct bus_retry_spec *spec, struct err *err)
{
    struct bus_retry *retry = calloc(1, sizeof(*retry));

    if (retry == NULL) {
        err_set(err, "out of memory");
        return NULL;
    }
    retry->loop = spec->loop;
    retry->timer = -1;
    retry->failed = spec->failed;
    retry->endpoint = strdup(spec->endpoint);
    retry->server = strdup(spec->server);
    if (retry->endpoint == NULL || retry->server == NULL)
        err_set(err, "out of memory");
    else if ((retry->monitor = bus_monitor_new(spec->loop, on_event, retry, err)) != NULL)
        retry->sock = bus_connect(spec->type, spec->endpoint, spec->server,
                                  bus_monitor_address(retry->monitor), err);
    if (retry->sock == NULL)
        bus_retry_destroy(&retry);
    return retry;
}

void
bus_retry_destroy(struct bus_retry **ref)
{
    struct bus_retry *retry = *ref;

    if (retry == NULL)
        return;
    if (retry->timer >= 0)
        zloop_timer_end(retry->loop, retry->timer);
    /* before its reader goes: libzmq waits for whom it tells */
    if (retry->sock != NULL)
        zmq_socket_monitor(zsock_resolve(retry->sock), NULL, 0);
    bus_monitor_destroy(&retry->monitor);
    zsock_destroy(&retry->sock);
    free(retry->endpoint);
    free(retry->server);
    free(retry);
    *ref = NULL;
}

zsock_t *
bus_retry_sock(const struct bus_retry *retry)
{
    return retry != NULL ? retry->sock : NULL;
}
