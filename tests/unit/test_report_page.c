/*
 * What people see of a report: hostile names in every place, in every form.
 */
#include "api/report_page.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/timestamp.h"

#define NOW_US (INT64_C(1795300000) * 1000000)      /* 2026-11-21T22:26:40Z */

struct desk {
    struct site_report report;
    struct page page;
    struct buf out;
    const char *name;           /* what stands in every place */
};

static int
open_desk(void **state)
{
    struct err err = { "" };

    setenv("TZ", "Asia/Seoul", 1);
    *state = calloc(1, sizeof(struct desk));
    return timestamp_init(&err);
}

static int
close_desk(void **state)
{
    struct desk *desk = *state;

    page_release(&desk->page);
    buf_release(&desk->out);
    site_report_release(&desk->report);
    free(desk);
    return 0;
}

static int32_t
day(const char *name)
{
    int32_t number = 0;

    assert_int_equal(report_day_parse(text_of(name), &number), 0);
    return number;
}

static void
add_counts(struct site_report *report, const char *name)
{
    report->counts.total = 12345;
    for (int d = COUNT_TYPE; d < COUNT_DIMENSIONS; d++) {
        report->counts.rows[d] = calloc(2, sizeof(struct count_row));
        report->counts.rows[d][0] = (struct count_row){ strdup(name), 12000 };
        report->counts.rows[d][1] = (struct count_row){ strdup("(other)"), 345 };
        report->counts.row_count[d] = 2;
    }
    report->bar_count = 24;
    for (size_t i = 0; i < 24; i++)
        report->bars[i] = (struct report_bar){
            report->span.from_us + (int64_t)i * INT64_C(3600000000), i == 9 ? 12345 : 0,
        };
}

static void
add_incident(struct site_report *report, const char *name)
{
    struct incident inc = { .id = "00000000000000000000000000000001", .severity = SEVERITY_HIGH,
                            .rule_id = (char *)name, .rule_title = (char *)name,
                            .summary = (char *)name, .opened_us = report->span.from_us,
                            .last_seen_us = report->span.from_us };
    struct report_times *times = report_times_new();

    assert_int_equal(report_incidents_add(&report->incidents, times, &inc, &report->span), 0);
    report_incidents_finish(&report->incidents, times);
    report_times_destroy(&times);
}

/* A report with the name wherever a name can stand. */
static void
fill(struct desk *desk, const char *name)
{
    struct site_report *report = &desk->report;

    page_release(&desk->page);
    site_report_release(report);
    buf_clear(&desk->out);
    report->span = report_span_make(REPORT_DAILY, day("2026-11-21"), NOW_US);
    if (name == NULL)
        return;
    add_counts(report, name);
    add_incident(report, name);
    report->sources = (struct report_sources){ .total = 3, .has_history = 1, .fresh_total = 1,
                                               .fresh_count = 1, .quiet_total = 1,
                                               .quiet_count = 1 };
    report->sources.fresh[0] = (struct report_source){ .value = strdup(name) };
    report->sources.quiet[0] = (struct report_source){ .value = strdup(name), .days = 2,
                                                       .last = "2026-11-20" };
    report->allow.entries[0] = (struct report_allowed){ strdup(name), strdup(name), 5 };
    report->allow.count = 1;
}

static const char *
render(struct desk *desk, enum report_language language,
       int (*to)(struct buf *out, const struct page *page))
{
    page_release(&desk->page);
    buf_clear(&desk->out);
    assert_int_equal(page_make(&desk->page, &desk->report, language, "https://s.example/"), 0);
    assert_int_equal(to(&desk->out, &desk->page), 0);
    return desk->out.ptr;
}

static size_t
count_of(const char *text, const char *needle)
{
    size_t count = 0;

    for (; (text = strstr(text, needle)) != NULL; text += strlen(needle))
        count++;
    return count;
}

static void
html_has_no_tag_that_a_name_brought(void **state)
{
    static const char *const names[] = {
        "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "' onmouseover='x",
        "</title><svg onload=x>", "</style><b>", "</bdi></td></table><iframe>", "&lt;b&gt;<b>",
    };
    struct desk *desk = *state;
    size_t tags;

    fill(desk, "name");
    tags = count_of(render(desk, REPORT_EN, report_to_html), "<");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *html;

        fill(desk, names[i]);
        html = render(desk, REPORT_EN, report_to_html);
        assert_int_equal(count_of(html, "<"), tags);
        assert_int_equal(count_of(html, "<script"), 0);
        /* four top lists, two of an incident, its rule, new, quiet, allowed twice */
        assert_int_equal(count_of(html, "<bdi>"), 11);
    }
    assert_int_equal(count_of(desk->out.ptr, "&amp;lt;b&amp;gt;&lt;b&gt;"), 11);
}

static void
what_would_hide_or_turn_is_shown_by_its_number(void **state)
{
    struct desk *desk = *state;
    const char *html;

    fill(desk, "\xf3\xa0\x81\x81\xef\xbf\xb9" "a\xe2\x80\xae" "b\n\x1b\x7f\xc2\x85\xff\xe2\x80\x8b\xed\xa0\x80" "c\xea\xb4\x80");
    html = render(desk, REPORT_KO, report_to_html);
    assert_int_equal(count_of(html, "\\ue0041\\ufff9a\\u202eb\\x0a\\x1b\\x7f\\x85\\xff\\u200b\\xed\\xa0\\x80c"
                                    "\xea\xb4\x80"), 11);
    assert_true(text_is_utf8(text_of(html)));
    assert_true(text_is_utf8(text_of(render(desk, REPORT_KO, report_to_markdown))));
    assert_true(text_is_utf8(text_of(render(desk, REPORT_KO, report_to_csv))));
}

/* Fields of the record at *at, which moves past it; the last one into out. */
static size_t
read_record(const char **at, char first[64])
{
    size_t fields = 1, len = 0;
    int is_quoted = 0;

    for (; **at != '\0'; ++*at) {
        if (**at == '"')
            is_quoted = !is_quoted;
        else if (!is_quoted && **at == ',')
            fields++;
        else if (!is_quoted && strncmp(*at, "\r\n", 2) == 0)
            break;
        else if (fields == 1 && len < 63)
            first[len++] = **at;
    }
    first[len] = '\0';
    *at += **at == '\0' ? 0 : 2;
    return fields;
}

static void
csv_stays_a_rectangle_whatever_is_in_it(void **state)
{
    static const char *const names[] = { "a,b", "a\"b", "\",\"", "a\r\nb,c", "\"\r\n", ";" };
    struct desk *desk = *state;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *at;
        size_t records = 0;
        char section[64];

        fill(desk, names[i]);
        at = render(desk, REPORT_EN, report_to_csv);
        while (*at != '\0') {
            assert_int_equal(read_record(&at, section), 12);
            assert_true(islower((unsigned char)section[0]));
            records++;
        }
        /* about 5, totals 5, hours 25, two of incidents, four of 3 rows, three of 2 */
        assert_int_equal(records, 5 + 5 + 25 + 2 * 2 + 4 * 3 + 3 * 2);
    }
}

static void
csv_has_no_formula(void **state)
{
    static const char *const names[] = {
        "=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "  =1", "\xef\xbc\x9d" "1",
        "\xe2\x88\x92" "1",
    };
    struct desk *desk = *state;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *csv;

        fill(desk, names[i]);
        csv = render(desk, REPORT_EN, report_to_csv);
        assert_int_equal(count_of(csv, "\"'"), 11);
        assert_int_equal(count_of(csv, "\"="), 0);
        assert_int_equal(count_of(csv, "\"+"), 0);
        assert_int_equal(count_of(csv, "\"@"), 0);
        assert_int_equal(count_of(csv, "\"-"), 0);
    }
    fill(desk, "192.0.2.1");
    assert_int_equal(count_of(render(desk, REPORT_EN, report_to_csv), "\"'"), 0);
}

static void
csv_numbers_are_for_programs_and_excel_knows_the_letters(void **state)
{
    struct desk *desk = *state;

    fill(desk, "x");
    assert_non_null(strstr(render(desk, REPORT_EN, report_to_csv), "sources,\"x\",12000,97.2,"));
    assert_non_null(strstr(desk->out.ptr, "\"Open\",\"00000000000000000000000000000001\","));
    assert_non_null(strstr(desk->out.ptr, "timeline,2026-11-21T09:00:00+09:00,12345,"));
    assert_int_equal(strncmp(desk->out.ptr, "report,", 7), 0);
    assert_int_equal(strncmp(render(desk, REPORT_KO, report_to_csv), "\xef\xbb\xbfreport,", 10), 0);
}

static void
markdown_has_no_cell_link_or_emphasis_that_a_name_brought(void **state)
{
    static const struct { const char *name, *shown; } cases[] = {
        { "a|b", "a\\|b" }, { "*a*", "\\*a\\*" }, { "[x](http://e)", "\\[x\\]\\(http:\\/\\/e\\)" },
        { "`c`", "\\`c\\`" }, { "<b>&amp;", "&lt;b&gt;&amp;amp;" }, { "a\\", "a\\\\" },
        { "www.e.example", "www\\.e.example" }, { "a@b.c", "a\\@b.c" }, { "~~x~~ $y$", "\\~\\~x\\~\\~ \\$y\\$" },
        { "![i](u)", "\\!\\[i\\]\\(u\\)" }, { "a\n# b", "a\\\\x0a\\# b" }, { "10.0.0.1", "10.0.0.1" },
    };
    struct desk *desk = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *md;

        fill(desk, cases[i].name);
        md = render(desk, REPORT_EN, report_to_markdown);
        if (count_of(md, cases[i].shown) != 11)
            fail_msg("%s: %s", cases[i].name, md);
    }
}

static void
a_quiet_day_says_so(void **state)
{
    struct desk *desk = *state;

    fill(desk, NULL);
    desk->report.counts.total = 12345;
    render(desk, REPORT_EN, report_to_markdown);
    assert_non_null(strstr(desk->out.ptr,
                           "**No incidents on 2026-11-21. 12,345 events were stored.**"));
    render(desk, REPORT_KO, report_to_markdown);
    assert_non_null(strstr(desk->out.ptr, "**2026-11-21에는 인시던트가 없었습니다. "
                                          "이벤트 12,345건을 저장했습니다.**"));
    assert_null(strstr(desk->out.ptr, "## 룰별"));
}

static void
a_day_that_is_not_over_says_so_far(void **state)
{
    struct desk *desk = *state;

    fill(desk, NULL);
    desk->report.span = report_span_make(REPORT_DAILY, day("2026-11-22"), NOW_US);
    render(desk, REPORT_EN, report_to_html);
    assert_non_null(strstr(desk->out.ptr, "No incidents so far on 2026-11-22. No events were"));
    assert_non_null(strstr(desk->out.ptr, "numbers as of 2026-11-22 07:26"));
    assert_null(strstr(desk->out.ptr, ">Later<"));
    assert_non_null(strstr(desk->out.ptr, "same part of the time before: 2026-11-21 00:00 to "
                                          "2026-11-21 07:26."));
    render(desk, REPORT_KO, report_to_markdown);
    assert_non_null(strstr(desk->out.ptr, "이전 기간의 같은 구간(2026-11-21 00:00 ~ "
                                          "2026-11-21 07:26)과 비교합니다."));
    desk->report.span = report_span_make(REPORT_WEEKLY, day("2026-11-22"), NOW_US);
    render(desk, REPORT_EN, report_to_html);
    assert_non_null(strstr(desk->out.ptr, "so far in the week from 2026-11-16 to 2026-11-22."));
}

static void
what_has_no_numbers_has_no_section(void **state)
{
    struct desk *desk = *state;

    fill(desk, "x");
    render(desk, REPORT_EN, report_to_markdown);
    assert_non_null(strstr(desk->out.ptr, "## What the allow lists let pass"));
    assert_null(strstr(desk->out.ptr, "## Balance sheet"));
    free(desk->report.allow.entries[0].entry);
    free(desk->report.allow.entries[0].reason);
    desk->report.allow.count = 0;
    desk->report.balance = (struct report_balance){ .has_numbers = 1, .received = 1003,
                                                    .on_the_way = 3 };
    render(desk, REPORT_EN, report_to_markdown);
    assert_null(strstr(desk->out.ptr, "allow lists"));
    assert_non_null(strstr(desk->out.ptr, "## Balance sheet"));
    assert_non_null(strstr(desk->out.ptr, "3 accepted events are not stored yet."));
    desk->report.balance.on_the_way = 0;
    render(desk, REPORT_EN, report_to_markdown);
    assert_non_null(strstr(desk->out.ptr, "it closes."));
}

static void
without_a_past_nothing_is_called_new(void **state)
{
    struct desk *desk = *state;

    fill(desk, "x");
    desk->report.sources.has_history = 0;
    render(desk, REPORT_EN, report_to_markdown);
    assert_non_null(strstr(desk->out.ptr, "Nothing is stored of the 30 days before"));
    assert_null(strstr(desk->out.ptr, "| Source | Events | First seen |"));
}

/* Who hears the page gets the chart's name, what it says, and its numbers. */
static void
the_chart_can_be_heard(void **state)
{
    struct desk *desk = *state;
    const char *html;

    fill(desk, "x");
    html = render(desk, REPORT_EN, report_to_html);
    assert_non_null(strstr(html, "<svg role=\"img\" aria-labelledby=\"chart-title chart-desc\""));
    assert_non_null(strstr(html, "<title id=\"chart-title\">Timeline</title>"));
    assert_non_null(strstr(html, "<desc id=\"chart-desc\">Events per hour, 2026-11-21. "
                                 "Most in one hour: 12,345, from 09:00 on.</desc>"));
    assert_non_null(strstr(html, "<td class=\"w\">09:00</td><td class=\"n\">12,345</td>"));
    assert_int_equal(count_of(html, "<rect "), 1);
}

/* Either language's words, nothing of the other's. */
static void
a_page_is_in_one_language(void **state)
{
    struct desk *desk = *state;
    const char *html;

    fill(desk, "x");
    html = render(desk, REPORT_EN, report_to_html);
    for (const char *at = html; *at != '\0'; at++)
        if ((unsigned char)*at >= 0xea && (unsigned char)*at <= 0xed) {
            assert_int_equal(strncmp(at, "\xed\x95\x9c\xea\xb5\xad\xec\x96\xb4", 9), 0);
            at += 8;                    /* the link to the other one */
        }
    html = render(desk, REPORT_KO, report_to_html);
    assert_null(strstr(html, "Events"));
    assert_null(strstr(html, "ncident<"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_desk, close_desk)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(html_has_no_tag_that_a_name_brought),
        TEST(what_would_hide_or_turn_is_shown_by_its_number),
        TEST(csv_stays_a_rectangle_whatever_is_in_it),
        TEST(csv_has_no_formula),
        TEST(csv_numbers_are_for_programs_and_excel_knows_the_letters),
        TEST(markdown_has_no_cell_link_or_emphasis_that_a_name_brought),
        TEST(a_quiet_day_says_so),
        TEST(a_day_that_is_not_over_says_so_far),
        TEST(what_has_no_numbers_has_no_section),
        TEST(without_a_past_nothing_is_called_new),
        TEST(the_chart_can_be_heard),
        TEST(a_page_is_in_one_language),
    };

    return cmocka_run_group_tests_name("report_page", tests, NULL, NULL);
}
