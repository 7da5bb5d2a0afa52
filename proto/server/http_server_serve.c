#include "proto/server/http_server_parts.h"

#include <stdio.h>
#include <string.h>

#include "proto/base/log.h"

enum {
    CONNECTION_MEMORY = 32 * 1024,      /* libmicrohttpd's, for headers and reading */
    NEWCOMERS = 32,                     /* let in before who makes room has gone */
    MAX_DISCARD = 64 * 1024 * 1024      /* past a chunked body's limit; then cut off */
};

/* --- what libmicrohttpd calls --- */

static void *
on_uri(void *cls, const char *uri, struct MHD_Connection *connection)
{
    struct http_server *server = cls;
    struct http_request *req = http_request_take(server);

    server->calls++;
    if (req == NULL)
        return NULL;
    req->connection = connection;
    req->one = http_crowd_find(connection);
    req->sent_uri = uri;
    req->sent_uri_len = strlen(uri);
    http_pace_mark(req->one, PHASE_HEAD);
    if (http_request_set_uri(req, uri) != 0) {
        http_request_give_back(req);
        return NULL;
    }
    if (req->one != NULL)
        req->one->request = req;
    return req;
}

/* Answered, or broken off. */
static void
end_request(struct http_request *req, struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info;

    req->server->calls++;
    if (req->one != NULL)
        req->one->request = NULL;
    http_pace_mark(req->one, PHASE_IDLE);
    http_crowd_hold(&req->server->crowd, connection, HELD_BODY, 0);
    http_crowd_hold(&req->server->crowd, connection, HELD_ANSWER, 0);
    http_crowd_moved(&req->server->crowd, connection, 0);
    if (req->stage != STAGE_SENT)           /* it broke off, or was no HTTP */
        ++*req->server->refused[REFUSED_BROKEN];
    if (req->needs_linger && !req->server->is_closing) {
        info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        if (info != NULL)
            http_linger_add(req->server->linger, info->connect_fd);
    }
    http_request_give_back(req);
}

static void
on_completed(void *cls, struct MHD_Connection *connection, void **ret_req,
             enum MHD_RequestTerminationCode how)
{
    struct http_request *req = *ret_req;

    (void)cls;
    (void)how;
    *ret_req = NULL;
    if (req != NULL)
        end_request(req, connection);
}

static void
on_connection(void *cls, struct MHD_Connection *connection, void **context,
              enum MHD_ConnectionNotificationCode what)
{
    struct http_server *server = cls;

    server->calls++;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        http_crowd_enter(&server->crowd, connection, context);
        http_tls_enter(server, connection, *context);
    } else {
        const struct http_connection *one = *context;

        /* libmicrohttpd 1.0 says nothing of a request that it refuses twice */
        if (one != NULL && one->request != NULL)
            end_request(one->request, connection);
        http_tls_leave(server, *context);
        http_crowd_leave(&server->crowd, context);
    }
    *server->connections = server->crowd.count;
    /* at its limit it listens again only when it is run once more */
    server->is_due |= what == MHD_CONNECTION_NOTIFY_CLOSED;
}

static enum MHD_Result
queue_answer(struct http_request *req)
{
    enum MHD_Result result;

    if (req->response == NULL)
        return MHD_NO;                      /* out of memory */
    result = MHD_queue_response(req->connection, req->status, req->response);
    http_pace_mark(req->one, PHASE_ANSWER);
    if (result == MHD_YES && req->status >= 200 && req->status < 600)
        ++*req->server->answered[req->status / 100];
    if (req->response != req->server->cached)
        MHD_destroy_response(req->response);
    req->response = NULL;
    req->stage = STAGE_SENT;
    return result;
}

/* The head is complete. A refusal is sent at once when the body would be long
 * or the client waits for leave to send it; a short body is read first, which
 * keeps the connection. (Queued now, libmicrohttpd closes it.) */
static enum MHD_Result
begin(struct http_request *req)
{
    const char *expect;

    http_crowd_moved(&req->server->crowd, req->connection, 0);
    http_pace_mark(req->one, PHASE_BODY);
    if (http_gate(req) == 0 && http_inflate_begin(req) == 0) {
        req->stage = http_queue_join(req) == 0 ? STAGE_READING : STAGE_QUEUED;
        if (req->stage == STAGE_QUEUED)
            MHD_suspend_connection(req->connection);
        return MHD_YES;
    }
    req->stage = STAGE_DISCARDING;
    expect = http_header(req, "Expect").ptr;
    if (!req->must_close &&
        (req->content_length == 0 ||
         (req->content_length > 0 && req->content_length <= HTTP_DRAIN_BYTES &&
          expect == NULL && req->status != 413)))
        return MHD_YES;
    req->needs_linger = 1;
    return queue_answer(req);
}

/* A chunked body says its size only by growing. 0, or -1 and it was refused. */
static int
keep_plain(struct http_request *req, const char *bytes, size_t len)
{
    if (req->received > req->max_body)
        http_refuse(req, REFUSED_SIZE, 413,
                    "The body is longer than the %zu bytes that are taken.",
                    req->max_body);
    else if (http_crowd_hold(&req->server->crowd, req->connection, HELD_BODY,
                             req->received) != 0)
        http_refuse(req, REFUSED_MEMORY, 503, "Too many bodies are coming in at once;"
                    " send it again.");
    else if (buf_append(&req->body, bytes, len) != 0)
        http_refuse(req, REFUSED_MEMORY, 503, "Out of memory; send it again.");
    else
        return 0;
    return -1;
}

static void
discard(struct http_request *req)
{
    req->stage = STAGE_DISCARDING;
    http_crowd_hold(&req->server->crowd, req->connection, HELD_BODY, 0);
    http_queue_leave(req);
    http_inflate_release(req);
    buf_release(&req->body);
}

static enum MHD_Result
take_body(struct http_request *req, const char *bytes, size_t len)
{
    req->received += len;
    http_queue_took(req, len);
    if (req->stage == STAGE_DISCARDING)
        return req->received > req->max_body + MAX_DISCARD ? MHD_NO : MHD_YES;
    if ((req->inflate != NULL ? http_inflate_take(req, bytes, len)
                              : keep_plain(req, bytes, len)) != 0)
        discard(req);
    return MHD_YES;
}

/* Others with the same key may have come in since the gate: who is now in debt waits,
 * so that what a key brings too much is at most one body. */
static int
pay(struct http_request *req)
{
    if (req->holder == NULL || req->received == 0)
        return 0;
    if (http_check_rate(req) != 0)
        return -1;
    key_holder_charge(req->holder, 0, req->received);
    return 0;
}

static enum MHD_Result
dispatch(struct http_request *req)
{
    /* the end may have come while the body did: nobody would answer who waits now */
    if (http_check_closing(req) != 0 || pay(req) != 0)
        return queue_answer(req);
    req->stage = STAGE_HANDLING;
    req->server->has_handled = 1;
    req->route->handle(req, req->self);
    if (!req->is_answered && req->is_deferred) {
        req->stage = STAGE_WAITING;
        http_crowd_moved(&req->server->crowd, req->connection, 1);
        http_pace_mark(req->one, PHASE_WORK);
        MHD_suspend_connection(req->connection);
        return MHD_YES;
    }
    if (!req->is_answered) {
        log_error("a handler gave no answer", "path=%s", req->route->path);
        http_reply_problem(req, 500, "This request got no answer: a bug in the server.");
    }
    return queue_answer(req);
}

static enum MHD_Result
on_request(void *cls, struct MHD_Connection *connection, const char *url,
           const char *method, const char *version, const char *bytes, size_t *len,
           void **ret_req)
{
    struct http_request *req = *ret_req;

    (void)cls;
    (void)connection;
    (void)url;
    if (req == NULL)
        return MHD_NO;                      /* out of memory in on_uri */
    req->server->calls++;
    if (req->stage == STAGE_NEW) {
        req->method = method;
        req->version = version;
        return begin(req);
    }
    if (req->stage == STAGE_LET_IN) {       /* and libmicrohttpd begins once more */
        req->stage = STAGE_READING;
        if (*len == 0)
            return MHD_YES;
    }
    if (*len > 0) {
        size_t taken = *len;

        *len = 0;
        return take_body(req, bytes, taken);
    }
    switch (req->stage) {
    case STAGE_READING:
        if (http_inflate_end(req) == 0)
            return dispatch(req);
        discard(req);
        return queue_answer(req);
    case STAGE_DISCARDING:
    case STAGE_RESUMED:
        return queue_answer(req);
    case STAGE_QUEUED:
    case STAGE_WAITING:                     /* woken without an answer */
        MHD_suspend_connection(connection);
        return MHD_YES;
    default:
        return MHD_YES;
    }
}

static void
on_log(void *cls, const char *fmt, va_list args)
{
    char line[256];

    (void)cls;
    vsnprintf(line, sizeof(line), fmt, args);
    line[strcspn(line, "\r\n")] = '\0';
    log_debug("libmicrohttpd", "said=\"%s\"", line);
}

int
http_serve_start(struct http_server *server, const struct http_options *options,
                 struct err *err)
{
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;

    struct MHD_OptionItem tls[HTTP_TLS_OPTIONS];

    flags |= http_tls_options(server, tls);
#if MHD_VERSION >= 0x00097707
    flags |= MHD_USE_NO_THREAD_SAFETY;
#endif
    server->mhd = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, server,
        MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
        MHD_OPTION_LISTEN_SOCKET, server->socket.fd,
        MHD_OPTION_URI_LOG_CALLBACK, on_uri, server,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, server,
        MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)server->crowd.limit + NEWCOMERS,
        MHD_OPTION_CONNECTION_TIMEOUT, options->idle_timeout_s,
        MHD_OPTION_ARRAY, tls,
        MHD_OPTION_END);
    if (server->mhd == NULL) {
        err_set(err, "%s: libmicrohttpd does not start", server->socket.address);
        return -1;
    }
    return 0;
}

void
http_serve_end(struct http_server *server)
{
    if (server->mhd != NULL)
        MHD_stop_daemon(server->mhd);
    server->mhd = NULL;
    http_requests_release(server);
}
