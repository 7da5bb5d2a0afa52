/* A body that comes compressed: what is taken, and how little it may cost us. */
#include "proto/server/http_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#include "tests/support/http_fixture.h"

enum { GZIP = 16 + 15, ZLIB = 15, MIB = 1024 * 1024 };

/* len bytes compressed, behind what out holds. */
static void
pack(struct buf *out, int wrapper, const char *bytes, size_t len)
{
    z_stream stream = { 0 };

    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, wrapper, 9, Z_DEFAULT_STRATEGY),
                     Z_OK);
    assert_int_equal(buf_reserve(out, deflateBound(&stream, len) + 64), 0);
    stream.next_in = (Bytef *)(uintptr_t)bytes;
    stream.avail_in = (uInt)len;
    stream.next_out = (Bytef *)out->ptr + out->len;
    stream.avail_out = (uInt)(out->cap - out->len);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    out->len += stream.total_out;
    deflateEnd(&stream);
}

/* The same byte again and again: it packs 1,000 times. */
static void
pack_run(struct buf *out, size_t len)
{
    char *run = malloc(len);

    assert_non_null(run);
    memset(run, 'a', len);
    pack(out, GZIP, run, len);
    free(run);
}

static int
send_packed(struct loop_client *client, const char *path, const char *encoding,
            const struct buf *body)
{
    loop_client_send(client, "POST %s HTTP/1.1\r\nHost: x\r\nX-API-Key: " API_KEY "\r\n"
                     "Content-Type: text/plain\r\nContent-Encoding: %s\r\n"
                     "Content-Length: %zu\r\n\r\n", path, encoding, body->len);
    loop_client_send_bytes(client, body->ptr, body->len);
    return loop_client_wait(client);
}

static void
every_form_of_it_is_the_body_that_was_packed(void **state)
{
    static const struct { const char *name; int wrapper; } forms[] = {
        { "gzip", GZIP }, { "x-gzip", GZIP }, { "GZip", GZIP }, { "deflate", ZLIB },
    };
    struct loop_client *client = http_fixture_start(*state);
    struct buf body = { 0 };

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        buf_clear(&body);
        pack(&body, forms[i].wrapper, "one line\nand another", 20);
        assert_int_equal(send_packed(client, "/write", forms[i].name, &body), 200);
        assert_true(body_has(client, "body=one line\nand another;"));
    }
    buf_release(&body);
}

static void
members_behind_one_another_are_one_body(void **state)
{
    struct loop_client *client = http_fixture_start(*state);
    struct buf body = { 0 };

    pack(&body, GZIP, "first ", 6);
    pack(&body, GZIP, "", 0);
    pack(&body, GZIP, "second", 6);
    assert_int_equal(send_packed(client, "/write", "gzip", &body), 200);
    assert_true(body_has(client, "body=first second;"));
    buf_release(&body);
}

static void
it_may_come_in_chunks_of_one_byte(void **state)
{
    struct loop_client *client = http_fixture_start(*state);
    struct buf body = { 0 };

    pack(&body, GZIP, "byte by byte", 12);
    loop_client_send(client, "POST /write HTTP/1.1\r\nHost: x\r\nX-API-Key: " API_KEY "\r\n"
                     "Content-Type: text/plain\r\nContent-Encoding: gzip\r\n"
                     "Transfer-Encoding: chunked\r\n\r\n");
    for (size_t i = 0; i < body.len; i++) {
        loop_client_send_bytes(client, "1\r\n", 3);
        loop_client_send_bytes(client, body.ptr + i, 1);
        loop_client_send_bytes(client, "\r\n", 2);
    }
    loop_client_send(client, "0\r\n\r\n");
    assert_int_equal(loop_client_wait(client), 200);
    assert_true(body_has(client, "body=byte by byte;"));
    buf_release(&body);
}

static void
what_is_broken_is_400_and_counted_and_the_connection_goes_on(void **state)
{
    struct http_fixture *f = *state;
    struct loop_client *client = http_fixture_start(f);
    struct buf good = { 0 }, bad = { 0 };

    pack(&good, GZIP, "some text that is long enough", 29);

    buf_append(&bad, "no gzip at all", 14);                 /* another thing */
    assert_int_equal(send_packed(client, "/count", "gzip", &bad), 400);
    assert_true(body_has(client, "not as its Content-Encoding says"));

    for (size_t len = 1; len < good.len; len++) {           /* cut anywhere */
        buf_clear(&bad);
        buf_append(&bad, good.ptr, len);
        assert_int_equal(send_packed(client, "/count", "gzip", &bad), 400);
    }
    buf_clear(&bad);                                        /* its checksum is wrong */
    buf_append(&bad, good.ptr, good.len);
    bad.ptr[bad.len - 5] ^= 1;
    assert_int_equal(send_packed(client, "/count", "gzip", &bad), 400);

    buf_clear(&bad);                                        /* more follows */
    buf_append(&bad, good.ptr, good.len);
    buf_append(&bad, "rubbish", 7);
    assert_int_equal(send_packed(client, "/count", "gzip", &bad), 400);

    assert_int_equal(refused(f, "reason=\"inflate\""), good.len + 2);
    assert_int_equal(f->handled, 0);
    assert_int_equal(send_packed(client, "/count", "gzip", &good), 202);
    assert_true(body_has(client, "\"bytes\":29"));
    buf_release(&good);
    buf_release(&bad);
}

static void
the_limit_of_a_body_is_that_of_what_comes_out(void **state)
{
    struct http_fixture *f = *state;
    struct loop_client *client = http_fixture_start(f);
    struct buf body = { 0 };

    pack_run(&body, MAX_BODY);
    assert_int_equal(send_packed(client, "/count", "gzip", &body), 202);
    assert_true(body_has(client, "\"bytes\":1000"));
    buf_clear(&body);
    pack_run(&body, MAX_BODY + 1);
    assert_int_equal(send_packed(client, "/count", "gzip", &body), 413);
    assert_int_equal(refused(f, "reason=\"size\""), 1);
    buf_release(&body);
}

static void
a_little_that_becomes_very_much_is_413(void **state)
{
    struct http_fixture *f = *state;
    struct loop_client *client;
    struct buf body = { 0 };

    f->options.max_body = 64 * MIB;
    client = http_fixture_start(f);
    pack_run(&body, MIB);                   /* that much may come of anything */
    assert_int_equal(send_packed(client, "/count", "gzip", &body), 202);
    buf_clear(&body);
    pack_run(&body, 32 * MIB);
    assert_int_equal(send_packed(client, "/count", "gzip", &body), 413);
    assert_true(body_has(client, "250 times"));
    assert_int_equal(refused(f, "reason=\"inflate\""), 1);
    assert_int_equal(f->handled, 1);
    buf_release(&body);
}

static void
without_its_key_nothing_is_unpacked(void **state)
{
    struct http_fixture *f = *state;
    struct loop_client *client = http_fixture_start(f);

    assert_int_equal(http_post(client, "/write", "Content-Type: text/plain\r\n"
                               "Content-Encoding: gzip\r\n", "no gzip"), 401);
    assert_int_equal(refused(f, "reason=\"inflate\""), 0);
    assert_int_equal(http_post(client, "/count", "Content-Encoding: gzip\r\n", ""), 202);
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, http_fixture_set_up, http_fixture_tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_form_of_it_is_the_body_that_was_packed),
        TEST(members_behind_one_another_are_one_body),
        TEST(it_may_come_in_chunks_of_one_byte),
        TEST(what_is_broken_is_400_and_counted_and_the_connection_goes_on),
        TEST(the_limit_of_a_body_is_that_of_what_comes_out),
        TEST(a_little_that_becomes_very_much_is_413),
        TEST(without_its_key_nothing_is_unpacked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
