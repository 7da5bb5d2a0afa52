/*
 * Requests are used again: what is made for one is kept for those that come after it.
 */
#include "proto/server/http_server_parts.h"

#include <stdlib.h>

enum {
    SPARE_REQUESTS = 256,
    SPARE_BODY = 16 * 1024              /* that a spare request keeps at most */
};

static void
destroy_request(struct http_request *req)
{
    http_inflate_release(req);
    buf_release(&req->uri);
    buf_release(&req->body);
    buf_release(&req->query);
    buf_release(&req->headers);
    free(req);
}

struct http_request *
http_request_take(struct http_server *server)
{
    struct http_request *req = server->spare;

    if (req != NULL) {
        server->spare = req->next;
        server->spare_count--;
    } else {
        req = calloc(1, sizeof(*req));
        if (req == NULL)
            return NULL;
    }
    req->server = server;
    req->prev = NULL;
    req->next = server->requests;
    if (req->next != NULL)
        req->next->prev = req;
    server->requests = req;
    return req;
}

/* The buffers stay, everything else is forgotten. */
static void
reset_request(struct http_request *req)
{
    if (req->body.cap > SPARE_BODY)
        buf_release(&req->body);
    buf_clear(&req->body);
    buf_clear(&req->headers);
    req->connection = NULL;
    req->one = NULL;
    req->route = NULL;
    req->self = NULL;
    req->say = NULL;
    http_inflate_release(req);
    req->stage = STAGE_NEW;
    req->is_bad_path = req->has_pairs = 0;
    req->received = req->max_body = 0;
    req->has_cache_control = req->has_retry_after = req->wants_tag = 0;
    req->bound = 0;
    req->is_queued = 0;
    req->is_deferred = req->is_answered = req->needs_linger = req->must_close = 0;
    req->response = NULL;
    req->holder = NULL;
    req->type[0] = req->peer[0] = '\0';
}

void
http_request_give_back(struct http_request *req)
{
    struct http_server *server = req->server;

    if (req->prev != NULL)
        req->prev->next = req->next;
    else
        server->requests = req->next;
    if (req->next != NULL)
        req->next->prev = req->prev;
    http_queue_leave(req);
    if (req->is_answered)
        server->unsent--;
    if (req->response != NULL && req->stage != STAGE_SENT)
        MHD_destroy_response(req->response);
    if (server->spare_count >= SPARE_REQUESTS) {
        destroy_request(req);
        return;
    }
    reset_request(req);
    req->next = server->spare;
    server->spare = req;
    server->spare_count++;
}

void
http_requests_release(struct http_server *server)
{
    while (server->spare != NULL) {
        struct http_request *req = server->spare;

        server->spare = req->next;
        destroy_request(req);
    }
}
