/* Long bodies come in after each other, and nobody is held up by one that comes slowly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/http_fixture.h"
#include "tests/support/wait.h"

enum { BODY = 40000, ROOM = 50000 };

#define HEAD "POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 40000\r\n\r\n"

static struct loop_client *
start(struct http_fixture *f)
{
    f->options.max_body = 100000;
    http_fixture_start(f);
    f->server->queue.max_bytes = ROOM;
    return f->client;
}

static struct loop_client *
another(struct http_fixture *f)
{
    return loop_client_new(f->loop, http_server_address(f->server));
}

static void
send_body(struct loop_client *client, size_t len)
{
    loop_client_send(client, "%*s", (int)len, "");
    push(client);
}

static void
send_head(struct loop_client *client)
{
    loop_client_send(client, HEAD);
    push(client);
}

static uint64_t
waiting(struct http_fixture *f)
{
    return *f->server->queue.waiting;
}

static int
one_waits(void *ctx)
{
    return waiting(ctx) == 1;
}

static int
nobody_waits(void *ctx)
{
    return waiting(ctx) == 0;
}

static int
is_let_in(void *ctx)
{
    const struct http_fixture *f = ctx;

    return f->server->queue.bound > 0;
}

static int
has_some(void *ctx)
{
    const struct http_fixture *f = ctx;

    return f->server->crowd.held[HELD_BODY] > 0;
}

/* One whose body is let in, and another who waits with a whole one. */
static struct loop_client *
have_one_wait(struct http_fixture *f, struct loop_client *first, size_t sent)
{
    struct loop_client *second;

    send_head(first);
    assert_true(loop_until(f->loop, is_let_in, f, 5000));
    if (sent > 0) {
        send_body(first, sent);
        assert_true(loop_until(f->loop, has_some, f, 5000));
    }
    second = another(f);
    send_head(second);
    send_body(second, BODY);
    assert_true(loop_until(f->loop, one_waits, f, 5000));
    return second;
}

static void
a_long_body_waits_for_the_one_before(void **state)
{
    struct http_fixture *f = *state;
    struct loop_client *first = start(f), *second = have_one_wait(f, first, 0);

    send_body(first, BODY);
    assert_int_equal(loop_client_wait(first), 202);
    assert_int_equal(loop_client_wait(second), 202);
    assert_true(body_has(second, "40000"));
    assert_int_equal(number(f, "bongsu_http_bodies_waited_total", ""), 1);
    /* and their connections are as good as before */
    assert_int_equal(http_get(second, "/open", ""), 200);
    assert_int_equal(http_get(first, "/open", ""), 200);
    assert_true(loop_until(f->loop, is_idle, f, 5000));
    assert_int_equal(f->server->queue.bound, 0);
    loop_client_destroy(&second);
}

static void
a_short_body_waits_for_nobody(void **state)
{
    struct http_fixture *f = *state;
    struct loop_client *second = have_one_wait(f, start(f), 0), *third = another(f);

    assert_int_equal(http_post(third, "/count", "", "abc"), 202);
    assert_int_equal(waiting(f), 1);
    loop_client_destroy(&third);
    loop_client_destroy(&second);
}

static void
they_come_in_the_order_of_their_heads(void **state)
{
    enum { CROWD = 12 };
    struct http_fixture *f = *state;
    struct loop_client *first = start(f), *crowd[CROWD];

    send_head(first);
    assert_true(loop_until(f->loop, is_let_in, f, 5000));
    for (size_t i = 0; i < CROWD; i++) {
        crowd[i] = another(f);
        send_head(crowd[i]);
        send_body(crowd[i], BODY);
    }
    send_body(first, BODY);
    for (size_t i = 0; i < CROWD; i++)
        assert_int_equal(loop_client_wait(crowd[i]), 202);
    assert_true(number(f, "bongsu_http_bodies_waited_total", "") >= CROWD - 1);
    assert_int_equal(number(f, "bongsu_http_evicted_total", ""), 0);
    assert_int_equal(refused(f, "reason=\"memory\""), 0);
    for (size_t i = 0; i < CROWD; i++)
        loop_client_destroy(&crowd[i]);
}

static void
who_announces_much_and_sends_nothing_keeps_nobody_waiting(void **state)
{
    struct http_fixture *f = *state;
    struct loop_client *first = start(f), *second = have_one_wait(f, first, 100);

    assert_int_equal(loop_client_wait(second), 202);
    assert_int_equal(f->server->crowd.held[HELD_BODY], 100);
    loop_client_destroy(&second);
}

static void
nor_who_sends_most_of_it_and_stops(void **state)
{
    struct http_fixture *f = *state;
    struct loop_client *first = start(f), *second = have_one_wait(f, first, BODY - 1);

    assert_int_equal(loop_client_wait(second), 202);
    assert_false(first->is_closed);
    send_body(first, 1);
    assert_int_equal(loop_client_wait(first), 202);
    loop_client_destroy(&second);
}

/* Whose coming and going frees nothing is no progress. */
static void
nor_while_others_only_ask(void **state)
{
    struct http_fixture *f = *state;
    struct loop_client *first = start(f), *second = have_one_wait(f, first, BODY - 1);
    struct loop_client *third = another(f);
    int64_t deadline = now_ms() + 5000;

    while (waiting(f) > 0 && now_ms() < deadline)
        assert_int_equal(http_get(third, "/open", ""), 200);
    assert_int_equal(waiting(f), 0);
    assert_int_equal(loop_client_wait(second), 202);
    assert_false(first->is_closed);
    loop_client_destroy(&third);
    loop_client_destroy(&second);
}

static void
who_goes_while_he_waits_is_forgotten(void **state)
{
    struct http_fixture *f = *state;
    struct loop_client *first = start(f), *second = have_one_wait(f, first, 0);

    loop_client_destroy(&second);
    send_body(first, BODY);
    assert_int_equal(loop_client_wait(first), 202);
    assert_true(loop_until(f->loop, nobody_waits, f, 5000));
    assert_true(loop_until(f->loop, is_idle, f, 5000));
    assert_int_equal(f->server->queue.bound, 0);
    assert_int_equal(f->server->crowd.held[HELD_BODY], 0);
}

static void
who_goes_before_his_body_is_whole_makes_room(void **state)
{
    struct http_fixture *f = *state;
    struct loop_client *first = start(f), *second = have_one_wait(f, first, 100);

    loop_client_destroy(&f->client);
    assert_int_equal(loop_client_wait(second), 202);
    loop_client_destroy(&second);
}

/* Leave to send the body comes when there is room for it. */
static void
who_asks_before_he_sends_is_told_when_it_is_his_turn(void **state)
{
    struct http_fixture *f = *state;
    struct loop_client *first = start(f), *second = another(f);

    send_head(first);
    assert_true(loop_until(f->loop, is_let_in, f, 5000));
    loop_client_send(second, "POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 40000\r\n"
                             "Expect: 100-continue\r\n\r\n");
    push(second);
    assert_true(loop_until(f->loop, one_waits, f, 5000));
    assert_int_equal(second->in.len, 0);
    send_body(first, BODY);
    assert_int_equal(loop_client_wait(first), 202);
    send_body(second, BODY);
    assert_int_equal(loop_client_wait(second), 202);
    loop_client_destroy(&second);
}

static void
who_waits_at_the_end_is_told(void **state)
{
    struct http_fixture *f = *state;
    struct loop_client *first = start(f), *second = have_one_wait(f, first, 0);

    http_server_destroy(&f->server);
    assert_int_equal(loop_client_wait(second), 503);
    loop_client_destroy(&second);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, http_fixture_set_up, http_fixture_tear_down)

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(a_long_body_waits_for_the_one_before),
        TEST(a_short_body_waits_for_nobody),
        TEST(they_come_in_the_order_of_their_heads),
        TEST(who_announces_much_and_sends_nothing_keeps_nobody_waiting),
        TEST(nor_who_sends_most_of_it_and_stops),
        TEST(nor_while_others_only_ask),
        TEST(who_goes_while_he_waits_is_forgotten),
        TEST(who_goes_before_his_body_is_whole_makes_room),
        TEST(who_asks_before_he_sends_is_told_when_it_is_his_turn),
        TEST(who_waits_at_the_end_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
