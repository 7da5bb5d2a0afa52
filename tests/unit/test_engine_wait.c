/*
 * test_engine_wait.c - conditions of few events, or of none: judged when no more can come
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "detector/ruleset/ruleset.h"
#include "proto/base/hash.h"
#include "tests/support/engine_case.h"

#define DETECTION(id) \
    "title: " id "\nid: " id "\nlogsource: {product: x}\n" \
    "detection: {s: {event_type: " id "}, condition: s}\n---\n"
#define RULE(body) \
    DETECTION("a") DETECTION("b") DETECTION("c") \
    "title: C\nid: cor\nlevel: high\ncorrelation: {group-by: [source_address], " body "}\n"
#define COUNT(condition) \
    RULE("type: event_count, rules: a, timespan: 1m, condition: {" condition "}")
#define NOT "type: temporal, rules: [a, b], timespan: 1m, condition: a and not b"
#define LATENESS SEC(300)

static void
open_with(struct engine_case *fix, const char *rules)
{
    struct engine_options options = engine_case_options();

    *fix = (struct engine_case){ 0 };
    engine_case_open(fix, rules, &options);
}

static void
judge(struct engine_case *fix, const char *type, const char *source, int64_t at_us,
      int64_t received_us)
{
    struct event ev = engine_case_event(fix, type, source, at_us);

    ev.received_us = received_us;
    engine_case_judge(fix, &ev);
}

/* Something that no rule knows: the stream goes on. */
static struct seen
at_time(struct engine_case *fix, int64_t at_us)
{
    judge(fix, "other", NULL, at_us, at_us);
    return engine_case_incidents(fix);
}

static void
few_events_are_told_when_no_more_can_come_though_the_key_is_silent(void **state)
{
    struct engine_case fix;
    struct seen seen;

    (void)state;
    open_with(&fix, COUNT("eq: 2"));
    judge(&fix, "a", "192.0.2.1", START, START);
    judge(&fix, "a", "192.0.2.1", START + SEC(60), START + SEC(60));
    assert_int_equal(at_time(&fix, START + SEC(60) + LATENESS).count, 0);
    seen = at_time(&fix, START + SEC(60) + LATENESS + 1);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.incident.count, 2);
    assert_int_equal(seen.incident.opened_us, START + SEC(60));
    assert_string_equal(seen.key, "192.0.2.1");
    assert_true(engine_is_urgent(fix.engine));
    engine_case_close(&fix);
}

static void
its_incident_is_of_the_event_that_the_window_ends_with(void **state)
{
    struct event_id opener = event_id_make(1, 1, 2);
    const struct text parts[] = { text_of("cor"), text_of("009:192.0.2.1"),
                                  { (const char *)opener.bytes, opener.len } };
    char expected[INCIDENT_ID_HEX];
    unsigned char id[HASH_ID_LEN];
    struct engine_case fix;

    (void)state;
    hash_id(parts, 3, id);
    hash_to_hex(id, sizeof(id), expected);
    open_with(&fix, COUNT("eq: 2"));
    judge(&fix, "a", "192.0.2.1", START, START);
    judge(&fix, "a", "192.0.2.1", START + 1, START + 1);
    assert_string_equal(at_time(&fix, START + HOUR).id, expected);
    engine_case_close(&fix);
}

/* So many events in a moment, then silence: does it hold? */
static size_t
holds_with(const char *rules, int events)
{
    struct engine_case fix;
    size_t found;

    open_with(&fix, rules);
    for (int i = 0; i < events; i++)
        judge(&fix, "a", "192.0.2.1", START, START);
    found = at_time(&fix, START + HOUR).count;
    engine_case_close(&fix);
    return found;
}

static void
ranges_hold_between_their_ends(void **state)
{
    static const struct { const char *rules; int from, to; } rows[] = {
        { COUNT("gte: 3, lt: 5"), 3, 4 },
        { COUNT("gt: 3, lte: 5"), 4, 5 },
        { COUNT("lt: 3"), 1, 2 },
        { COUNT("eq: 3"), 3, 3 },
        { COUNT("gte: 2, lte: 9, neq: 2"), 3, 9 },
        { RULE("type: value_sum, rules: a, timespan: 1m,"
               " condition: {gt: 2.5, lt: 4.5, field: count}"), 3, 4 },
    };

    (void)state;
    for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++)
        for (int events = 1; events < 12; events++)
            assert_int_equal(holds_with(rows[r].rules, events),
                             events >= rows[r].from && events <= rows[r].to);
}

static void
one_out_of_order_is_counted_before_its_window_is_judged(void **state)
{
    struct engine_case fix;

    (void)state;
    open_with(&fix, COUNT("eq: 1"));
    judge(&fix, "a", "192.0.2.1", START + SEC(30), START + SEC(30));
    judge(&fix, "a", "192.0.2.1", START, START + SEC(40));
    judge(&fix, "a", "192.0.2.1", START - SEC(30), START + SEC(40));
    judge(&fix, "a", "192.0.2.1", START - SEC(61), START + SEC(50));
    /* only the one at -61 is alone */
    assert_int_equal(at_time(&fix, START + HOUR).incident.count, 1);
    assert_int_equal(engine_case_counter(&fix, "bongsu_detector_late_events_total"), 0);
    engine_case_close(&fix);
}

static void
what_comes_for_a_window_that_was_judged_is_late(void **state)
{
    struct engine_case fix;

    (void)state;
    open_with(&fix, RULE(NOT));
    judge(&fix, "a", "192.0.2.1", START, START);
    assert_int_equal(at_time(&fix, START + SEC(61) + LATENESS).count, 1);
    judge(&fix, "b", "192.0.2.1", START + SEC(10), START + SEC(62) + LATENESS);
    assert_int_equal(engine_case_counter(&fix, "bongsu_detector_late_events_total"), 1);
    engine_case_close(&fix);
}

static void
a_rule_that_must_not_match_silences_for_a_timespan_after(void **state)
{
    static const struct { int64_t b_at; size_t found; } rows[] = {
        { -1, 1 }, { 0, 0 }, { 1, 0 }, { SEC(60), 0 }, { SEC(60) + 1, 1 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct engine_case fix;
        struct seen seen;

        open_with(&fix, RULE(NOT));
        judge(&fix, "a", "192.0.2.1", START, START);
        judge(&fix, "a", "192.0.2.9", START, START);
        judge(&fix, "b", "192.0.2.1", START + rows[i].b_at, START + rows[i].b_at);
        assert_int_equal(at_time(&fix, START + SEC(60) + LATENESS).count, 0);
        seen = at_time(&fix, START + SEC(61) + LATENESS);
        assert_int_equal(seen.count, 1 + rows[i].found);
        assert_int_equal(seen.total, 1 + rows[i].found);    /* b is no part of it */
        engine_case_close(&fix);
    }
}

static void
conditions_without_not_hold_at_once(void **state)
{
    struct engine_case fix;

    (void)state;
    open_with(&fix, RULE("type: temporal, timespan: 1m, condition: a and (b or c)"));
    judge(&fix, "b", "192.0.2.1", START, START);
    judge(&fix, "c", "192.0.2.1", START + 1, START + 1);
    assert_int_equal(engine_case_incidents(&fix).count, 0);
    judge(&fix, "a", "192.0.2.1", START + SEC(60) + 1, START + SEC(60) + 1);
    assert_int_equal(engine_case_incidents(&fix).count, 1);
    engine_case_close(&fix);
}

/* A correlation may be what must be there: failures, and then no success. */
static void
a_correlation_may_be_part_of_the_condition(void **state)
{
    static const char rules[] =
        DETECTION("a") DETECTION("b")
        "title: Many\nid: many\n"
        "correlation: {type: event_count, rules: a, group-by: [source_address], timespan: 1m,"
        " condition: {gte: 3}}\n---\n"
        "title: C\nid: cor\nlevel: high\n"
        "correlation: {type: temporal, group-by: [source_address], timespan: 5m,"
        " condition: many and not b}\n";
    struct engine_case fix;
    struct seen seen;

    (void)state;
    open_with(&fix, rules);
    for (int i = 0; i < 3; i++)
        judge(&fix, "a", "192.0.2.1", START + i, START + i);
    for (int i = 0; i < 3; i++)
        judge(&fix, "a", "192.0.2.2", START + i, START + i);
    judge(&fix, "b", "192.0.2.2", START + SEC(200), START + SEC(200));
    seen = at_time(&fix, START + HOUR);
    assert_int_equal(seen.count, 1);
    assert_string_equal(seen.key, "192.0.2.1");
    engine_case_close(&fix);
}

/* Logs of last year, read now: only what they say themselves, and silence, moves
 * their time on. */
static void
old_logs_are_judged_by_their_own_time(void **state)
{
    const int64_t year = 365 * 24 * HOUR;
    struct engine_case fix;

    (void)state;
    open_with(&fix, RULE(NOT));
    judge(&fix, "a", "192.0.2.1", START - year, START);
    at_time(&fix, START + SEC(1));
    judge(&fix, "b", "192.0.2.1", START - year + SEC(50), START + SEC(2));
    judge(&fix, "a", "192.0.2.1", START - year + HOUR, START + SEC(3));
    assert_int_equal(at_time(&fix, START + SEC(60) + LATENESS).count, 0);
    assert_int_equal(at_time(&fix, START + SEC(64) + LATENESS).total, 1);
    engine_case_close(&fix);
}

/* A clock that stands still does not put it off for ever. */
static void
a_host_whose_clock_stands_still_is_judged_all_the_same(void **state)
{
    struct engine_case fix;
    size_t found = 0;

    (void)state;
    open_with(&fix, RULE(NOT));
    for (int i = 0; i < 500 && found == 0; i++) {
        judge(&fix, "a", "192.0.2.1", START, START + SEC(i));
        found = engine_case_incidents(&fix).count;
    }
    assert_int_equal(found, 1);
    engine_case_close(&fix);
}

static void
a_repeat_counts_once(void **state)
{
    struct engine_case fix;
    struct event ev;

    (void)state;
    open_with(&fix, COUNT("eq: 2"));
    ev = engine_case_event(&fix, "a", "192.0.2.1", START);
    ev.id = (struct event_id){ .len = HASH_ID_LEN, .bytes = { 1, 2, 3 } };
    ev.is_keyed = 1;
    engine_case_judge(&fix, &ev);
    engine_case_judge(&fix, &ev);
    assert_int_equal(at_time(&fix, START + HOUR).count, 0);
    assert_true(engine_case_counter(&fix, "bongsu_detector_repeats_total") > 0);
    engine_case_close(&fix);
}

/* What was thrown away for room is no proof that little came. */
static void
at_the_limit_events_are_dropped_and_nothing_false_is_told(void **state)
{
    struct engine_options options = engine_case_options();
    struct engine_case fix = { 0 };
    struct seen seen;

    (void)state;
    options.max_entries = 100;
    engine_case_open(&fix, COUNT("gte: 3, lt: 40"), &options);
    for (int i = 0; i < 5000; i++)
        judge(&fix, "a", "192.0.2.1", START + SEC(i) / 100, START + SEC(i) / 100);
    assert_true(engine_numbers(fix.engine).entries <= 150);
    assert_true(engine_case_counter(&fix, "bongsu_detector_entries_dropped_total") > 4000);
    seen = at_time(&fix, START + HOUR);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.total, 39);           /* as the first ones came it was true */
    assert_int_equal(seen.incident.last_seen_us, START + SEC(38) / 100);
    /* and a minute after the last loss it knows again */
    for (int i = 0; i < 3; i++)
        judge(&fix, "a", "192.0.2.1", START + 3 * HOUR + i, START + 3 * HOUR + i);
    assert_int_equal(at_time(&fix, START + 4 * HOUR).incident.count, 3);
    engine_case_close(&fix);
}

/* Many more come within the lateness than a key may hold, but not within the timespan. */
static void
a_busy_key_waits_shorter_and_loses_nothing(void **state)
{
    struct engine_options options = engine_case_options();
    struct engine_case fix = { 0 };

    (void)state;
    options.max_entries = 100;
    engine_case_open(&fix, RULE("type: event_count, rules: a, timespan: 10s,"
                                " condition: {gte: 20, lt: 30}"), &options);
    for (int i = 0; i < 2000; i++)      /* 31 in ten seconds; in the middle 21 */
        judge(&fix, "a", "192.0.2.1", START + SEC(i) / 3 + (i > 1000 ? SEC(5) : 0),
              START + SEC(i) / 3 + (i > 1000 ? SEC(5) : 0));
    assert_int_equal(engine_case_incidents(&fix).count, 1);
    assert_int_equal(engine_case_counter(&fix, "bongsu_detector_entries_dropped_total"), 0);
    assert_int_equal(engine_case_counter(&fix, "bongsu_detector_late_events_total"), 0);
    engine_case_close(&fix);
}

/* Whoever is due first is told first, whatever came and went between. */
static void
many_keys_wait_each_for_its_own_time(void **state)
{
    struct engine_options options = engine_case_options();
    struct engine_case fix = { 0 };
    static int64_t at_us[1000];
    uint64_t random = 5;
    size_t told = 0;
    char source[32];

    (void)state;
    options.max_keys = 300;
    engine_case_open(&fix, COUNT("eq: 1"), &options);
    for (int i = 0; i < 1000; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        at_us[i] = START + (int64_t)(random >> 56) * SEC(1);
        snprintf(source, sizeof(source), "10.0.%d.%d", i / 200, i % 200);
        judge(&fix, "a", source, at_us[i], START + i);
    }
    /* those evicted are counted, and wait for nothing */
    assert_int_equal(engine_case_counter(&fix, "bongsu_detector_keys_evicted_total"), 700);
    for (int64_t now_us = START + SEC(290); now_us < START + SEC(600); now_us += SEC(3)) {
        struct row_store *store = calloc(1, sizeof(*store));
        size_t due = 0;

        told += at_time(&fix, now_us).count;
        row_store_save(store, &fix);
        row_store_destroy(&store);
        for (int i = 700; i < 1000; i++)
            due += at_us[i] + LATENESS < now_us;
        assert_int_equal(told, due);
    }
    assert_int_equal(told, 300);
    engine_case_close(&fix);
}

static void
an_idle_stream_moves_time_on_without_an_event(void **state)
{
    struct engine_case fix;
    struct err err = { "" };

    (void)state;
    open_with(&fix, RULE(NOT));
    judge(&fix, "a", "192.0.2.1", START, START);
    assert_int_equal(engine_pass(fix.engine, 9, 0, &err), 0);
    assert_int_equal(engine_pass(fix.engine, 9, INT64_MAX, &err), 0);
    assert_int_equal(engine_pass(fix.engine, 9, START + SEC(60) + LATENESS, &err), 0);
    assert_int_equal(engine_case_incidents(&fix).count, 0);
    assert_int_equal(engine_pass(fix.engine, 9, START + SEC(61) + LATENESS, &err), 1);
    assert_int_equal(engine_case_incidents(&fix).count, 1);
    engine_case_close(&fix);
}

/* b may still be in what the other journal has to tell. */
static void
a_journal_with_a_backlog_is_waited_for(void **state)
{
    struct engine_case fix;
    struct err err = { "" };
    struct event ev;

    (void)state;
    open_with(&fix, RULE(NOT));
    assert_int_equal(engine_pass(fix.engine, 5, START - SEC(100), &err), 0);
    judge(&fix, "a", "192.0.2.1", START, START);
    for (int i = 0; i < 2000; i += 100) {
        assert_int_equal(engine_pass(fix.engine, 9, START + SEC(i), &err), 0);
        assert_int_equal(engine_pass(fix.engine, 5, START - SEC(100) + SEC(i) / 100, &err), 0);
    }
    ev = engine_case_event(&fix, "b", "192.0.2.1", START + SEC(5));
    assert_int_equal(engine_judge(fix.engine, &ev, 5, &err), 0);
    assert_int_equal(engine_pass(fix.engine, 5, START + SEC(2000), &err), 1);
    assert_int_equal(engine_case_incidents(&fix).count, 0);
    /* but not one that is gone */
    judge(&fix, "a", "192.0.2.1", START + SEC(2000), START + SEC(2000));
    assert_int_equal(engine_pass(fix.engine, 9, START + SEC(2600), &err), 0);
    assert_int_equal(engine_pass(fix.engine, 9, START + SEC(2601), &err), 1);
    assert_int_equal(engine_case_incidents(&fix).count, 1);
    engine_case_close(&fix);
}

#define RULE_B "title: b\nid: b\nlogsource: {product: x}\n" \
               "detection: {s: {event_type: b}, condition: s}\n"

static void
swap_rules(struct engine_case *fix, const char *text)
{
    struct row_store *store = calloc(1, sizeof(*store));
    struct ruleset *rules = ruleset_new();
    struct err err = { "" };

    row_store_save(store, fix);         /* it must all be on disk */
    row_store_destroy(&store);
    assert_int_equal(ruleset_add(rules, "x.yml", text, strlen(text)), 0);
    assert_int_equal(ruleset_link(rules, &err), 0);
    assert_int_equal(ruleset_refused_count(rules), 0);
    assert_int_equal(engine_swap(&fix->engine, &rules, &err), 0);
}

/* "cor" has another number with each set, or is not there, or says something else. */
static void
what_waits_goes_on_waiting_under_other_rules(void **state)
{
    static const char more[] = DETECTION("z") RULE(NOT), none[] = DETECTION("a") RULE_B,
                      other[] = RULE("type: temporal, rules: [a, b], timespan: 2m,"
                                     " condition: a and not b");
    struct engine_case fix;
    char source[32];

    (void)state;
    open_with(&fix, RULE(NOT));
    for (int i = 0; i < 100; i++) {
        snprintf(source, sizeof(source), "192.0.2.%d", i);
        judge(&fix, "a", source, START + SEC(i % 10), START + SEC(i % 10));
        if (i == 50)
            swap_rules(&fix, more);
    }
    assert_int_equal(at_time(&fix, START + SEC(65) + LATENESS).count, 50);
    swap_rules(&fix, RULE(NOT));
    assert_int_equal(at_time(&fix, START + SEC(66) + LATENESS).count, 10);
    swap_rules(&fix, other);
    assert_int_equal(at_time(&fix, START + HOUR).count, 0);
    judge(&fix, "a", "192.0.2.1", START + HOUR, START + HOUR);
    swap_rules(&fix, none);
    assert_int_equal(at_time(&fix, START + 2 * HOUR).count, 0);
    engine_case_close(&fix);
}

static void
a_step_that_waits_is_refused(void **state)
{
    static const char text[] =
        DETECTION("a") DETECTION("b")
        "title: Few\nid: few\n"
        "correlation: {type: event_count, rules: a, timespan: 1m, condition: {lt: 3}}\n---\n"
        "title: C\nid: cor\ncorrelation: {type: temporal, rules: [few, b], timespan: 5m}\n";
    struct ruleset *rules = ruleset_new();
    struct err err = { "" };

    (void)state;
    assert_int_equal(ruleset_add(rules, "x.yml", text, strlen(text)), 0);
    assert_int_equal(ruleset_link(rules, &err), 0);
    assert_int_equal(ruleset_refused_count(rules), 1);
    assert_non_null(strstr(ruleset_refused(rules, 0), "x.yml:17: a step must not wait"));
    ruleset_destroy(&rules);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_events_are_told_when_no_more_can_come_though_the_key_is_silent),
        cmocka_unit_test(its_incident_is_of_the_event_that_the_window_ends_with),
        cmocka_unit_test(ranges_hold_between_their_ends),
        cmocka_unit_test(one_out_of_order_is_counted_before_its_window_is_judged),
        cmocka_unit_test(what_comes_for_a_window_that_was_judged_is_late),
        cmocka_unit_test(a_rule_that_must_not_match_silences_for_a_timespan_after),
        cmocka_unit_test(conditions_without_not_hold_at_once),
        cmocka_unit_test(a_correlation_may_be_part_of_the_condition),
        cmocka_unit_test(old_logs_are_judged_by_their_own_time),
        cmocka_unit_test(a_host_whose_clock_stands_still_is_judged_all_the_same),
        cmocka_unit_test(a_repeat_counts_once),
        cmocka_unit_test(at_the_limit_events_are_dropped_and_nothing_false_is_told),
        cmocka_unit_test(a_busy_key_waits_shorter_and_loses_nothing),
        cmocka_unit_test(many_keys_wait_each_for_its_own_time),
        cmocka_unit_test(an_idle_stream_moves_time_on_without_an_event),
        cmocka_unit_test(a_journal_with_a_backlog_is_waited_for),
        cmocka_unit_test(what_waits_goes_on_waiting_under_other_rules),
        cmocka_unit_test(a_step_that_waits_is_refused),
    };

    return cmocka_run_group_tests_name("engine_wait", tests, NULL, NULL);
}
