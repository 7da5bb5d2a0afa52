/*
 * test_span.c - times as people write them; queries; what was shown already
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/remote.h"
#include "ctl/span.h"
#include "proto/base/timestamp.h"

/* 2026-11-22T10:00:20+09:00 */
#define NOW (INT64_C(1795309220) * 1000000)

static void
people_s_times_are_read_in_the_site_s_zone(void **state)
{
    static const struct { const char *text, *expected; } cases[] = {
        { "now", "2026-11-22T01:00:20Z" },
        { "today", "2026-11-21T15:00:00Z" },
        { "yesterday", "2026-11-20T15:00:00Z" },
        { "90m", "2026-11-21T23:30:20Z" },
        { "90m ago", "2026-11-21T23:30:20Z" },
        { "7d", "2026-11-15T01:00:20Z" },
        { "1w", "2026-11-15T01:00:20Z" },
        { "09:30", "2026-11-22T00:30:00Z" },
        { "9:30:15", "2026-11-22T00:30:15Z" },
        { "2026-11-20", "2026-11-19T15:00:00Z" },
        { "2026-11-20T10:00:00", "2026-11-20T01:00:00Z" },
        { " 2026-11-20T10:00:00Z ", "2026-11-20T10:00:00Z" },
    };
    char formatted[TIMESTAMP_LEN];
    struct err err;
    int64_t us;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (span_parse(text_of(cases[i].text), NOW, &us, &err) != 0)
            fail_msg("%s", err.text);
        timestamp_format(us, formatted);
        assert_string_equal(formatted, cases[i].expected);
    }
}

static void
what_is_no_time_is_refused(void **state)
{
    static const char *const cases[] = { "", "m", "-5m", "5x", "tomorrow", "24:00", "10:60", "10",
                                         "1:2:3:4", "2026-13-01", "2026-02-30", "99999999999h" };
    struct err err;
    int64_t us;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (span_parse(text_of(cases[i]), NOW, &us, &err) == 0)
            fail_msg("\"%s\" was taken for a time", cases[i]);
}

static void
a_query_carries_any_bytes(void **state)
{
    struct buf path = { 0 };

    (void)state;
    buf_append_str(&path, "/events");
    assert_int_equal(query_add_str(&path, "a b", "x&y=z/\xed\x95\x9c"), 0);
    assert_int_equal(query_add_str(&path, "none", NULL), 0);
    assert_int_equal(query_add_str(&path, "c", ""), 0);
    assert_string_equal(path.ptr, "/events?a%20b=x%26y%3Dz%2F%ED%95%9C&c=");
    buf_release(&path);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(people_s_times_are_read_in_the_site_s_zone),
        cmocka_unit_test(what_is_no_time_is_refused),
        cmocka_unit_test(a_query_carries_any_bytes),
    };
    struct err err;

    setenv("TZ", "Asia/Seoul", 1);
    if (timestamp_init(&err) != 0)
        return 1;
    return cmocka_run_group_tests_name("span", tests, NULL, NULL);
}
