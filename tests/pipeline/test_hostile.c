/*
 * The worst that one client can do, done to the real processes over raw
 * sockets. Under all of it nothing dies, a good client is served, memory and
 * descriptors stay bounded, and no key is anywhere.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/base/buf.h"
#include "tests/support/chain.h"
#include "tests/support/http_stub.h"
#include "tests/support/raw_client.h"

enum { CONNECTIONS = 64, CROWD = 4 * CONNECTIONS, GOOD_MS = 100, OTHER_DESCRIPTORS = 128,
       MOST_KIB = 200 * 1024, LARGE = 400 * 1024, LARGE_EVENTS = 100 };

static struct chain *chain;
static struct stub *slack;

static int
start(void **state)
{
    char number[16];

    (void)state;
    slack = stub_new();
    chain = chain_new(NULL, stub_url(slack));
    snprintf(number, sizeof(number), "%d", CONNECTIONS);
    chain_set(chain, "BONGSU_HTTP_MAX_CONNECTIONS", number);
    chain_start_all(chain);
    return 0;
}

/* With ASan a fault ends a process: then it does not end with 0. */
static int
stop(void **state)
{
    (void)state;
    chain_stop_all(chain);
    chain_destroy(&chain);
    stub_destroy(&slack);
    return 0;
}

static void
expect_good_client_is_served(void)
{
    static const char event[] = "{\"event_type\":\"good\"}";
    int64_t begun = now_ms();
    json_t *body = NULL;

    assert_int_equal(chain_post(chain, "/log", "application/json", event, sizeof(event) - 1,
                                NULL), 202);
    body = chain_get(chain, "/events?limit=1");
    assert_non_null(body);
    json_decref(body);
    if (!is_slow())
        assert_true(now_ms() - begun < 2 * GOOD_MS);
}

static int
descriptors(enum process which)
{
    char path[64];
    DIR *dir;
    int count = -3;             /* ".", "..", and the folder's own */

    snprintf(path, sizeof(path), "/proc/%ld/fd", chain_pid(chain, which));
    dir = opendir(path);
    assert_non_null(dir);
    while (readdir(dir) != NULL)
        count++;
    closedir(dir);
    return count;
}

static void
expect_bounded(enum process which)
{
    assert_true(descriptors(which) < CONNECTIONS + OTHER_DESCRIPTORS);
    if (!is_slow())
        assert_true(chain_resident_kib(chain, which) < MOST_KIB);
}

/* --- requests --- */

#define HEAD "POST /log HTTP/1.1\r\nHost: x\r\nX-API-Key: test-key-0123456789abcdef\r\n" \
             "Content-Type: application/json\r\n"
#define NEXT "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
#define EVENT "{\"event_type\":\"e\"}"
#define CHUNKED "12\r\n" EVENT "\r\n0\r\n\r\n"

static void
a_request_that_could_be_read_in_two_ways_is_refused_and_ends_the_connection(void **state)
{
    static const struct {
        const char *bytes;
        int status, other;
    } cases[] = {
        { HEAD "Content-Length: 18\r\nTransfer-Encoding: chunked\r\n\r\n" CHUNKED NEXT, 400, 400 },
        { HEAD "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n" CHUNKED NEXT, 400, 400 },
        { HEAD "Content-Length: 18\r\nContent-Length: 0\r\n\r\n" EVENT NEXT, 400, 400 },
        { HEAD "Content-Length: 0x12\r\n\r\n" EVENT NEXT, 400, 400 },
        { HEAD "Content-Length: +18\r\n\r\n" EVENT NEXT, 400, 400 },
        { HEAD "Content-Length: 99999999999999999999\r\n\r\n" EVENT NEXT, 413, 400 },
        { HEAD "Transfer-Encoding: gzip\r\n\r\n" EVENT NEXT, 501, 400 },
        { HEAD "Transfer-Encoding : chunked\r\n\r\n" CHUNKED NEXT, 400, 400 },
        { HEAD "Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n" EVENT NEXT, 413, 400 },
        { HEAD "Transfer-Encoding: chunked\r\n\r\n-1\r\n" EVENT NEXT, 400, 400 },
        { HEAD "Content-Length: 18\r\nHost: y\r\n\r\n" EVENT NEXT, 400, 400 },
        { HEAD "Content-Length: 18\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n" EVENT,
          400, 400 },
        { HEAD "Content-Length: 18\r\nContent-Encoding: br\r\nConnection: close\r\n\r\n" EVENT,
          415, 415 },
        { "GET /healthz%00 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 400, 400 },
        { "\x16\x03\x01\x02\r\n\r\n", 400, 0 },
    };
    struct buf answer = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int status = raw_say(chain_ingest_url(chain), cases[i].bytes, strlen(cases[i].bytes), &answer);

        /* the second one is libmicrohttpd 1.0's choice */
        if (status != cases[i].status && status != cases[i].other)
            fail_msg("case %zu: %d %s", i, status, answer.ptr);
        if (strstr(answer.ptr, "HTTP/1.1 200") != NULL || strstr(answer.ptr, "HTTP/1.1 202") != NULL)
            fail_msg("case %zu: the second request was answered", i);
    }
    buf_release(&answer);
    expect_good_client_is_served();
}

/* A head or a body made of one piece over and over. */
static void
expect_refused(const char *begin, const char *piece, size_t times, const char *end, int least,
               int most)
{
    struct buf request = { 0 }, answer = { 0 };
    int64_t begun;
    int status;

    assert_int_equal(buf_append_str(&request, begin), 0);
    for (size_t i = 0; i < times; i++)
        assert_int_equal(buf_append_str(&request, piece), 0);
    assert_int_equal(buf_append_str(&request, end), 0);
    begun = now_ms();
    status = raw_say(chain_ingest_url(chain), request.ptr, request.len, &answer);
    if (status < least || status > most)
        fail_msg("%.60s...: %d %.300s", begin, status, answer.ptr);
    printf("%zu bytes: %d in %lld ms\n", request.len, status, (long long)(now_ms() - begun));
    buf_release(&request);
    buf_release(&answer);
    expect_good_client_is_served();
    expect_bounded(INGEST);
}

static void
what_is_too_much_of_anything_is_refused(void **state)
{
    static const char get[] = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
    static const char log[] = HEAD "Connection: close\r\nContent-Length: 1000000\r\n\r\n";
    static const char logs[] = "POST /logs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                               "X-API-Key: test-key-0123456789abcdef\r\nConnection: close\r\n"
                               "Content-Length: 10000000\r\n\r\n";

    (void)state;
    expect_refused(get, "X: y\r\n", 10000, "\r\n", 431, 431);
    expect_refused("GET /", "a", 1000000, " HTTP/1.1\r\nHost: x\r\n\r\n", 414, 431);
    expect_refused(log, "[", 1000000, "", 400, 400);
    expect_refused(log, "{\"a\":", 200000, "", 400, 400);
    expect_refused(logs, "{\"a\":0}, ", 1111112, "", 400, 413);
    expect_refused(logs, "[[[[[[[[[[", 1000000, "", 400, 400);
    expect_refused(logs, "\"aaaaaaaa", 1111112, "", 400, 400);
}

/* --- crowds --- */

static void
a_crowd_that_does_nothing_keeps_nobody_out(void **state)
{
    static const char *const says[] = {
        "", "GET / HTTP/1.1\r\nHost: x\r\n", "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
        HEAD "Content-Length: 1000\r\n\r\n{", HEAD "Transfer-Encoding: chunked\r\n\r\nfff;x=",
        "POST /incidents/x/status HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n{",
    };
    static int crowd[2][CROWD];

    (void)state;
    for (size_t s = 0; s < sizeof(says) / sizeof(says[0]); s++) {
        for (size_t i = 0; i < CROWD; i++) {
            crowd[0][i] = raw_dial(chain_ingest_url(chain));
            crowd[1][i] = raw_dial(chain_api_url(chain));
            raw_throw(crowd[0][i], says[s], strlen(says[s]));
            raw_throw(crowd[1][i], says[s], strlen(says[s]));
        }
        expect_good_client_is_served();
        expect_good_client_is_served();
        expect_bounded(INGEST);
        expect_bounded(API);
        for (size_t i = 0; i < CROWD; i++) {
            close(crowd[0][i]);
            close(crowd[1][i]);
        }
    }
    assert_true(chain_metric(chain, INGEST, "bongsu_http_evicted_total") > CROWD);
}

/* An event that is nearly as large as one may be. */
static void
post_large_events(int count)
{
    static const char begin[] = "{\"event_type\":\"large\",\"raw_log\":\"";
    struct buf event = { 0 };
    size_t len = sizeof(begin) - 1 + LARGE;

    assert_int_equal(buf_append_str(&event, begin), 0);
    assert_int_equal(buf_reserve(&event, LARGE + 2), 0);
    memset(event.ptr + event.len, 'x', LARGE);
    memcpy(event.ptr + len, "\"}", 2);
    for (int i = 0; i < count; i++)
        assert_int_equal(chain_post(chain, "/log", "application/json", event.ptr, len + 2, NULL),
                         202);
    buf_release(&event);
}

static void
large_answers_that_nobody_reads_do_not_fill_the_api(void **state)
{
    static const char ask[] = "GET /events?limit=1000 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    int crowd[CONNECTIONS / 2];
    json_t *all;

    (void)state;
    post_large_events(LARGE_EVENTS);
    chain_wait_delivered(chain, 60000);
    for (size_t i = 0; i < CONNECTIONS / 2; i++) {
        crowd[i] = raw_dial(chain_api_url(chain));
        raw_throw(crowd[i], ask, sizeof(ask) - 1);
    }
    all = chain_all_events(chain);      /* page by page, all of it */
    assert_true(json_array_size(all) >= LARGE_EVENTS);
    json_decref(all);
    expect_bounded(API);
    for (size_t i = 0; i < CONNECTIONS / 2; i++)
        close(crowd[i]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            a_request_that_could_be_read_in_two_ways_is_refused_and_ends_the_connection),
        cmocka_unit_test(what_is_too_much_of_anything_is_refused),
        cmocka_unit_test(a_crowd_that_does_nothing_keeps_nobody_out),
        cmocka_unit_test(large_answers_that_nobody_reads_do_not_fill_the_api),
    };

    return cmocka_run_group_tests_name("hostile", tests, start, stop);
}
