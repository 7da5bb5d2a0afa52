/* The PROXY protocol's two headers, as proxies write them and as nobody should. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ingest/syslog/proxy_header.h"

#define START "\r\n\r\n\0\r\nQUIT\n"
#define V4 "\xc0\x00\x02\x01\xc6\x33\x64\x01\xdc\x04\x02\x02"
#define V6_FROM "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07"
#define V6_TO "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x08"
#define MAPPED "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\x00\x02\x09"

/* A header, or the start of one that cannot become any. */
struct header_case {
    const char *bytes;
    size_t len;
    enum proxy_read wanted;
    const char *address;
};

#define CASE(bytes, wanted, address) { bytes, sizeof(bytes) - 1, wanted, address }

static const struct header_case good[] = {
    CASE("PROXY TCP4 192.0.2.1 198.51.100.1 56324 514\r\n", PROXY_DONE, "192.0.2.1"),
    CASE("PROXY TCP6 2001:db8::7 2001:db8::8 1 65535\r\n", PROXY_DONE, "2001:db8::7"),
    CASE("PROXY TCP6 ::ffff:192.0.2.9 ::1 1 0\r\n", PROXY_DONE, "192.0.2.9"),
    CASE("PROXY UNKNOWN\r\n", PROXY_DONE, ""),
    CASE("PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", PROXY_DONE, ""),
    CASE(START "\x21\x11\x00\x0c" V4, PROXY_DONE, "192.0.2.1"),
    CASE(START "\x21\x21\x00\x24" V6_FROM V6_TO "\0\1\0\2", PROXY_DONE, "2001:db8::7"),
    CASE(START "\x21\x21\x00\x24" MAPPED V6_TO "\0\1\0\2", PROXY_DONE, "192.0.2.9"),
    CASE(START "\x21\x11\x00\x10" V4 "\x04\x00\x01\x00", PROXY_DONE, "192.0.2.1"),
    CASE(START "\x20\x00\x00\x00", PROXY_DONE, ""),
    CASE(START "\x20\x11\x00\x0c" V4, PROXY_DONE, ""),
    CASE(START "\x21\x00\x00\x03" "abc", PROXY_DONE, ""),
};

static const struct header_case hostile[] = {
    CASE("<13>a message", PROXY_BAD, NULL),
    CASE("\x16\x03\x01", PROXY_BAD, NULL),
    CASE("PROXY TCP4 192.0.2.1 198.51.100.1 56324 514\n", PROXY_BAD, NULL),
    CASE("PROXY TCP4 192.0.2.1 198.51.100.1 56324\r\n", PROXY_BAD, NULL),
    CASE("PROXY TCP4 192.0.2.1 198.51.100.1 56324 514 7\r\n", PROXY_BAD, NULL),
    CASE("PROXY TCP4 192.0.2.1  198.51.100.1 56324 514\r\n", PROXY_BAD, NULL),
    CASE("PROXY TCP4 2001:db8::7 2001:db8::8 1 2\r\n", PROXY_BAD, NULL),
    CASE("PROXY TCP6 192.0.2.1 198.51.100.1 1 2\r\n", PROXY_BAD, NULL),
    CASE("PROXY TCP4 192.0.2.1 198.51.100.1 65536 1\r\n", PROXY_BAD, NULL),
    CASE("PROXY TCP4 192.0.2.1 198.51.100.1 -1 1\r\n", PROXY_BAD, NULL),
    CASE("PROXY TCP4 192.0.2.1 198.51.100.1 01 1\r\n", PROXY_BAD, NULL),
    CASE("PROXY TCP4 192.0.2.1\0 198.51.100.1 1 1\r\n", PROXY_BAD, NULL),
    CASE("PROXY TCP4 fe80::1%eth0 ::1 1 1\r\n", PROXY_BAD, NULL),
    CASE("PROXY UDP4 192.0.2.1 198.51.100.1 1 1\r\n", PROXY_BAD, NULL),
    CASE("PROXY TCP4\r\n", PROXY_BAD, NULL),
    CASE("PROXY \r\n", PROXY_BAD, NULL),
    CASE("PROXY UNKNOWN 5678901234567890123456789012345678901234567890123456789012345678901234567"
         "8901234567890123456789012345678", PROXY_BAD, NULL),
    CASE(START "\x11\x11\x00\x0c" V4, PROXY_BAD, NULL),
    CASE(START "\x22\x11\x00\x0c" V4, PROXY_BAD, NULL),
    CASE(START "\x21\x41\x00\x0c" V4, PROXY_BAD, NULL),
    CASE(START "\x21\x13\x00\x0c" V4, PROXY_BAD, NULL),
    CASE(START "\x21\x11\x00\x0b" V4, PROXY_BAD, NULL),
    CASE(START "\x21\x21\x00\x0c" V4, PROXY_BAD, NULL),
    CASE(START "\x21\x11\xff\xff" V4, PROXY_BAD, NULL),
};

/* Wherever in memory the header stands. */
static void
gives_the_address_and_takes_not_a_byte_more(void **state)
{
    _Alignas(16) char space[256];
    struct proxy_header header;
    struct err err;

    (void)state;
    for (size_t i = 0; i < 8 * sizeof(good) / sizeof(good[0]); i++) {
        const struct header_case *one = &good[i / 8];
        char *bytes = space + i % 8;

        memcpy(bytes, one->bytes, one->len);
        memcpy(bytes + one->len, "<13>next", 8);
        assert_int_equal(proxy_header_read((struct text){ bytes, one->len + 8 }, &header, &err),
                         PROXY_DONE);
        assert_int_equal(header.len, one->len);
        assert_string_equal(header.address, one->address);
    }
}

static void
a_header_that_is_not_whole_wants_more(void **state)
{
    struct proxy_header header;
    struct err err;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        for (size_t len = 0; len < good[i].len; len++)
            assert_int_equal(proxy_header_read((struct text){ good[i].bytes, len }, &header, &err),
                             PROXY_MORE);
}

static void
what_no_proxy_writes_is_refused_with_a_reason(void **state)
{
    struct proxy_header header;

    (void)state;
    for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
        struct text bytes = { hostile[i].bytes, hostile[i].len };
        struct err err = { "" };

        if (proxy_header_read(bytes, &header, &err) != PROXY_BAD)
            fail_msg("case %zu is taken", i);
        assert_true(err.text[0] != '\0');
    }
}

/* Whatever the bytes: an answer, and no read beyond them (ASan). */
static void
random_changes_of_good_headers_do_no_harm(void **state)
{
    uint64_t seed = 9;
    char bytes[128];
    struct proxy_header header;
    struct err err;

    (void)state;
    for (int round = 0; round < 200000; round++) {
        const struct header_case *base = &good[(size_t)round % (sizeof(good) / sizeof(good[0]))];
        enum proxy_read how;

        memcpy(bytes, base->bytes, base->len);
        for (int i = 0; i < 3; i++) {
            seed = seed * UINT64_C(6364136223846793005) + 1;
            bytes[(seed >> 40) % base->len] = (char)(seed >> 33);
        }
        how = proxy_header_read((struct text){ bytes, base->len }, &header, &err);
        assert_true(how != PROXY_DONE || header.len <= base->len);
        assert_true(how != PROXY_MORE || header.len <= PROXY_MAX_HEADER);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_address_and_takes_not_a_byte_more),
        cmocka_unit_test(a_header_that_is_not_whole_wants_more),
        cmocka_unit_test(what_no_proxy_writes_is_refused_with_a_reason),
        cmocka_unit_test(random_changes_of_good_headers_do_no_harm),
    };

    return cmocka_run_group_tests_name("proxy_header", tests, NULL, NULL);
}
