#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/run/http_server_parts.h"
#include "tests/support/loop_client.h"

#define API_KEY "a-key-of-the-test"
#define READER_KEY "a-reader-of-the-test"

enum { MAX_BODY = 1000, MAX_WAITING = 64 };

struct fixture {
    zloop_t *loop;
    struct metrics *metrics;
    struct http_options options;
    struct http_server *server;
    struct loop_client *client;
    struct http_request *waiting[MAX_WAITING];
    size_t waiting_count, most_at_once;
    unsigned turns, handled;
    int holds_back;                 /* turns do not answer */
};

/* --- the routes under test --- */

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
    struct fixture *f = self;
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

static void
count_body(struct http_request *req, void *self)
{
    struct fixture *f = self;

    f->handled++;
    http_reply_json(req, 202, json_pack("{s:i}", "bytes", (int)http_body(req).len));
}

static void
wait_for_turn(struct http_request *req, void *self)
{
    struct fixture *f = self;

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
    http_reply_problem_with(req, 422, json_pack("{s:s, s:i}", "field", "count", "status", 1),
                            "count must be a number");
}

static void
quote_bad_bytes(struct http_request *req, void *self)
{
    (void)self;
    http_reply_problem(req, 400, "not good: %s", "\xff\xfe");
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
    { "POST", "/write", HTTP_WRITE, "application/json text/plain", SIZE_MAX, echo },
    { "POST", "/count", HTTP_OPEN, NULL, SIZE_MAX, count_body },
    { "POST", "/wait", HTTP_OPEN, NULL, SIZE_MAX, wait_for_turn },
    { "GET", "/headers", HTTP_OPEN, NULL, 0, set_headers },
    { "GET", "/problem", HTTP_OPEN, NULL, 0, tell_problem },
    { "GET", "/quote", HTTP_OPEN, NULL, 0, quote_bad_bytes },
    { "GET", "/forgetful", HTTP_OPEN, NULL, 0, forget_to_answer },
};

static void
answer_all(struct fixture *f)
{
    for (size_t i = 0; i < f->waiting_count; i++)
        http_reply(f->waiting[i], 202, "text/plain", text_of("committed"));
    if (f->waiting_count > f->most_at_once)
        f->most_at_once = f->waiting_count;
    f->waiting_count = 0;
}

static void
on_turn(void *self)
{
    struct fixture *f = self;

    f->turns++;
    if (!f->holds_back)
        answer_all(f);
}

/* --- set-up --- */

static int
set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    f->loop = zloop_new();
    f->metrics = metrics_new();
    f->options = (struct http_options){
        .listen = "127.0.0.1:0", .flag = "--test-listen", .api_key = API_KEY,
        .max_body = MAX_BODY, .max_connections = 64, .idle_timeout_s = 30,
    };
    *state = f;
    return 0;
}

static int
tear_down(void **state)
{
    struct fixture *f = *state;

    loop_client_destroy(&f->client);
    http_server_destroy(&f->server);
    zloop_destroy(&f->loop);
    metrics_destroy(&f->metrics);
    free(f);
    return 0;
}

static struct loop_client *
start(struct fixture *f)
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

static int
get(struct loop_client *client, const char *target, const char *headers)
{
    loop_client_send(client, "GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n", target, headers);
    return loop_client_wait(client);
}

static int
post(struct loop_client *client, const char *path, const char *headers, const char *body)
{
    loop_client_send(client, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n%s\r\n%s",
                     path, strlen(body), headers, body);
    return loop_client_wait(client);
}

static int
body_has(struct loop_client *client, const char *needle)
{
    if (text_find(loop_client_body(client), needle) != NULL)
        return 1;
    print_message("not \"%s\" in: %.*s\n", needle, (int)loop_client_body(client).len,
                  loop_client_body(client).ptr);
    return 0;
}

static uint64_t
number(struct fixture *f, const char *name, const char *labels)
{
    return *metrics_number(f->metrics, METRIC_COUNTER, name, labels, "");
}

static uint64_t
refused(struct fixture *f, const char *labels)
{
    return number(f, "bongsu_http_refused_total", labels);
}

/* --- reading and routing --- */

static void
answers_several_requests_on_one_connection(void **state)
{
    struct loop_client *client = start(*state);

    for (int i = 0; i < 3; i++) {
        assert_int_equal(get(client, "/open", ""), 200);
        assert_true(body_has(client, "method=GET;path=/open;"));
        assert_true(body_has(client, "peer=127.0.0.1;"));
    }
    assert_string_equal(loop_client_header(client, "X-Content-Type-Options"), "nosniff");
    assert_string_equal(loop_client_header(client, "Cache-Control"), "no-store");
    assert_int_equal(number(*state, "bongsu_http_requests_total", "code=\"2xx\""), 3);
}

static void
answers_pipelined_requests_in_order(void **state)
{
    struct loop_client *client = start(*state);

    for (int i = 0; i < 5; i++)
        loop_client_send(client, "POST /things/%d/status HTTP/1.1\r\nHost: x\r\n"
                         "Content-Length: 0\r\n\r\n", i);
    for (int i = 0; i < 5; i++) {
        char expected[32];

        snprintf(expected, sizeof(expected), "id=%d;", i);
        assert_int_equal(loop_client_wait(client), 200);
        assert_true(body_has(client, expected));
    }
}

static void
a_get_route_answers_head_without_a_body(void **state)
{
    struct loop_client *client = start(*state);

    loop_client_send(client, "HEAD /open HTTP/1.1\r\nHost: x\r\n\r\n");
    client->is_head_only = 1;
    assert_int_equal(loop_client_wait(client), 200);
    assert_string_not_equal(loop_client_header(client, "Content-Length"), "0");
    client->is_head_only = 0;
    assert_int_equal(get(client, "/open", ""), 200);
}

static void
an_unknown_path_is_404_and_named(void **state)
{
    struct loop_client *client = start(*state);

    assert_int_equal(get(client, "/no%74hing?x=1", ""), 404);
    assert_string_equal(loop_client_header(client, "Content-Type"),
                        "application/problem+json");
    assert_true(body_has(client, "There is nothing at /nothing."));
    assert_int_equal(get(client, "/things//status", ""), 404);
    assert_int_equal(get(client, "/open/", ""), 404);
    assert_int_equal(refused(*state, "reason=\"path\""), 3);
}

static void
a_wrong_method_is_405_with_those_that_are_possible(void **state)
{
    struct loop_client *client = start(*state);

    loop_client_send(client, "DELETE /things/1/status HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(loop_client_wait(client), 405);
    assert_string_equal(loop_client_header(client, "Allow"), "GET, HEAD, POST");
    assert_int_equal(get(client, "/write", ""), 405);
    assert_string_equal(loop_client_header(client, "Allow"), "POST");
    assert_int_equal(refused(*state, "reason=\"method\""), 2);
}

static void
gives_parts_of_the_path_and_the_decoded_query(void **state)
{
    struct loop_client *client = start(*state);

    assert_int_equal(get(client, "/things/a%20b/status?q=1%2B1+%ea%b0%80&e&bad=%zz&=v", ""), 200);
    assert_true(body_has(client, "id=a b;"));
    assert_true(body_has(client, "q=1+1 \xea\xb0\x80;"));
    assert_true(body_has(client, "raw=q=1%2B1+%ea%b0%80&e&bad=%zz&=v;"));
    assert_true(body_has(client, "<e>=<>;<bad>=<%zz>;<>=<v>;"));
    assert_int_equal(get(client, "/docs/a/b.css", ""), 200);
    assert_true(body_has(client, "rest=a/b.css;"));
}

static void
a_path_with_a_nul_or_a_broken_escape_is_refused(void **state)
{
    struct loop_client *client = start(*state);

    assert_int_equal(get(client, "/open%00x", ""), 400);
    assert_int_equal(get(client, "/docs/%00", ""), 400);
    assert_int_equal(get(client, "/docs/%zz", ""), 400);
    assert_int_equal(get(client, "/docs/%ff", ""), 400);
    assert_int_equal(get(client, "/docs/%", ""), 400);
}

static void
too_many_query_parameters_are_refused(void **state)
{
    struct loop_client *client = start(*state);
    struct buf target = { 0 };

    buf_append_str(&target, "/open?a");
    for (int i = 0; i < HTTP_MAX_QUERY - 1; i++)
        buf_append_str(&target, "&a");
    assert_int_equal(get(client, target.ptr, ""), 200);
    buf_append_str(&target, "&a");
    assert_int_equal(get(client, target.ptr, ""), 400);
    buf_release(&target);
}

/* --- keys --- */

static void
writing_takes_the_api_key_and_no_other(void **state)
{
    struct fixture *f = *state;
    struct loop_client *client;

    f->options.reader_key = READER_KEY;
    client = start(f);
    assert_int_equal(post(client, "/write", "Content-Type: text/plain\r\n", "x"), 401);
    assert_true(body_has(client, "X-API-Key is missing or wrong"));
    assert_int_equal(post(client, "/write", "X-API-Key: \r\nContent-Type: text/plain\r\n", "x"),
                     401);
    assert_int_equal(post(client, "/write", "X-API-Key: " READER_KEY "\r\n"
                          "Content-Type: text/plain\r\n", "x"), 401);
    assert_int_equal(post(client, "/write", "X-API-Key: " API_KEY "2\r\n"
                          "Content-Type: text/plain\r\n", "x"), 401);
    assert_int_equal(f->handled, 0);
    assert_int_equal(post(client, "/write", "x-api-key: " API_KEY "\r\n"
                          "Content-Type: text/plain\r\n", "x"), 200);
    assert_null(text_find(loop_client_body(client), "key=;"));
    assert_int_equal(refused(f, "reason=\"auth\""), 4);
}

static void
without_an_api_key_writing_says_that_it_is_not_set(void **state)
{
    struct fixture *f = *state;
    struct loop_client *client;

    f->options.api_key = NULL;
    client = start(f);
    assert_int_equal(post(client, "/write", "X-API-Key: x\r\n", "x"), 503);
    assert_true(body_has(client, "API_KEY is not set"));
    assert_string_equal(loop_client_header(client, "Retry-After"), "1");
}

static void
reading_is_open_on_loopback_until_a_reader_key_is_set(void **state)
{
    struct fixture *f = *state;
    struct loop_client *client = start(f);

    assert_int_equal(get(client, "/read", ""), 200);
    loop_client_destroy(&f->client);
    http_server_destroy(&f->server);
    f->options.reader_key = READER_KEY;
    f->options.read_open = 1;
    client = start(f);
    assert_int_equal(get(client, "/read", ""), 401);
    assert_int_equal(get(client, "/read", "X-API-Key: " READER_KEY "\r\n"), 200);
    assert_int_equal(get(client, "/read", "X-API-Key: " API_KEY "\r\n"), 200);
}

static void
reading_on_another_address_needs_a_key_or_read_open(void **state)
{
    struct fixture *f = *state;
    struct loop_client *client;

    f->options.listen = "0.0.0.0:0";
    client = start(f);
    assert_int_equal(get(client, "/read", ""), 401);
    assert_true(body_has(client, "READER_KEY"));
    assert_true(body_has(client, "READ_OPEN=1"));
    assert_int_equal(get(client, "/read", "X-API-Key: " API_KEY "\r\n"), 200);
    loop_client_destroy(&f->client);
    http_server_destroy(&f->server);
    f->options.read_open = 1;
    client = start(f);
    assert_int_equal(get(client, "/read", ""), 200);
}

/* --- bodies --- */

static void
a_wrong_content_type_is_415_and_names_the_right_ones(void **state)
{
    struct loop_client *client = start(*state);

    assert_int_equal(post(client, "/write", "X-API-Key: " API_KEY "\r\n"
                          "Content-Type: application/x-www-form-urlencoded\r\n", "x"), 415);
    assert_true(body_has(client, "application/json text/plain"));
    assert_int_equal(post(client, "/write", "X-API-Key: " API_KEY "\r\n", "x"), 415);
    assert_int_equal(post(client, "/write", "X-API-Key: " API_KEY "\r\n"
                          "Content-Type: Application/JSON ; charset=utf-8\r\n", "{}"), 200);
    assert_true(body_has(client, "type=application/json;"));
    assert_true(body_has(client, "body={};"));
    assert_int_equal(refused(*state, "reason=\"type\""), 2);
}

static void
a_refused_short_body_leaves_the_connection_usable(void **state)
{
    struct loop_client *client = start(*state);

    for (int i = 0; i < 3; i++)
        assert_int_equal(post(client, "/write", "", "{\"some\":\"body\"}"), 401);
    assert_int_equal(get(client, "/open", ""), 200);
}

static void
a_body_that_is_announced_too_long_is_413_before_it_comes(void **state)
{
    struct fixture *f = *state;
    struct loop_client *client = start(f);

    loop_client_send(client, "POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n",
                     MAX_BODY + 1);
    assert_int_equal(loop_client_wait(client), 413);
    assert_true(body_has(client, "1001 bytes; at most 1000"));
    assert_int_equal(f->handled, 0);
    assert_int_equal(refused(f, "reason=\"size\""), 1);
}

static void
who_goes_on_sending_a_refused_body_still_gets_the_answer(void **state)
{
    struct loop_client *client = start(*state);
    size_t len = 8 * 1024 * 1024;
    char *body = calloc(1, len);

    loop_client_send(client, "POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n",
                     len);
    loop_client_send_bytes(client, body, len);
    assert_int_equal(loop_client_wait(client), 413);
    assert_true(loop_client_wait_closed(client));
    free(body);
}

static void
a_body_of_just_the_limit_is_taken(void **state)
{
    struct loop_client *client = start(*state);
    char body[MAX_BODY + 1];

    memset(body, 'x', MAX_BODY);
    body[MAX_BODY] = '\0';
    assert_int_equal(post(client, "/count", "", body), 202);
    assert_true(body_has(client, "{\"bytes\":1000}"));
}

static void
a_chunked_body_is_put_together(void **state)
{
    struct loop_client *client = start(*state);

    loop_client_send(client, "POST /count HTTP/1.1\r\nHost: x\r\n"
                     "Transfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < MAX_BODY / 10; i++)
        loop_client_send(client, "a\r\n0123456789\r\n");
    loop_client_send(client, "0\r\n\r\n");
    assert_int_equal(loop_client_wait(client), 202);
    assert_true(body_has(client, "{\"bytes\":1000}"));
}

static void
a_chunked_body_that_grows_too_long_is_413(void **state)
{
    struct fixture *f = *state;
    struct loop_client *client = start(f);

    loop_client_send(client, "POST /count HTTP/1.1\r\nHost: x\r\n"
                     "Transfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 2 * MAX_BODY / 10; i++)
        loop_client_send(client, "a\r\n0123456789\r\n");
    loop_client_send(client, "0\r\n\r\n");
    assert_int_equal(loop_client_wait(client), 413);
    assert_int_equal(f->handled, 0);
    assert_int_equal(f->server->body_bytes, 0);
    assert_int_equal(get(client, "/open", ""), 200);
}

static void
a_body_where_none_is_expected_is_413(void **state)
{
    struct loop_client *client = start(*state);

    assert_int_equal(post(client, "/things/1/status", "", "x"), 413);
    assert_true(body_has(client, "No body is expected"));
}

static void
who_asks_first_is_told_to_go_on_or_not(void **state)
{
    struct fixture *f = *state;
    struct loop_client *client = start(f);

    loop_client_send(client, "POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
                     "Expect: 100-continue\r\n\r\n");
    loop_client_send(client, "abc");
    assert_int_equal(loop_client_wait(client), 202);
    loop_client_send(client, "POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
                     "Expect: 100-continue\r\n\r\n");
    assert_int_equal(loop_client_wait(client), 404);
}

static int
is_idle(void *ctx)
{
    const struct fixture *f = ctx;

    return f->server->requests == NULL;
}

static int
is_waiting(void *ctx)
{
    const struct fixture *f = ctx;

    return f->waiting_count > 0;
}

/* Send all that is queued now, without running the loop. */
static void
push(struct loop_client *client)
{
    size_t len = client->out.len - client->sent;

    assert_int_equal(send(client->fd, client->out.ptr + client->sent, len, 0), len);
    client->sent = client->out.len;
}

/* A request that waits, held back, in the server. */
static void
leave_waiting(struct fixture *f, struct loop_client *client)
{
    f->holds_back = 1;
    loop_client_send(client, "POST /wait HTTP/1.1\r\nHost: x\r\nContent-Length: 400\r\n\r\n%400s",
                     "");
    push(client);
    assert_true(loop_until(f->loop, is_waiting, f, 5000));
}

static void
all_bodies_together_are_bounded(void **state)
{
    struct fixture *f = *state;
    struct loop_client *client = start(f), *other;

    f->server->max_body_bytes = 500;
    leave_waiting(f, client);
    assert_int_equal(f->server->body_bytes, 400);
    other = loop_client_new(f->loop, http_server_address(f->server));
    loop_client_send(other, "POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 400\r\n\r\n%400s",
                     "");
    assert_int_equal(loop_client_wait(other), 503);
    assert_int_equal(refused(f, "reason=\"memory\""), 1);
    answer_all(f);
    assert_int_equal(loop_client_wait(client), 202);
    loop_client_send(other, "POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 400\r\n\r\n%400s",
                     "");
    assert_int_equal(loop_client_wait(other), 202);
    loop_client_destroy(&other);
    assert_true(loop_until(f->loop, is_idle, f, 5000));
    assert_int_equal(f->server->body_bytes, 0);
}

/* --- headers --- */

static void
headers_over_16_kib_are_431(void **state)
{
    struct loop_client *client = start(*state);
    char *filler = malloc(17 * 1024);

    memset(filler, 'x', 17 * 1024);
    filler[17 * 1024 - 1] = '\0';
    loop_client_send(client, "GET /open HTTP/1.1\r\nHost: x\r\nX-Long: %s\r\n\r\n", filler);
    assert_int_equal(loop_client_wait(client), 431);
    free(filler);
}

static void
what_is_no_http_is_counted_and_harms_nobody(void **state)
{
    struct fixture *f = *state;
    struct loop_client *client = start(f);

    loop_client_send(client, "\x16\x03\x01 hello\r\n\r\n");
    loop_client_wait_closed(client);
    loop_client_destroy(&f->client);
    f->client = loop_client_new(f->loop, http_server_address(f->server));
    assert_int_equal(get(f->client, "/open", ""), 200);
}

static int
has_part_of_body(void *ctx)
{
    const struct fixture *f = ctx;

    return f->server->body_bytes == 3;
}

static int
is_broken_counted(void *ctx)
{
    return refused(ctx, "reason=\"broken\"") > 0;
}

static void
a_request_that_breaks_off_is_counted(void **state)
{
    struct fixture *f = *state;
    struct loop_client *client = start(f);

    assert_int_equal(get(client, "/open", ""), 200);
    loop_client_send(client, "POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
    push(client);
    assert_true(loop_until(f->loop, has_part_of_body, f, 5000));
    loop_client_destroy(&f->client);
    assert_true(loop_until(f->loop, is_broken_counted, f, 5000));
    assert_int_equal(f->handled, 1);
    assert_int_equal(f->server->body_bytes, 0);
}

static void
a_header_with_a_line_end_is_not_sent(void **state)
{
    struct loop_client *client = start(*state);

    assert_int_equal(get(client, "/headers", ""), 200);
    assert_string_equal(loop_client_header(client, "Cache-Control"), "max-age=60");
    assert_string_equal(loop_client_header(client, "X-Good"), "yes");
    assert_string_equal(loop_client_header(client, "X-Bad"), "");
    assert_string_equal(loop_client_header(client, "Set-Cookie"), "");
}

/* --- problems --- */

static void
a_problem_carries_further_members_but_its_own_status(void **state)
{
    struct loop_client *client = start(*state);

    assert_int_equal(get(client, "/problem", ""), 422);
    assert_true(body_has(client, "\"status\":422"));
    assert_true(body_has(client, "\"field\":\"count\""));
    assert_true(body_has(client, "\"detail\":\"count must be a number\""));
}

static void
a_problem_that_quotes_bad_bytes_is_still_json(void **state)
{
    struct loop_client *client = start(*state);

    assert_int_equal(get(client, "/quote", ""), 400);
    assert_true(body_has(client, "\"detail\":\"not good: ??\""));
}

static void
a_handler_that_forgets_to_answer_is_500(void **state)
{
    struct loop_client *client = start(*state);

    assert_int_equal(get(client, "/forgetful", ""), 500);
}

/* --- waiting for a turn's end --- */

static void
requests_of_one_turn_are_answered_together(void **state)
{
    struct fixture *f = *state;
    struct loop_client *clients[8] = { start(f) };

    f->client = NULL;
    for (int i = 1; i < 8; i++)
        clients[i] = loop_client_new(f->loop, http_server_address(f->server));
    for (int i = 0; i < 8; i++) {       /* all are connected and have sent */
        loop_client_send(clients[i], "POST /wait HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx");
        push(clients[i]);
    }
    for (int i = 0; i < 8; i++) {
        assert_int_equal(loop_client_wait(clients[i]), 202);
        assert_true(body_has(clients[i], "committed"));
    }
    assert_int_equal(f->handled, 8);
    assert_true(f->most_at_once > 1);
    assert_true(f->turns < 8);
    for (int i = 0; i < 8; i++)
        loop_client_destroy(&clients[i]);
}

static int
answer_later(zloop_t *loop, int timer, void *arg)
{
    (void)loop;
    (void)timer;
    answer_all(arg);
    return 0;
}

static void
a_request_can_be_answered_in_a_later_turn_of_the_loop(void **state)
{
    struct fixture *f = *state;
    struct loop_client *client = start(f);

    f->holds_back = 1;
    zloop_timer(f->loop, 50, 1, answer_later, f);
    assert_int_equal(post(client, "/wait", "", "x"), 202);
    assert_int_equal(get(client, "/open", ""), 200);
}

static int
is_first_gone(void *ctx)
{
    const struct fixture *f = ctx;

    return http_is_gone(f->waiting[0]);
}

static void
a_client_that_goes_while_its_request_waits_is_seen(void **state)
{
    struct fixture *f = *state;
    struct loop_client *client = start(f);

    leave_waiting(f, client);
    assert_int_equal(http_is_gone(f->waiting[0]), 0);
    loop_client_destroy(&f->client);
    assert_true(loop_until(f->loop, is_first_gone, f, 5000));
    answer_all(f);
    assert_true(loop_until(f->loop, is_idle, f, 5000));
}

static void
who_still_waits_at_the_end_is_told_503(void **state)
{
    struct fixture *f = *state;
    struct loop_client *client = start(f);

    leave_waiting(f, client);
    http_server_destroy(&f->server);
    assert_int_equal(loop_client_wait(client), 503);
    assert_string_equal(loop_client_header(client, "Retry-After"), "1");
}

static void
answers_given_before_the_end_still_go_out(void **state)
{
    struct fixture *f = *state;
    struct loop_client *client = start(f);

    leave_waiting(f, client);
    answer_all(f);
    http_server_destroy(&f->server);
    assert_int_equal(loop_client_wait(client), 202);
}

/* --- connections --- */

static void
an_idle_connection_is_closed(void **state)
{
    struct fixture *f = *state;
    struct loop_client *client;

    f->options.idle_timeout_s = 1;
    client = start(f);
    assert_int_equal(get(client, "/open", ""), 200);
    assert_true(loop_client_wait_closed(client));
}

static void
connections_over_the_limit_wait_for_a_place(void **state)
{
    struct fixture *f = *state;
    struct loop_client *client, *second;

    f->options.max_connections = 1;
    client = start(f);
    assert_int_equal(get(client, "/open", ""), 200);
    second = loop_client_new(f->loop, http_server_address(f->server));
    loop_client_destroy(&f->client);
    assert_int_equal(get(second, "/open", ""), 200);
    loop_client_destroy(&second);
}

static void
a_quiet_server_serves_the_connections_it_has(void **state)
{
    struct fixture *f = *state;
    struct loop_client *client = start(f);
    struct http_options options = f->options;
    struct http_server *successor;

    assert_int_equal(get(client, "/open", ""), 200);
    http_server_quiesce(f->server);
    assert_int_equal(get(client, "/open", ""), 200);
    options.listen = http_server_address(f->server);    /* the port is free again */
    successor = http_server_new(f->loop, &options, f->metrics, NULL);
    assert_non_null(successor);
    http_server_destroy(&successor);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(answers_several_requests_on_one_connection),
        TEST(answers_pipelined_requests_in_order),
        TEST(a_get_route_answers_head_without_a_body),
        TEST(an_unknown_path_is_404_and_named),
        TEST(a_wrong_method_is_405_with_those_that_are_possible),
        TEST(gives_parts_of_the_path_and_the_decoded_query),
        TEST(a_path_with_a_nul_or_a_broken_escape_is_refused),
        TEST(too_many_query_parameters_are_refused),
        TEST(writing_takes_the_api_key_and_no_other),
        TEST(without_an_api_key_writing_says_that_it_is_not_set),
        TEST(reading_is_open_on_loopback_until_a_reader_key_is_set),
        TEST(reading_on_another_address_needs_a_key_or_read_open),
        TEST(a_wrong_content_type_is_415_and_names_the_right_ones),
        TEST(a_refused_short_body_leaves_the_connection_usable),
        TEST(a_body_that_is_announced_too_long_is_413_before_it_comes),
        TEST(who_goes_on_sending_a_refused_body_still_gets_the_answer),
        TEST(a_body_of_just_the_limit_is_taken),
        TEST(a_chunked_body_is_put_together),
        TEST(a_chunked_body_that_grows_too_long_is_413),
        TEST(a_body_where_none_is_expected_is_413),
        TEST(who_asks_first_is_told_to_go_on_or_not),
        TEST(all_bodies_together_are_bounded),
        TEST(headers_over_16_kib_are_431),
        TEST(what_is_no_http_is_counted_and_harms_nobody),
        TEST(a_request_that_breaks_off_is_counted),
        TEST(a_header_with_a_line_end_is_not_sent),
        TEST(a_problem_carries_further_members_but_its_own_status),
        TEST(a_problem_that_quotes_bad_bytes_is_still_json),
        TEST(a_handler_that_forgets_to_answer_is_500),
        TEST(requests_of_one_turn_are_answered_together),
        TEST(a_request_can_be_answered_in_a_later_turn_of_the_loop),
        TEST(a_client_that_goes_while_its_request_waits_is_seen),
        TEST(who_still_waits_at_the_end_is_told_503),
        TEST(answers_given_before_the_end_still_go_out),
        TEST(an_idle_connection_is_closed),
        TEST(connections_over_the_limit_wait_for_a_place),
        TEST(a_quiet_server_serves_the_connections_it_has),
    };

    return cmocka_run_group_tests_name("http_server", tests, NULL, NULL);
}
