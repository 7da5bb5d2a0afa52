/*
 * http_client.h - libcurl: multi on a loop for daemons, blocking for the command line
 *
 * No redirects, no proxy from the environment, no netrc; https, or plain
 * http to loopback only where a call says so. Answers over 64 KiB are cut
 * (daemons), unless a call says otherwise. Never logs a URL.
 */
#ifndef PROTO_HTTP_HTTP_CLIENT_H
#define PROTO_HTTP_HTTP_CLIENT_H

#include <czmq.h>
#include <stddef.h>

#include "proto/base/buf.h"
#include "proto/base/err.h"
#include "proto/base/text.h"

struct http_call {
    const char *method;             /* "GET", "POST" */
    const char *url;
    const char *unix_socket;        /* path, or NULL */
    const char *const *headers;     /* "Name: value", NULL-terminated, or NULL */
    struct text body;
    int is_body_kept;               /* until the answer, by the caller: no copy is made */
    const char *content_type;       /* of body */
    long timeout_ms;                /* in all; 0: 15 s */
    size_t max_answer;              /* bytes; 0: 64 KiB on a loop, else 64 MiB */
    int allow_plain;                /* http:// to anywhere (our own programs) */
    const char *ca_file;            /* PEM, instead of the system's authorities; or NULL */
    const char *certificate_file;   /* PEM, shown to a server that asks for one; or NULL */
    const char *key_file;           /* PEM, its key */
};

struct http_answer {
    long status;                    /* 0: no answer; error says why */
    long retry_after_s;             /* at most a day; -1: no such header */
    int is_too_long;                /* no answer because of max_answer (blocking) */
    struct buf body;
    struct err error;
};

void http_answer_release(struct http_answer *answer);

/* Blocking; an answer over 64 MiB is none. 0 when there was an answer (of any
 * status), else -1 with answer->error. The caller releases the answer. */
int http_call(const struct http_call *call, struct http_answer *answer);

/* A blocking session that keeps its connection between calls. */
struct http_session;
struct http_session *http_session_new(void);
void http_session_destroy(struct http_session **session);
int http_session_call(struct http_session *session, const struct http_call *call,
                      struct http_answer *answer);

/* On a loop: done(ctx, answer) is called later, always exactly once unless
 * the client is destroyed first (not from inside done); the answer is
 * released after it. Never from inside http_client_start. At most 256 calls
 * at once. 0, or -1 with the reason, and then done is not called. */
struct http_client;
struct http_client *http_client_new(zloop_t *loop, struct err *err);
void http_client_destroy(struct http_client **client);
int http_client_start(struct http_client *client, const struct http_call *call,
                      void (*done)(void *ctx, const struct http_answer *answer), void *ctx,
                      struct err *err);

/* For a process that ends: wait at most timeout_ms for the calls under way,
 * without the loop. Theirs is done() as usual. */
void http_client_finish(struct http_client *client, int timeout_ms);

/* Check a webhook's URL: https, or http to a loopback address. 0 or -1. */
int http_url_check_webhook(const char *url, struct err *err);

#endif
