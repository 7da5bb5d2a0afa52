#include "tests/support/http_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "proto/base/text.h"

static void
say(struct buf *out, const char *name, struct text value)
{
    buf_printf(out, "%s=%.*s;", name, (int)value.len, value.ptr == NULL ? "" : value.ptr);
}

static void
say_query(void *ctx, struct text name, struct text value)
{
    buf_printf(ctx, "<%.*s>=<%.*s>;", (int)name.len, name.ptr, (int)value.len, value.ptr);
}

/* Answers with everything that it was asked with. */
static void
echo(struct http_request *req, void *self)
{
    struct http_fixture *f = self;
    struct buf out = { 0 };

    f->handled++;
    say(&out, "method", http_method(req));
    say(&out, "path", http_path(req));
    say(&out, "id", http_param(req, "id"));
    say(&out, "rest", http_param(req, "..."));
    say(&out, "q", http_query(req, "q"));
    say(&out, "raw", http_raw_query(req));
    say(&out, "type", http_content_type(req));
    say(&out, "peer", http_peer(req));
    say(&out, "key", http_key_id(req));
    say(&out, "body", http_body(req));
    http_each_query(req, say_query, &out);
    http_reply(req, 200, "text/plain", buf_text(&out));
    buf_release(&out);
}

/* As many events as the body says. */
static void
charge(struct http_request *req, void *self)
{
    struct http_fixture *f = self;
    int64_t events = 0;

    f->handled++;
    assert_int_equal(text_to_int(http_body(req), 0, 1000000, &events), 0);
    http_charge_events(req, (uint64_t)events);
    http_reply(req, 200, "text/plain", text_of("ok"));
}

static void
count_body(struct http_request *req, void *self)
{
    struct http_fixture *f = self;

    f->handled++;
    http_reply_json(req, 202, json_pack("{s:i}", "bytes", (int)http_body(req).len));
}

static void
wait_for_turn(struct http_request *req, void *self)
{
    struct http_fixture *f = self;

    f->handled++;
    assert_true(f->waiting_count < MAX_WAITING);
    f->waiting[f->waiting_count++] = req;
    http_defer(req);
}

static void
set_headers(struct http_request *req, void *self)
{
    (void)self;
    http_set_header(req, "Cache-Control", "max-age=60");
    http_set_header(req, "X-Good", "yes");
    http_set_header(req, "X-Bad", "a\r\nSet-Cookie: b");
    http_reply(req, 200, "text/plain", text_of("ok"));
}

static void
tell_problem(struct http_request *req, void *self)
{
    (void)self;
    json_t *members = json_pack("{s:s, s:i}", "field", "count", "status", 1);

    http_reply_problem_with(req, 422, members, "count must be a number");
}

static void
quote_bad_bytes(struct http_request *req, void *self)
{
    (void)self;
    http_reply_problem(req, 400, "not good: %s", "\xff\xfe");
}

static void
answer_large(struct http_request *req, void *self)
{
    char *bytes = calloc(1, LARGE_ANSWER);

    (void)self;
    assert_non_null(bytes);
    http_reply(req, 200, "application/octet-stream", (struct text){ bytes, LARGE_ANSWER });
    free(bytes);
}

static void
forget_to_answer(struct http_request *req, void *self)
{
    (void)req;
    (void)self;
}

static const struct http_route routes[] = {
    { "GET", "/open", HTTP_OPEN, NULL, 0, echo },
    { "GET", "/things/{id}/status", HTTP_OPEN, NULL, 0, echo },
    { "POST", "/things/{id}/status", HTTP_OPEN, NULL, 0, echo },
    { "GET", "/docs/{...}", HTTP_OPEN, NULL, 0, echo },
    { "GET", "/read", HTTP_READ, NULL, 0, echo },
    { "POST", "/write", HTTP_INGEST, "application/json text/plain", SIZE_MAX, echo },
    { "POST", "/change", HTTP_ANALYST, NULL, SIZE_MAX, echo },
    { "POST", "/admin", HTTP_ADMIN, NULL, SIZE_MAX, echo },
    { "POST", "/charge", HTTP_INGEST, NULL, SIZE_MAX, charge },
    { "POST", "/count", HTTP_OPEN, NULL, SIZE_MAX, count_body },
    { "POST", "/wait", HTTP_OPEN, NULL, SIZE_MAX, wait_for_turn },
    { "GET", "/headers", HTTP_OPEN, NULL, 0, set_headers },
    { "GET", "/problem", HTTP_OPEN, NULL, 0, tell_problem },
    { "GET", "/quote", HTTP_OPEN, NULL, 0, quote_bad_bytes },
    { "GET", "/large", HTTP_OPEN, NULL, 0, answer_large },
    { "GET", "/forgetful", HTTP_OPEN, NULL, 0, forget_to_answer },
};

void
answer_all(struct http_fixture *f)
{
    for (size_t i = 0; i < f->waiting_count; i++)
        http_reply(f->waiting[i], 202, "text/plain", text_of("committed"));
    if (f->waiting_count > f->most_at_once)
        f->most_at_once = f->waiting_count;
    f->waiting_count = 0;
}

void
on_turn(void *self)
{
    struct http_fixture *f = self;

    f->turns++;
    if (!f->holds_back)
        answer_all(f);
}

int
http_fixture_set_up(void **state)
{
    struct http_fixture *f = calloc(1, sizeof(*f));

    f->loop = zloop_new();
    f->metrics = metrics_new();
    f->options = (struct http_options){
        .listen = "127.0.0.1:0", .flag = "--test-listen", .api_key = API_KEY,
        .max_body = MAX_BODY, .max_connections = 64, .idle_timeout_s = 30,
    };
    *state = f;
    return 0;
}

int
http_fixture_tear_down(void **state)
{
    struct http_fixture *f = *state;

    loop_client_destroy(&f->client);
    http_server_destroy(&f->server);
    zloop_destroy(&f->loop);
    metrics_destroy(&f->metrics);
    free(f);
    return 0;
}

struct loop_client *
http_fixture_start(struct http_fixture *f)
{
    struct err err = { "" };

    f->server = http_server_new(f->loop, &f->options, f->metrics, &err);
    if (f->server == NULL)
        fail_msg("%s", err.text);
    http_server_add_routes(f->server, routes, sizeof(routes) / sizeof(routes[0]), f);
    http_server_on_turn(f->server, on_turn, f);
    f->client = loop_client_new(f->loop, http_server_address(f->server));
    return f->client;
}

int
http_get(struct loop_client *client, const char *target, const char *headers)
{
    loop_client_send(client, "GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", target, headers);
    return loop_client_wait(client);
}

int
http_post(struct loop_client *client, const char *path, const char *headers,
          const char *body)
{
    loop_client_send(client, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n%s\r\n%s",
                     path, strlen(body), headers, body);
    return loop_client_wait(client);
}

int
body_has(struct loop_client *client, const char *needle)
{
    if (text_find(loop_client_body(client), needle) != NULL)
        return 1;
    print_message("not \"%s\" in: %.*s\n", needle, (int)loop_client_body(client).len,
                  loop_client_body(client).ptr);
    return 0;
}

uint64_t
number(struct http_fixture *f, const char *name, const char *labels)
{
    return *metrics_number(f->metrics, METRIC_COUNTER, name, labels, "");
}

uint64_t
refused(struct http_fixture *f, const char *labels)
{
    return number(f, "bongsu_http_refused_total", labels);
}

int
is_idle(void *ctx)
{
    const struct http_fixture *f = ctx;

    return f->server->requests == NULL;
}

int
is_waiting(void *ctx)
{
    const struct http_fixture *f = ctx;

    return f->waiting_count > 0;
}

/* Send all that is queued now, without running the loop. */
void
push(struct loop_client *client)
{
    size_t len = client->out.len - client->sent;

    assert_int_equal(send(client->fd, client->out.ptr + client->sent, len, 0), len);
    client->sent = client->out.len;
}

/* A request that waits, held back, in the server. */
void
leave_waiting(struct http_fixture *f, struct loop_client *client)
{
    f->holds_back = 1;
    loop_client_send(client, "POST /wait HTTP/1.1\r\nHost: x\r\n"
                     "Content-Length: 400\r\n\r\n%400s", "");
    push(client);
    assert_true(loop_until(f->loop, is_waiting, f, 5000));
}
