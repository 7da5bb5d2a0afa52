/*
 * The numbers of a report, its days, and its words.
 */
#include "proto/report/site_report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/timestamp.h"
#include "proto/report/report_words.h"
#include "tests/support/store_case.h"

#define HOUR_US (INT64_C(3600) * 1000000)
#define MINUTE_US (INT64_C(60) * 1000000)

static void
use_zone(const char *zone)
{
    struct err err = { "" };

    setenv("TZ", zone, 1);
    if (timestamp_init(&err) != 0)
        fail_msg("%s", err.text);
}

static int32_t
day(const char *name)
{
    int32_t number = 0;

    assert_int_equal(report_day_parse(text_of(name), &number), 0);
    return number;
}

/* --- words --- */

static size_t
places_in(const char *text)
{
    size_t places = 0;

    for (; (text = strchr(text, '{')) != NULL; text++) {
        assert_in_range(text[1], '0', '9');
        assert_int_equal(text[2], '}');
        places |= (size_t)1 << (text[1] - '0');
    }
    return places;
}

static void
no_word_is_missing_in_a_language(void **state)
{
    for (size_t i = 0; i < REPORT_WORDS; i++) {
        for (int l = 0; l < REPORT_LANGUAGES; l++) {
            const char *text = report_words[i].text[l];

            if (text == NULL || text[0] == '\0')
                fail_msg("word %zu has no text in %s", i,
                         report_language_name((enum report_language)l));
            assert_true(text_is_utf8(text_of(text)));
            assert_null(strchr(text, '|'));     /* it stands in Markdown as it is */
        }
        assert_int_equal(places_in(report_words[i].text[REPORT_EN]),
                         places_in(report_words[i].text[REPORT_KO]));
    }
}

/* What is put in ends in any letter, so that a particle whose form depends on it
 * would be wrong half of the time. */
static void
korean_has_no_particle_that_depends_on_what_is_put_in(void **state)
{
    static const char *const particles[] = { "은", "는", "이", "가", "을", "를", "와", "과", "로",
                                             "으로" };

    for (size_t i = 0; i < REPORT_WORDS; i++) {
        const char *at = report_words[i].text[REPORT_KO];

        for (; (at = strchr(at, '}')) != NULL; at++)
            for (size_t p = 0; p < sizeof(particles) / sizeof(particles[0]); p++)
                if (strncmp(at + 1, particles[p], strlen(particles[p])) == 0)
                    fail_msg("%s", report_words[i].text[REPORT_KO]);
    }
}

static void
numbers_are_written_as_people_read_them(void **state)
{
    static const struct { uint64_t number; const char *text; } numbers[] = {
        { 0, "0" }, { 999, "999" }, { 1000, "1,000" }, { 12345678, "12,345,678" },
        { UINT64_MAX, "18,446,744,073,709,551,615" },
    };
    static const struct { int64_t us; const char *en, *ko; } spans[] = {
        { 0, "0 s", "0초" }, { 59999999, "59 s", "59초" }, { 240 * 1000000, "4 min", "4분" },
        { INT64_C(7800) * 1000000, "2 h 10 min", "2시간 10분" },
        { INT64_C(273600) * 1000000, "3 d 4 h", "3일 4시간" },
    };
    static const struct { int64_t permille; const char *text; } changes[] = {
        { 0, "0.0%" }, { 5, "+0.5%" }, { -5, "-0.5%" }, { -1000, "-100.0%" }, { 123456, "+12,345.6%" },
    };
    struct buf out = { 0 };

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++, buf_clear(&out)) {
        assert_int_equal(report_put_number(&out, numbers[i].number), 0);
        assert_string_equal(out.ptr, numbers[i].text);
    }
    for (size_t i = 0; i < sizeof(spans) / sizeof(spans[0]); i++, buf_clear(&out)) {
        assert_int_equal(report_put_duration(&out, REPORT_EN, spans[i].us), 0);
        assert_string_equal(out.ptr, spans[i].en);
        buf_clear(&out);
        assert_int_equal(report_put_duration(&out, REPORT_KO, spans[i].us), 0);
        assert_string_equal(out.ptr, spans[i].ko);
    }
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++, buf_clear(&out)) {
        assert_int_equal(report_put_permille(&out, changes[i].permille, 1), 0);
        assert_string_equal(out.ptr, changes[i].text);
    }
    assert_int_equal(report_put_change(&out, INT64_MIN), 0);
    assert_string_equal(out.ptr, "-9,223,372,036,854,775,808");
    buf_release(&out);
}

static void
a_change_is_against_something(void **state)
{
    int64_t permille = 77;

    assert_int_equal(report_change(5, 0, &permille), 0);
    assert_int_equal(permille, 77);
    assert_int_equal(report_change(0, 4, &permille), 1);
    assert_int_equal(permille, -1000);
    assert_int_equal(report_change(3, 2, &permille), 1);
    assert_int_equal(permille, 500);
    assert_int_equal(report_change(UINT64_MAX, 1, &permille), 1);
    assert_true(permille > 0);
}

/* --- days --- */

static void
a_day_is_as_long_as_it_is(void **state)
{
    static const struct { const char *zone, *day; int64_t minutes; } cases[] = {
        { "Asia/Seoul", "2026-11-21", 1440 }, { "Europe/Berlin", "2026-03-29", 1380 },
        { "Europe/Berlin", "2026-10-25", 1500 }, { "Australia/Lord_Howe", "2026-10-04", 1410 },
        { "Asia/Kathmandu", "2026-05-05", 1440 }, { "America/Sao_Paulo", "2018-11-04", 1380 },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct report_span span;

        use_zone(cases[i].zone);
        span = report_span_make(REPORT_DAILY, day(cases[i].day), 0);
        if (span.to_us - span.from_us != cases[i].minutes * MINUTE_US)
            fail_msg("%s %s: %lld", cases[i].zone, cases[i].day,
                     (long long)((span.to_us - span.from_us) / MINUTE_US));
        assert_string_equal(span.first, cases[i].day);
        assert_int_equal(report_day_of(span.from_us), span.first_day);
        assert_int_equal(report_day_of(span.to_us - 1), span.first_day);
    }
}

static void
a_week_begins_on_monday_and_knows_whether_it_is_over(void **state)
{
    struct report_span span;

    use_zone("Asia/Seoul");
    span = report_span_make(REPORT_WEEKLY, day("2026-11-22"), report_day_start(day("2026-11-23")));
    assert_string_equal(span.first, "2026-11-16");
    assert_string_equal(span.last, "2026-11-22");
    assert_false(span.is_so_far);
    assert_int_equal(span.from_us - span.before_us, 7 * 24 * HOUR_US);
    span = report_span_make(REPORT_WEEKLY, day("2026-11-16"),
                            report_day_start(day("2026-11-23")) - 1);
    assert_string_equal(span.first, "2026-11-16");
    assert_true(span.is_so_far);
    span = report_span_make(REPORT_WEEKLY, day("1969-12-28"), 0);       /* a Sunday */
    assert_string_equal(span.first, "1969-12-22");
}

static int64_t
time_of(const char *text)
{
    int64_t us = 0;

    assert_int_equal(timestamp_parse(text_of(text), &us, NULL), 0);
    return us;
}

/* What is compared with ends then. */
struct part {
    enum report_period period;
    const char *zone, *day, *now, *before_to;
};

static const struct part parts[] = {
    { REPORT_DAILY, "Asia/Seoul", "2026-11-22", "2026-11-22T14:05:59+09:00",
      "2026-11-21T14:05:00+09:00" },
    { REPORT_DAILY, "Asia/Seoul", "2026-11-22", "2026-11-22T00:00:59+09:00",
      "2026-11-21T00:00:00+09:00" },
    { REPORT_DAILY, "Asia/Seoul", "2026-11-22", "2026-11-23T00:00:00+09:00",
      "2026-11-22T00:00:00+09:00" },
    { REPORT_DAILY, "Asia/Seoul", "2026-11-24", "2026-11-22T14:05:59+09:00",
      "2026-11-23T00:00:00+09:00" },
    { REPORT_DAILY, "Asia/Seoul", "2027-01-01", "2027-01-01T08:00:00+09:00",
      "2026-12-31T08:00:00+09:00" },
    { REPORT_WEEKLY, "Asia/Seoul", "2027-01-01", "2027-01-02T08:00:00+09:00",
      "2026-12-26T08:00:00+09:00" },
    { REPORT_WEEKLY, "Asia/Seoul", "2026-11-22", "2026-11-18T23:59:59+09:00",
      "2026-11-11T23:59:00+09:00" },
    /* the day of 23 hours and the one after it: 02:30 was not there on the first */
    { REPORT_DAILY, "Europe/Berlin", "2026-03-29", "2026-03-29T12:00:00+02:00",
      "2026-03-28T12:00:00+01:00" },
    { REPORT_DAILY, "Europe/Berlin", "2026-03-30", "2026-03-30T02:30:00+02:00",
      "2026-03-29T03:30:00+02:00" },
    /* the day of 25 hours: its second 02:30 is as late as the only one of the day before */
    { REPORT_DAILY, "Europe/Berlin", "2026-10-25", "2026-10-25T02:30:00+01:00",
      "2026-10-24T02:30:00+02:00" },
    { REPORT_DAILY, "Europe/Berlin", "2026-10-25", "2026-10-25T23:59:30+01:00",
      "2026-10-24T23:59:00+02:00" },
    /* midnight was skipped on the day before */
    { REPORT_DAILY, "America/Sao_Paulo", "2018-11-05", "2018-11-05T00:30:00-02:00",
      "2018-11-04T01:30:00-02:00" },
};

static void
what_is_not_over_is_compared_with_the_same_part_of_the_time_before(void **state)
{
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        const struct part *part = &parts[i];
        struct report_span span;

        use_zone(part->zone);
        span = report_span_make(part->period, day(part->day), time_of(part->now));
        if (span.before_to_us != time_of(part->before_to))
            fail_msg("%s %s: %lld minutes off", part->zone, part->now,
                     (long long)((span.before_to_us - time_of(part->before_to)) / MINUTE_US));
        assert_true(span.before_us <= span.before_to_us && span.before_to_us <= span.from_us);
    }
}

/* Midnight in Seoul of 1905 was at some second of a minute. */
static void
a_day_of_old_begins_on_a_whole_minute(void **state)
{
    use_zone("Asia/Seoul");
    for (int32_t d = day("1900-01-01"); d < day("1913-01-01"); d += 30)
        assert_int_equal(report_day_start(d) % MINUTE_US, 0);
}

/* --- incidents --- */

struct count_case {
    struct report_incidents incidents;
    struct report_times *times;
    struct report_span span;
};

static int
open_case(void **state)
{
    struct count_case *the = calloc(1, sizeof(*the));

    use_zone("UTC");
    the->times = report_times_new();
    the->span = report_span_make(REPORT_DAILY, day("2026-11-21"),
                                 report_day_start(day("2026-11-22")));
    *state = the;
    return 0;
}

static int
close_case(void **state)
{
    struct count_case *the = *state;

    report_incidents_release(&the->incidents);
    report_times_destroy(&the->times);
    free(the);
    return 0;
}

/* An incident of the rule from one hour of the day to another. */
static struct incident *
make(const struct count_case *the, const char *rule, int64_t from_h, int64_t to_h)
{
    struct incident *inc = incident_new();

    snprintf(inc->id, sizeof(inc->id), "%032d", 1);
    inc->rule_id = strdup(rule);
    inc->rule_title = strdup(rule);
    inc->severity = SEVERITY_MEDIUM;
    inc->opened_us = the->span.from_us + from_h * HOUR_US;
    inc->last_seen_us = the->span.from_us + to_h * HOUR_US;
    return inc;
}

static void
change(struct incident *inc, int64_t after_h, int to)
{
    assert_int_equal(incident_add_history(inc, inc->opened_us + after_h * HOUR_US, "mina",
                                          inc->status, to, NULL), 0);
    inc->status = to;
}

static void
add(struct count_case *the, struct incident *inc)
{
    assert_int_equal(report_incidents_add(&the->incidents, the->times, inc, &the->span), 0);
    incident_destroy(&inc);
}

static void
an_incident_counts_on_each_day_that_it_touched(void **state)
{
    static const struct { int64_t from_h, to_h; size_t now, before; } cases[] = {
        { 1, 2, 1, 0 }, { -2, -1, 0, 1 }, { -2, 0, 1, 1 }, { -30, 30, 1, 1 }, { 23, 40, 1, 0 },
        { 24, 25, 0, 0 }, { -30, -25, 0, 0 }, { -30, -24, 0, 1 },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct count_case *the = *state;

        report_incidents_release(&the->incidents);
        add(the, make(the, "r", cases[i].from_h, cases[i].to_h));
        assert_int_equal(the->incidents.total, cases[i].now);
        assert_int_equal(the->incidents.before, cases[i].before);
    }
}

static void
what_became_of_them_is_counted_by_rule(void **state)
{
    struct count_case *the = *state;
    struct incident *inc;

    add(the, make(the, "a", 1, 1));
    inc = make(the, "b", 1, 1);
    change(inc, 2, STATUS_ACKNOWLEDGED);
    add(the, inc);
    inc = make(the, "b", 1, 1);
    change(inc, 4, STATUS_INVESTIGATING);
    change(inc, 9, STATUS_RESOLVED);
    inc->severity = SEVERITY_CRITICAL;
    add(the, inc);
    report_incidents_finish(&the->incidents, the->times);
    assert_int_equal(the->incidents.open, 2);
    assert_int_equal(the->incidents.by_status[STATUS_RESOLVED], 1);
    assert_int_equal(the->incidents.rule_count, 2);
    assert_string_equal(the->incidents.rules[0].title, "b");
    assert_int_equal(the->incidents.rules[0].severity, SEVERITY_CRITICAL);
    assert_int_equal(the->incidents.rules[0].acknowledge_us, 3 * HOUR_US);
    assert_int_equal(the->incidents.rules[0].resolve_us, 9 * HOUR_US);
    assert_int_equal(the->incidents.rules[0].by_status[STATUS_ACKNOWLEDGED], 1);
    assert_int_equal(the->incidents.rules[1].acknowledge_us, -1);
    assert_int_equal(the->incidents.rules[1].resolve_us, -1);
    assert_int_equal(the->incidents.worst[0].severity, SEVERITY_CRITICAL);
}

static void
one_that_was_opened_again_is_not_closed(void **state)
{
    struct count_case *the = *state;
    struct incident *inc = make(the, "a", 1, 1);

    change(inc, 1, STATUS_RESOLVED);
    change(inc, 2, STATUS_OPEN);
    add(the, inc);
    inc = make(the, "c", 1, 1);
    change(inc, 1, STATUS_RESOLVED);
    change(inc, 2, STATUS_OPEN);
    change(inc, 7, STATUS_RESOLVED);
    add(the, inc);
    report_incidents_finish(&the->incidents, the->times);
    assert_int_equal(the->incidents.rules[0].acknowledge_us, HOUR_US);
    assert_int_equal(the->incidents.rules[0].resolve_us, -1);
    assert_int_equal(the->incidents.rules[1].resolve_us, 7 * HOUR_US);
}

static void
the_worst_are_kept_and_rules_are_bounded(void **state)
{
    struct count_case *the = *state;

    for (int i = 0; i < REPORT_MAX_RULES + 50; i++) {
        char rule[32];
        struct incident *inc;

        snprintf(rule, sizeof(rule), "rule %d", i);
        inc = make(the, rule, i % 24, 24);
        inc->severity = i % 100 == 7 ? SEVERITY_CRITICAL : SEVERITY_LOW;
        add(the, inc);
    }
    report_incidents_finish(&the->incidents, the->times);
    assert_int_equal(the->incidents.total, REPORT_MAX_RULES + 50);
    assert_int_equal(the->incidents.rule_count, REPORT_MAX_RULES + 1);
    assert_string_equal(the->incidents.rules[0].title, "(other)");
    assert_int_equal(the->incidents.rules[0].total, 50);
    assert_int_equal(the->incidents.worst_count, REPORT_TOP);
    for (size_t i = 0; i < REPORT_TOP; i++)
        assert_int_equal(the->incidents.worst[i].severity,
                         i < 6 ? SEVERITY_CRITICAL : SEVERITY_LOW);
    assert_int_equal(the->incidents.worst[REPORT_TOP - 1].opened_us,
                     the->span.from_us + 23 * HOUR_US);
}

/* --- from a store --- */

static int
open_store(void **state)
{
    use_zone("Asia/Seoul");
    return store_case_open(state);
}

static struct site_report
read_report_at(struct store_case *the, enum report_period period, const char *name,
               int64_t now_us)
{
    struct report_span span = report_span_make(period, day(name), now_us);
    struct site_report report = { 0 };
    struct err err;

    if (site_report_read(the->reader, &span, &report, &err) != 0)
        fail_msg("%s", err.text);
    return report;
}

static struct site_report
read_report(struct store_case *the, enum report_period period, const char *name)
{
    return read_report_at(the, period, name, INT64_MAX);
}

/* An event an hour from 09:00 of 2026-03-01 on, as if now were 12:30 the day after. */
static void
half_a_day_is_compared_with_half_a_day(void **state)
{
    struct store_case *the = *state;
    struct site_report report;

    for (uint64_t i = 0; i < 28; i++)
        store_case_add(the, (struct event_plan){ .sequence = i + 1, .at_s = (int64_t)i * 3600 });
    store_case_put(the);
    report = read_report_at(the, REPORT_DAILY, "2026-03-02", time_of("2026-03-02T12:30:30+09:00"));
    assert_int_equal(report.counts.total, 13);
    assert_int_equal(report.events_before, 4);
    site_report_release(&report);
    report = read_report_at(the, REPORT_DAILY, "2026-03-02", time_of("2026-03-02T00:00:59+09:00"));
    assert_int_equal(report.events_before, 0);
    site_report_release(&report);
}

/* The case begins at 09:00 of Seoul's 2026-03-01, a Sunday. */
static void
a_report_is_of_the_sites_day(void **state)
{
    struct store_case *the = *state;
    struct site_report report;

    for (uint64_t i = 0; i < 48; i++)
        store_case_add(the, (struct event_plan){ .sequence = i + 1, .at_s = (int64_t)i * 3600,
                                                 .source = i < 15 ? "192.0.2.1" : "192.0.2.2",
                                                 .username = "u" });
    store_case_put(the);
    report = read_report(the, REPORT_DAILY, "2026-03-02");
    assert_int_equal(report.counts.total, 24);
    assert_int_equal(report.events_before, 15);
    assert_int_equal(report.bar_count, 24);
    assert_int_equal(report.bars[0].events, 1);
    assert_int_equal(report.sources.fresh_total, 1);
    assert_string_equal(report.sources.fresh[0].value, "192.0.2.2");
    assert_int_equal(report.sources.fresh[0].events, 24);
    assert_int_equal(report.sources.quiet_total, 1);
    assert_string_equal(report.sources.quiet[0].last, "2026-03-01");
    site_report_release(&report);
    report = read_report(the, REPORT_WEEKLY, "2026-03-04");
    assert_int_equal(report.counts.total, 33);
    assert_int_equal(report.bar_count, 7);
    assert_int_equal(report.bars[0].events, 24);
    assert_int_equal(report.bars[1].events, 9);
    assert_int_equal(report.counts.steps, 28);
    assert_int_equal(report.counts.timeline[0], 6);
    assert_int_equal(report.step_us, 6 * HOUR_US);
    site_report_release(&report);
}

static void
more_values_than_a_list_has_become_the_rest(void **state)
{
    struct store_case *the = *state;
    struct site_report report;
    char (*names)[16] = calloc(60, sizeof(*names));

    for (uint64_t i = 0; i < 60 * 3; i++) {
        snprintf(names[i % 60], sizeof(names[0]), "u%d", (int)(i % 60));
        store_case_add(the, (struct event_plan){ .sequence = i + 1, .at_s = 60,
                                                 .username = names[i % 60],
                                                 .source = i % 60 < 21 ? names[i % 60] : NULL });
    }
    store_case_put(the);
    report = read_report(the, REPORT_DAILY, "2026-03-01");
    assert_int_equal(report.counts.row_count[COUNT_USER], REPORT_TOP + 1);
    assert_string_equal(report.counts.rows[COUNT_USER][REPORT_TOP].value, "(other)");
    assert_int_equal(report.counts.rows[COUNT_USER][REPORT_TOP].events, 40 * 3);
    assert_int_equal(report.counts.row_count[COUNT_SOURCE], REPORT_TOP + 1);
    assert_int_equal(report.counts.rows[COUNT_SOURCE][REPORT_TOP].events, 3);
    site_report_release(&report);
    free(names);
}

static void
an_incident_that_went_on_is_found_on_the_day_it_began(void **state)
{
    struct store_case *the = *state;
    struct incident *inc = store_case_incident(1, 1, "192.0.2.1");
    struct site_report report;

    inc->last_seen_us = inc->opened_us + 40 * HOUR_US;
    store_case_put_incident(the, inc);
    inc = store_case_incident(2, 1, "192.0.2.1");
    inc->opened_us = inc->last_seen_us = CASE_START + 3 * CASE_DAY;
    store_case_put_incident(the, inc);
    report = read_report(the, REPORT_DAILY, "2026-03-01");
    assert_int_equal(report.incidents.total, 1);
    site_report_release(&report);
    report = read_report(the, REPORT_DAILY, "2026-03-02");
    assert_int_equal(report.incidents.total, 1);
    assert_int_equal(report.incidents.before, 1);
    site_report_release(&report);
}

static void
the_balance_adds_up_the_hours_of_the_day(void **state)
{
    struct store_case *the = *state;
    const int64_t hour = CASE_START / HOUR_US;
    struct ledger *hours = calloc(1, sizeof(*hours));
    struct site_report report;
    struct report_span span;
    struct err err;

    ledger_add(hours, 7, hour, LEDGER_ACCEPTED, 100);
    ledger_add(hours, 7, hour, LEDGER_STORED, 97);
    ledger_add(hours, 7, hour, LEDGER_NOT_STORED, 1);
    ledger_add(hours, 7, hour + 1, LEDGER_REFUSED_FIELD, 4);
    ledger_add(hours, 7, hour + 15, LEDGER_ACCEPTED, 9);        /* the next day in Seoul */
    assert_int_equal(the->writer->ops->put_balance(the->writer, hours, &err), STORE_DONE);
    report = read_report(the, REPORT_DAILY, "2026-03-01");
    assert_true(report.balance.has_numbers);
    assert_int_equal(report.balance.received, 104);
    assert_int_equal(report.balance.refused, 4);
    assert_int_equal(report.balance.dead_letters, 1);
    assert_int_equal(report.balance.on_the_way, 2);
    site_report_release(&report);
    /* the hour that runs is not looked at */
    span = report_span_make(REPORT_DAILY, day("2026-03-01"), CASE_START + HOUR_US);
    assert_int_equal(site_report_read(the->reader, &span, &report, &err), 0);
    assert_false(report.balance.has_numbers);
    site_report_release(&report);
    report = read_report(the, REPORT_DAILY, "2026-02-20");
    assert_false(report.balance.has_numbers);
    site_report_release(&report);
    free(hours);
}

#define TEST(f) cmocka_unit_test(f)
#define COUNT_TEST(f) cmocka_unit_test_setup_teardown(f, open_case, close_case)
#define STORE_TEST(f) cmocka_unit_test_setup_teardown(f, open_store, store_case_close)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(no_word_is_missing_in_a_language),
        TEST(korean_has_no_particle_that_depends_on_what_is_put_in),
        TEST(numbers_are_written_as_people_read_them),
        TEST(a_change_is_against_something),
        TEST(a_day_is_as_long_as_it_is),
        TEST(a_week_begins_on_monday_and_knows_whether_it_is_over),
        TEST(what_is_not_over_is_compared_with_the_same_part_of_the_time_before),
        TEST(a_day_of_old_begins_on_a_whole_minute),
        COUNT_TEST(an_incident_counts_on_each_day_that_it_touched),
        COUNT_TEST(what_became_of_them_is_counted_by_rule),
        COUNT_TEST(one_that_was_opened_again_is_not_closed),
        COUNT_TEST(the_worst_are_kept_and_rules_are_bounded),
        STORE_TEST(a_report_is_of_the_sites_day),
        STORE_TEST(half_a_day_is_compared_with_half_a_day),
        STORE_TEST(more_values_than_a_list_has_become_the_rest),
        STORE_TEST(an_incident_that_went_on_is_found_on_the_day_it_began),
        STORE_TEST(the_balance_adds_up_the_hours_of_the_day),
    };

    return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
