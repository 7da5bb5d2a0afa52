#include "proto/server/http_server_parts.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/clock.h"

enum {
    ROUNDS_PER_TURN = 4,                /* then the loop's other sockets are looked at */
    MIN_BODIES = 64 * 1024 * 1024,      /* all bodies together */
    MAX_ANSWERS = 64 * 1024 * 1024,     /* all answers that wait for their readers */
    MAX_TIMER_MS = 60000,
    MAX_QUIET_TURNS = 16,
    QUIET_MS = 10,
    FLUSH_MS = 500                      /* at the end, for answers on their way */
};

/* --- on the loop --- */

static int on_timer(zloop_t *loop, int timer, void *arg);

static void
set_timer(struct http_server *server, size_t delay_ms, int is_now)
{
    if (server->timer >= 0)
        zloop_timer_end(server->loop, server->timer);
    server->timer = zloop_timer(server->loop, delay_ms, 1, on_timer, server);
    server->is_now = is_now;
}

void
http_server_wake(struct http_server *server)
{
    if (server->timer < 0 || !server->is_now)
        set_timer(server, 0, 1);
}

/* Is there work that no socket will announce? */
static int
has_more(struct http_server *server, unsigned long long *ret_timeout_ms)
{
    *ret_timeout_ms = 0;
    if (server->is_due)
        return 1;
    if (MHD_get_timeout(server->mhd, ret_timeout_ms) == MHD_YES)
        return *ret_timeout_ms == 0;
    *ret_timeout_ms = ULLONG_MAX;           /* none */
    return 0;
}

/* A connection that libmicrohttpd can neither read (its buffer is full of one
 * chunk's extension) nor end keeps saying that there is more to do, for as long
 * as it may be idle. When nothing comes of it for some turns, it can wait: a
 * socket that has something for us ends the wait. */
static void
run_turn(struct http_server *server)
{
    unsigned long long timeout_ms = 0;
    int is_more = 1;

    server->is_running = 1;
    server->calls = 0;
    for (int i = 0; i < ROUNDS_PER_TURN && is_more; i++) {
        server->is_due = 0;
        MHD_run(server->mhd);
        if (server->has_handled && server->end != NULL)
            server->end(server->end_self);
        server->has_handled = 0;
        is_more = has_more(server, &timeout_ms);
    }
    server->is_running = 0;
    server->quiet_turns = server->calls > 0 || !is_more ? 0 : server->quiet_turns + 1;
    if (is_more && server->quiet_turns > MAX_QUIET_TURNS)
        set_timer(server, QUIET_MS, 0);
    else if (is_more)
        http_server_wake(server);
    else if (server->timer < 0 && timeout_ms != ULLONG_MAX)
        /* later idle connections only end later: an armed timer is early enough */
        set_timer(server, 1 + (timeout_ms < MAX_TIMER_MS ? timeout_ms : MAX_TIMER_MS), 0);
}

static int
on_ready(zloop_t *loop, zmq_pollitem_t *item, void *arg)
{
    (void)loop;
    (void)item;
    run_turn(arg);
    return 0;
}

static int
on_timer(zloop_t *loop, int timer, void *arg)
{
    struct http_server *server = arg;

    (void)loop;
    if (timer != server->timer)
        return 0;
    server->timer = -1;                     /* it has run its one time */
    run_turn(server);
    return 0;
}

/* --- life --- */

static void
set_up_metrics(struct http_server *server, struct metrics *metrics)
{
    static const char *const reasons[REFUSED_COUNT] = {
        "path", "method", "auth", "no_key", "type", "size", "headers", "query", "memory",
        "closing", "broken", "framing", "host", "inflate", "scope", "rate",
        "certificate",
    };
    char labels[64];

    for (int code = 2; code < 6; code++) {
        snprintf(labels, sizeof(labels), "code=\"%dxx\"", code);
        server->answered[code] = metrics_number(metrics, METRIC_COUNTER,
                                                "bongsu_http_requests_total", labels,
                                                "HTTP requests answered");
    }
    for (int why = 0; why < REFUSED_COUNT; why++) {
        snprintf(labels, sizeof(labels), "reason=\"%s\"", reasons[why]);
        server->refused[why] = metrics_number(metrics, METRIC_COUNTER,
                                              "bongsu_http_refused_total", labels,
                                              "HTTP requests no handler has seen");
    }
    server->connections = metrics_number(metrics, METRIC_GAUGE, "bongsu_http_connections",
                                         "", "HTTP connections that are open");
    server->tls_silent = metrics_number(metrics, METRIC_COUNTER,
                                        "bongsu_http_tls_silent_total", "",
                                        "TLS connections that ended before a request: no handshake, "
                                        "no TLS, or a client's certificate that is not good");
    server->crowd.evicted_neighbours =
        metrics_number(metrics, METRIC_COUNTER, "bongsu_http_evicted_neighbours_total", "",
                       "HTTP connections hung up since their address had too many");
    server->crowd.evicted = metrics_number(metrics, METRIC_COUNTER,
                                           "bongsu_http_evicted_total", "",
                                           "HTTP connections hung up to make room");
}

static int
join_loop(struct http_server *server, struct err *err)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(server->mhd, MHD_DAEMON_INFO_EPOLL_FD);

    server->poll = (zmq_pollitem_t){ .fd = info->epoll_fd, .events = ZMQ_POLLIN };
    if (zloop_poller(server->loop, &server->poll, on_ready, server) != 0) {
        err_set(err, "%s: cannot join the loop", server->socket.address);
        return -1;
    }
    zloop_poller_set_tolerant(server->loop, &server->poll);
    return 0;
}

static int
open_keyring(struct http_server *server, const struct http_options *options,
             struct metrics *metrics, struct err *err)
{
    const struct keyring_spec spec = { .api_key = options->api_key,
                                       .reader_key = options->reader_key };

    server->keyring = options->keyring;
    if (server->keyring == NULL)
        server->keyring = server->own_keyring = keyring_new(server->loop, &spec, metrics, err);
    return server->keyring == NULL ? -1 : 0;
}

struct http_server *
http_server_new(zloop_t *loop, const struct http_options *options,
                struct metrics *metrics, struct err *err)
{
    struct http_server *server = NULL;
    int saved = 0;

    server = calloc(1, sizeof(*server));
    if (server == NULL) {
        err_set(err, "out of memory");
        return NULL;
    }
    server->loop = loop;
    server->socket.fd = -1;
    server->timer = -1;
    server->tls = options->tls;
    server->max_body = options->max_body;
    server->crowd.max_held[HELD_BODY] =
        options->max_body > MIN_BODIES / 2 ? options->max_body * 2 : MIN_BODIES;
    server->crowd.max_held[HELD_ANSWER] = MAX_ANSWERS;
    set_up_metrics(server, metrics);
    http_queue_start(server, metrics);
    server->crowd.limit = http_crowd_limit(options->max_connections);
    server->crowd.max_per_address = options->max_per_address;
    server->pace.timer = -1;
    server->linger = http_linger_new(loop);
    if (server->linger == NULL || http_hosts_init(server, options) != 0 ||
        http_pace_start(server, options, metrics) != 0)
        err_set(err, "out of memory");
    else if (http_proxies_init(server, options, err) != 0)
        saved = EINVAL;
    else if (http_listen(options->listen, options->flag, &server->socket, err) == 0) {
        server->has_reader = options->reader_key != NULL;
        server->is_reading_open =
            !server->has_reader && (server->socket.is_local || options->read_open);
        if (open_keyring(server, options, metrics, err) == 0 && http_serve_start(server, options, err) == 0 && join_loop(server, err) == 0)
            return server;
    }
    saved = saved != 0 ? saved : errno;
    http_server_destroy(&server);
    errno = saved;
    return NULL;
}

/* Answers that were given still go out; what waits for one is told that it
 * got none. */
static void
flush(struct http_server *server)
{
    int64_t deadline = clock_steady_ms() + FLUSH_MS;

    server->is_running = 1;                 /* no timers any more */
    for (struct http_request *req = server->requests; req != NULL; req = req->next)
        if (req->stage == STAGE_WAITING || req->stage == STAGE_QUEUED) {
            http_queue_leave(req);
            http_refuse(req, REFUSED_CLOSING, 503, "Shutting down; send it again.");
        }
    MHD_run(server->mhd);
    while (server->unsent > 0 && clock_steady_ms() < deadline)
        MHD_run_wait(server->mhd, 10);
}

void
http_server_destroy(struct http_server **server_ptr)
{
    struct http_server *server = *server_ptr;

    if (server == NULL)
        return;
    server->is_closing = 1;
    server->end = NULL;
    if (server->mhd != NULL) {
        http_server_quiesce(server);
        zloop_poller_end(server->loop, &server->poll);
        flush(server);
    }
    if (server->timer >= 0)
        zloop_timer_end(server->loop, server->timer);
    http_queue_end(server);
    http_pace_end(server);
    http_serve_end(server);
    http_linger_destroy(&server->linger);
    http_listen_end(&server->socket);
    if (server->cached != NULL)
        MHD_destroy_response(server->cached);
    http_hosts_release(server);
    http_proxies_release(server);
    http_description_destroy(&server->description);
    keyring_destroy(&server->own_keyring);
    free(server);
    *server_ptr = NULL;
}

void
http_server_add_routes(struct http_server *server, const struct http_route *routes,
                       size_t count, void *self)
{
    http_server_add_wire(server, routes, count, self, NULL, 0);
}

void
http_server_add_wire(struct http_server *server, const struct http_route *routes,
                     size_t count, void *self, http_say *say, int is_last)
{
    assert(server->table_count < HTTP_MAX_TABLES);
    server->tables[server->table_count++] =
        (struct http_table){ routes, count, self, say, is_last };
}

void
http_server_on_turn(struct http_server *server, void (*end)(void *self), void *self)
{
    server->end = end;
    server->end_self = self;
}

void
http_server_quiesce(struct http_server *server)
{
    /* libmicrohttpd leaves the socket to us from here on */
    if (!server->is_quiesced)
        MHD_quiesce_daemon(server->mhd);
    server->is_quiesced = 1;
    http_listen_end(&server->socket);
}

const char *
http_server_address(const struct http_server *server)
{
    return server->socket.address;
}
