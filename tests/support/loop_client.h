/*
 * loop_client.h - an HTTP client for tests that shares the server's loop
 *
 * It sends bytes as they are given and reads whole answers; while it waits
 * it runs the loop, until the answer is there or a deadline has passed.
 */
#ifndef TESTS_SUPPORT_LOOP_CLIENT_H
#define TESTS_SUPPORT_LOOP_CLIENT_H

#include <czmq.h>

#include "proto/base/buf.h"

struct loop_client {
    zloop_t *loop;
    int fd;
    struct buf out, in;
    size_t sent;
    size_t head_len, body_len;      /* of the answer that is at the start of in */
    int status;                     /* of that answer */
    int is_closed;                  /* by the server */
    int is_head_only;               /* the answer to HEAD: no body follows */
};

/* Run the loop until is_done(ctx) is true: 1; 0 when timeout_ms passed first. */
int loop_until(zloop_t *loop, int (*is_done)(void *ctx), void *ctx, int timeout_ms);

/* Connect to "127.0.0.1:8000", "[::1]:8000" or "unix:/path". The test fails
 * when that cannot be. */
struct loop_client *loop_client_new(zloop_t *loop, const char *address);
void loop_client_destroy(struct loop_client **client);

/* Queue bytes; they go out while the loop runs. */
void loop_client_send(struct loop_client *client, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void loop_client_send_bytes(struct loop_client *client, const void *bytes, size_t len);

/* Forget the last answer and wait up to a minute for the next (1xx ones are
 * passed over). Its status, or 0 when the connection ended without one. */
int loop_client_wait(struct loop_client *client);

/* Wait up to a minute until the server has closed the connection: 1 or 0. */
int loop_client_wait_closed(struct loop_client *client);

/* Of the last answer: a header's value into out ("" when absent), the body. */
const char *loop_client_header(struct loop_client *client, const char *name);
struct text loop_client_body(const struct loop_client *client);

#endif
