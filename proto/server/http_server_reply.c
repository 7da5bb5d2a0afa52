#include "proto/server/http_server_parts.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "proto/base/log.h"

/* The answer is complete; NULL (out of memory) closes the connection instead. */
static void
finish(struct http_request *req, unsigned status, struct MHD_Response *response)
{
    req->response = response;
    req->status = status;
    req->is_answered = 1;
    req->server->unsent++;
    if (req->stage != STAGE_WAITING && req->stage != STAGE_QUEUED)
        return;
    req->stage = STAGE_RESUMED;
    http_crowd_moved(&req->server->crowd, req->connection, 0);
    MHD_resume_connection(req->connection);
    req->server->is_due = 1;
    if (!req->server->is_running)
        http_server_wake(req->server);
}

static int
add_header(struct MHD_Response *response, const char *name, const char *value)
{
    return MHD_add_response_header(response, name, value) == MHD_YES ? 0 : -1;
}

static int
add_headers(const struct http_request *req, struct MHD_Response *response,
            const char *content_type)
{
    const char *at = req->headers.ptr, *end = req->headers.ptr;

    if (req->headers.len > 0)
        end += req->headers.len;

    if (content_type != NULL && add_header(response, "Content-Type", content_type) != 0)
        return -1;
    if (add_header(response, "X-Content-Type-Options", "nosniff") != 0)
        return -1;
    if (!req->has_cache_control && add_header(response, "Cache-Control", "no-store") != 0)
        return -1;
    while (at < end) {
        const char *name = at, *value = name + strlen(name) + 1;

        if (add_header(response, name, value) != 0)
            return -1;
        at = value + strlen(value) + 1;
    }
    return 0;
}

static struct MHD_Response *
new_response(const struct http_request *req, const char *content_type, struct text body,
             enum MHD_ResponseMemoryMode mode)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(body.len, (void *)(uintptr_t)body.ptr, mode);

    if (response == NULL) {
        if (mode == MHD_RESPMEM_MUST_FREE)
            free((void *)(uintptr_t)body.ptr);
        return NULL;
    }
    http_crowd_hold(&req->server->crowd, req->connection, HELD_ANSWER, body.len);
    if (add_headers(req, response, content_type) == 0)
        return response;
    MHD_destroy_response(response);
    return NULL;
}

/* Many answers in a row are the same (a refusal, "ok"): libmicrohttpd can
 * send one response object any number of times. */
static struct MHD_Response *
shared_response(struct http_request *req, const char *content_type, struct text body)
{
    struct http_server *server = req->server;

    if (server->cached != NULL && text_equals(server->cached_body, body) &&
        strcmp(server->cached_type, content_type) == 0)
        return server->cached;
    if (server->cached != NULL)
        MHD_destroy_response(server->cached);
    server->cached = new_response(req, content_type, body, MHD_RESPMEM_MUST_COPY);
    if (server->cached != NULL) {
        if (body.len > 0)
            memcpy(server->cached_bytes, body.ptr, body.len);
        server->cached_body = (struct text){ server->cached_bytes, body.len };
        snprintf(server->cached_type, sizeof(server->cached_type), "%s", content_type);
    }
    return server->cached;
}

void
http_set_header(struct http_request *req, const char *name, const char *value)
{
    static struct log_burst burst;

    for (const char *at = value; *at != '\0'; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f) {
            log_warn_burst(&burst, "header not sent: control character", "name=%s", name);
            return;
        }
    if (buf_reserve(&req->headers, strlen(name) + strlen(value) + 2) != 0)
        return;
    buf_append(&req->headers, name, strlen(name) + 1);
    buf_append(&req->headers, value, strlen(value) + 1);
    req->has_cache_control |= strcasecmp(name, "Cache-Control") == 0;
    req->has_retry_after |= strcasecmp(name, "Retry-After") == 0;
}

/* What is sent in place of body: nothing of what the client has already, and less of
 * what can be compressed. 1 when *ret_body is such a thing, to be freed. */
static int
encode(struct http_request *req, unsigned *status, const char *content_type,
       struct text body, struct text *ret_body)
{
    char tag[HTTP_TAG_LEN], *bytes = NULL;
    size_t len = 0;

    if (req->wants_tag && *status == 200) {
        http_set_header(req, "Vary", "Accept-Encoding");
        *status = http_make_tag(req, body, tag) ? 304 : 200;
        http_set_header(req, "Cache-Control", "private, no-cache");
        http_set_header(req, "ETag", tag);
    }
    if (*status == 304) {
        bytes = calloc(1, 1);
        *ret_body = (struct text){ bytes, 0 };
        return bytes != NULL;
    }
    if (!http_compress(req, content_type, body, &bytes, &len))
        return 0;
    http_set_header(req, "Content-Encoding", "gzip");
    *ret_body = (struct text){ bytes, len };
    return 1;
}

static void
reply_bytes(struct http_request *req, unsigned status, const char *content_type,
            struct text body, enum MHD_ResponseMemoryMode mode)
{
    struct text encoded;

    assert(!req->is_answered);
    if (encode(req, &status, content_type, body, &encoded)) {
        if (mode == MHD_RESPMEM_MUST_FREE)
            free((void *)(uintptr_t)body.ptr);
        body = encoded;
        mode = MHD_RESPMEM_MUST_FREE;
    }
    finish(req, status, new_response(req, content_type, body, mode));
}

void
http_reply(struct http_request *req, unsigned status, const char *content_type,
           struct text body)
{
    /* shared only where it is queued before anybody can replace it */
    if (req->stage == STAGE_HANDLING && req->headers.len == 0 && content_type != NULL &&
        body.len <= HTTP_CACHED_BODY && !req->wants_tag &&
        strlen(content_type) < sizeof(req->server->cached_type)) {
        assert(!req->is_answered);
        finish(req, status, shared_response(req, content_type, body));
    } else {
        reply_bytes(req, status, content_type, body, MHD_RESPMEM_MUST_COPY);
    }
}

void
http_reply_gzipped(struct http_request *req, const char *content_type, struct text body)
{
    struct buf plain = { 0 };

    http_set_header(req, "Vary", "Accept-Encoding");
    if (http_takes_gzip(req)) {
        http_set_header(req, "Content-Encoding", "gzip");
        assert(!req->is_answered);
        finish(req, 200, new_response(req, content_type, body, MHD_RESPMEM_PERSISTENT));
    } else if (http_inflate_all(body, &plain) == 0) {
        reply_bytes(req, 200, content_type, buf_text(&plain), MHD_RESPMEM_MUST_COPY);
    } else {
        http_reply_problem(req, 503, "out of memory");
    }
    buf_release(&plain);
}

void
http_tag(struct http_request *req)
{
    req->wants_tag = 1;
}

/* body is given */
static void
reply_json_as(struct http_request *req, unsigned status, const char *content_type,
              json_t *body)
{
    char *bytes = json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY);

    json_decref(body);
    if (bytes != NULL)
        reply_bytes(req, status, content_type, text_of(bytes), MHD_RESPMEM_MUST_FREE);
    else
        finish(req, status, NULL);
}

void
http_reply_json(struct http_request *req, unsigned status, json_t *body)
{
    reply_json_as(req, status, "application/json", body);
}

void
http_reply_problem_with(struct http_request *req, unsigned status, json_t *members,
                        const char *detail)
{
    const char *title = MHD_get_reason_phrase_for(status);
    json_t *problem;

    if ((status == 429 || status == 503) && !req->has_retry_after)
        http_set_header(req, "Retry-After", "1");
    if (req->say != NULL) {
        json_decref(members);
        req->say(req, status, detail);
        return;
    }
    problem = json_pack("{s:s, s:s, s:i, s:s}", "type", "about:blank", "title",
                        title == NULL ? "Error" : title, "status", (int)status,
                        "detail", detail);
    if (problem != NULL && members != NULL)
        json_object_update_missing(problem, members);
    json_decref(members);
    reply_json_as(req, status, "application/problem+json", problem);
}

/* The detail may quote what a client sent: what is no UTF-8 is shown as '?'. */
static void
reply_problem_va(struct http_request *req, unsigned status, const char *fmt, va_list args)
{
    char detail[1024];

    vsnprintf(detail, sizeof(detail), fmt, args);
    text_mend(detail);
    http_reply_problem_with(req, status, NULL, detail);
}

void
http_reply_problem(struct http_request *req, unsigned status, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    reply_problem_va(req, status, fmt, args);
    va_end(args);
}

void
http_refuse(struct http_request *req, enum http_refusal why, unsigned status,
            const char *fmt, ...)
{
    va_list args;

    ++*req->server->refused[why];
    va_start(args, fmt);
    reply_problem_va(req, status, fmt, args);
    va_end(args);
}

void
http_defer(struct http_request *req)
{
    req->is_deferred = 1;
}
