#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/http_fixture.h"

/* --- keys --- */

static void
writing_takes_the_api_key_and_no_other(void **state)
{
    struct http_fixture *f = *state;
    struct loop_client *client;

    f->options.reader_key = READER_KEY;
    client = http_fixture_start(f);
    assert_int_equal(http_post(client, "/write", "Content-Type: text/plain\r\n", "x"), 401);
    assert_true(body_has(client, "X-API-Key is missing or wrong"));
    assert_int_equal(http_post(client, "/write", "X-API-Key: \r\n"
                               "Content-Type: text/plain\r\n", "x"), 401);
    assert_int_equal(http_post(client, "/write", "X-API-Key: " READER_KEY "\r\n"
                               "Content-Type: text/plain\r\n", "x"), 403);
    assert_int_equal(http_post(client, "/write", "X-API-Key: " API_KEY "2\r\n"
                               "Content-Type: text/plain\r\n", "x"), 401);
    assert_int_equal(f->handled, 0);
    assert_int_equal(http_post(client, "/write", "x-api-key: " API_KEY "\r\n"
                               "Content-Type: text/plain\r\n", "x"), 200);
    assert_null(text_find(loop_client_body(client), "key=;"));
    assert_int_equal(refused(f, "reason=\"auth\""), 3);
    assert_int_equal(refused(f, "reason=\"scope\""), 1);
}

static void
without_an_api_key_writing_says_that_it_is_not_set(void **state)
{
    struct http_fixture *f = *state;
    struct loop_client *client;

    f->options.api_key = NULL;
    client = http_fixture_start(f);
    assert_int_equal(http_post(client, "/write", "X-API-Key: x\r\n", "x"), 503);
    assert_true(body_has(client, "API_KEY is not set"));
    assert_string_equal(loop_client_header(client, "Retry-After"), "1");
}

static void
reading_is_open_on_loopback_until_a_reader_key_is_set(void **state)
{
    struct http_fixture *f = *state;
    struct loop_client *client = http_fixture_start(f);

    assert_int_equal(http_get(client, "/read", ""), 200);
    loop_client_destroy(&f->client);
    http_server_destroy(&f->server);
    f->options.reader_key = READER_KEY;
    f->options.read_open = 1;
    client = http_fixture_start(f);
    assert_int_equal(http_get(client, "/read", ""), 401);
    assert_int_equal(http_get(client, "/read", "X-API-Key: " READER_KEY "\r\n"), 200);
    assert_int_equal(http_get(client, "/read", "X-API-Key: " API_KEY "\r\n"), 200);
}

static void
reading_on_another_address_needs_a_key_or_read_open(void **state)
{
    struct http_fixture *f = *state;
    struct loop_client *client;

    f->options.listen = "0.0.0.0:0";
    client = http_fixture_start(f);
    assert_int_equal(http_get(client, "/read", ""), 401);
    assert_true(body_has(client, "READER_KEY"));
    assert_true(body_has(client, "READ_OPEN=1"));
    assert_int_equal(http_get(client, "/read", "X-API-Key: " API_KEY "\r\n"), 200);
    loop_client_destroy(&f->client);
    http_server_destroy(&f->server);
    f->options.read_open = 1;
    client = http_fixture_start(f);
    assert_int_equal(http_get(client, "/read", ""), 200);
}

/* --- bodies --- */

static void
a_wrong_content_type_is_415_and_names_the_right_ones(void **state)
{
    struct loop_client *client = http_fixture_start(*state);

    assert_int_equal(http_post(client, "/write", "X-API-Key: " API_KEY "\r\n"
                               "Content-Type: application/x-www-form-urlencoded\r\n", "x"), 415);
    assert_true(body_has(client, "application/json text/plain"));
    assert_int_equal(http_post(client, "/write", "X-API-Key: " API_KEY "\r\n", "x"), 415);
    assert_int_equal(http_post(client, "/write", "X-API-Key: " API_KEY "\r\n"
                               "Content-Type: Application/JSON ; charset=utf-8\r\n", "{}"), 200);
    assert_true(body_has(client, "type=application/json;"));
    assert_true(body_has(client, "body={};"));
    assert_int_equal(refused(*state, "reason=\"type\""), 2);
}

static void
a_refused_short_body_leaves_the_connection_usable(void **state)
{
    struct loop_client *client = http_fixture_start(*state);

    for (int i = 0; i < 3; i++)
        assert_int_equal(http_post(client, "/write", "", "{\"some\":\"body\"}"), 401);
    assert_int_equal(http_get(client, "/open", ""), 200);
}

static void
a_body_that_is_announced_too_long_is_413_before_it_comes(void **state)
{
    struct http_fixture *f = *state;
    struct loop_client *client = http_fixture_start(f);

    loop_client_send(client, "POST /count HTTP/1.1\r\nHost: x\r\n"
                     "Content-Length: %d\r\n\r\n", MAX_BODY + 1);
    assert_int_equal(loop_client_wait(client), 413);
    assert_true(body_has(client, "1001 bytes; at most 1000"));
    assert_int_equal(f->handled, 0);
    assert_int_equal(refused(f, "reason=\"size\""), 1);
}

static void
who_goes_on_sending_a_refused_body_still_gets_the_answer(void **state)
{
    struct loop_client *client = http_fixture_start(*state);
    size_t len = 8 * 1024 * 1024;
    char *body = calloc(1, len);

    loop_client_send(client, "POST /count HTTP/1.1\r\nHost: x\r\n"
                     "Content-Length: %zu\r\n\r\n", len);
    loop_client_send_bytes(client, body, len);
    assert_int_equal(loop_client_wait(client), 413);
    assert_true(loop_client_wait_closed(client));
    free(body);
}

static void
a_body_of_just_the_limit_is_taken(void **state)
{
    struct loop_client *client = http_fixture_start(*state);
    char body[MAX_BODY + 1];

    memset(body, 'x', MAX_BODY);
    body[MAX_BODY] = '\0';
    assert_int_equal(http_post(client, "/count", "", body), 202);
    assert_true(body_has(client, "{\"bytes\":1000}"));
}

static void
a_chunked_body_is_put_together(void **state)
{
    struct loop_client *client = http_fixture_start(*state);

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
    struct http_fixture *f = *state;
    struct loop_client *client = http_fixture_start(f);

    loop_client_send(client, "POST /count HTTP/1.1\r\nHost: x\r\n"
                     "Transfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 2 * MAX_BODY / 10; i++)
        loop_client_send(client, "a\r\n0123456789\r\n");
    loop_client_send(client, "0\r\n\r\n");
    assert_int_equal(loop_client_wait(client), 413);
    assert_int_equal(f->handled, 0);
    assert_int_equal(f->server->crowd.held[HELD_BODY], 0);
    if (http_raw_doubts_chunks())
        assert_true(loop_client_wait_closed(client));
    else
        assert_int_equal(http_get(client, "/open", ""), 200);
}

static void
a_body_where_none_is_expected_is_413(void **state)
{
    struct loop_client *client = http_fixture_start(*state);

    assert_int_equal(http_post(client, "/things/1/status", "", "x"), 413);
    assert_true(body_has(client, "No body is expected"));
}

static void
who_asks_first_is_told_to_go_on_or_not(void **state)
{
    struct http_fixture *f = *state;
    struct loop_client *client = http_fixture_start(f);

    loop_client_send(client, "POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
                     "Expect: 100-continue\r\n\r\n");
    loop_client_send(client, "abc");
    assert_int_equal(loop_client_wait(client), 202);
    loop_client_send(client, "POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
                     "Expect: 100-continue\r\n\r\n");
    assert_int_equal(loop_client_wait(client), 404);
}

static void
all_bodies_together_are_bounded(void **state)
{
    struct http_fixture *f = *state;
    struct loop_client *client = http_fixture_start(f), *other;

    f->server->crowd.max_held[HELD_BODY] = 500;
    leave_waiting(f, client);
    assert_int_equal(f->server->crowd.held[HELD_BODY], 400);
    other = loop_client_new(f->loop, http_server_address(f->server));
    loop_client_send(other, "POST /count HTTP/1.1\r\nHost: x\r\n"
                     "Content-Length: 400\r\n\r\n%400s", "");
    assert_int_equal(loop_client_wait(other), 503);
    assert_int_equal(refused(f, "reason=\"memory\""), 1);
    answer_all(f);
    assert_int_equal(loop_client_wait(client), 202);
    loop_client_send(other, "POST /count HTTP/1.1\r\nHost: x\r\n"
                     "Content-Length: 400\r\n\r\n%400s", "");
    assert_int_equal(loop_client_wait(other), 202);
    loop_client_destroy(&other);
    assert_true(loop_until(f->loop, is_idle, f, 5000));
    assert_int_equal(f->server->crowd.held[HELD_BODY], 0);
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, http_fixture_set_up, http_fixture_tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
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
    };

    return cmocka_run_group_tests_name("http_gate", tests, NULL, NULL);
}
