/* Who sent what proxies bring: the right-most address that no trusted proxy has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/server/forwarded.h"
#include "tests/support/http_fixture.h"

#define TRUSTED "10.0.0.0/8, 127.0.0.1, 2001:db8:1::/48"

static const struct {
    enum forwarded_form form;
    const char *peer, *header, *wanted;
} cases[] = {
    { FORWARDED_X_FOR, "10.0.0.1", NULL, "10.0.0.1" },
    { FORWARDED_X_FOR, "10.0.0.1", "198.51.100.7", "198.51.100.7" },
    { FORWARDED_X_FOR, "10.0.0.1", "198.51.100.7, 10.0.0.2,10.0.0.3", "198.51.100.7" },
    { FORWARDED_X_FOR, "10.0.0.1", "203.0.113.66, 198.51.100.7, 10.0.0.2", "198.51.100.7" },
    { FORWARDED_X_FOR, "10.0.0.1", "10.0.0.9, 10.0.0.2", "10.0.0.9" },
    { FORWARDED_X_FOR, "198.51.100.7", "203.0.113.66", "198.51.100.7" },
    { FORWARDED_X_FOR, "10.0.0.1", "203.0.113.66, unknown", "10.0.0.1" },
    { FORWARDED_X_FOR, "10.0.0.1", "203.0.113.66, unknown, 10.0.0.2", "10.0.0.2" },
    { FORWARDED_X_FOR, "10.0.0.1", "203.0.113.66,", "10.0.0.1" },
    { FORWARDED_X_FOR, "10.0.0.1", "198.51.100.7:4711", "198.51.100.7" },
    { FORWARDED_X_FOR, "10.0.0.1", "[2001:db8::1]:4711", "2001:db8::1" },
    { FORWARDED_X_FOR, "10.0.0.1", "2001:DB8::1", "2001:db8::1" },
    { FORWARDED_X_FOR, "10.0.0.1", "::ffff:198.51.100.7", "198.51.100.7" },
    { FORWARDED_X_FOR, "10.0.0.1", "203.0.113.66, ::ffff:10.0.0.2", "203.0.113.66" },
    { FORWARDED_X_FOR, "2001:db8:1::5", "198.51.100.7", "198.51.100.7" },
    { FORWARDED_X_FOR, "10.0.0.1", "[2001:db8::1", "10.0.0.1" },
    { FORWARDED_X_FOR, "10.0.0.1", "[2001:db8::1]x", "10.0.0.1" },
    { FORWARDED_X_FOR, "10.0.0.1", "198.51.100.7 198.51.100.8", "10.0.0.1" },
    { FORWARDED_X_FOR, "unix", "198.51.100.7", "unix" },
    { FORWARDED_RFC7239, "10.0.0.1", "for=192.0.2.43", "192.0.2.43" },
    { FORWARDED_RFC7239, "10.0.0.1", "For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17" },
    { FORWARDED_RFC7239, "10.0.0.1", "for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60" },
    { FORWARDED_RFC7239, "10.0.0.1", "for=203.0.113.66, proto=https; for=192.0.2.43, for=10.1.1.1",
      "192.0.2.43" },
    { FORWARDED_RFC7239, "10.0.0.1", "for=192.0.2.43, for=_hidden", "10.0.0.1" },
    { FORWARDED_RFC7239, "10.0.0.1", "for=192.0.2.43, for=unknown, for=10.0.0.2", "10.0.0.2" },
    { FORWARDED_RFC7239, "10.0.0.1", "by=203.0.113.43", "10.0.0.1" },
    { FORWARDED_RFC7239, "10.0.0.1", "for=192.0.2.43;for=203.0.113.66", "10.0.0.1" },
    { FORWARDED_RFC7239, "10.0.0.1", "for=\"203.0.113.66, for=192.0.2.43", "192.0.2.43" },
    { FORWARDED_RFC7239, "10.0.0.1", "192.0.2.43", "10.0.0.1" },
    { FORWARDED_RFC7239, "10.0.0.1", "for=\"", "10.0.0.1" },
};

static void
the_rightmost_that_is_no_trusted_proxy_is_the_sender(void **state)
{
    struct networks trusted = { 0 };
    struct err err;

    (void)state;
    assert_int_equal(networks_parse_list(text_of(TRUSTED), &trusted, &err), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char space[INET6_ADDRSTRLEN];
        struct text sender = forwarded_sender(text_of(cases[i].peer), text_of(cases[i].header),
                                              cases[i].form, &trusted, space);

        if (!text_is(sender, cases[i].wanted))
            fail_msg("case %zu (%s): %.*s, not %s", i, cases[i].header, (int)sender.len,
                     sender.ptr, cases[i].wanted);
    }
    networks_release(&trusted);
}

/* --- at the server --- */

static void
a_request_is_its_senders(void **state)
{
    struct http_fixture *f = *state;

    f->options.trusted_proxies = "127.0.0.0/8";
    http_fixture_start(f);
    assert_int_equal(http_get(f->client, "/open", "X-Forwarded-For: 203.0.113.66\r\n"
                              "Forwarded: for=203.0.113.67\r\n"
                              "x-forwarded-for: 198.51.100.7, 127.0.0.2\r\n"), 200);
    assert_true(body_has(f->client, "peer=198.51.100.7;"));
    assert_int_equal(http_get(f->client, "/open", "X-Forwarded-For: nonsense\r\n"), 200);
    assert_true(body_has(f->client, "peer=127.0.0.1;"));
}

static void
the_other_header_is_not_looked_at(void **state)
{
    struct http_fixture *f = *state;

    f->options.trusted_proxies = "127.0.0.0/8";
    f->options.forwarded_header = "forwarded";
    http_fixture_start(f);
    assert_int_equal(http_get(f->client, "/open", "X-Forwarded-For: 203.0.113.66\r\n"
                              "Forwarded: for=198.51.100.7\r\n"), 200);
    assert_true(body_has(f->client, "peer=198.51.100.7;"));
    assert_int_equal(http_get(f->client, "/open", "X-Forwarded-For: 203.0.113.66\r\n"), 200);
    assert_true(body_has(f->client, "peer=127.0.0.1;"));
}

static void
nobody_is_believed_unless_told_so(void **state)
{
    struct http_fixture *f = *state;

    http_fixture_start(f);
    assert_int_equal(http_get(f->client, "/open", "X-Forwarded-For: 203.0.113.66\r\n"), 200);
    assert_true(body_has(f->client, "peer=127.0.0.1;"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, http_fixture_set_up, http_fixture_tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rightmost_that_is_no_trusted_proxy_is_the_sender),
        TEST(a_request_is_its_senders),
        TEST(the_other_header_is_not_looked_at),
        TEST(nobody_is_believed_unless_told_so),
    };

    return cmocka_run_group_tests_name("forwarded", tests, NULL, NULL);
}
