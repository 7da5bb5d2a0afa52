#include "proto/server/http_server_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    MAX_LINGERING = 32,                     /* beyond these the reset is risked */
    LINGER_MS = 2000,
    LINGER_BYTES = 64 * 1024 * 1024,        /* thrown away per connection */
    READS_PER_TURN = 16
};

struct lingerer {
    struct http_linger *linger;
    int fd;                                 /* -1: this place is free */
    int timer;
    size_t bytes;
};

struct http_linger {
    zloop_t *loop;
    struct lingerer places[MAX_LINGERING];
};

static void
end_one(struct lingerer *one)
{
    zmq_pollitem_t item = { .fd = one->fd, .events = ZMQ_POLLIN };

    if (one->fd < 0)
        return;
    zloop_poller_end(one->linger->loop, &item);
    if (one->timer >= 0)
        zloop_timer_end(one->linger->loop, one->timer);
    close(one->fd);
    one->fd = -1;
    one->timer = -1;
}

static int
on_data(zloop_t *loop, zmq_pollitem_t *item, void *arg)
{
    char trash[16 * 1024];
    struct lingerer *one = arg;
    ssize_t len = 1;

    (void)loop;
    (void)item;
    for (int i = 0; i < READS_PER_TURN && len > 0; i++) {
        len = recv(one->fd, trash, sizeof(trash), MSG_DONTWAIT);
        if (len > 0)
            one->bytes += (size_t)len;
    }
    if (len == 0 || one->bytes > LINGER_BYTES ||
        (len < 0 && errno != EAGAIN && errno != EINTR))
        end_one(one);
    return 0;
}

static int
on_deadline(zloop_t *loop, int timer, void *arg)
{
    struct lingerer *one = arg;

    (void)loop;
    if (one->timer == timer) {
        one->timer = -1;                    /* it has run its one time */
        end_one(one);
    }
    return 0;
}

struct http_linger *
http_linger_new(zloop_t *loop)
{
    struct http_linger *linger = calloc(1, sizeof(*linger));

    if (linger == NULL)
        return NULL;
    linger->loop = loop;
    for (size_t i = 0; i < MAX_LINGERING; i++)
        linger->places[i] = (struct lingerer){ .linger = linger, .fd = -1, .timer = -1 };
    return linger;
}

void
http_linger_destroy(struct http_linger **linger)
{
    if (*linger == NULL)
        return;
    for (size_t i = 0; i < MAX_LINGERING; i++)
        end_one(&(*linger)->places[i]);
    free(*linger);
    *linger = NULL;
}

void
http_linger_add(struct http_linger *linger, int fd)
{
    struct lingerer *one = linger->places;
    zmq_pollitem_t item = { .events = ZMQ_POLLIN };

    while (one < linger->places + MAX_LINGERING && one->fd >= 0)
        one++;
    if (one == linger->places + MAX_LINGERING)
        return;
    /* the server closes its own descriptor; this one keeps the connection */
    item.fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (item.fd < 0)
        return;
    one->fd = item.fd;
    one->bytes = 0;
    one->timer = zloop_timer(linger->loop, LINGER_MS, 1, on_deadline, one);
    if (one->timer < 0 || zloop_poller(linger->loop, &item, on_data, one) != 0)
        end_one(one);
    else
        zloop_poller_set_tolerant(linger->loop, &item);
}
