/*
 * Who waits before his body is read. Bodies that come in at the same time are memory: a
 * client whose body would be too much waits for those before him, his bytes in the
 * kernel's buffers on both sides, rather than being refused in the middle. First come,
 * first served. A short body is always read.
 *
 * A body counts as all that was announced, and from BOUND_MS on as what has come of it:
 * so who sends slowly does not keep others waiting. Should what has come nevertheless not
 * become less for STUCK_MS, one more is let in; then the crowd decides who must go.
 */
#include "proto/server/http_server_parts.h"

#include "proto/base/clock.h"

enum {
    SHORT_BODY = 16 * 1024,
    UNKNOWN_BODY = 256 * 1024,  /* of a chunked one: it may be less or more */
    UNPACKED_TIMES = 4,         /* a packed one */
    LOOK_MS = 100, BOUND_MS = 1000, STUCK_MS = 1000
};

static int on_look(zloop_t *loop, int timer, void *self);

static size_t
announced(const struct http_request *req)
{
    size_t bytes = req->content_length < 0 ? UNKNOWN_BODY : (size_t)req->content_length;

    if (bytes < req->max_body / UNPACKED_TIMES && http_is_packed(req) == 1)
        bytes *= UNPACKED_TIMES;
    return bytes < req->max_body ? bytes : req->max_body;
}

/* What it will bring yet. */
static void
set_bound(struct http_request *req, size_t bytes)
{
    req->server->queue.bound += bytes - req->bound;
    req->bound = bytes;
}

static void
unlink_one(struct http_queue *queue, struct http_request *req)
{
    if (req->queue_prev != NULL)
        req->queue_prev->queue_next = req->queue_next;
    else
        queue->first = req->queue_next;
    if (req->queue_next != NULL)
        req->queue_next->queue_prev = req->queue_prev;
    else
        queue->last = req->queue_prev;
    req->queue_prev = req->queue_next = NULL;
    req->is_queued = 0;
    --*queue->waiting;
}

static void
append_one(struct http_queue *queue, struct http_request *req)
{
    req->queue_prev = queue->last;
    if (req->queue_prev != NULL)
        req->queue_prev->queue_next = req;
    else
        queue->first = req;
    queue->last = req;
    req->is_queued = 1;
    ++*queue->waiting;
    ++*queue->waited;
}

/* --- who may be read --- */

static int
has_room(const struct http_server *server, size_t bytes)
{
    const struct http_crowd *crowd = &server->crowd;
    size_t taken = server->queue.bound + crowd->held[HELD_BODY] - crowd->leaving_held[HELD_BODY];

    return taken == 0 || taken + bytes <= server->queue.max_bytes;
}

static void
let_in(struct http_request *req, int64_t now_ms)
{
    set_bound(req, announced(req));
    req->bound_ms = req->server->queue.moved_ms = now_ms;
}

static void
let_first_in(struct http_server *server, int64_t now_ms)
{
    struct http_request *req = server->queue.first;

    unlink_one(&server->queue, req);
    let_in(req, now_ms);
    req->stage = STAGE_LET_IN;
    http_crowd_moved(&server->crowd, req->connection, 0);
    http_pace_mark(req->one, PHASE_BODY);
    MHD_resume_connection(req->connection);
    server->is_due = 1;
    if (!server->is_running)
        http_server_wake(server);
}

static void
let_in_who_fits(struct http_server *server)
{
    int64_t now_ms = clock_steady_ms();

    while (server->queue.first != NULL && has_room(server, announced(server->queue.first)))
        let_first_in(server, now_ms);
}

int
http_queue_join(struct http_request *req)
{
    struct http_server *server = req->server;
    struct http_queue *queue = &server->queue;
    size_t bytes = announced(req);

    if (req->content_length == 0 || bytes <= SHORT_BODY)
        return 0;
    if (queue->first == NULL && has_room(server, bytes)) {
        let_in(req, clock_steady_ms());
        return 0;
    }
    append_one(queue, req);
    http_crowd_moved(&server->crowd, req->connection, 1);
    http_pace_mark(req->one, PHASE_WORK);
    if (queue->timer < 0)
        queue->timer = zloop_timer(server->loop, LOOK_MS, 0, on_look, server);
    return 1;
}

void
http_queue_took(struct http_request *req, size_t bytes)
{
    if (req->bound > 0)
        set_bound(req, req->bound > bytes ? req->bound - bytes : 0);
}

void
http_queue_leave(struct http_request *req)
{
    struct http_queue *queue = &req->server->queue;

    if (req->is_queued)
        unlink_one(queue, req);
    set_bound(req, 0);
    if (queue->first != NULL && !req->server->is_closing) {
        if (req->bound_ms != 0)         /* others have freed nothing */
            queue->moved_ms = clock_steady_ms();
        let_in_who_fits(req->server);
    }
    req->bound_ms = 0;
}

/* --- who holds others up --- */

static int
on_look(zloop_t *loop, int timer, void *self)
{
    struct http_server *server = self;
    struct http_queue *queue = &server->queue;
    int64_t now_ms = clock_steady_ms();

    if (queue->first == NULL) {
        zloop_timer_end(loop, timer);
        queue->timer = -1;
        return 0;
    }
    for (struct http_request *req = server->requests; req != NULL; req = req->next)
        if (req->bound > 0 && now_ms - req->bound_ms >= BOUND_MS)
            set_bound(req, 0);
    if (now_ms - queue->moved_ms >= STUCK_MS && !has_room(server, announced(queue->first)))
        let_first_in(server, now_ms);
    let_in_who_fits(server);
    return 0;
}

void
http_queue_start(struct http_server *server, struct metrics *metrics)
{
    struct http_queue *queue = &server->queue;

    queue->timer = -1;
    queue->max_bytes = server->crowd.max_held[HELD_BODY] / 8 * 3;
    queue->waiting = metrics_number(metrics, METRIC_GAUGE, "bongsu_http_bodies_waiting", "",
                                    "requests whose body is not read yet, since others are");
    queue->waited = metrics_number(metrics, METRIC_COUNTER, "bongsu_http_bodies_waited_total", "",
                                   "requests that waited so before their body was read");
}

void
http_queue_end(struct http_server *server)
{
    if (server->queue.timer >= 0)
        zloop_timer_end(server->loop, server->queue.timer);
    server->queue.timer = -1;
}
