/* The api: events, searched and page by page. */
#include "tests/support/api_desk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
events_are_searched_by_time_field_and_text(void **state)
{
    struct desk *desk = *state;

    desk->event_count = 3;
    assert_int_equal(desk_get(desk, "/events?from=2026-11-22T00:00:00Z&to=2026-11-23T00:00:00Z"
                               "&source_ip=203.0.113.45&q=a%20b&own%20field=x&limit=10"), 200);
    assert_string_equal(desk->filter, "source_ip=203.0.113.45;own field=x;");
    assert_int_equal(desk->events_asked.text.len, 3);
    assert_int_equal(desk->events_asked.limit, 10);
    assert_int_equal(desk->events_asked.from_us, desk_time_of("2026-11-22T00:00:00Z"));
    assert_int_equal(json_array_size(desk_at(desk, "events")), 3);
    assert_string_equal(desk_text_at(desk, "events/0/received_from"), "192.0.2.1");
    assert_non_null(desk_text_at(desk, "events/0/received_at"));
    assert_true(json_is_null(desk_at(desk, "next_cursor")));
}

static void
events_come_in_pages_that_a_cursor_joins(void **state)
{
    struct desk *desk = *state;
    char target[256];

    desk->event_count = 5;
    assert_int_equal(desk_get(desk, "/events?limit=2"), 200);
    assert_int_equal(json_array_size(desk_at(desk, "events")), 2);
    snprintf(target, sizeof(target), "/events?limit=5&cursor=%s", desk_text_at(desk, "next_cursor"));
    assert_int_equal(desk_get(desk, target), 200);
    assert_int_equal(desk->events_asked.has_cursor, 1);
    assert_int_equal(desk->events_asked.cursor_at_us, -5);
    assert_int_equal(desk->events_asked.cursor_id.bytes[19], 77);
    assert_true(json_is_null(desk_at(desk, "next_cursor")));
}

static void
events_are_followed_from_place_to_place(void **state)
{
    struct desk *desk = *state;

    desk->event_count = 2;
    assert_int_equal(desk_get(desk, "/events?after=now&username=root"), 200);
    assert_int_equal(json_array_size(desk_at(desk, "events")), 0);
    assert_string_equal(desk_text_at(desk, "next_after"), "s1_1.7");
    assert_int_equal(desk_get(desk, "/events?after=s1_1.7&username=root&limit=1"), 200);
    assert_string_equal(desk->filter, "username=root;");
    assert_int_equal(json_array_size(desk_at(desk, "events")), 1);
    assert_true(json_is_true(desk_at(desk, "more")));
    assert_int_equal(desk_number_at(desk, "days_left_out"), 3);
    assert_string_equal(desk_text_at(desk, "next_after"), "s1_2.7");
    assert_int_equal(desk_get(desk, "/events?after=yesterday"), 400);
    assert_non_null(strstr(desk_text_at(desk, "detail"), "after: must be now"));
    desk->is_down = 1;
    assert_int_equal(desk_get(desk, "/events?after=s1_1.7"), 503);
}

static void
events_refuse_what_makes_no_sense(void **state)
{
    static const struct wrong cases[] = {
        { "/events?limit=1001", "limit" }, { "/events?limit=", "limit" },
        { "/events?cursor=x", "cursor" }, { "/events?cursor=1_x", "cursor" },
        { "/events?after=", "after" },
        { "/events?after=now&cursor=5_95e5d7908dcb26a7-88ab3669-000660e13e23b02d", "either" },
        { "/events?from=x", "from" }, { "/events?window=1", "window" },
        { "/events?a=1&b=1&c=1&d=1&e=1&f=1&g=1&h=1&i=1&j=1&k=1&l=1&m=1&n=1&o=1&p=1&r=1", "16" },
    };

    desk_expect_wrong(*state, cases, sizeof(cases) / sizeof(cases[0]));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        DESK_TEST(events_are_searched_by_time_field_and_text),
        DESK_TEST(events_come_in_pages_that_a_cursor_joins),
        DESK_TEST(events_are_followed_from_place_to_place),
        DESK_TEST(events_refuse_what_makes_no_sense),
    };

    return cmocka_run_group_tests_name("api_events", tests, NULL, NULL);
}
