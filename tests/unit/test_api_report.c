/* The api: /report/daily and /report/weekly. */
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

struct period {
    const char *zone, *target, *from, *to, *previous;
    const char *date;
    int64_t hours;
};

static void
assert_period(struct desk *desk, const struct period *period)
{
    desk_use_zone(period->zone);
    desk->counted_count = desk->asked_count = 0;
    assert_int_equal(desk_get(desk, period->target), 200);
    assert_string_equal(desk_text_at(desk, "from"), period->from);
    assert_string_equal(desk_text_at(desk, "to"), period->to);
    assert_string_equal(desk_text_at(desk, "date"), period->date);
    assert_string_equal(desk_text_at(desk, "time_zone"), period->zone);
    assert_int_equal(desk->counted_count, 2);
    assert_int_equal(desk->counted[0].from_us, desk_time_of(period->from));
    assert_int_equal(desk->counted[0].to_us, desk_time_of(period->to));
    assert_int_equal(desk->counted[0].to_us - desk->counted[0].from_us,
                     period->hours * INT64_C(3600000000));
    assert_int_equal(desk->counted[1].from_us, desk_time_of(period->previous));
    assert_int_equal(desk->counted[1].to_us, desk_time_of(period->from));
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
    int64_t before_us = clock_real_us();

    assert_int_equal(desk_get(desk, "/report/daily"), 200);
    assert_true(desk->counted[0].from_us <= clock_real_us());
    assert_true(before_us < desk->counted[0].to_us + 1000000);
    /* in the first minute of a day there is nothing to compare with */
    assert_int_equal(desk_number_at(desk, "previous_totals/events"), desk->counted_count == 2 ? 7 : 0);
    assert_true(desk_time_of(desk_text_at(desk, "previous_totals/to")) <= desk->counted[0].from_us);
    assert_string_equal(desk_text_at(desk, "period"), "daily");
    desk->counted_count = 0;
    assert_int_equal(desk_get(desk, "/report/weekly"), 200);
    assert_true(desk->counted[0].from_us <= clock_real_us());
    assert_true(before_us < desk->counted[0].to_us + 1000000);
    assert_string_equal(desk_text_at(desk, "period"), "weekly");
}

static void
a_report_counts_incidents_of_all_pages(void **state)
{
    struct desk *desk = *state;

    desk->incident_count[STATUS_OPEN] = 2500;
    assert_int_equal(desk_get(desk, "/report/daily?date=2026-11-18"), 200);
    assert_int_equal(desk_number_at(desk, "totals/incidents"), 2500);
    assert_true(json_is_false(desk_at(desk, "totals/incidents_more")));
    assert_int_equal(desk_number_at(desk, "incidents/by_rule/Brute force"), 2500);
    assert_int_equal(desk_number_at(desk, "incidents/by_severity/high"), 2500);
    assert_int_equal(desk_number_at(desk, "incidents/by_status/open"), 2500);
    desk->incident_count[STATUS_OPEN] = 30000;
    assert_int_equal(desk_get(desk, "/report/daily?date=2026-11-18"), 200);
    assert_int_equal(desk_number_at(desk, "totals/incidents"), 20000);
    assert_true(json_is_true(desk_at(desk, "totals/incidents_more")));
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

    assert_int_equal(desk_get(desk, "/report/daily?date=2024-05-06"), 200);
    assert_string_equal(desk_text_at(desk, "new_sources/sources/0/value"), "x");
    assert_int_equal(desk_number_at(desk, "new_sources/sources/0/count"), 7);
    assert_string_equal(desk_text_at(desk, "quiet_sources/sources/0/value"), "<q>");
    assert_string_equal(desk_text_at(desk, "quiet_sources/sources/0/last_seen"), "2024-10-04");
    assert_int_equal(desk_number_at(desk, "balance/received"), 12);
    assert_int_equal(desk_number_at(desk, "balance/not_yet_stored"), 0);
    assert_int_equal(desk_number_at(desk, "balance/not_stored"), 1);
    assert_int_equal(desk_number_at(desk, "change/events/absolute"), 0);
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

    desk_expect_wrong(*state, cases, sizeof(cases) / sizeof(cases[0]));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        DESK_TEST(a_daily_report_is_the_sites_calendar_day),
        DESK_TEST(a_weekly_report_begins_on_monday),
        DESK_TEST(a_report_without_a_date_is_of_today),
        DESK_TEST(a_report_counts_incidents_of_all_pages),
        DESK_TEST(a_report_is_given_in_the_form_that_is_asked_for),
        DESK_TEST(the_language_of_a_page_is_the_readers),
        DESK_TEST(a_page_lets_nothing_in_from_elsewhere),
        DESK_TEST(links_lead_to_incidents_only_where_the_address_is_known),
        DESK_TEST(a_report_says_what_is_new_quiet_and_whether_it_adds_up),
        DESK_TEST(a_report_refuses_what_makes_no_sense),
    };

    return cmocka_run_group_tests_name("api_report", tests, NULL, NULL);
}
