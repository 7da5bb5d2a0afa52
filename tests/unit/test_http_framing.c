/* Where a request ends must be beyond doubt, whoever stands in between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <microhttpd.h>

#include "tests/support/http_fixture.h"

static const char chunked_abc[] = "3\r\nabc\r\n0\r\n\r\n";

/* Send a POST to /count whose last bytes are the beginning of a second request. */
static int
smuggle(struct http_fixture *f, const char *version, const char *headers, const char *body)
{
    loop_client_destroy(&f->client);
    f->client = loop_client_new(f->loop, http_server_address(f->server));
    loop_client_send(f->client, "POST /count %s\r\n%s\r\n%s"
                     "GET /open HTTP/1.1\r\nHost: x\r\n\r\n", version, headers, body);
    return loop_client_wait(f->client);
}

static void
a_request_whose_end_is_in_doubt_is_refused_and_its_connection_closed(void **state)
{
    static const struct {
        const char *version, *headers;
        const char *word;
    } cases[] = {
        { "HTTP/1.1", "Host: x\r\nContent-Length: 13\r\nTransfer-Encoding: chunked\r\n",
          "exclude each other" },
        { "HTTP/1.1", "Host: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n",
          "exclude each other" },
        { "HTTP/1.1", "Host: x\r\nContent-Length: 13\r\nContent-Length: 13\r\n",
          "Content-Length is given twice" },
        { "HTTP/1.1", "Host: x\r\nContent-Length: 0\r\nContent-Length: 13\r\n",
          "Content-Length is given twice" },
        { "HTTP/1.1", "Host: x\r\nTransfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n",
          "Transfer-Encoding is given twice" },
        { "HTTP/1.1", "Host: x\r\nHost: y\r\nContent-Length: 13\r\n", "Host is given twice" },
        { "HTTP/1.1", "Host: x\r\nTransfer-Encoding : chunked\r\n", "space before" },
        { "HTTP/1.1", "Host: x\r\nContent-Length : 13\r\n", "space before" },
        { "HTTP/1.1", "Host: x\r\nX Y: z\r\nContent-Length: 13\r\n", "name" },
        { "HTTP/1.1", "Host: x\r\nX: a\001b\r\nContent-Length: 13\r\n", "control" },
        { "HTTP/1.0", "Transfer-Encoding: chunked\r\n", "HTTP/1.0" },
    };
    struct http_fixture *f = *state;

    http_fixture_start(f);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int status = smuggle(f, cases[i].version, cases[i].headers, chunked_abc);

        if (status != 400)
            fail_msg("case %zu: %d", i, status);
        /* libmicrohttpd 1.0 refuses some of these by itself, in its own words */
        if (strstr(loop_client_header(f->client, "Content-Type"), "problem") != NULL)
            assert_true(body_has(f->client, cases[i].word));
        assert_true(loop_client_wait_closed(f->client));
    }
    assert_int_equal(f->handled, 0);
}

static void
a_transfer_coding_that_is_not_known_is_refused_at_once(void **state)
{
    static const char *const codings[] = { "gzip", "gzip, chunked", "chunked, gzip", "xchunked",
                                           "identity", "\"chunked\"" };
    struct http_fixture *f = *state;
    char header[100];
    int status;

    http_fixture_start(f);
    for (size_t i = 0; i < sizeof(codings) / sizeof(codings[0]); i++) {
        snprintf(header, sizeof(header), "Host: x\r\nTransfer-Encoding: %s\r\n", codings[i]);
        status = smuggle(f, "HTTP/1.1", header, chunked_abc);
        assert_true(status == 501 || status == 400);
        assert_true(loop_client_wait_closed(f->client));
    }
    assert_int_equal(f->handled, 0);
}

#define POST "POST /count HTTP/1.1\r\nHost: x\r\n"
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"
#define SECOND "GET /open HTTP/1.1\r\nHost: x\r\n\r\n"
#define BYTES(text) { text SECOND, sizeof(text SECOND) - 1 }

struct bytes {
    const char *ptr;
    size_t len;
};

/* The status of the first answer; the connection must end with it. */
static int
send_raw(struct http_fixture *f, const struct bytes *bytes)
{
    int status;

    loop_client_destroy(&f->client);
    f->client = loop_client_new(f->loop, http_server_address(f->server));
    loop_client_send_bytes(f->client, bytes->ptr, bytes->len);
    status = loop_client_wait(f->client);
    assert_true(loop_client_wait_closed(f->client));
    return status;
}

static void
a_length_that_is_no_plain_number_is_refused(void **state)
{
    static const char *const lengths[] = { "0x3", "+3", "-3", "3,3", "3, 3", "3;", "3.0", "3 3",
                                           "3e0", "", "18446744073709551619" };
    struct http_fixture *f = *state;
    char header[100];

    http_fixture_start(f);
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        int status;

        snprintf(header, sizeof(header), "Host: x\r\nContent-Length: %s\r\n", lengths[i]);
        status = smuggle(f, "HTTP/1.1", header, "abc");
        if (status != 400 && status != 413)
            fail_msg("case %zu: %d", i, status);
        assert_true(loop_client_wait_closed(f->client));
    }
    assert_int_equal(f->handled, 0);
}

/* libmicrohttpd 0.9.75 takes all of these, and finds a second request in some. */
static void
a_head_that_others_would_cut_otherwise_is_refused(void **state)
{
    static const struct bytes cases[] = {
        BYTES("POST /count HTTP/1.1\nHost: x\nContent-Length: 3\n\nabc"),
        BYTES("POST /count HTTP/1.1\nHost: x\r\nContent-Length: 3\r\n\r\nabc"),
        BYTES(POST "X: a\nContent-Length: 3\r\n\r\nabc"),
        BYTES(POST "X: a\n\r\nContent-Length: 3\r\n\r\nabc"),
        BYTES(POST "X: a\rContent-Length: 3\r\n\r\nabc"),
        BYTES(POST "X: a\r\r\nContent-Length: 3\r\n\r\nabc"),
        BYTES(POST "Content-Length: 3\r\n\nabc"),
        BYTES(POST "Content-Length: 3\n\nabc"),
        BYTES(POST "Content-Length: 3\n\r\nabc"),
        BYTES(POST "X:\nContent-Length: 3\r\n\r\nabc"),
        BYTES(POST "X: a\0b\r\nContent-Length: 3\r\n\r\nabc"),
        BYTES(POST "X\0: a\r\nContent-Length: 3\r\n\r\nabc"),
        BYTES(POST "Content-Length: 3\0\r\n\r\nabc"),
        BYTES(POST "Content-Length: 3\0" "0\r\n\r\nabc"),
        BYTES(POST "X: a\r\n b\r\nContent-Length: 3\r\n\r\nabc"),
        BYTES(POST "X: a\r\n\tb\r\nContent-Length: 3\r\n\r\nabc"),
        BYTES(POST "Transfer-Encoding:\r\n chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
        BYTES(POST "Content-Length:\r\n 3\r\n\r\nabc"),
        BYTES(POST "Content-Length: 3\r\n \r\n\r\nabc"),
        BYTES("POST /count HTTP/1.1\r\n Host: x\r\nContent-Length: 3\r\n\r\nabc"),
        BYTES(POST ": v\r\nContent-Length: 3\r\n\r\nabc"),
        BYTES(POST ":\r\nContent-Length: 3\r\n\r\nabc"),
        BYTES(POST "NoColon\r\nContent-Length: 3\r\n\r\nabc"),
        BYTES(POST "Content-Length\xa0: 30\r\nContent-Length: 3\r\n\r\nabc"),
        BYTES(POST "Transfer-Encoding:\x0b" "chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
        BYTES("POST /count http/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"),
        BYTES("POST /count HTTP/1.1 x\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"),
        BYTES("POST /count\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"),
    };
    struct http_fixture *f = *state;

    http_fixture_start(f);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int status = send_raw(f, &cases[i]);

        if (status != 400)
            fail_msg("case %zu: %d", i, status);
        if (f->handled != 0)
            fail_msg("case %zu: was handled", i);
    }
}

/* libmicrohttpd 1.0 ends the connection before it tells us of the request. */
static void
a_nul_in_the_request_line_is_no_request(void **state)
{
    static const struct bytes cases[] = {
        BYTES("POST /count\0 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"),
        BYTES("POST /co\0unt HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"),
    };
    struct http_fixture *f = *state;

    http_fixture_start(f);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int status = send_raw(f, &cases[i]);

        if (status != 400 && (status != 0 || MHD_VERSION < 0x01000000))
            fail_msg("case %zu: %d", i, status);
    }
    assert_int_equal(f->handled, 0);
}

static void
chunks_that_others_would_cut_otherwise_bring_no_second_request(void **state)
{
    static const struct bytes cases[] = {
        BYTES(CHUNKED "10000000000000003\r\nabc\r\n0\r\n\r\n"),
        BYTES(CHUNKED "0x3\r\nabc\r\n0\r\n\r\n"), BYTES(CHUNKED "+3\r\nabc\r\n0\r\n\r\n"),
        BYTES(CHUNKED "-3\r\nabc\r\n0\r\n\r\n"), BYTES(CHUNKED " 3\r\nabc\r\n0\r\n\r\n"),
        BYTES(CHUNKED "3 x\r\nabc\r\n0\r\n\r\n"), BYTES(CHUNKED "g\r\nabc\r\n0\r\n\r\n"),
        BYTES(CHUNKED "\r\nabc\r\n0\r\n\r\n"), BYTES(CHUNKED "3\r\nabcX0\r\n\r\n"),
        BYTES(CHUNKED "3\r\nabcd\r\n0\r\n\r\n"), BYTES(CHUNKED "3\nabc\n0\n\n"),
        BYTES(CHUNKED "3\r\nabc\n0\n\n"), BYTES(CHUNKED "3\rabc\r0\r\r"),
        BYTES(CHUNKED "3;\nx\r\nabc\r\n0\r\n\r\n"),
        BYTES(CHUNKED "3\r\nabc\r\n0\r\nX Y: 5\r\n\r\n"),
        BYTES(CHUNKED "3\r\nabc\r\n0\r\n: v\r\n"),
        BYTES(CHUNKED "3\r\nabc\r\n0\r\nX: a\n\n"),
    };
    struct http_fixture *f = *state;

    http_fixture_start(f);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int status = send_raw(f, &cases[i]);

        if (status != 400 && status != 413 && status != 202)
            fail_msg("case %zu: %d", i, status);
        if (f->handled > (status == 202))
            fail_msg("case %zu: %u were handled", i, f->handled);
        f->handled = 0;
    }
}

static void
a_chunk_extension_of_a_mebibyte_is_no_request(void **state)
{
    enum { EXTENSION = 1024 * 1024 };
    struct http_fixture *f = *state;
    struct buf bytes = { 0 };

    f->options.body_timeout_ms = 1000;
    http_fixture_start(f);
    buf_append_str(&bytes, CHUNKED "3;");
    buf_reserve(&bytes, EXTENSION + 100);
    memset(bytes.ptr + bytes.len, 'a', EXTENSION);
    bytes.len += EXTENSION;
    buf_append_str(&bytes, "\r\nabc\r\n0\r\n\r\n" SECOND);
    loop_client_send_bytes(f->client, bytes.ptr, bytes.len);
    assert_in_range(loop_client_wait(f->client), 400, 431);     /* 408: it never ends */
    assert_int_equal(f->handled, 0);
    buf_release(&bytes);
}

static void
one_length_or_chunks_alone_are_taken_and_the_next_request_too(void **state)
{
    struct http_fixture *f = *state;

    http_fixture_start(f);
    assert_int_equal(smuggle(f, "HTTP/1.1", "Host: x\r\nContent-Length: 3\r\n", "abc"), 202);
    assert_true(body_has(f->client, "{\"bytes\":3}"));
    assert_int_equal(loop_client_wait(f->client), 200);
    assert_int_equal(smuggle(f, "HTTP/1.1", "Host: x\r\nTransfer-Encoding: Chunked\r\n",
                             chunked_abc), 202);
    if (http_raw_doubts_chunks())
        assert_true(loop_client_wait_closed(f->client));
    else
        assert_int_equal(loop_client_wait(f->client), 200);
    assert_int_equal(refused(f, "reason=\"framing\""), 0);
}

static void
an_absolute_uri_is_taken_for_its_path(void **state)
{
    struct loop_client *client = http_fixture_start(*state);

    assert_int_equal(http_get(client, "http://other.example:99/open?q=a%20b", ""), 200);
    assert_true(body_has(client, "path=/open;"));
    assert_true(body_has(client, "q=a b;"));
    assert_int_equal(http_get(client, "https://other.example", ""), 404);
    assert_true(body_has(client, "nothing at /."));
    assert_int_equal(http_get(client, "http://", ""), 404);
    assert_int_equal(http_get(client, "http://other.example?q=1", ""), 404);
}

static void
a_compression_that_is_not_known_is_415_and_says_what_to_do(void **state)
{
    struct http_fixture *f = *state;
    struct loop_client *client = http_fixture_start(f);

    assert_int_equal(http_post(client, "/count", "Content-Encoding: zstd\r\n", "\x28\xb5"), 415);
    assert_true(body_has(client, "zstd"));
    assert_true(body_has(client, "send the body as it is, or as gzip"));
    assert_string_equal(loop_client_header(client, "Accept-Encoding"),
                        "gzip, deflate, identity");
    assert_int_equal(http_post(client, "/count", "Content-Encoding: Identity\r\n", "x"), 202);
    assert_int_equal(f->handled, 1);
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, http_fixture_set_up, http_fixture_tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_request_whose_end_is_in_doubt_is_refused_and_its_connection_closed),
        TEST(a_transfer_coding_that_is_not_known_is_refused_at_once),
        TEST(a_length_that_is_no_plain_number_is_refused),
        TEST(a_head_that_others_would_cut_otherwise_is_refused),
        TEST(a_nul_in_the_request_line_is_no_request),
        TEST(chunks_that_others_would_cut_otherwise_bring_no_second_request),
        TEST(a_chunk_extension_of_a_mebibyte_is_no_request),
        TEST(one_length_or_chunks_alone_are_taken_and_the_next_request_too),
        TEST(an_absolute_uri_is_taken_for_its_path),
        TEST(a_compression_that_is_not_known_is_415_and_says_what_to_do),
    };

    return cmocka_run_group_tests_name("http_framing", tests, NULL, NULL);
}
