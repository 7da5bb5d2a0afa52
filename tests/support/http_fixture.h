/*
 * http_fixture.h - an HTTP server with routes to test it by, and a client
 *
 * http_fixture_set_up prepares options that a test may change before
 * http_fixture_start listens and connects. Everything runs on one loop.
 */
#ifndef TESTS_SUPPORT_HTTP_FIXTURE_H
#define TESTS_SUPPORT_HTTP_FIXTURE_H

#include "proto/server/http_server_parts.h"
#include "tests/support/loop_client.h"

#define API_KEY "a-key-of-the-test"
#define READER_KEY "a-reader-of-the-test"

/* More than the kernel holds for a client that does not read. */
enum { MAX_BODY = 1000, MAX_WAITING = 64, LARGE_ANSWER = 16 * 1024 * 1024 };

struct http_fixture {
    zloop_t *loop;
    struct metrics *metrics;
    struct http_options options;
    struct http_server *server;
    struct loop_client *client;
    struct http_request *waiting[MAX_WAITING];  /* deferred by POST /wait */
    size_t waiting_count, most_at_once;
    unsigned turns, handled;
    int holds_back;                             /* turns do not answer what waits */
};

int http_fixture_set_up(void **state);
int http_fixture_tear_down(void **state);

/* Listen with the fixture's options and connect; the client is the fixture's. */
struct loop_client *http_fixture_start(struct http_fixture *f);

/* What the server calls at the end of a turn. */
void on_turn(void *self);

/* Answer 202 to all that waits. */
void answer_all(struct http_fixture *f);

/* Send a request (headers are whole lines, "" for none) and wait for its status. */
int http_get(struct loop_client *client, const char *target, const char *headers);
int http_post(struct loop_client *client, const char *path, const char *headers,
              const char *body);

/* 1 when the last answer's body contains needle, else 0 and it is printed. */
int body_has(struct loop_client *client, const char *needle);

/* A counter, and one of bongsu_http_refused_total. */
uint64_t number(struct http_fixture *f, const char *name, const char *labels);
uint64_t refused(struct http_fixture *f, const char *labels);

/* Conditions for loop_until(loop, ..., fixture, ms): no request is in the
 * server; a request waits in /wait. */
int is_idle(void *ctx);
int is_waiting(void *ctx);

/* Send all that is queued now, without running the loop. */
void push(struct loop_client *client);

/* Have a request wait, held back, in the server. */
void leave_waiting(struct http_fixture *f, struct loop_client *client);

#endif
