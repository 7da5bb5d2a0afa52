#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/bus.h"
#include "tests/support/temp_dir.h"

enum { WAIT_MS = 30000 };

static char folder[64], endpoint[96];
static zsock_t *push, *pull;

static int
open_pair(void **state)
{
    struct err err = { "" };

    temp_dir_make(NULL, folder, sizeof(folder));
    snprintf(endpoint, sizeof(endpoint), "ipc://%s/sock", folder);
    push = bus_bind(ZMQ_PUSH, endpoint, &err);
    pull = bus_connect(ZMQ_PULL, endpoint, "ingest", NULL, &err);
    return push == NULL || pull == NULL ? -1 : 0;
}

static int
close_pair(void **state)
{
    char path[80];

    zsock_destroy(&push);
    zsock_destroy(&pull);
    snprintf(path, sizeof(path), "%s/sock", folder);
    unlink(path);
    return rmdir(folder);
}

/* Wait until sock can do what (ZMQ_POLLIN, ZMQ_POLLOUT). */
static void
wait_for(zsock_t *sock, short what)
{
    zmq_pollitem_t item = { zsock_resolve(sock), 0, what, 0 };

    assert_int_equal(zmq_poll(&item, 1, WAIT_MS), 1);
}

static void
assert_none(zsock_t *sock)
{
    struct bus_batch batch;

    assert_int_equal(bus_recv_batch(sock, &batch, NULL), 0);
}

static void
a_batch_arrives_as_it_was_sent(void **state)
{
    const struct batch_head head = {
        .origin = UINT64_MAX, .nonce = UINT32_MAX, .first = 3, .count = 4,
        .previous = 2, .received_us = INT64_MIN, .oldest = 1, .is_again = 1,
    };
    struct bus_batch batch;

    assert_none(pull);
    wait_for(push, ZMQ_POLLOUT);
    assert_int_equal(bus_send_batch(push, BUS_INCIDENTS, &head, text_of("body")), 0);
    wait_for(pull, ZMQ_POLLIN);
    assert_int_equal(bus_recv_batch(pull, &batch, NULL), 1);
    assert_int_equal(batch.kind, BUS_INCIDENTS);
    assert_true(text_is(batch.body, "body"));
    assert_true(batch.head.origin == UINT64_MAX && batch.head.nonce == UINT32_MAX);
    assert_true(batch.head.first == 3 && batch.head.count == 4);
    assert_true(batch.head.previous == 2 && batch.head.oldest == 1 && batch.head.is_again == 1);
    assert_true(batch.head.received_us == INT64_MIN);
    bus_batch_release(&batch);
    assert_null(batch.msg);
    assert_none(pull);
}

static void
an_empty_head_needs_no_body(void **state)
{
    const struct batch_head head = { .origin = 1 };
    struct bus_batch batch;

    wait_for(push, ZMQ_POLLOUT);
    assert_int_equal(
        bus_send_batch(push, BUS_EVENTS, &head, (struct text){ NULL, 0 }), 0);
    wait_for(pull, ZMQ_POLLIN);
    assert_int_equal(bus_recv_batch(pull, &batch, NULL), 1);
    assert_int_equal(batch.body.len, 0);
    assert_int_equal(batch.head.count, 0);
    bus_batch_release(&batch);
}

static void
sending_says_no_at_once_when_nobody_takes(void **state)
{
    const struct batch_head head = { .origin = 1 };
    zsock_t *alone;
    char other[112];

    snprintf(other, sizeof(other), "%s2", endpoint);
    alone = bus_bind(ZMQ_PUSH, other, NULL);
    assert_non_null(alone);
    assert_int_equal(bus_send_batch(alone, BUS_EVENTS, &head, text_of("x")), -1);
    zsock_destroy(&alone);
    unlink(other + strlen("ipc://"));
}

/* The high-water marks of both ends, and then no more. Large bodies, so that
 * the kernel's buffers hold few. */
static void
few_batches_wait_for_a_slow_peer(void **state)
{
    const struct batch_head head = { .origin = 1 };
    size_t len = BATCH_MAX_BYTES;
    char *body = calloc(1, len);
    int sent = 0;

    wait_for(push, ZMQ_POLLOUT);
    while (sent < 1000) {
        zmq_pollitem_t item = { zsock_resolve(push), 0, ZMQ_POLLOUT, 0 };

        if (bus_send_batch(push, BUS_EVENTS, &head, (struct text){ body, len }) == 0)
            sent++;
        else if (zmq_poll(&item, 1, 500) == 0)
            break;
    }
    assert_in_range(sent, 16, 64);
    free(body);
}

static void
a_body_over_the_message_limit_is_not_sent(void **state)
{
    const struct batch_head head = { .origin = 1 };
    size_t len = (size_t)16 * 1024 * 1024 + 1;
    char *body = calloc(1, len);

    wait_for(push, ZMQ_POLLOUT);
    assert_int_equal(
        bus_send_batch(push, BUS_EVENTS, &head, (struct text){ body, len }), -1);
    free(body);
}

struct frame {
    const char *bytes;
    size_t len;
};

#define FRAME(s) { s, sizeof(s) - 1 }
#define HEAD "\x01\x01\x02\x02\x03\x03\x04\x04\x05\x02\x06\x00"

static void
send_raw(const struct frame *frames)
{
    wait_for(push, ZMQ_POLLOUT);
    for (int i = 0; frames[i].bytes != NULL; i++)
        assert_int_not_equal(
            zmq_send(zsock_resolve(push), frames[i].bytes, frames[i].len,
                     frames[i + 1].bytes != NULL ? ZMQ_SNDMORE : 0), -1);
    wait_for(pull, ZMQ_POLLIN);
}

static void
refuses_messages_that_are_none_of_ours(void **state)
{
    static const struct {
        struct frame frames[5];
        const char *reason;
    } cases[] = {
        { { FRAME("x") }, "message of 1 frames" },
        { { FRAME("\x01\x01"), FRAME("\x86" HEAD) }, "message of 2 frames" },
        { { FRAME("\x01\x01"), FRAME("\x86" HEAD), FRAME("b"), FRAME("b") },
          "message of 4 frames" },
        { { FRAME("\x01"), FRAME("\x86" HEAD), FRAME("b") }, "none of ours" },
        { { FRAME("\x01\x02"), FRAME("\x86" HEAD), FRAME("b") }, "version 2" },
        { { FRAME("\x03\x01"), FRAME("\x86" HEAD), FRAME("b") }, "of kind 3" },
        { { FRAME("\x01\x01"), FRAME(""), FRAME("b") }, "batch head: msgpack" },
        { { FRAME("\x01\x01"), FRAME("\x90"), FRAME("b") }, "no msgpack map" },
        { { FRAME("\x01\x01"), FRAME("\xDF\xFF\xFF\xFF\xFF"), FRAME("b") },
          "batch head: msgpack" },
        { { FRAME("\x01\x01"), FRAME("\x81\x01\x01"), FRAME("b") },
          "nonce is missing" },
        { { FRAME("\x01\x01"), FRAME("\x81\x01\xA1x"), FRAME("b") },
          "origin is broken" },
        { { FRAME("\x01\x01"), FRAME("\x82\x01\x01\x01\x01"), FRAME("b") },
          "origin is broken" },
        { { FRAME("\x01\x01"), FRAME("\x81\x04\xCF\0\0\0\1\0\0\0\0"), FRAME("b") },
          "count is broken" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct err err = { "" };
        struct bus_batch batch;

        send_raw(cases[i].frames);
        assert_int_equal(bus_recv_batch(pull, &batch, &err), -1);
        if (strstr(err.text, cases[i].reason) == NULL)
            fail_msg("case %zu: \"%s\"", i, err.text);
    }
    assert_none(pull);
}

static void
skips_a_field_of_a_head_that_it_does_not_know(void **state)
{
    static const struct frame frames[] = {
        FRAME("\x01\x01"), FRAME("\x88" HEAD "\x63\x92\x01\x02\xA1k\xC0"), FRAME("b"),
        { NULL, 0 },
    };
    struct bus_batch batch;

    send_raw(frames);
    assert_int_equal(bus_recv_batch(pull, &batch, NULL), 1);
    assert_int_equal(batch.head.first, 3);
    bus_batch_release(&batch);
}

static void
a_report_arrives_as_it_was_sent(void **state)
{
    const uint64_t acked[] = { 1, UINT64_MAX, 0x0102030405060708 }, held[] = { 9 };
    struct report_origin origins[] = {
        { .origin = 5, .received = 7, .durable = 6, .wants_resend = 1, .acked = acked,
          .acked_count = 3, .held = held, .held_count = 1 },
        { .origin = UINT64_MAX },
    };
    struct report report = {
        .consumer = "detect/0", .boot = 77, .origins = origins, .origin_count = 2,
    };
    struct report got;

    wait_for(push, ZMQ_POLLOUT);
    assert_int_equal(bus_send_report(push, &report), 0);
    wait_for(pull, ZMQ_POLLIN);
    assert_int_equal(bus_recv_report(pull, &got, NULL), 1);
    assert_string_equal(got.consumer, "detect/0");
    assert_true(got.boot == 77 && got.origin_count == 2);
    assert_true(got.origins[0].origin == 5 && got.origins[0].received == 7);
    assert_true(got.origins[0].durable == 6 && got.origins[0].wants_resend);
    assert_int_equal(got.origins[0].acked_count, 3);
    assert_memory_equal(got.origins[0].acked, acked, sizeof(acked));
    assert_int_equal(got.origins[0].held_count, 1);
    assert_true(got.origins[0].held[0] == 9);
    assert_true(got.origins[1].origin == UINT64_MAX && !got.origins[1].wants_resend);
    assert_int_equal(got.origins[1].held_count, 0);
    report_release(&got);
    assert_null(got.origins);
    assert_int_equal(bus_recv_report(pull, &got, NULL), 0);
}

static void
a_report_without_origins_is_a_hello(void **state)
{
    struct report report = { .consumer = "index", .boot = 1 }, got;

    wait_for(push, ZMQ_POLLOUT);
    assert_int_equal(bus_send_report(push, &report), 0);
    wait_for(pull, ZMQ_POLLIN);
    assert_int_equal(bus_recv_report(pull, &got, NULL), 1);
    assert_int_equal(got.origin_count, 0);
    report_release(&got);
}

#define HELLO "\x82\x01\xA5index\x02\x01"

static void
refuses_broken_reports(void **state)
{
    static const struct {
        struct frame frames[4];
        const char *reason;
    } cases[] = {
        { { FRAME("\x01\x01"), FRAME(HELLO), FRAME("\x90") }, "of kind 1" },
        { { FRAME("\x03\x01"), FRAME("\x81\x02\x01"), FRAME("\x90") }, "consumer" },
        { { FRAME("\x03\x01"), FRAME("\x81\x01\xA5index"), FRAME("\x90") }, "boot" },
        { { FRAME("\x03\x01"), FRAME("\x82\x02\x01\x01\xD9\x20"
                                     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
            FRAME("\x90") }, "consumer" },
        { { FRAME("\x03\x01"), FRAME(HELLO), FRAME("\x80") }, "no array" },
        { { FRAME("\x03\x01"), FRAME(HELLO), FRAME("\xDD\xFF\xFF\xFF\xFF") },
          "report: msgpack" },
        { { FRAME("\x03\x01"), FRAME(HELLO), FRAME("\x91\x01") }, "origin 1 is broken" },
        { { FRAME("\x03\x01"), FRAME(HELLO), FRAME("\x91\x95\x01\x01\x01\xC2\xC4\x00") },
          "origin 1 is broken" },
        { { FRAME("\x03\x01"), FRAME(HELLO),
            FRAME("\x91\x96\x01\x01\x01\xC2\xC4\x01x\xC4\x00") }, "origin 1 is broken" },
        { { FRAME("\x03\x01"), FRAME(HELLO),
            FRAME("\x91\x96\x01\x01\x01\x01\xC4\x00\xC4\x00") }, "origin 1 is broken" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct err err = { "" };
        struct report got;

        send_raw(cases[i].frames);
        assert_int_equal(bus_recv_report(pull, &got, &err), -1);
        if (strstr(err.text, cases[i].reason) == NULL)
            fail_msg("case %zu: \"%s\"", i, err.text);
    }
}

static void
binding_a_taken_or_impossible_address_says_why(void **state)
{
    struct err err = { "" };
    zsock_t *first = bus_bind(ZMQ_PULL, "tcp://127.0.0.1:*", &err);
    char taken[128];

    assert_non_null(first);
    snprintf(taken, sizeof(taken), "%s", zsock_endpoint(first));
    assert_null(bus_bind(ZMQ_PULL, taken, &err));
    assert_non_null(strstr(err.text, taken));
    assert_non_null(strstr(err.text, "in use"));
    assert_null(bus_bind(ZMQ_PUSH, "ipc:///nowhere/at/all", &err));
    assert_null(bus_connect(ZMQ_PULL, "nonsense", "ingest", NULL, &err));
    assert_non_null(strstr(err.text, "cannot connect nonsense"));
    zsock_destroy(&first);
}

static void
a_subscriber_hears_everything(void **state)
{
    const struct batch_head head = { .origin = 1 };
    struct bus_batch batch;
    zsock_t *pub, *sub;
    char other[112];
    int tries, rc = 0;

    snprintf(other, sizeof(other), "%s3", endpoint);
    pub = bus_bind(ZMQ_PUB, other, NULL);
    sub = bus_connect(ZMQ_SUB, other, "ingest", NULL, NULL);
    /* PUB drops what it sends before the subscription came: send until heard. */
    for (tries = 0; tries < WAIT_MS / 10 && rc == 0; tries++) {
        zmq_pollitem_t item = { zsock_resolve(sub), 0, ZMQ_POLLIN, 0 };

        assert_int_equal(bus_send_batch(pub, BUS_EVENTS, &head, text_of("x")), 0);
        zmq_poll(&item, 1, 10);
        rc = bus_recv_batch(sub, &batch, NULL);
    }
    assert_int_equal(rc, 1);
    bus_batch_release(&batch);
    zsock_destroy(&pub);
    zsock_destroy(&sub);
    unlink(other + strlen("ipc://"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_pair, close_pair)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_batch_arrives_as_it_was_sent),
        TEST(an_empty_head_needs_no_body),
        TEST(sending_says_no_at_once_when_nobody_takes),
        TEST(few_batches_wait_for_a_slow_peer),
        TEST(a_body_over_the_message_limit_is_not_sent),
        TEST(refuses_messages_that_are_none_of_ours),
        TEST(skips_a_field_of_a_head_that_it_does_not_know),
        TEST(a_report_arrives_as_it_was_sent),
        TEST(a_report_without_origins_is_a_hello),
        TEST(refuses_broken_reports),
        TEST(binding_a_taken_or_impossible_address_says_why),
        TEST(a_subscriber_hears_everything),
    };
    int failed = cmocka_run_group_tests_name("bus", tests, NULL, NULL);

    zsys_shutdown();
    return failed;
}
