#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/http_fixture.h"

/* --- waiting for a turn's end --- */

static void
requests_of_one_turn_are_answered_together(void **state)
{
    struct http_fixture *f = *state;
    struct loop_client *clients[8] = { http_fixture_start(f) };

    f->client = NULL;
    for (int i = 1; i < 8; i++)
        clients[i] = loop_client_new(f->loop, http_server_address(f->server));
    for (int i = 0; i < 8; i++) {       /* all are connected and have sent */
        loop_client_send(clients[i], "POST /wait HTTP/1.1\r\nHost: x\r\n"
                         "Content-Length: 1\r\n\r\nx");
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
    struct http_fixture *f = *state;
    struct loop_client *client = http_fixture_start(f);

    f->holds_back = 1;
    zloop_timer(f->loop, 50, 1, answer_later, f);
    assert_int_equal(http_post(client, "/wait", "", "x"), 202);
    assert_int_equal(http_get(client, "/open", ""), 200);
}

static int
is_first_gone(void *ctx)
{
    const struct http_fixture *f = ctx;

    return http_is_gone(f->waiting[0]);
}

static void
a_client_that_goes_while_its_request_waits_is_seen(void **state)
{
    struct http_fixture *f = *state;
    struct loop_client *client = http_fixture_start(f);

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
    struct http_fixture *f = *state;
    struct loop_client *client = http_fixture_start(f);

    leave_waiting(f, client);
    http_server_destroy(&f->server);
    assert_int_equal(loop_client_wait(client), 503);
    assert_string_equal(loop_client_header(client, "Retry-After"), "1");
}

static void
answers_given_before_the_end_still_go_out(void **state)
{
    struct http_fixture *f = *state;
    struct loop_client *client = http_fixture_start(f);

    leave_waiting(f, client);
    answer_all(f);
    http_server_destroy(&f->server);
    assert_int_equal(loop_client_wait(client), 202);
}

static int
has_begun(void *ctx)
{
    const struct http_fixture *f = ctx;

    return f->server->requests != NULL && f->server->requests->received > 0;
}

static void
a_body_that_ends_with_the_server_is_refused_with_503(void **state)
{
    struct http_fixture *f = *state;
    struct loop_client *client = http_fixture_start(f);

    f->holds_back = 1;
    loop_client_send(client, "POST /wait HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nx");
    push(client);
    assert_true(loop_until(f->loop, has_begun, f, 5000));
    loop_client_send(client, "y");
    push(client);
    http_server_destroy(&f->server);
    assert_int_equal(f->handled, 0);
    assert_int_equal(loop_client_wait(client), 503);
}

/* --- connections --- */

static void
an_idle_connection_is_closed(void **state)
{
    struct http_fixture *f = *state;
    struct loop_client *client;

    f->options.idle_timeout_s = 1;
    client = http_fixture_start(f);
    assert_int_equal(http_get(client, "/open", ""), 200);
    assert_true(loop_client_wait_closed(client));
}

static void
connections_over_the_limit_wait_for_a_place(void **state)
{
    struct http_fixture *f = *state;
    struct loop_client *client, *second;

    f->options.max_connections = 1;
    client = http_fixture_start(f);
    assert_int_equal(http_get(client, "/open", ""), 200);
    second = loop_client_new(f->loop, http_server_address(f->server));
    loop_client_destroy(&f->client);
    assert_int_equal(http_get(second, "/open", ""), 200);
    loop_client_destroy(&second);
}

static void
a_quiet_server_serves_the_connections_it_has(void **state)
{
    struct http_fixture *f = *state;
    struct loop_client *client = http_fixture_start(f);
    struct http_options options = f->options;
    struct http_server *successor;

    assert_int_equal(http_get(client, "/open", ""), 200);
    http_server_quiesce(f->server);
    assert_int_equal(http_get(client, "/open", ""), 200);
    options.listen = http_server_address(f->server);    /* the port is free again */
    successor = http_server_new(f->loop, &options, f->metrics, NULL);
    assert_non_null(successor);
    http_server_destroy(&successor);
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, http_fixture_set_up, http_fixture_tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(requests_of_one_turn_are_answered_together),
        TEST(a_request_can_be_answered_in_a_later_turn_of_the_loop),
        TEST(a_client_that_goes_while_its_request_waits_is_seen),
        TEST(who_still_waits_at_the_end_is_told_503),
        TEST(answers_given_before_the_end_still_go_out),
        TEST(a_body_that_ends_with_the_server_is_refused_with_503),
        TEST(an_idle_connection_is_closed),
        TEST(connections_over_the_limit_wait_for_a_place),
        TEST(a_quiet_server_serves_the_connections_it_has),
    };

    return cmocka_run_group_tests_name("http_turns", tests, NULL, NULL);
}
