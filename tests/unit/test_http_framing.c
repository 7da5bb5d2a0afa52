/* Where a request ends must be beyond doubt, whoever stands in between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

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
        TEST(one_length_or_chunks_alone_are_taken_and_the_next_request_too),
        TEST(an_absolute_uri_is_taken_for_its_path),
        TEST(a_compression_that_is_not_known_is_415_and_says_what_to_do),
    };

    return cmocka_run_group_tests_name("http_framing", tests, NULL, NULL);
}
