/*
 * http_stub.h - a small HTTP server for tests: the fake Slack
 *
 * It listens on 127.0.0.1, on a port of its own, in threads of its own,
 * records every request and answers from a script. Thread-safe. A test waits
 * for a number of requests with a deadline, never with sleep.
 */
#ifndef TESTS_SUPPORT_HTTP_STUB_H
#define TESTS_SUPPORT_HTTP_STUB_H

#include <stddef.h>
#include <stdint.h>

struct stub;

struct stub_answer {
    int status;                 /* 0: 200 */
    const char *headers;        /* "Retry-After: 2\r\n", each with its line end */
    const char *body;           /* NULL: "ok" */
    size_t repeat;              /* send the body this many times, 0: once */
    int delay_ms;               /* before answering */
    int is_dropped;             /* close the connection instead of answering */
    const char *raw;            /* send these bytes instead of an answer, then close */
};

struct stub_request {
    char *method;
    char *path;                 /* with the query string */
    char *headers;              /* "Name: value\r\n" lines */
    char *body;                 /* NUL-terminated */
    size_t body_len;
    int64_t at_ms;              /* CLOCK_MONOTONIC */
    unsigned connection;        /* number of the connection, from 1 */
};

/* Listen on a port of its own, or on a unix socket (created; the caller
 * unlinks). NULL with a line on standard error when that cannot be. */
struct stub *stub_new(void);
struct stub *stub_new_unix(const char *path);

/* Close all connections (a delayed answer is not waited for) and free. */
void stub_destroy(struct stub **stub);

/* "http://127.0.0.1:PORT" ("http://localhost" on a unix socket), borrowed. */
const char *stub_url(const struct stub *stub);
int stub_port(const struct stub *stub);

/* The next requests get these answers, one each (copied, added to what is
 * left of the script); then the usual answer, 200 "ok" unless it is set. */
void stub_script(struct stub *stub, const struct stub_answer *answers, size_t count);
void stub_set_usual(struct stub *stub, const struct stub_answer *answer);

/* Wait until there were at least count requests: 0, or -1 when timeout_ms
 * passed first. */
int stub_wait_for(struct stub *stub, size_t count, int timeout_ms);

/* How many requests came so far (since the last stub_forget). */
size_t stub_count(struct stub *stub);

/* The i-th request, from 0; NULL when there is none. Lives until stub_forget
 * or stub_destroy. */
const struct stub_request *stub_request(struct stub *stub, size_t i);

/* The value of a header of a request into out, "" when it is not there. 1 or 0. */
int stub_header(const struct stub_request *request, const char *name, char *out,
                size_t size);

/* How many requests contain this text in their body. */
size_t stub_count_containing(struct stub *stub, const char *text);

/* The most requests that were being answered at the same time. */
unsigned stub_most_at_once(struct stub *stub);

/* Forget all requests so far, and what is left of the script. */
void stub_forget(struct stub *stub);

#endif
