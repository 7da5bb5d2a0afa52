#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/http_fixture.h"

/* --- reading and routing --- */

static void
answers_several_requests_on_one_connection(void **state)
{
    struct loop_client *client = http_fixture_start(*state);

    for (int i = 0; i < 3; i++) {
        assert_int_equal(http_get(client, "/open", ""), 200);
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
    struct loop_client *client = http_fixture_start(*state);

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
    struct loop_client *client = http_fixture_start(*state);

    loop_client_send(client, "HEAD /open HTTP/1.1\r\nHost: x\r\n\r\n");
    client->is_head_only = 1;
    assert_int_equal(loop_client_wait(client), 200);
    assert_string_not_equal(loop_client_header(client, "Content-Length"), "0");
    client->is_head_only = 0;
    assert_int_equal(http_get(client, "/open", ""), 200);
}

static void
an_unknown_path_is_404_and_named(void **state)
{
    struct loop_client *client = http_fixture_start(*state);

    assert_int_equal(http_get(client, "/no%74hing?x=1", ""), 404);
    assert_string_equal(loop_client_header(client, "Content-Type"),
                        "application/problem+json");
    assert_true(body_has(client, "There is nothing at /nothing."));
    assert_int_equal(http_get(client, "/things//status", ""), 404);
    assert_int_equal(http_get(client, "/open/", ""), 404);
    assert_int_equal(refused(*state, "reason=\"path\""), 3);
}

static void
a_wrong_method_is_405_with_those_that_are_possible(void **state)
{
    struct loop_client *client = http_fixture_start(*state);

    loop_client_send(client, "DELETE /things/1/status HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(loop_client_wait(client), 405);
    assert_string_equal(loop_client_header(client, "Allow"), "GET, HEAD, POST");
    assert_int_equal(http_get(client, "/write", ""), 405);
    assert_string_equal(loop_client_header(client, "Allow"), "POST");
    assert_int_equal(refused(*state, "reason=\"method\""), 2);
}

static void
gives_parts_of_the_path_and_the_decoded_query(void **state)
{
    struct loop_client *client = http_fixture_start(*state);

    assert_int_equal(http_get(client, "/things/a%20b/status?q=1%2B1+%ea%b0%80&e&bad=%zz&=v",
                              ""), 200);
    assert_true(body_has(client, "id=a b;"));
    assert_true(body_has(client, "q=1+1 \xea\xb0\x80;"));
    assert_true(body_has(client, "raw=q=1%2B1+%ea%b0%80&e&bad=%zz&=v;"));
    assert_true(body_has(client, "<e>=<>;<bad>=<%zz>;<>=<v>;"));
    assert_int_equal(http_get(client, "/docs/a/b.css", ""), 200);
    assert_true(body_has(client, "rest=a/b.css;"));
}

static void
a_path_with_a_nul_or_a_broken_escape_is_refused(void **state)
{
    struct loop_client *client = http_fixture_start(*state);

    assert_int_equal(http_get(client, "/open%00x", ""), 400);
    assert_int_equal(http_get(client, "/docs/%00", ""), 400);
    assert_int_equal(http_get(client, "/docs/%zz", ""), 400);
    assert_int_equal(http_get(client, "/docs/%ff", ""), 400);
    assert_int_equal(http_get(client, "/docs/%", ""), 400);
}

static void
too_many_query_parameters_are_refused(void **state)
{
    struct loop_client *client = http_fixture_start(*state);
    struct buf target = { 0 };

    buf_append_str(&target, "/open?a");
    for (int i = 0; i < HTTP_MAX_QUERY - 1; i++)
        buf_append_str(&target, "&a");
    assert_int_equal(http_get(client, target.ptr, ""), 200);
    buf_append_str(&target, "&a");
    assert_int_equal(http_get(client, target.ptr, ""), 400);
    buf_release(&target);
}

/* --- headers --- */

static void
headers_over_16_kib_are_431(void **state)
{
    struct loop_client *client = http_fixture_start(*state);
    char *filler = malloc(17 * 1024);

    memset(filler, 'x', 17 * 1024);
    filler[17 * 1024 - 1] = '\0';
    loop_client_send(client, "GET /open HTTP/1.1\r\nHost: x\r\nX-Long: %s\r\n\r\n",
                     filler);
    assert_int_equal(loop_client_wait(client), 431);
    free(filler);
}

static void
what_is_no_http_is_counted_and_harms_nobody(void **state)
{
    struct http_fixture *f = *state;
    struct loop_client *client = http_fixture_start(f);

    loop_client_send(client, "\x16\x03\x01 hello\r\n\r\n");
    loop_client_wait_closed(client);
    loop_client_destroy(&f->client);
    f->client = loop_client_new(f->loop, http_server_address(f->server));
    assert_int_equal(http_get(f->client, "/open", ""), 200);
}

static int
has_part_of_body(void *ctx)
{
    const struct http_fixture *f = ctx;

    return f->server->crowd.held[HELD_BODY] == 3;
}

static int
is_broken_counted(void *ctx)
{
    return refused(ctx, "reason=\"broken\"") > 0;
}

static void
a_request_that_breaks_off_is_counted(void **state)
{
    struct http_fixture *f = *state;
    struct loop_client *client = http_fixture_start(f);

    assert_int_equal(http_get(client, "/open", ""), 200);
    loop_client_send(client, "POST /count HTTP/1.1\r\nHost: x\r\n"
                     "Content-Length: 10\r\n\r\nabc");
    push(client);
    assert_true(loop_until(f->loop, has_part_of_body, f, 5000));
    loop_client_destroy(&f->client);
    assert_true(loop_until(f->loop, is_broken_counted, f, 5000));
    assert_int_equal(f->handled, 1);
    assert_int_equal(f->server->crowd.held[HELD_BODY], 0);
}

static void
a_header_with_a_line_end_is_not_sent(void **state)
{
    struct loop_client *client = http_fixture_start(*state);

    assert_int_equal(http_get(client, "/headers", ""), 200);
    assert_string_equal(loop_client_header(client, "Cache-Control"), "max-age=60");
    assert_string_equal(loop_client_header(client, "X-Good"), "yes");
    assert_string_equal(loop_client_header(client, "X-Bad"), "");
    assert_string_equal(loop_client_header(client, "Set-Cookie"), "");
}

/* --- problems --- */

static void
a_problem_carries_further_members_but_its_own_status(void **state)
{
    struct loop_client *client = http_fixture_start(*state);

    assert_int_equal(http_get(client, "/problem", ""), 422);
    assert_true(body_has(client, "\"status\":422"));
    assert_true(body_has(client, "\"field\":\"count\""));
    assert_true(body_has(client, "\"detail\":\"count must be a number\""));
}

static void
a_problem_that_quotes_bad_bytes_is_still_json(void **state)
{
    struct loop_client *client = http_fixture_start(*state);

    assert_int_equal(http_get(client, "/quote", ""), 400);
    assert_true(body_has(client, "\"detail\":\"not good: ??\""));
}

static void
a_handler_that_forgets_to_answer_is_500(void **state)
{
    struct loop_client *client = http_fixture_start(*state);

    assert_int_equal(http_get(client, "/forgetful", ""), 500);
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, http_fixture_set_up, http_fixture_tear_down)

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
        TEST(headers_over_16_kib_are_431),
        TEST(what_is_no_http_is_counted_and_harms_nobody),
        TEST(a_request_that_breaks_off_is_counted),
        TEST(a_header_with_a_line_end_is_not_sent),
        TEST(a_problem_carries_further_members_but_its_own_status),
        TEST(a_problem_that_quotes_bad_bytes_is_still_json),
        TEST(a_handler_that_forgets_to_answer_is_500),
    };

    return cmocka_run_group_tests_name("http_server", tests, NULL, NULL);
}
