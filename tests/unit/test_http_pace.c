/* Who is slow is hung up in time; who only waits is not. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/http_fixture.h"
#include "tests/support/wait.h"

enum { SHORT_MS = 1000, PATIENCE_MS = 20000 };

static uint64_t
slow(struct http_fixture *f, const char *reason)
{
    return number(f, "bongsu_http_slow_total", reason);
}

static int
never(void *ctx)
{
    (void)ctx;
    return 0;
}

/* Another connection that has sent this, and goes on with a byte at each look. */
struct drip {
    struct http_fixture *f;
    struct loop_client *client;
    int64_t next_ms;
    const char *byte;
};

static void
a_head_that_does_not_end_is_cut_off_in_time(void **state)
{
    static const char *const heads[] = {
        "G", "GET /op", "GET /open HTTP/1.1\r\n", "GET /open HTTP/1.1\r\nHost: x\r\nX-A: ",
        "POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n",
    };
    enum { HEADS = sizeof(heads) / sizeof(heads[0]) };
    struct http_fixture *f = *state;
    struct loop_client *clients[HEADS];
    int64_t begun = now_ms();

    f->options.head_timeout_ms = SHORT_MS;
    http_fixture_start(f);
    for (size_t i = 0; i < HEADS; i++) {
        clients[i] = loop_client_new(f->loop, http_server_address(f->server));
        loop_client_send(clients[i], "%s", heads[i]);
        push(clients[i]);
    }
    for (size_t i = 0; i < HEADS; i++) {
        assert_int_equal(loop_client_wait(clients[i]), 408);
        assert_true(loop_client_wait_closed(clients[i]));
        loop_client_destroy(&clients[i]);
    }
    assert_true(now_ms() - begun >= SHORT_MS);
    assert_true(now_ms() - begun < 4 * SHORT_MS || is_slow());
    assert_int_equal(slow(f, "reason=\"head\""), HEADS);
    assert_int_equal(f->handled, 0);
}

/* Each byte moves it, but it does not come to its end. */
static int
drips_until_cut(void *ctx)
{
    struct drip *drip = ctx;
    char byte;

    if (now_ms() >= drip->next_ms) {
        drip->next_ms = now_ms() + 50;
        send(drip->client->fd, drip->byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    return slow(drip->f, "reason=\"head\"") + slow(drip->f, "reason=\"body\"") > 0 ||
           recv(drip->client->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void
drip_as(struct http_fixture *f, const char *begin, const char *byte)
{
    struct drip drip = { .f = f, .byte = byte };

    drip.client = loop_client_new(f->loop, http_server_address(f->server));
    loop_client_send(drip.client, "%s", begin);
    push(drip.client);
    assert_true(loop_until(f->loop, drips_until_cut, &drip, PATIENCE_MS));
    loop_client_destroy(&drip.client);
}

static void
a_head_that_comes_byte_by_byte_is_cut_off_too(void **state)
{
    struct http_fixture *f = *state;

    f->options.head_timeout_ms = SHORT_MS;
    http_fixture_start(f);
    drip_as(f, "GET /open HTTP/1.1\r\nHost: x\r\nX-A: ", "a");
    assert_int_equal(slow(f, "reason=\"head\""), 1);
}

static void
a_body_has_so_long_in_all(void **state)
{
    struct http_fixture *f = *state;

    f->options.body_timeout_ms = SHORT_MS;
    http_fixture_start(f);
    drip_as(f, "POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\nabc", "a");
    assert_int_equal(slow(f, "reason=\"body\""), 1);
    loop_client_send(f->client, "POST /count HTTP/1.1\r\nHost: x\r\n"
                     "Transfer-Encoding: chunked\r\n\r\n5\r\nab");
    assert_int_equal(loop_client_wait(f->client), 408);
    assert_int_equal(slow(f, "reason=\"body\""), 2);
    assert_int_equal(f->handled, 0);
}

static int
is_cut_for_rate(void *ctx)
{
    struct http_fixture *f = ctx;

    return slow(f, "reason=\"rate\"") == 1 && slow(f, "reason=\"answer\"") == 1;
}

/* One sends its body too slowly, one does not read its answer, one is as quick as can be. */
static void
bodies_and_answers_keep_to_a_least_rate(void **state)
{
    struct http_fixture *f = *state;
    struct loop_client *sender, *reader;

    f->options.min_rate = 512;
    http_fixture_start(f);
    sender = loop_client_new(f->loop, http_server_address(f->server));
    loop_client_send(sender, "POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\nabc");
    push(sender);
    reader = loop_client_new(f->loop, http_server_address(f->server));
    loop_client_send(reader, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
    push(reader);
    assert_true(loop_until(f->loop, is_cut_for_rate, f, PATIENCE_MS));
    assert_int_equal(http_get(f->client, "/large", ""), 200);
    loop_client_destroy(&sender);
    loop_client_destroy(&reader);
}

static void
who_is_idle_or_waits_for_us_is_left_alone(void **state)
{
    struct http_fixture *f = *state;
    struct loop_client *silent;

    f->options.head_timeout_ms = f->options.body_timeout_ms = 600;
    f->options.min_rate = 1000000;
    http_fixture_start(f);
    silent = loop_client_new(f->loop, http_server_address(f->server));
    assert_int_equal(http_get(f->client, "/open", ""), 200);
    loop_until(f->loop, never, NULL, 2500);
    assert_int_equal(http_get(f->client, "/open", ""), 200);
    assert_int_equal(http_get(silent, "/open", ""), 200);
    leave_waiting(f, f->client);
    loop_until(f->loop, never, NULL, 2500);
    answer_all(f);
    assert_int_equal(loop_client_wait(f->client), 202);
    assert_int_equal(slow(f, "reason=\"head\"") + slow(f, "reason=\"body\""), 0);
    loop_client_destroy(&silent);
}

static int
nobody_is_left(void *ctx)
{
    const struct http_fixture *f = ctx;

    return f->server->crowd.count == 0;
}

/* Bytes and end arrive together, so that one event tells of both. */
static void
who_has_closed_his_side_does_not_stay(void **state)
{
    static const char *const says[] = {
        "GET /op", "GET /open HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc",
    };
    struct http_fixture *f = *state;
    struct loop_client *clients[3];
    int64_t begun = now_ms();

    f->options.head_timeout_ms = f->options.body_timeout_ms = 60000;
    http_fixture_start(f);
    loop_client_destroy(&f->client);
    for (size_t i = 0; i < 3; i++) {
        clients[i] = loop_client_new(f->loop, http_server_address(f->server));
        loop_client_send(clients[i], "%s", says[i]);
        push(clients[i]);
        shutdown(clients[i]->fd, SHUT_WR);
    }
    assert_true(loop_until(f->loop, nobody_is_left, f, PATIENCE_MS));
    assert_true(now_ms() - begun < 5000 || is_slow());
    for (size_t i = 0; i < 3; i++)
        loop_client_destroy(&clients[i]);
}

/* While the process stood still, the bytes were there: nobody is to blame. */
static void
time_in_which_nobody_looked_is_not_counted(void **state)
{
    struct http_fixture *f = *state;

    f->options.body_timeout_ms = 2000;
    http_fixture_start(f);
    loop_client_send(f->client, "POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na");
    push(f->client);
    loop_until(f->loop, never, NULL, 700);
    pass_ms(2500);
    loop_client_send(f->client, "bc");
    push(f->client);
    assert_int_equal(loop_client_wait(f->client), 202);
}

/* --- connections of one address --- */

static int
dial_from(struct http_fixture *f, const char *address)
{
    struct sockaddr_in from = { .sin_family = AF_INET }, to = { .sin_family = AF_INET };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    inet_pton(AF_INET, address, &from.sin_addr);
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    to.sin_port = htons((uint16_t)strtol(strrchr(http_server_address(f->server), ':') + 1, NULL,
                                         10));
    assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

static int
is_open(int fd)
{
    char byte;

    return recv(fd, &byte, 1, MSG_DONTWAIT) < 0;
}

static int
has_six(void *ctx)
{
    const struct http_fixture *f = ctx;

    return f->server->crowd.count == 6;     /* the client's, one other's, four */
}

static void
an_address_with_too_many_pushes_out_its_own_oldest(void **state)
{
    struct http_fixture *f = *state;
    int other, fds[8];

    f->options.max_per_address = 4;
    http_fixture_start(f);
    assert_int_equal(http_get(f->client, "/open", ""), 200);
    other = dial_from(f, "127.0.0.2");
    for (size_t i = 0; i < 8; i++)
        fds[i] = dial_from(f, "127.0.0.3");
    loop_until(f->loop, never, NULL, 100);
    assert_true(loop_until(f->loop, has_six, f, PATIENCE_MS));
    assert_true(is_open(other));
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(is_open(fds[i]), i >= 4);
        close(fds[i]);
    }
    close(other);
    assert_int_equal(number(f, "bongsu_http_evicted_neighbours_total", ""), 4);
    assert_int_equal(http_get(f->client, "/open", ""), 200);
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, http_fixture_set_up, http_fixture_tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_head_that_does_not_end_is_cut_off_in_time),
        TEST(a_head_that_comes_byte_by_byte_is_cut_off_too),
        TEST(a_body_has_so_long_in_all),
        TEST(bodies_and_answers_keep_to_a_least_rate),
        TEST(who_is_idle_or_waits_for_us_is_left_alone),
        TEST(who_has_closed_his_side_does_not_stay),
        TEST(time_in_which_nobody_looked_is_not_counted),
        TEST(an_address_with_too_many_pushes_out_its_own_oldest),
    };

    return cmocka_run_group_tests_name("http_pace", tests, NULL, NULL);
}
