/* Who takes up room and does nothing makes way for who comes with a request. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <cmocka.h>

#include "tests/support/http_fixture.h"

enum { LIMIT = 8 };

static uint64_t
evicted(struct http_fixture *f)
{
    return number(f, "bongsu_http_evicted_total", "");
}

static int
never(void *ctx)
{
    (void)ctx;
    return 0;
}

static struct loop_client *
connect_with(struct http_fixture *f, const char *bytes)
{
    struct loop_client *client = loop_client_new(f->loop, http_server_address(f->server));

    loop_client_send(client, "%s", bytes);
    push(client);
    return client;
}

/* Fill the server with clients that have said this much, then ask as another. */
static void
crowd_with(struct http_fixture *f, const char *bytes)
{
    struct loop_client *crowd[3 * LIMIT], *good;

    for (size_t i = 0; i < 3 * LIMIT; i++)
        crowd[i] = connect_with(f, bytes);
    good = connect_with(f, "");
    for (int i = 0; i < 3; i++)
        assert_int_equal(http_get(good, "/open", ""), 200);
    assert_true(loop_client_wait_closed(crowd[0]));
    assert_true(f->server->crowd.count <= LIMIT);
    assert_false(crowd[3 * LIMIT - 1]->is_closed);
    for (size_t i = 0; i < 3 * LIMIT; i++)
        loop_client_destroy(&crowd[i]);
    loop_client_destroy(&good);
}

static void
the_longest_idle_connection_makes_room(void **state)
{
    static const char *const says[] = {
        "", "G", "GET /open HTTP/1.1\r\nHost: x\r\n", "GET /open HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc",
        "POST /count HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
    };
    struct http_fixture *f = *state;

    f->options.max_connections = LIMIT;
    http_fixture_start(f);
    for (size_t i = 0; i < sizeof(says) / sizeof(says[0]); i++) {
        uint64_t before = evicted(f);

        crowd_with(f, says[i]);
        assert_true(evicted(f) > before);
    }
}

static void
who_waits_for_an_answer_is_not_hung_up(void **state)
{
    struct http_fixture *f = *state;
    struct loop_client *crowd[2 * LIMIT];

    f->options.max_connections = LIMIT;
    leave_waiting(f, http_fixture_start(f));
    for (size_t i = 0; i < 2 * LIMIT; i++)
        crowd[i] = connect_with(f, "");
    assert_true(loop_client_wait_closed(crowd[0]));
    answer_all(f);
    assert_int_equal(loop_client_wait(f->client), 202);
    for (size_t i = 0; i < 2 * LIMIT; i++)
        loop_client_destroy(&crowd[i]);
}

static int
has_part_of_body(void *ctx)
{
    const struct http_fixture *f = ctx;

    return f->server->crowd.held[HELD_BODY] == 800;
}

static void
the_oldest_unfinished_body_makes_room_for_a_new_one(void **state)
{
    struct http_fixture *f = *state;
    struct loop_client *slow = http_fixture_start(f), *good;

    f->server->crowd.max_held[HELD_BODY] = 1000;
    loop_client_send(slow, "POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n%800s",
                     "");
    push(slow);
    assert_true(loop_until(f->loop, has_part_of_body, f, 5000));
    good = loop_client_new(f->loop, http_server_address(f->server));
    loop_client_send(good, "POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n%900s",
                     "");
    assert_int_equal(loop_client_wait(good), 202);
    assert_true(loop_client_wait_closed(slow));
    assert_int_equal(f->server->crowd.held[HELD_BODY], 0);
    assert_int_equal(evicted(f), 1);
    loop_client_destroy(&good);
}

static int
has_an_answer(void *ctx)
{
    const struct http_fixture *f = ctx;

    return f->server->crowd.held[HELD_ANSWER] > 0;
}

static int
has_one_answer_after_an_eviction(void *ctx)
{
    struct http_fixture *f = ctx;

    return evicted(f) == 1 && f->server->crowd.held[HELD_ANSWER] == LARGE_ANSWER;
}

/* These clients are never waited for, so they never read. */
static void
answers_that_nobody_reads_are_bounded(void **state)
{
    static const char ask[] = "GET /large HTTP/1.1\r\nHost: x\r\n\r\n";
    struct http_fixture *f = *state;
    struct loop_client *first, *second;

    http_fixture_start(f);
    f->server->crowd.max_held[HELD_ANSWER] = LARGE_ANSWER + LARGE_ANSWER / 2;
    first = connect_with(f, ask);
    assert_true(loop_until(f->loop, has_an_answer, f, 5000));
    second = connect_with(f, ask);
    assert_true(loop_until(f->loop, has_one_answer_after_an_eviction, f, 5000));
    assert_int_equal(http_get(f->client, "/open", ""), 200);
    assert_int_equal(loop_client_wait(second), 200);
    assert_int_equal(loop_client_body(second).len, LARGE_ANSWER);
    loop_client_destroy(&first);
    loop_client_destroy(&second);
}

static int64_t
cpu_ms(void)
{
    struct timespec spent;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
    return spent.tv_sec * 1000 + spent.tv_nsec / 1000000;
}

/* libmicrohttpd 0.9.75 takes its full buffer for work to do. */
static void
a_chunk_extension_without_end_costs_no_time(void **state)
{
    static char extension[40 * 1024];
    struct http_fixture *f = *state;
    struct loop_client *client = http_fixture_start(f), *good;
    int64_t begun_ms;

    memset(extension, 'a', sizeof(extension) - 1);
    loop_client_send(client, "POST /count HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked"
                     "\r\n\r\n3;%s\r\n", extension);
    push(client);
    good = connect_with(f, "");
    assert_int_equal(http_get(good, "/open", ""), 200);
    begun_ms = cpu_ms();
    loop_until(f->loop, never, NULL, 500);
    assert_true(cpu_ms() - begun_ms < 250);
    assert_int_equal(http_get(good, "/open", ""), 200);
    loop_client_destroy(&good);
}

static void
few_open_files_allow_fewer_connections(void **state)
{
    struct rlimit before, low;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    low = before;
    low.rlim_cur = 256;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    assert_int_equal(http_crowd_limit(1024), 128);
    assert_int_equal(http_crowd_limit(64), 64);
    low.rlim_cur = 64;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    assert_int_equal(http_crowd_limit(1024), 16);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, http_fixture_set_up, http_fixture_tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_longest_idle_connection_makes_room),
        TEST(who_waits_for_an_answer_is_not_hung_up),
        TEST(the_oldest_unfinished_body_makes_room_for_a_new_one),
        TEST(answers_that_nobody_reads_are_bounded),
        TEST(a_chunk_extension_without_end_costs_no_time),
        cmocka_unit_test(few_open_files_allow_fewer_connections),
    };

    return cmocka_run_group_tests_name("http_crowd", tests, NULL, NULL);
}
