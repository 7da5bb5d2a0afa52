#include "ingest/syslog/syslog.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ingest/syslog/syslog_inner.h"
#include "proto/base/clock.h"

enum {
    EVENTS = 64, ACCEPTS = 64,
    YOUNG_MS = 5000,                    /* who was heard since is not asked to leave */
    DRAIN_ROUNDS = 16
};

/* --- new connections --- */

static void
hear(struct syslog *syslog, int is_deaf)
{
    if (syslog->is_deaf == is_deaf || syslog->epoll_fd < 0)
        return;
    syslog->is_deaf = is_deaf;
    for (size_t i = 0; i < syslog->listener_count; i++) {
        struct syslog_listener *listener = &syslog->listeners[i];
        struct epoll_event event = { .events = is_deaf ? 0 : EPOLLIN, .data.ptr = listener };

        if (listener->transport != SYSLOG_UDP)
            epoll_ctl(syslog->epoll_fd, EPOLL_CTL_MOD, listener->socket.fd, &event);
    }
}

/* Ask the longest idle one to leave, unless somebody is on his way out. */
static void
make_room(struct syslog *syslog, int64_t now_ms)
{
    struct syslog_connection *idle = NULL;

    for (struct syslog_connection *conn = syslog->connections; conn != NULL; conn = conn->next) {
        if (conn->leaving_ms != 0)
            return;
        if (conn->stage == STAGE_OPEN && now_ms - conn->heard_ms >= YOUNG_MS &&
            (idle == NULL || conn->heard_ms <= idle->heard_ms))
            idle = conn;
    }
    if (idle == NULL)
        return;
    ++*syslog->numbers.left_for_room;
    syslog_connection_see_off(idle, now_ms);
}

static void
name_peer(const struct sockaddr_storage *addr, char out[INET6_ADDRSTRLEN])
{
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)addr;
    const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)addr;

    if (addr->ss_family == AF_INET)
        inet_ntop(AF_INET, &in->sin_addr, out, INET6_ADDRSTRLEN);
    else if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
        inet_ntop(AF_INET, &in6->sin6_addr.s6_addr[12], out, INET6_ADDRSTRLEN);
    else
        inet_ntop(AF_INET6, &in6->sin6_addr, out, INET6_ADDRSTRLEN);
}

static int
has_caller(const struct syslog_listener *listener)
{
    struct pollfd item = { .fd = listener->socket.fd, .events = POLLIN };

    return poll(&item, 1, 0) > 0;
}

/* A peer that is no more is noticed after two minutes, though it has nothing to say. */
static void
keep_alive(int fd)
{
    const int on = 1, idle_s = 60, interval_s = 15, probes = 4;

    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof(interval_s));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
}

static void
take_in(struct syslog *syslog, const struct syslog_listener *listener, int fd, const char *peer)
{
    const int is_proxy = syslog->settings->syslog_proxy_protocol &&
                         networks_has(&syslog->proxies, text_of(peer));

    if (is_proxy || syslog_is_allowed(syslog, text_of(peer))) {
        keep_alive(fd);
        syslog_connection_new(syslog, listener, fd, peer);
        return;
    }
    ++*syslog->numbers.refused[SYSLOG_REFUSED_NETWORK];
    log_warn_burst(&syslog->refuse_burst, "syslog connection refused",
                   "peer=%s reason=\"it is not in syslog.allow\"", peer);
    close(fd);
}

static void
accept_some(struct syslog *syslog, const struct syslog_listener *listener)
{
    for (int i = 0; i < ACCEPTS; i++) {
        struct sockaddr_storage addr;
        socklen_t len = sizeof(addr);
        char peer[INET6_ADDRSTRLEN];
        int fd;

        if (syslog->count >= (size_t)syslog->settings->syslog_connections) {
            if (has_caller(listener))
                make_room(syslog, clock_steady_ms());
            hear(syslog, 1);            /* who calls waits in the kernel */
            return;
        }
        fd = accept4(listener->socket.fd, (struct sockaddr *)&addr, &len,
                     SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
            continue;
        if (fd < 0) {
            if (errno != EAGAIN) {      /* no descriptors, no memory: later */
                log_warn_burst(&syslog->accept_burst, "no syslog connection can be taken",
                               "reason=\"%s\"", strerror(errno));
                hear(syslog, 1);
            }
            return;
        }
        name_peer(&addr, peer);
        take_in(syslog, listener, fd, peer);
    }
}

/* --- the loop --- */

int
syslog_on_ready(zloop_t *loop, zmq_pollitem_t *item, void *self)
{
    struct epoll_event events[EVENTS];
    struct syslog *syslog = self;
    int count;

    (void)loop, (void)item;
    if (!syslog_begin_turn(syslog))
        return 0;
    count = epoll_wait(syslog->epoll_fd, events, EVENTS, 0);
    /* who fills the turn is not the first of the next one, too */
    syslog->rotation++;
    for (int i = 0; i < count; i++) {
        void *source = events[(syslog->rotation + (unsigned)i) % (unsigned)count].data.ptr;

        if (*(enum syslog_source *)source == SOURCE_LISTENER)
            accept_some(syslog, source);
        else if (syslog_has_room(syslog->turn, source))
            syslog_connection_work(syslog, source);
    }
    syslog_end_turn(syslog);
    return 0;
}

int
syslog_streams_start(struct syslog *syslog, struct err *err)
{
    for (size_t i = 0; i < syslog->listener_count; i++) {
        struct syslog_listener *listener = &syslog->listeners[i];
        struct epoll_event event = { .events = EPOLLIN, .data.ptr = listener };

        if (listener->transport == SYSLOG_UDP)
            continue;
        if (syslog->epoll_fd < 0)
            syslog->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        if (syslog->epoll_fd < 0 ||
            epoll_ctl(syslog->epoll_fd, EPOLL_CTL_ADD, listener->socket.fd, &event) != 0) {
            err_set(err, "epoll: %s", strerror(errno));
            return -1;
        }
    }
    if (syslog->epoll_fd < 0)
        return 0;
    for (int i = 0; i < SYSLOG_TURNS; i++) {
        syslog->turns[i].syslog = syslog;
        syslog->turns[i].bytes = malloc(SYSLOG_SPACE_BYTES);
    }
    syslog->poll = (zmq_pollitem_t){ .fd = syslog->epoll_fd, .events = ZMQ_POLLIN };
    if (syslog->turns[0].bytes != NULL && syslog->turns[1].bytes != NULL &&
        syslog_start_reading(syslog) == 0)
        return 0;
    err_set(err, "out of memory");
    return -1;
}

void
syslog_streams_stop(struct syslog *syslog)
{
    syslog_stop_reading(syslog);
    if (syslog->soon >= 0)
        zloop_timer_end(syslog->daemon->loop, syslog->soon);
    syslog->soon = -1;
}

static void
look_after(struct syslog *syslog, struct syslog_connection *conn, int64_t now_ms)
{
    const int64_t idle_ms = syslog->settings->syslog_idle_ms;

    if (conn->turns > 0)
        ;
    else if (syslog->is_full)           /* nobody is heard */
        conn->begun_ms = conn->heard_ms = now_ms;
    else if (conn->stage != STAGE_OPEN && now_ms - conn->begun_ms > SYSLOG_BEGIN_MS)
        syslog_connection_refuse(syslog, conn, SYSLOG_REFUSED_LATE, "it takes too long to begin");
    else if (conn->leaving_ms != 0 && now_ms - conn->leaving_ms > SYSLOG_LEAVE_MS)
        syslog_connection_end(syslog, conn);
    else if (conn->leaving_ms == 0 && conn->stage == STAGE_OPEN && idle_ms > 0 &&
             now_ms - conn->heard_ms > idle_ms) {
        ++*syslog->numbers.left_idle;
        syslog_connection_see_off(conn, now_ms);
    }
}

void
syslog_streams_tick(struct syslog *syslog, int64_t now_ms)
{
    struct syslog_connection *next;

    for (struct syslog_connection *conn = syslog->connections; conn != NULL; conn = next) {
        next = conn->next;
        look_after(syslog, conn, now_ms);
    }
    hear(syslog, 0);
}

/* Work on all that are open, to the disk; returns the bytes that they brought. */
static size_t
work_on_all(struct syslog *syslog)
{
    struct syslog_connection *next;
    size_t taken = 0;
    struct err err;

    for (struct syslog_connection *conn = syslog->connections; conn != NULL; conn = next) {
        next = conn->next;
        if (conn->stage != STAGE_OPEN || syslog->is_full || !syslog_begin_turn(syslog))
            continue;
        syslog_connection_work(syslog, conn);
        taken += syslog->turn->taken;
        syslog_end_turn(syslog);
        syslog->spec.commit(syslog->spec.self, &err);   /* on_over is told of it */
    }
    return taken;
}

void
syslog_streams_drain(struct syslog *syslog)
{
    struct err err;

    if (syslog->epoll_fd < 0 || syslog->is_stopped)
        return;
    syslog->spec.commit(syslog->spec.self, &err);
    for (int i = 0; i < DRAIN_ROUNDS && work_on_all(syslog) > 0; i++)
        ;
    for (struct syslog_connection *conn = syslog->connections; conn != NULL; conn = conn->next)
        conn->is_at_end = 1;
    work_on_all(syslog);
}
