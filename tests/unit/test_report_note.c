/*
 * A report as a message: when it is due, what it says, and that it goes once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "notifier/channel.h"
#include "notifier/notifier.h"
#include "notifier/reports.h"
#include "proto/base/timestamp.h"
#include "proto/report/report_note.h"
#include "tests/support/store_case.h"

static void
use_zone(const char *zone)
{
    struct err err = { "" };

    setenv("TZ", zone, 1);
    if (timestamp_init(&err) != 0)
        fail_msg("%s", err.text);
}

static int64_t
at(const char *time)
{
    int64_t us = 0;

    assert_int_equal(timestamp_parse(text_of(time), &us, NULL), 0);
    return us;
}

/* --- when --- */

static void
a_schedule_is_a_time_or_a_day_and_a_time(void **state)
{
    static const struct { enum report_period period; const char *text; int rc, weekday, hour, minute; }
    cases[] = {
        { REPORT_DAILY, "09:00", 0, 0, 9, 0 }, { REPORT_DAILY, " 23:59 ", 0, 0, 23, 59 },
        { REPORT_DAILY, "9:00", -1, 0, 0, 0 }, { REPORT_DAILY, "24:00", -1, 0, 0, 0 },
        { REPORT_DAILY, "09:60", -1, 0, 0, 0 }, { REPORT_DAILY, "09-00", -1, 0, 0, 0 },
        { REPORT_DAILY, "Mon 09:00", -1, 0, 0, 0 }, { REPORT_WEEKLY, "Mon 09:00", 0, 1, 9, 0 },
        { REPORT_WEEKLY, "sun  00:05", 0, 0, 0, 5 }, { REPORT_WEEKLY, "09:00", -1, 0, 0, 0 },
        { REPORT_WEEKLY, "Monday 09:00", -1, 0, 0, 0 }, { REPORT_WEEKLY, "Mon", -1, 0, 0, 0 },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct report_schedule got = { 0 };
        struct err err = { "" };

        if (report_schedule_parse(cases[i].period, cases[i].text, &got, &err) != cases[i].rc)
            fail_msg("%s", cases[i].text);
        if (cases[i].rc != 0) {
            assert_non_null(strstr(err.text, "report."));
            continue;
        }
        assert_true(got.is_set);
        assert_int_equal(got.hour, cases[i].hour);
        assert_int_equal(got.minute, cases[i].minute);
        if (cases[i].period == REPORT_WEEKLY)
            assert_int_equal(got.weekday, cases[i].weekday);
    }
}

static void
unset_is_never(void **state)
{
    struct report_schedule got = { .is_set = 1 };
    struct report_span span;

    assert_int_equal(report_schedule_parse(REPORT_DAILY, NULL, &got, NULL), 0);
    assert_false(got.is_set);
    assert_int_equal(report_schedule_parse(REPORT_WEEKLY, "", &got, NULL), 0);
    assert_false(report_is_due(&got, REPORT_WEEKLY, INT64_C(1795000000000000), &span));
}

static void
the_day_before_is_due_from_the_hour_to_midnight(void **state)
{
    static const struct { const char *zone, *at, *now, *day; } cases[] = {
        { "Asia/Seoul", "09:00", "2026-11-22T08:59:59.999999+09:00", NULL },
        { "Asia/Seoul", "09:00", "2026-11-22T09:00:00+09:00", "2026-11-21" },
        { "Asia/Seoul", "09:00", "2026-11-22T23:59:59+09:00", "2026-11-21" },
        { "Asia/Seoul", "09:00", "2026-11-23T00:00:00+09:00", NULL },
        { "Asia/Seoul", "00:00", "2026-11-23T00:00:00+09:00", "2026-11-22" },
        /* 02:30 is not there on this day: it comes at 03:30 */
        { "America/New_York", "02:30", "2026-03-08T01:59:59-05:00", NULL },
        { "America/New_York", "02:30", "2026-03-08T03:30:00-04:00", "2026-03-07" },
        /* and is there twice on this one */
        { "America/New_York", "01:30", "2026-11-01T01:30:00-04:00", "2026-10-31" },
        { "America/New_York", "01:30", "2026-11-01T01:10:00-05:00", "2026-10-31" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct report_schedule schedule;
        struct report_span span = { .first = "" };
        int is_due;

        use_zone(cases[i].zone);
        assert_int_equal(report_schedule_parse(REPORT_DAILY, cases[i].at, &schedule, NULL), 0);
        is_due = report_is_due(&schedule, REPORT_DAILY, at(cases[i].now), &span);
        if (is_due != (cases[i].day != NULL))
            fail_msg("%s", cases[i].now);
        if (cases[i].day != NULL)
            assert_string_equal(span.first, cases[i].day);
        assert_false(span.is_so_far);
    }
}

static void
the_week_before_is_due_on_its_day_only(void **state)
{
    static const struct { const char *at, *now, *day; } cases[] = {
        { "Mon 09:00", "2026-11-23T09:00:00+09:00", "2026-11-16" },
        { "Mon 09:00", "2026-11-23T08:00:00+09:00", NULL },
        { "Mon 09:00", "2026-11-24T09:00:00+09:00", NULL },
        { "Fri 17:00", "2026-11-27T17:00:00+09:00", "2026-11-16" },
        { "Sun 00:00", "2026-11-29T12:00:00+09:00", "2026-11-16" },
    };

    use_zone("Asia/Seoul");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct report_schedule schedule;
        struct report_span span = { .first = "" };

        assert_int_equal(report_schedule_parse(REPORT_WEEKLY, cases[i].at, &schedule, NULL), 0);
        assert_int_equal(report_is_due(&schedule, REPORT_WEEKLY, at(cases[i].now), &span),
                         cases[i].day != NULL);
        if (cases[i].day != NULL)
            assert_string_equal(span.first, cases[i].day);
    }
}

/* --- what --- */

static void
add_incidents(struct site_report *report, int count, const char *title, const char *summary)
{
    struct report_times *times = report_times_new();

    for (int i = 0; i < count; i++) {
        struct incident inc = { .severity = i == 3 ? SEVERITY_CRITICAL : SEVERITY_MEDIUM,
                                .rule_id = (char *)"r", .rule_title = (char *)title,
                                .summary = (char *)summary,
                                .opened_us = report->span.from_us + i,
                                .last_seen_us = report->span.from_us + i };

        assert_int_equal(report_incidents_add(&report->incidents, times, &inc, &report->span), 0);
    }
    report_incidents_finish(&report->incidents, times);
    report_times_destroy(&times);
}

/* Of 2026-11-21 in Seoul. */
static struct site_report
make_report(int incidents, const char *title, const char *summary)
{
    struct site_report report = { .counts.total = 12345, .events_before = 10000 };
    int32_t day;

    use_zone("Asia/Seoul");
    assert_int_equal(report_day_parse(text_of("2026-11-21"), &day), 0);
    report.span = report_span_make(REPORT_DAILY, day, INT64_MAX);
    add_incidents(&report, incidents, title, summary);
    return report;
}

static struct report_note
make_note(struct site_report report, enum report_language language)
{
    struct report_note note = { 0 };

    assert_int_equal(report_note_make(&report, language, &note), 0);
    site_report_release(&report);
    return note;
}

static void
a_note_has_the_totals_and_five_incidents(void **state)
{
    struct report_note note = make_note(make_report(8, "Brute force", "x failed"), REPORT_EN);

    assert_string_equal(note.title, "Daily report 2026-11-21 (Saturday)");
    assert_int_equal(note.line_count, 8);
    assert_string_equal(note.lines[0], "8 incidents on 2026-11-21, 8 not closed yet. "
                                       "12,345 events were stored.");
    assert_string_equal(note.lines[1], "Events 12,345 (+23.5% against the day before), "
                                       "incidents 8 (no comparison).");
    assert_string_equal(note.lines[2], "\xe2\x80\xa2 [Critical] Brute force: x failed");
    assert_string_equal(note.lines[7], "and 3 more");
    assert_string_equal(note.path, "/report/daily?date=2026-11-21&format=html&lang=en");
    report_note_release(&note);
}

static void
a_quiet_day_is_told_in_korean_too(void **state)
{
    struct report_note note = make_note(make_report(0, "", ""), REPORT_KO);

    assert_string_equal(note.title, "일간 보고서 2026-11-21 (토요일)");
    assert_int_equal(note.line_count, 2);
    assert_string_equal(note.lines[0], "2026-11-21에는 인시던트가 없었습니다. "
                                       "이벤트 12,345건을 저장했습니다.");
    assert_string_equal(note.lines[1], "이벤트 12,345건(전일 대비 +23.5%), 인시던트 0건(비교 불가).");
    report_note_release(&note);
}

static void
a_note_comes_back_as_it_was_written(void **state)
{
    struct report_note note = make_note(make_report(2, "t\"\n", "no UTF-8: \xff"), REPORT_EN);
    struct report_note got = { 0 };
    struct buf out = { 0 };
    struct err err = { "" };

    assert_int_equal(report_note_write(&note, &out), 0);
    assert_int_equal(report_note_read(buf_text(&out), &got, &err), 0);
    assert_string_equal(got.title, note.title);
    assert_int_equal(got.line_count, note.line_count);
    assert_string_equal(got.lines[0], note.lines[0]);
    assert_non_null(strstr(got.lines[2], "t\"\n: no UTF-8: ?"));
    report_note_release(&got);
    report_note_release(&note);
    buf_release(&out);
}

static void
what_is_no_note_is_refused(void **state)
{
    static const char *const bad[] = {
        "", "{", "[]", "{\"title\":\"t\"}", "{\"title\":1,\"path\":\"p\",\"link\":\"l\"}",
        "{\"title\":\"t\",\"path\":\"p\",\"link\":\"l\",\"lines\":[1]}",
        "{\"title\":\"t\",\"path\":\"p\",\"link\":\"l\",\"lines\":[\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\"]}",
    };
    struct report_note note = { 0 };
    struct err err;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(report_note_read(text_of(bad[i]), &note, &err), -1);
}

static json_t *
to_slack(const struct report_note *note, const char *url)
{
    const struct notice notice = { NULL, "report", note };
    struct buf out = { 0 };
    json_t *message;

    assert_int_equal(channel_slack.write(&out, &notice, 1, 1, url), 0);
    message = json_loads(out.ptr, 0, NULL);
    assert_non_null(message);
    buf_release(&out);
    return message;
}

static void
slack_gets_the_note_and_a_link(void **state)
{
    struct report_note note = make_note(make_report(1, "Brute force", "x"), REPORT_EN);
    json_t *message = to_slack(&note, "https://s.example/");
    const char *text = json_string_value(json_object_get(message, "text"));

    assert_non_null(strstr(text, "*Daily report 2026-11-21 (Saturday)*\n1 incident on"));
    assert_non_null(strstr(text, "\n<https://s.example/report/daily?date=2026-11-21&amp;format=html"
                                 "&amp;lang=en|Open the report>"));
    json_decref(message);
    message = to_slack(&note, NULL);
    assert_null(strchr(json_string_value(json_object_get(message, "text")), '<'));
    json_decref(message);
    report_note_release(&note);
}

static void
slack_is_not_given_a_hostile_name_as_it_is(void **state)
{
    char *longest = calloc(1, 5001);
    struct report_note note;
    json_t *message;
    const char *text;
    size_t lines = 0;

    memset(longest, 'x', 5000);
    memcpy(longest, "<!channel> \n`a` <http://e|b>", 28);
    note = make_note(make_report(9, longest, longest), REPORT_EN);
    message = to_slack(&note, "https://s.example");
    text = json_string_value(json_object_get(message, "text"));
    assert_null(strstr(text, "<!channel>"));
    assert_null(strstr(text, "<http://e"));
    assert_true(strlen(text) < 3000);
    for (const char *p = text; (p = strchr(p, '\n')) != NULL; p++)
        lines++;
    assert_int_equal(lines, 9);
    json_decref(message);
    report_note_release(&note);
    free(longest);
}

/* --- once --- */

struct desk {
    struct store_case *store;
    char path[128];
    struct notifier nt;
    struct daemon daemon;
    struct settings settings;
};

static int
open_desk(void **state)
{
    struct desk *desk = calloc(1, sizeof(*desk));
    void *store = NULL;
    struct err err;

    use_zone("UTC");
    if (store_case_open(&store) != 0)
        return -1;
    desk->store = store;
    snprintf(desk->path, sizeof(desk->path), "%s/notifier.db", desk->store->dir);
    desk->settings.report_daily_at = (char *)"09:00";
    desk->settings.report_lang = (char *)"en";
    desk->daemon.settings = &desk->settings;
    desk->nt.daemon = &desk->daemon;
    desk->nt.store = desk->store->reader;
    desk->nt.outbox = outbox_open(desk->path, CASE_START, &err);
    *state = desk;
    return desk->nt.outbox == NULL;
}

static int
close_desk(void **state)
{
    struct desk *desk = *state;
    void *store = desk->store;

    outbox_close(&desk->nt.outbox);
    store_case_close(&store);
    free(desk);
    return 0;
}

/* As a new process would begin. */
static void
restart(struct desk *desk)
{
    struct err err;

    outbox_close(&desk->nt.outbox);
    memset(desk->nt.has_reported, 0, sizeof(desk->nt.has_reported));
    desk->nt.outbox = outbox_open(desk->path, CASE_START, &err);
    assert_non_null(desk->nt.outbox);
}

#define HOURS(n) (CASE_START + (n) * CASE_HOUR)

static void
a_report_is_written_down_once_a_day(void **state)
{
    struct desk *desk = *state;

    assert_int_equal(reports_look(&desk->nt, HOURS(8)), 0);
    assert_int_equal(reports_look(&desk->nt, HOURS(9)), 1);
    assert_int_equal(reports_look(&desk->nt, HOURS(10)), 0);
    restart(desk);
    assert_int_equal(reports_look(&desk->nt, HOURS(11)), 0);
    assert_int_equal(reports_look(&desk->nt, HOURS(24 + 8)), 0);
    assert_int_equal(reports_look(&desk->nt, HOURS(24 + 9)), 1);
    /* the clock is set back by a day, and goes on */
    assert_int_equal(reports_look(&desk->nt, HOURS(9)), 0);
    assert_int_equal(reports_look(&desk->nt, HOURS(24 + 10)), 0);
}

static void
a_missed_hour_is_made_up_for_on_the_same_day_only(void **state)
{
    struct desk *desk = *state;
    char key[REPORT_KEY_LEN];
    struct report_span span = report_span_make(REPORT_DAILY, 20513 + 1, 0);

    assert_int_equal(reports_look(&desk->nt, HOURS(23)), 1);
    assert_int_equal(reports_look(&desk->nt, HOURS(72 + 8)), 0);
    assert_int_equal(reports_look(&desk->nt, HOURS(72 + 12)), 1);
    report_key(&span, key);
    assert_string_equal(key, "report|daily|2026-03-02");
    assert_int_equal(outbox_has_report(desk->nt.outbox, key, NULL), 0);
    assert_int_equal(outbox_has_report(desk->nt.outbox, "report|daily|2026-03-03", NULL), 1);
}

static void
a_store_that_cannot_be_read_is_asked_again(void **state)
{
    struct desk *desk = *state;
    char path[160];
    FILE *file;

    snprintf(path, sizeof(path), "%s/incidents.db", desk->store->store_dir);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs("this is no database, and long enough for one to be seen as none at all", file);
    fclose(file);
    assert_int_equal(reports_look(&desk->nt, HOURS(9)), 0);
    assert_int_equal(remove(path), 0);
    assert_int_equal(reports_look(&desk->nt, HOURS(9)), 1);
}

/* A report goes before what waits, and never inside a digest. */
static void
a_report_is_the_first_that_is_due(void **state)
{
    struct desk *desk = *state;
    struct delivery due[OUTBOX_MAX_DUE];
    struct attempt attempt;
    size_t count, total;
    struct err err;

    assert_int_equal(outbox_begin(desk->nt.outbox, &err), 0);
    for (unsigned i = 0; i < OUTBOX_MAX_DUE + 10; i++) {
        struct incident *inc = store_case_incident(i, 1, "192.0.2.1");

        assert_int_equal(outbox_add(desk->nt.outbox, inc, 0, 0, CASE_START, &err), 1);
        incident_destroy(&inc);
    }
    assert_int_equal(outbox_commit(desk->nt.outbox, &err), 0);
    assert_int_equal(reports_look(&desk->nt, HOURS(9)), 1);
    assert_int_equal(outbox_due(desk->nt.outbox, INT64_MAX, OUTBOX_MAX_DUE, due, &count, &total,
                                &attempt, &err), 0);
    assert_int_equal(total, OUTBOX_MAX_DUE + 11);
    assert_non_null(due[0].note);
    assert_null(due[0].inc);
    assert_string_equal(due[0].note->title, "Daily report 2026-02-28 (Saturday)");
    for (size_t i = 1; i < count; i++)
        assert_non_null(due[i].inc);
    while (count > 0)
        delivery_release(&due[--count]);
}

static void
settings_that_make_no_sense_are_refused(void **state)
{
    struct settings settings = { .report_daily_at = (char *)"nine" };
    struct err err;

    assert_int_equal(reports_check(&settings, &err), -1);
    assert_non_null(strstr(err.text, "report.daily_at"));
    settings = (struct settings){ .report_weekly_at = (char *)"09:00" };
    assert_int_equal(reports_check(&settings, &err), -1);
    settings = (struct settings){ .report_lang = (char *)"de" };
    assert_int_equal(reports_check(&settings, &err), -1);
    assert_non_null(strstr(err.text, "report.lang"));
    settings = (struct settings){ .report_weekly_at = (char *)"Tue 07:30" };
    assert_int_equal(reports_check(&settings, &err), 0);
}

#define TEST(f) cmocka_unit_test(f)
#define DESK_TEST(f) cmocka_unit_test_setup_teardown(f, open_desk, close_desk)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_schedule_is_a_time_or_a_day_and_a_time),
        TEST(unset_is_never),
        TEST(the_day_before_is_due_from_the_hour_to_midnight),
        TEST(the_week_before_is_due_on_its_day_only),
        TEST(a_note_has_the_totals_and_five_incidents),
        TEST(a_quiet_day_is_told_in_korean_too),
        TEST(a_note_comes_back_as_it_was_written),
        TEST(what_is_no_note_is_refused),
        TEST(slack_gets_the_note_and_a_link),
        TEST(slack_is_not_given_a_hostile_name_as_it_is),
        DESK_TEST(a_report_is_written_down_once_a_day),
        DESK_TEST(a_missed_hour_is_made_up_for_on_the_same_day_only),
        DESK_TEST(a_store_that_cannot_be_read_is_asked_again),
        DESK_TEST(a_report_is_the_first_that_is_due),
        TEST(settings_that_make_no_sense_are_refused),
    };

    return cmocka_run_group_tests_name("report_note", tests, NULL, NULL);
}
