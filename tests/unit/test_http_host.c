/* A web page must not read us through a name of its own that leads here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/http_fixture.h"

static int
get_as(struct http_fixture *f, const char *path, const char *host, const char *headers)
{
    loop_client_send(f->client, "GET %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", path, host, headers);
    return loop_client_wait(f->client);
}

static void
a_foreign_name_may_not_read_where_no_key_is_needed(void **state)
{
    static const char *const names[] = {
        "evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example",
        "0x7f.1", "127.1", "[evil]", "[::1", "127.0.0.1@evil.example", "x",
    };
    struct http_fixture *f = *state;

    http_fixture_start(f);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (get_as(f, "/read", names[i], "") != 421)
            fail_msg("%s may read", names[i]);
    assert_true(body_has(f->client, "http.allowed_hosts"));
    assert_true(body_has(f->client, "READER_KEY"));
    assert_int_equal(f->handled, 0);
    assert_int_equal(refused(f, "reason=\"host\""), sizeof(names) / sizeof(names[0]));
    assert_int_equal(get_as(f, "/open", "evil.example", ""), 200);
}

static void
addresses_and_localhost_may_read(void **state)
{
    static const char *const names[] = {
        "127.0.0.1", "127.0.0.1:8080", "localhost", "LocalHost:8080", "[::1]", "[::1]:8080",
        "192.0.2.7:80", "[2001:db8::1]:80", "",
    };
    struct http_fixture *f = *state;

    http_fixture_start(f);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (get_as(f, "/read", names[i], "") != 200)
            fail_msg("\"%s\" may not read", names[i]);
    loop_client_send(f->client, "GET /read HTTP/1.0\r\n\r\n");
    assert_int_equal(loop_client_wait(f->client), 200);
}

static void
configured_names_may_read(void **state)
{
    struct http_fixture *f = *state;

    f->options.public_url = "https://Siem.example:8443/bongsu/";
    f->options.allowed_hosts = "a.example, b.example,,c.example";
    http_fixture_start(f);
    assert_int_equal(get_as(f, "/read", "siem.example", ""), 200);
    assert_int_equal(get_as(f, "/read", "siem.example:8443", ""), 200);
    assert_int_equal(get_as(f, "/read", "a.example", ""), 200);
    assert_int_equal(get_as(f, "/read", "B.example:80", ""), 200);
    assert_int_equal(get_as(f, "/read", "c.example", ""), 200);
    assert_int_equal(get_as(f, "/read", "d.example", ""), 421);
    assert_int_equal(get_as(f, "/read", ",", ""), 421);
}

static void
who_has_a_key_may_read_under_any_name(void **state)
{
    struct http_fixture *f = *state;

    http_fixture_start(f);
    assert_int_equal(get_as(f, "/read", "any.example", "X-API-Key: " API_KEY "\r\n"), 200);
    assert_int_equal(get_as(f, "/read", "any.example", "X-API-Key: no\r\n"), 421);
    loop_client_destroy(&f->client);
    http_server_destroy(&f->server);
    f->options.reader_key = READER_KEY;
    http_fixture_start(f);
    assert_int_equal(get_as(f, "/read", "any.example", ""), 401);
    assert_int_equal(get_as(f, "/read", "any.example", "X-API-Key: " READER_KEY "\r\n"), 200);
}

static void
reading_opened_to_all_is_guarded_as_well(void **state)
{
    struct http_fixture *f = *state;

    f->options.listen = "0.0.0.0:0";
    f->options.read_open = 1;
    http_fixture_start(f);
    assert_int_equal(get_as(f, "/read", "127.0.0.1", ""), 200);
    assert_int_equal(get_as(f, "/read", "evil.example", ""), 421);
}

static void
the_host_of_an_absolute_uri_counts_not_the_header(void **state)
{
    struct http_fixture *f = *state;

    http_fixture_start(f);
    assert_int_equal(get_as(f, "http://evil.example/read", "127.0.0.1", ""), 421);
    assert_int_equal(get_as(f, "http://127.0.0.1/read", "evil.example", ""), 200);
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, http_fixture_set_up, http_fixture_tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_foreign_name_may_not_read_where_no_key_is_needed),
        TEST(addresses_and_localhost_may_read),
        TEST(configured_names_may_read),
        TEST(who_has_a_key_may_read_under_any_name),
        TEST(reading_opened_to_all_is_guarded_as_well),
        TEST(the_host_of_an_absolute_uri_counts_not_the_header),
    };

    return cmocka_run_group_tests_name("http_host", tests, NULL, NULL);
}
