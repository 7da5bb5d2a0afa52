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

<<<<<<< HEAD
=======
/* --- reports --- */

struct period {
    const char *zone, *target, *from, *to, *previous;
    const char *date;
    int64_t hours;
};

static void
assert_period(struct desk *desk, const struct period *period)
{
    use_zone(period->zone);
    desk->counted_count = desk->asked_count = 0;
    assert_int_equal(get(desk, period->target), 200);
    assert_string_equal(text_at(desk, "from"), period->from);
    assert_string_equal(text_at(desk, "to"), period->to);
    assert_string_equal(text_at(desk, "date"), period->date);
    assert_string_equal(text_at(desk, "time_zone"), period->zone);
    assert_int_equal(desk->counted_count, 2);
    assert_int_equal(desk->counted[0].from_us, time_of(period->from));
    assert_int_equal(desk->counted[0].to_us, time_of(period->to));
    assert_int_equal(desk->counted[0].to_us - desk->counted[0].from_us,
                     period->hours * INT64_C(3600000000));
    assert_int_equal(desk->counted[1].from_us, time_of(period->previous));
    assert_int_equal(desk->counted[1].to_us, time_of(period->from));
    /* incidents: of both spans, and what went on after them */
    assert_int_equal(desk->asked_first.from_us, desk->counted[1].from_us);
    assert_int_equal(desk->asked_first.to_us, desk->counted[0].to_us);
    assert_int_equal(desk->asked.from_us, desk->counted[0].to_us);
}

static void
a_daily_report_is_the_sites_calendar_day(void **state)
{
    static const struct period cases[] = {
        { "Asia/Seoul", "/report/daily?date=2024-11-22", "2024-11-22T00:00:00+09:00",
          "2024-11-23T00:00:00+09:00", "2024-11-21T00:00:00+09:00", "2024-11-22", 24 },
        { "Asia/Seoul", "/report/daily?date=2024-12-31&format=json", "2024-12-31T00:00:00+09:00",
          "2025-01-01T00:00:00+09:00", "2024-12-30T00:00:00+09:00", "2024-12-31", 24 },
        { "America/New_York", "/report/daily?date=2024-03-10", "2024-03-10T00:00:00-05:00",
          "2024-03-11T00:00:00-04:00", "2024-03-09T00:00:00-05:00", "2024-03-10", 23 },
        { "America/New_York", "/report/daily?date=2024-11-03", "2024-11-03T00:00:00-04:00",
          "2024-11-04T00:00:00-05:00", "2024-11-02T00:00:00-04:00", "2024-11-03", 25 },
        { "America/New_York", "/report/daily?date=2024-11-04", "2024-11-04T00:00:00-05:00",
          "2024-11-05T00:00:00-05:00", "2024-11-03T00:00:00-04:00", "2024-11-04", 24 },
        { "America/New_York", "/report/daily?date=2024-02-29", "2024-02-29T00:00:00-05:00",
          "2024-03-01T00:00:00-05:00", "2024-02-28T00:00:00-05:00", "2024-02-29", 24 },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_period(*state, &cases[i]);
}

static void
a_weekly_report_begins_on_monday(void **state)
{
    static const struct period cases[] = {
        { "Asia/Seoul", "/report/weekly?date=2024-11-24", "2024-11-18T00:00:00+09:00",
          "2024-11-25T00:00:00+09:00", "2024-11-11T00:00:00+09:00", "2024-11-18", 168 },
        { "Asia/Seoul", "/report/weekly?date=2024-11-18", "2024-11-18T00:00:00+09:00",
          "2024-11-25T00:00:00+09:00", "2024-11-11T00:00:00+09:00", "2024-11-18", 168 },
        { "Asia/Seoul", "/report/weekly?date=2025-01-01", "2024-12-30T00:00:00+09:00",
          "2025-01-06T00:00:00+09:00", "2024-12-23T00:00:00+09:00", "2024-12-30", 168 },
        { "America/New_York", "/report/weekly?date=2024-11-03", "2024-10-28T00:00:00-04:00",
          "2024-11-04T00:00:00-05:00", "2024-10-21T00:00:00-04:00", "2024-10-28", 169 },
        { "America/New_York", "/report/weekly?date=2024-03-10", "2024-03-04T00:00:00-05:00",
          "2024-03-11T00:00:00-04:00", "2024-02-26T00:00:00-05:00", "2024-03-04", 167 },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_period(*state, &cases[i]);
}

static void
a_report_without_a_date_is_of_today(void **state)
{
    struct desk *desk = *state;
    int64_t now = clock_real_us();

    assert_int_equal(get(desk, "/report/daily"), 200);
    assert_true(desk->counted[0].from_us <= now && now < desk->counted[0].to_us + 1000000);
    /* in the first minute of a day there is nothing to compare with */
    assert_int_equal(number_at(desk, "previous_totals/events"), desk->counted_count == 2 ? 7 : 0);
    assert_true(time_of(text_at(desk, "previous_totals/to")) <= desk->counted[0].from_us);
    assert_string_equal(text_at(desk, "period"), "daily");
    desk->counted_count = 0;
    assert_int_equal(get(desk, "/report/weekly"), 200);
    assert_true(desk->counted[0].from_us <= now && now < desk->counted[0].to_us + 1000000);
    assert_string_equal(text_at(desk, "period"), "weekly");
}

static void
a_report_counts_incidents_of_all_pages(void **state)
{
    struct desk *desk = *state;

    desk->incident_count[STATUS_OPEN] = 2500;
    assert_int_equal(get(desk, "/report/daily?date=2026-11-18"), 200);
    assert_int_equal(number_at(desk, "totals/incidents"), 2500);
    assert_true(json_is_false(at(desk, "totals/incidents_more")));
    assert_int_equal(number_at(desk, "incidents/by_rule/Brute force"), 2500);
    assert_int_equal(number_at(desk, "incidents/by_severity/high"), 2500);
    assert_int_equal(number_at(desk, "incidents/by_status/open"), 2500);
    desk->incident_count[STATUS_OPEN] = 30000;
    assert_int_equal(get(desk, "/report/daily?date=2026-11-18"), 200);
    assert_int_equal(number_at(desk, "totals/incidents"), 20000);
    assert_true(json_is_true(at(desk, "totals/incidents_more")));
}

static int
get_page(struct desk *desk, const char *target, const char *headers)
{
    loop_client_send(desk->client, "GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", target,
                     headers);
    return loop_client_wait(desk->client);
}

static void
a_report_is_given_in_the_form_that_is_asked_for(void **state)
{
    static const struct { const char *format, *type, *begin; } forms[] = {
        { "html", "text/html; charset=utf-8", "<!DOCTYPE html>\n<html lang=\"en\">" },
        { "csv", "text/csv; charset=utf-8", "report,title,\"Daily report 2024-05-06" },
        { "md", "text/markdown; charset=utf-8", "# Daily report 2024-05-06 (Monday)\n" },
        { "json", "application/json", "{\"period\":\"daily\",\"date\":\"2024-05-06\"" },
    };
    struct desk *desk = *state;

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        char target[80];

        snprintf(target, sizeof(target), "/report/daily?date=2024-05-06&format=%s",
                 forms[i].format);
        assert_int_equal(get_page(desk, target, ""), 200);
        assert_string_equal(loop_client_header(desk->client, "Content-Type"), forms[i].type);
        if (!text_starts_with(loop_client_body(desk->client), forms[i].begin))
            fail_msg("%s: %.200s", forms[i].format, loop_client_body(desk->client).ptr);
    }
}

static void
the_language_of_a_page_is_the_readers(void **state)
{
    static const struct { const char *query, *accept, *language; } cases[] = {
        { "format=html", "", "en" },
        { "format=html", "Accept-Language: ko-KR,ko;q=0.9,en-US;q=0.8\r\n", "ko" },
        { "format=html", "Accept-Language: en;q=0.5, KO;q=0.501\r\n", "ko" },
        { "format=html", "Accept-Language: fr, de;q=0.9\r\n", "en" },
        { "format=html", "Accept-Language: ko;q=0, en\r\n", "en" },
        { "format=html", "Accept-Language: ko;q=0\r\n", "en" },
        { "format=html", "Accept-Language: ,;,;q=,korean;q=9\r\n", "en" },
        { "format=html&lang=en", "Accept-Language: ko\r\n", "en" },
        { "format=md", "Accept-Language: ko\r\n", "en" },
        { "format=csv&lang=ko", "", "ko" },
    };
    struct desk *desk = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char target[80];

        snprintf(target, sizeof(target), "/report/weekly?%s", cases[i].query);
        assert_int_equal(get_page(desk, target, cases[i].accept), 200);
        if (strcmp(loop_client_header(desk->client, "Content-Language"), cases[i].language) != 0)
            fail_msg("%s %s", cases[i].query, cases[i].accept);
    }
}

static void
a_page_lets_nothing_in_from_elsewhere(void **state)
{
    struct desk *desk = *state;
    struct text body;

    assert_int_equal(get_page(desk, "/report/daily?format=html", ""), 200);
    assert_non_null(strstr(loop_client_header(desk->client, "Content-Security-Policy"),
                           "default-src 'none'; style-src 'sha256-"));
    body = loop_client_body(desk->client);
    assert_null(text_find(body, "<script"));
    assert_null(text_find(body, " style="));
    assert_null(text_find(body, "src="));
    assert_null(text_find(body, "@import"));
    assert_null(text_find(body, "url("));
}

static void
links_lead_to_incidents_only_where_the_address_is_known(void **state)
{
    struct desk *desk = *state;

    desk->incident_count[STATUS_OPEN] = 1;
    assert_int_equal(get_page(desk, "/report/daily?date=2026-11-18&format=html", ""), 200);
    assert_null(text_find(loop_client_body(desk->client), "/incidents/"));
    desk->settings.public_url = (char *)"https://siem.example/";
    assert_int_equal(get_page(desk, "/report/daily?date=2026-11-18&format=html", ""), 200);
    assert_non_null(text_find(loop_client_body(desk->client),
                              "<a href=\"https://siem.example/incidents/0000"));
    desk->settings.public_url = (char *)"javascript:alert(1)//";
    assert_int_equal(get_page(desk, "/report/daily?date=2026-11-18&format=html", ""), 200);
    assert_null(text_find(loop_client_body(desk->client), "/incidents/"));
}

static void
a_report_says_what_is_new_quiet_and_whether_it_adds_up(void **state)
{
    struct desk *desk = *state;

    assert_int_equal(get(desk, "/report/daily?date=2024-05-06"), 200);
    assert_string_equal(text_at(desk, "new_sources/sources/0/value"), "x");
    assert_int_equal(number_at(desk, "new_sources/sources/0/count"), 7);
    assert_string_equal(text_at(desk, "quiet_sources/sources/0/value"), "<q>");
    assert_string_equal(text_at(desk, "quiet_sources/sources/0/last_seen"), "2024-10-04");
    assert_int_equal(number_at(desk, "balance/received"), 12);
    assert_int_equal(number_at(desk, "balance/not_yet_stored"), 0);
    assert_int_equal(number_at(desk, "balance/not_stored"), 1);
    assert_int_equal(number_at(desk, "change/events/absolute"), 0);
}

static void
a_report_refuses_what_makes_no_sense(void **state)
{
    static const struct wrong cases[] = {
        { "/report/daily?date=22.11.2026", "date" }, { "/report/daily?date=2026-02-30", "date" },
        { "/report/daily?date=", "date" }, { "/report/daily?date=2026-11-22x", "date" },
        { "/report/daily?date=9999-12-31", "date" }, { "/report/weekly?date=0000-01-01", "date" },
        { "/report/daily?day=2026-11-22", "day" }, { "/report/weekly?format=pdf", "format" },
        { "/report/daily?format=", "format" }, { "/report/daily?lang=fr", "lang" },
    };

    assert_wrong(*state, cases, sizeof(cases) / sizeof(cases[0]));
}

/* --- incidents --- */

static void
incidents_come_in_pages_that_a_cursor_joins(void **state)
{
    struct desk *desk = *state;
    char target[256];
    size_t seen = 0;

    desk->incident_count[STATUS_OPEN] = 125;
    snprintf(target, sizeof(target), "/incidents?limit=50");
    for (int page = 0; page < 3; page++) {
        assert_int_equal(get(desk, target), 200);
        seen += json_array_size(at(desk, "incidents"));
        assert_int_equal(json_is_null(at(desk, "next_cursor")), page == 2);
        if (page < 2)
            snprintf(target, sizeof(target), "/incidents?limit=50&cursor=%s",
                     text_at(desk, "next_cursor"));
        assert_int_equal(desk->asked.has_cursor, page > 0);
    }
    assert_int_equal(seen, 125);
}

static void
incidents_are_filtered(void **state)
{
    struct desk *desk = *state;

    assert_int_equal(get(desk, "/incidents"), 200);
    assert_int_equal(desk->asked.from_us, INT64_MIN);
    assert_int_equal(desk->asked.to_us, INT64_MAX);
    assert_int_equal(desk->asked.status, -1);
    assert_int_equal(desk->asked.severity, -1);
    assert_int_equal(desk->asked.limit, 50);
    assert_null(desk->asked.rule_id.ptr);
    assert_null(desk->asked.key_value.ptr);
    assert_int_equal(get(desk, "/incidents?status=false_positive&severity=high&limit=500"
                               "&from=2026-11-22T00:00:00Z&to=2026-11-23T00:00:00Z"
                               "&rule=brute%2Dforce&key=203.0.113.45"), 200);
    assert_int_equal(desk->asked.status, STATUS_FALSE_POSITIVE);
    assert_int_equal(desk->asked.severity, SEVERITY_HIGH);
    assert_int_equal(desk->asked.limit, 500);
    assert_int_equal(desk->asked.from_us, time_of("2026-11-22T00:00:00Z"));
    assert_int_equal(desk->asked.to_us, time_of("2026-11-23T00:00:00Z"));
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

    assert_wrong(*state, cases, sizeof(cases) / sizeof(cases[0]));
}

static void
one_incident_comes_with_its_events(void **state)
{
    struct desk *desk = *state;

    assert_int_equal(get(desk, "/incidents/" ID), 200);
    assert_string_equal(text_at(desk, "id"), ID);
    assert_int_equal(json_array_size(at(desk, "evidence")), 2);
    assert_int_equal(json_array_size(at(desk, "events")), 2);
    assert_string_equal(text_at(desk, "events/1/event_type"), "login_failed");
    assert_string_equal(text_at(desk, "events/1/id"), text_at(desk, "evidence/1"));
    desk->event_is_missing = 1;
    assert_int_equal(get(desk, "/incidents/" ID), 200);
    assert_int_equal(json_array_size(at(desk, "evidence")), 2);
    assert_int_equal(json_array_size(at(desk, "events")), 1);
}

static void
an_incident_that_is_not_there_is_404(void **state)
{
    struct desk *desk = *state;

    assert_int_equal(get(desk, "/incidents/00000000000000000000000000000002"), 404);
    assert_int_equal(get(desk, "/incidents/1"), 404);
    assert_int_equal(get(desk, "/incidents/..%2f..%2fetc"), 404);
    assert_int_equal(post(desk, "/incidents/1/status", WITH_KEY, "{\"status\":\"open\"}"), 404);
    assert_int_equal(get(desk, "/incidents/" ID "?x=1"), 400);
}

static void
a_status_is_changed_with_a_line_of_history(void **state)
{
    struct desk *desk = *state;

    assert_int_equal(post(desk, "/incidents/" ID "/status", WITH_KEY,
                          "{\"status\":\"resolved\",\"note\":\"was us\",\"by\":\"kim\"}"), 200);
    assert_string_equal(text_at(desk, "status"), "resolved");
    assert_string_equal(text_at(desk, "history/0/by"), "kim");
    assert_string_equal(text_at(desk, "history/0/from"), "open");
    assert_string_equal(text_at(desk, "history/0/to"), "resolved");
    assert_string_equal(text_at(desk, "history/0/note"), "was us");
    assert_int_equal(post(desk, "/incidents/" ID "/status", WITH_KEY,
                          "{\"status\":\"open\",\"note\":null,\"by\":\"\"}"), 200);
    assert_string_equal(text_at(desk, "history/1/by"), "api");
    assert_string_equal(text_at(desk, "history/1/note"), "");
    assert_int_equal(*desk->api.status_changes, 2);
}

static void
a_status_needs_the_key_and_json(void **state)
{
    struct desk *desk = *state;
    const char *body = "{\"status\":\"resolved\"}";

    assert_int_equal(post(desk, "/incidents/" ID "/status",
                          "Content-Type: application/json\r\n", body), 401);
    assert_int_equal(post(desk, "/incidents/" ID "/status",
                          "X-API-Key: wrong\r\nContent-Type: application/json\r\n", body), 401);
    assert_int_equal(post(desk, "/incidents/" ID "/status",
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
        int status = post(desk, "/incidents/" ID "/status", WITH_KEY, cases[i].body);

        if (status != 400 || strstr(text_at(desk, "detail"), cases[i].word) == NULL)
            fail_msg("%s: %d, %s", cases[i].body, status, text_at(desk, "detail"));
    }
    snprintf(longest, sizeof(longest), "{\"status\":\"open\",\"note\":\"%5000d\"}", 1);
    assert_int_equal(post(desk, "/incidents/" ID "/status", WITH_KEY, longest), 400);
    assert_int_equal(post(desk, "/incidents/" ID "/status?x=1", WITH_KEY,
                          "{\"status\":\"open\"}"), 400);
    assert_int_equal(desk->inc->history_count, 0);
}

static void
an_incident_that_is_deleted_meanwhile_is_404(void **state)
{
    struct desk *desk = *state;

    desk->is_deleted_meanwhile = 1;
    assert_int_equal(post(desk, "/incidents/" ID "/status", WITH_KEY,
                          "{\"status\":\"resolved\"}"), 404);
    assert_int_equal(*desk->api.status_changes, 0);
}

/* --- events --- */

static void
events_are_searched_by_time_field_and_text(void **state)
{
    struct desk *desk = *state;

    desk->event_count = 3;
    assert_int_equal(get(desk, "/events?from=2026-11-22T00:00:00Z&to=2026-11-23T00:00:00Z"
                               "&source_ip=203.0.113.45&q=a%20b&own%20field=x&limit=10"), 200);
    assert_string_equal(desk->filter, "source_ip=203.0.113.45;own field=x;");
    assert_int_equal(desk->events_asked.text.len, 3);
    assert_int_equal(desk->events_asked.limit, 10);
    assert_int_equal(desk->events_asked.from_us, time_of("2026-11-22T00:00:00Z"));
    assert_int_equal(json_array_size(at(desk, "events")), 3);
    assert_string_equal(text_at(desk, "events/0/received_from"), "192.0.2.1");
    assert_non_null(text_at(desk, "events/0/received_at"));
    assert_true(json_is_null(at(desk, "next_cursor")));
}

static void
events_come_in_pages_that_a_cursor_joins(void **state)
{
    struct desk *desk = *state;
    char target[256];

    desk->event_count = 5;
    assert_int_equal(get(desk, "/events?limit=2"), 200);
    assert_int_equal(json_array_size(at(desk, "events")), 2);
    snprintf(target, sizeof(target), "/events?limit=5&cursor=%s", text_at(desk, "next_cursor"));
    assert_int_equal(get(desk, target), 200);
    assert_int_equal(desk->events_asked.has_cursor, 1);
    assert_int_equal(desk->events_asked.cursor_at_us, -5);
    assert_int_equal(desk->events_asked.cursor_id.bytes[19], 77);
    assert_true(json_is_null(at(desk, "next_cursor")));
}

static void
events_are_followed_from_place_to_place(void **state)
{
    struct desk *desk = *state;

    desk->event_count = 2;
    assert_int_equal(get(desk, "/events?after=now&username=root"), 200);
    assert_int_equal(json_array_size(at(desk, "events")), 0);
    assert_string_equal(text_at(desk, "next_after"), "s1_1.7");
    assert_int_equal(get(desk, "/events?after=s1_1.7&username=root&limit=1"), 200);
    assert_string_equal(desk->filter, "username=root;");
    assert_int_equal(json_array_size(at(desk, "events")), 1);
    assert_true(json_is_true(at(desk, "more")));
    assert_int_equal(number_at(desk, "days_left_out"), 3);
    assert_string_equal(text_at(desk, "next_after"), "s1_2.7");
    assert_int_equal(get(desk, "/events?after=yesterday"), 400);
    assert_non_null(strstr(text_at(desk, "detail"), "after: must be now"));
    desk->is_down = 1;
    assert_int_equal(get(desk, "/events?after=s1_1.7"), 503);
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

    assert_wrong(*state, cases, sizeof(cases) / sizeof(cases[0]));
}

/* --- what can go wrong --- */

>>>>>>> a390f05 (report: compare what is not over with the same part of the time before)
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
