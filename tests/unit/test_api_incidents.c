/* The api: incidents, one incident, its status. */
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
incidents_come_in_pages_that_a_cursor_joins(void **state)
{
    struct desk *desk = *state;
    char target[256];
    size_t seen = 0;

    desk->incident_count[STATUS_OPEN] = 125;
    snprintf(target, sizeof(target), "/incidents?limit=50");
    for (int page = 0; page < 3; page++) {
        assert_int_equal(desk_get(desk, target), 200);
        seen += json_array_size(desk_at(desk, "incidents"));
        assert_int_equal(json_is_null(desk_at(desk, "next_cursor")), page == 2);
        if (page < 2)
            snprintf(target, sizeof(target), "/incidents?limit=50&cursor=%s",
                     desk_text_at(desk, "next_cursor"));
        assert_int_equal(desk->asked.has_cursor, page > 0);
    }
    assert_int_equal(seen, 125);
}

static void
incidents_are_filtered(void **state)
{
    struct desk *desk = *state;

    assert_int_equal(desk_get(desk, "/incidents"), 200);
    assert_int_equal(desk->asked.from_us, INT64_MIN);
    assert_int_equal(desk->asked.to_us, INT64_MAX);
    assert_int_equal(desk->asked.status, -1);
    assert_int_equal(desk->asked.severity, -1);
    assert_int_equal(desk->asked.limit, 50);
    assert_null(desk->asked.rule_id.ptr);
    assert_null(desk->asked.key_value.ptr);
    assert_int_equal(desk_get(desk, "/incidents?status=false_positive&severity=high&limit=500"
                               "&from=2026-11-22T00:00:00Z&to=2026-11-23T00:00:00Z"
                               "&rule=brute%2Dforce&key=203.0.113.45"), 200);
    assert_int_equal(desk->asked.status, STATUS_FALSE_POSITIVE);
    assert_int_equal(desk->asked.severity, SEVERITY_HIGH);
    assert_int_equal(desk->asked.limit, 500);
    assert_int_equal(desk->asked.from_us, desk_time_of("2026-11-22T00:00:00Z"));
    assert_int_equal(desk->asked.to_us, desk_time_of("2026-11-23T00:00:00Z"));
    assert_non_null(desk->asked.rule_id.ptr);
    assert_non_null(desk->asked.key_value.ptr);
}

static void
incidents_refuse_what_makes_no_sense(void **state)
{
    static const struct wrong cases[] = {
        { "/incidents?statu=open", "statu" }, { "/incidents?status=closed", "status" },
        { "/incidents?severity=worst", "severity" }, { "/incidents?limit=0", "limit" },
        { "/incidents?limit=501", "limit" }, { "/incidents?limit=x", "limit" },
        { "/incidents?limit=-1", "limit" }, { "/incidents?cursor=", "cursor" },
        { "/incidents?cursor=5", "cursor" }, { "/incidents?cursor=5_", "cursor" },
        { "/incidents?cursor=x_" ID, "cursor" }, { "/incidents?cursor=5_" ID "0", "cursor" },
        { "/incidents?cursor=99999999999999999999_" ID, "cursor" },
        { "/incidents?window=1h&from=2026-11-22T00:00:00Z", "window" },
    };

    desk_expect_wrong(*state, cases, sizeof(cases) / sizeof(cases[0]));
}

static void
one_incident_comes_with_its_events(void **state)
{
    struct desk *desk = *state;

    assert_int_equal(desk_get(desk, "/incidents/" ID), 200);
    assert_string_equal(desk_text_at(desk, "id"), ID);
    assert_int_equal(json_array_size(desk_at(desk, "evidence")), 2);
    assert_int_equal(json_array_size(desk_at(desk, "events")), 2);
    assert_string_equal(desk_text_at(desk, "events/1/event_type"), "login_failed");
    assert_string_equal(desk_text_at(desk, "events/1/id"), desk_text_at(desk, "evidence/1"));
    desk->event_is_missing = 1;
    assert_int_equal(desk_get(desk, "/incidents/" ID), 200);
    assert_int_equal(json_array_size(desk_at(desk, "evidence")), 2);
    assert_int_equal(json_array_size(desk_at(desk, "events")), 1);
}

static void
an_incident_that_is_not_there_is_404(void **state)
{
    struct desk *desk = *state;

    assert_int_equal(desk_get(desk, "/incidents/00000000000000000000000000000002"), 404);
    assert_int_equal(desk_get(desk, "/incidents/1"), 404);
    assert_int_equal(desk_get(desk, "/incidents/..%2f..%2fetc"), 404);
    assert_int_equal(desk_post(desk, "/incidents/1/status", WITH_KEY, "{\"status\":\"open\"}"), 404);
    assert_int_equal(desk_get(desk, "/incidents/" ID "?x=1"), 400);
}

static void
a_status_is_changed_with_a_line_of_history(void **state)
{
    struct desk *desk = *state;

    assert_int_equal(desk_post(desk, "/incidents/" ID "/status", WITH_KEY,
                          "{\"status\":\"resolved\",\"note\":\"was us\",\"by\":\"kim\"}"), 200);
    assert_string_equal(desk_text_at(desk, "status"), "resolved");
    assert_string_equal(desk_text_at(desk, "history/0/by"), "kim");
    assert_string_equal(desk_text_at(desk, "history/0/from"), "open");
    assert_string_equal(desk_text_at(desk, "history/0/to"), "resolved");
    assert_string_equal(desk_text_at(desk, "history/0/note"), "was us");
    assert_int_equal(desk_post(desk, "/incidents/" ID "/status", WITH_KEY,
                          "{\"status\":\"open\",\"note\":null,\"by\":\"\"}"), 200);
    assert_string_equal(desk_text_at(desk, "history/1/by"), "api");
    assert_string_equal(desk_text_at(desk, "history/1/note"), "");
    assert_int_equal(*desk->api.status_changes, 2);
}

static void
a_status_needs_the_key_and_json(void **state)
{
    struct desk *desk = *state;
    const char *body = "{\"status\":\"resolved\"}";

    assert_int_equal(desk_post(desk, "/incidents/" ID "/status",
                          "Content-Type: application/json\r\n", body), 401);
    assert_int_equal(desk_post(desk, "/incidents/" ID "/status",
                          "X-API-Key: wrong\r\nContent-Type: application/json\r\n", body), 401);
    assert_int_equal(desk_post(desk, "/incidents/" ID "/status",
                          "X-API-Key: " KEY "\r\nContent-Type: text/plain\r\n", body), 415);
    assert_int_equal(desk->inc->status, STATUS_OPEN);
}

static void
a_change_that_makes_no_sense_is_refused(void **state)
{
    static const struct { const char *body, *word; } cases[] = {
        { "", "JSON" }, { "{", "JSON" }, { "[]", "object" }, { "\"open\"", "JSON" },
        { "{}", "status" }, { "{\"status\":\"closed\"}", "status" }, { "{\"status\":1}", "status" },
        { "{\"status\":null}", "status" }, { "{\"status\":\"open\",\"note\":5}", "note" },
        { "{\"status\":\"open\",\"by\":[]}", "by" }, { "{\"status\":\"open\",\"nte\":\"\"}", "nte" },
        { "{\"status\":\"open\",\"status\":\"resolved\"}", "JSON" },
        { "{\"status\":\"open\\u0000\"}", "JSON" }, { "{\"status\":\"\xff\"}", "JSON" },
    };
    struct desk *desk = *state;
    char longest[8192];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int status = desk_post(desk, "/incidents/" ID "/status", WITH_KEY, cases[i].body);

        if (status != 400 || strstr(desk_text_at(desk, "detail"), cases[i].word) == NULL)
            fail_msg("%s: %d, %s", cases[i].body, status, desk_text_at(desk, "detail"));
    }
    snprintf(longest, sizeof(longest), "{\"status\":\"open\",\"note\":\"%5000d\"}", 1);
    assert_int_equal(desk_post(desk, "/incidents/" ID "/status", WITH_KEY, longest), 400);
    assert_int_equal(desk_post(desk, "/incidents/" ID "/status?x=1", WITH_KEY,
                          "{\"status\":\"open\"}"), 400);
    assert_int_equal(desk->inc->history_count, 0);
}

static void
an_incident_that_is_deleted_meanwhile_is_404(void **state)
{
    struct desk *desk = *state;

    desk->is_deleted_meanwhile = 1;
    assert_int_equal(desk_post(desk, "/incidents/" ID "/status", WITH_KEY,
                          "{\"status\":\"resolved\"}"), 404);
    assert_int_equal(*desk->api.status_changes, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        DESK_TEST(incidents_come_in_pages_that_a_cursor_joins),
        DESK_TEST(incidents_are_filtered),
        DESK_TEST(incidents_refuse_what_makes_no_sense),
        DESK_TEST(one_incident_comes_with_its_events),
        DESK_TEST(an_incident_that_is_not_there_is_404),
        DESK_TEST(a_status_is_changed_with_a_line_of_history),
        DESK_TEST(a_status_needs_the_key_and_json),
        DESK_TEST(a_change_that_makes_no_sense_is_refused),
        DESK_TEST(an_incident_that_is_deleted_meanwhile_is_404),
    };

    return cmocka_run_group_tests_name("api_incidents", tests, NULL, NULL);
}
