/* The api: its root, the dashboard, and what can go wrong at any route. */
#include "tests/support/api_desk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/clock.h"

static void
the_root_says_who_is_there(void **state)
{
    struct desk *desk = *state;

    assert_int_equal(desk_get(desk, "/"), 200);
    assert_string_equal(desk_text_at(desk, "status"), "ok");
    assert_string_equal(desk_text_at(desk, "service"), "bongsu-api");
    assert_int_equal(desk_get(desk, "/nowhere"), 404);
    assert_int_equal(desk_post(desk, "/dashboard", WITH_KEY, "{}"), 405);
}

static void
the_dashboard_has_its_shape(void **state)
{
    struct desk *desk = *state;

    desk->incident_count[STATUS_OPEN] = 3;
    desk->incident_count[STATUS_INVESTIGATING] = 2;
    desk->incident_count[STATUS_RESOLVED] = 9;
    assert_int_equal(desk_get(desk, "/dashboard"), 200);
    assert_int_equal(desk_number_at(desk, "totals/events"), 7);
    assert_int_equal(desk_number_at(desk, "totals/open_incidents"), 5);
    assert_true(json_is_false(desk_at(desk, "totals/open_incidents_more")));
    assert_int_equal(json_array_size(desk_at(desk, "open_incidents")), 5);
    assert_string_equal(desk_text_at(desk, "open_incidents/0/rule/title"), "Brute force");
    assert_string_equal(desk_text_at(desk, "by_type/0/value"), "x");
    assert_int_equal(desk_number_at(desk, "by_source/0/count"), 7);
    assert_string_equal(desk_text_at(desk, "by_user/0/value"), "(no UTF-8)");
    assert_string_equal(desk_text_at(desk, "time_zone"), "Asia/Seoul");
    assert_int_equal(desk_number_at(desk, "timeline/0/count"), 7);
    assert_non_null(strstr(desk_text_at(desk, "timeline/0/at"), "+09:00"));
}

static void
open_incidents_are_counted_beyond_one_page(void **state)
{
    struct desk *desk = *state;

    desk->incident_count[STATUS_OPEN] = 2345;
    desk->incident_count[STATUS_ACKNOWLEDGED] = 1001;
    assert_int_equal(desk_get(desk, "/dashboard"), 200);
    assert_int_equal(desk_number_at(desk, "totals/open_incidents"), 3346);
    assert_true(json_is_false(desk_at(desk, "totals/open_incidents_more")));
    assert_int_equal(json_array_size(desk_at(desk, "open_incidents")), 20);
}

static void
very_many_open_incidents_are_said_to_be_more(void **state)
{
    struct desk *desk = *state;

    desk->incident_count[STATUS_OPEN] = 1000000;
    assert_int_equal(desk_get(desk, "/dashboard"), 200);
    assert_int_equal(desk_number_at(desk, "totals/open_incidents"), 10000);
    assert_true(json_is_true(desk_at(desk, "totals/open_incidents_more")));
    assert_true(desk->asked_count <= 12);
}

static void
the_dashboard_takes_windows_and_times(void **state)
{
    static const struct { const char *target; int64_t span_s; int64_t step_s; } cases[] = {
        { "/dashboard", 86400, 900 }, { "/dashboard?window=90m", 5400, 60 },
        { "/dashboard?window=1h", 3600, 60 }, { "/dashboard?window=7d", 604800, 10800 },
        { "/dashboard?window=4w", 2419200, 43200 }, { "/dashboard?window=365d", 31536000, 604800 },
    };
    struct desk *desk = *state;
    int64_t minute = INT64_C(60000000);

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct count_query *query = &desk->counted[0];
        int64_t span_s;

        desk->counted_count = 0;
        assert_int_equal(desk_get(desk, cases[i].target), 200);
        span_s = (query->to_us - query->from_us) / 1000000;
        /* whole minutes around the window */
        assert_in_range(span_s, cases[i].span_s, cases[i].span_s + 120);
        assert_int_equal(query->from_us % minute, 0);
        assert_int_equal(query->to_us % minute, 0);
        assert_in_range(query->to_us, clock_real_us() - 5000000, clock_real_us() + 125000000);
        assert_int_equal(query->step_us, cases[i].step_s * 1000000);
        assert_int_equal(desk_number_at(desk, "step_seconds"), cases[i].step_s);
        assert_in_range(json_array_size(desk_at(desk, "timeline")), 1, 98);
    }
}

static void
the_dashboard_takes_a_span_in_the_sites_zone(void **state)
{
    struct desk *desk = *state;

    assert_int_equal(desk_get(desk, "/dashboard?from=2026-11-22T10:00:30&to=2026-11-22T02:00:00Z"),
                     200);
    assert_int_equal(desk->counted[0].from_us, desk_time_of("2026-11-22T01:00:00Z"));
    assert_int_equal(desk->counted[0].to_us, desk_time_of("2026-11-22T02:00:00Z"));
    assert_string_equal(desk_text_at(desk, "from"), "2026-11-22T10:00:00+09:00");
    desk->counted_count = 0;
    assert_int_equal(desk_get(desk, "/dashboard?from=1969-12-31T23:00:30Z&to=1969-12-31T23:30:30Z"),
                     200);
    assert_int_equal(desk->counted[0].from_us, desk_time_of("1969-12-31T23:00:00Z"));
    assert_int_equal(desk->counted[0].to_us, desk_time_of("1969-12-31T23:31:00Z"));
}

static void
the_dashboard_refuses_what_makes_no_sense(void **state)
{
    static const struct wrong cases[] = {
        { "/dashboard?windw=24h", "windw" }, { "/dashboard?window=", "window" },
        { "/dashboard?window=24", "window" }, { "/dashboard?window=h", "window" },
        { "/dashboard?window=-1h", "window" }, { "/dashboard?window=0h", "window" },
        { "/dashboard?window=99999999999h", "window" }, { "/dashboard?window=367d", "window" },
        { "/dashboard?window=1y", "window" }, { "/dashboard?from=yesterday", "from" },
        { "/dashboard?to=x", "to" },
        { "/dashboard?window=1h&from=2026-11-22T10:00:00Z", "window" },
        { "/dashboard?from=2026-11-22T10:00:00Z&to=2026-11-22T10:00:00Z", "from" },
        { "/dashboard?from=2999-01-01T00:00:00Z", "from" },
        { "/dashboard?from=2020-01-01T00:00:00Z&to=2026-01-01T00:00:00Z", "366" },
    };

    desk_expect_wrong(*state, cases, sizeof(cases) / sizeof(cases[0]));
}

/* --- what can go wrong --- */

static void
a_page_of_large_events_ends_early(void **state)
{
    struct desk *desk = *state;
    char *raw_log = calloc(1, 400 * 1024 + 1);

    memset(raw_log, 'x', 400 * 1024);
    desk->raw_log = raw_log;
    desk->event_count = 1001;
    assert_int_equal(desk_get(desk, "/events?limit=1000"), 200);
    assert_int_equal(desk->given, API_PAGE_BYTES / (400 * 1024) + 1);
    assert_int_equal(json_array_size(desk_at(desk, "events")), desk->given);
    assert_non_null(desk_text_at(desk, "next_cursor"));
    /* the evidence of an incident is whole */
    assert_int_equal(desk_get(desk, "/incidents/" ID), 200);
    assert_int_equal(json_array_size(desk_at(desk, "events")), 2);
    free(raw_log);
}

static void
a_note_that_the_history_has_no_room_for_is_409(void **state)
{
    struct desk *desk = *state;

    desk->is_history_full = 1;
    assert_int_equal(desk_post(desk, "/incidents/" ID "/status", WITH_KEY,
                          "{\"status\":\"resolved\",\"note\":\"x\"}"), 409);
    assert_non_null(strstr(desk_text_at(desk, "detail"), "note: its history is full"));
    assert_int_equal(*desk->api.query_failures, 0);
}

static void
a_store_that_cannot_be_asked_is_503_with_the_reason(void **state)
{
    static const char *const targets[] = {
        "/dashboard", "/report/daily", "/report/weekly", "/incidents", "/incidents/" ID, "/events",
    };
    struct desk *desk = *state;

    desk->is_down = 1;
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        assert_int_equal(desk_get(desk, targets[i]), 503);
        assert_non_null(strstr(desk_text_at(desk, "detail"), "the disk is gone"));
        assert_string_equal(loop_client_header(desk->client, "Retry-After"), "5");
        assert_int_equal(*desk->api.query_failures, i + 1);
    }
    assert_int_equal(desk_post(desk, "/incidents/" ID "/status", WITH_KEY,
                          "{\"status\":\"open\"}"), 503);
}

static long allocations_left;

static void *
scarce_malloc(size_t size)
{
    return allocations_left-- > 0 ? malloc(size) : NULL;
}

/* Ask when memory is out after n allocations: the status, 0 when the
 * connection was closed instead. */
static int
get_with(struct desk *desk, const char *target, long n, char *out, size_t size)
{
    struct text body;
    int status;

    if (desk->client->is_closed) {
        loop_client_destroy(&desk->client);
        desk->client = loop_client_new(desk->loop, http_server_address(desk->api.server));
    }
    allocations_left = n;
    json_set_alloc_funcs(scarce_malloc, free);
    loop_client_send(desk->client, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", target);
    status = loop_client_wait(desk->client);
    json_set_alloc_funcs(malloc, free);
    body = loop_client_body(desk->client);
    snprintf(out, size, "%.*s", status == 0 ? 0 : (int)body.len, body.len == 0 ? "" : body.ptr);
    return status;
}

static void
memory_that_runs_out_anywhere_makes_no_half_answer(void **state)
{
    static const char *const targets[] = {
        "/dashboard?from=2026-11-22T10:00:00Z&to=2026-11-22T10:03:00Z",
        "/report/daily?date=2026-11-18", "/incidents?limit=2", "/incidents/" ID,
        "/events?limit=2",
    };
    static char whole[65536], part[65536];
    struct desk *desk = *state;

    desk->incident_count[STATUS_OPEN] = 3;
    desk->event_count = 3;
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        int was_whole = 0;

        assert_int_equal(get_with(desk, targets[i], 1000000, whole, sizeof(whole)), 200);
        for (long n = 0; n < 5000 && !was_whole; n++) {
            int status = get_with(desk, targets[i], n, part, sizeof(part));

            if (status == 200 && strcmp(part, whole) != 0)
                fail_msg("%s with %ld allocations: %s", targets[i], n, part);
            assert_true(status == 200 || status == 503 || status == 0);
            was_whole = status == 200;
        }
        assert_true(was_whole);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        DESK_TEST(the_root_says_who_is_there),
        DESK_TEST(the_dashboard_has_its_shape),
        DESK_TEST(open_incidents_are_counted_beyond_one_page),
        DESK_TEST(very_many_open_incidents_are_said_to_be_more),
        DESK_TEST(the_dashboard_takes_windows_and_times),
        DESK_TEST(the_dashboard_takes_a_span_in_the_sites_zone),
        DESK_TEST(the_dashboard_refuses_what_makes_no_sense),
        DESK_TEST(a_page_of_large_events_ends_early),
        DESK_TEST(a_note_that_the_history_has_no_room_for_is_409),
        DESK_TEST(a_store_that_cannot_be_asked_is_503_with_the_reason),
        DESK_TEST(memory_that_runs_out_anywhere_makes_no_half_answer),
    };

    return cmocka_run_group_tests_name("api", tests, NULL, NULL);
}
