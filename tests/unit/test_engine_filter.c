/*
 * test_engine_filter.c - filters on the way to incidents: what they keep away is counted
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
#include "proto/base/timestamp.h"
#include "tests/support/engine_case.h"

/* The scanner's failures do not count, until START and an hour. */
#define FILTER \
    "---\ntitle: Our scanner\nid: scan\"ner\nlogsource: {product: x}\n" \
    "filter: {rules: [failed, alarm], s: {source_address: 192.0.2.1}, condition: not s}\n"

static void
open_case(struct engine_case *fix, const char *end)
{
    struct engine_options options = engine_case_options();
    char rules[3000];

    snprintf(rules, sizeof(rules), "%s%s%s", engine_case_rules, FILTER, end);
    engine_case_open(fix, rules, &options);
}

static void
open_ending(struct engine_case *fix)
{
    char when[TIMESTAMP_LEN], end[100];

    timestamp_format(START + HOUR, when);
    snprintf(end, sizeof(end), "bongsu: {expires: '%s'}\n", when);
    open_case(fix, end);
}

static int
set_up(void **state)
{
    *state = calloc(1, sizeof(struct engine_case));
    open_case(*state, "");
    return 0;
}

static int
set_up_ending(void **state)
{
    *state = calloc(1, sizeof(struct engine_case));
    open_ending(*state);
    return 0;
}

static uint64_t
filtered(struct engine_case *fix)
{
    return *metrics_number(fix->metrics, METRIC_COUNTER, "bongsu_detector_filtered_total",
                           "filter=\"scan\\\"ner\"", "");
}

static uint64_t
gauge(struct engine_case *fix, const char *name)
{
    return *metrics_number(fix->metrics, METRIC_GAUGE, name, "", "");
}

static void
filtered_events_count_in_no_window_and_open_no_incident(void **state)
{
    struct engine_case *fix = *state;
    struct event alarm = engine_case_event(fix, "alarm", "192.0.2.1", START);

    engine_case_fail_login(fix, "192.0.2.1", 50, START);
    engine_case_judge(fix, &alarm);
    assert_int_equal(engine_case_incidents(fix).count, 0);
    assert_int_equal(engine_case_counter(fix, "bongsu_detector_matches_total"), 0);
    assert_int_equal(filtered(fix), 2);

    engine_case_fail_login(fix, "192.0.2.2", 50, START);
    assert_int_equal(engine_case_incidents(fix).count, 1);
    assert_int_equal(filtered(fix), 2);
}

static void
an_ended_filter_is_not_applied_and_says_so(void **state)
{
    struct engine_case *fix = *state;
    struct engine_filtered one;

    engine_case_fail_login(fix, "192.0.2.1", 50, START + HOUR - 1);
    assert_int_equal(engine_case_incidents(fix).count, 0);
    assert_int_equal(gauge(fix, "bongsu_detector_filters"), 1);
    assert_int_equal(gauge(fix, "bongsu_detector_filters_expired"), 0);
    assert_int_equal(engine_filter(fix->engine, 0, &one), 1);
    assert_int_equal(one.is_expired, 0);

    engine_case_fail_login(fix, "192.0.2.1", 50, START + HOUR);
    assert_int_equal(engine_case_incidents(fix).count, 1);
    assert_int_equal(gauge(fix, "bongsu_detector_filters_expired"), 1);
    assert_int_equal(engine_filter(fix->engine, 0, &one), 1);
    assert_int_equal(one.is_expired, 1);
    assert_int_equal(one.taken, 1);
    assert_int_equal(one.rules, 2);
    assert_string_equal(one.id, "scan\"ner");
    assert_int_equal(engine_filter(fix->engine, 1, &one), 0);
}

/* A restart knows the stream's time by its rows, before an event comes. */
static void
that_a_filter_ended_is_known_after_a_restart(void **state)
{
    struct engine_case *fix = *state, other = { .engine = NULL };
    struct row_store *store = calloc(1, sizeof(*store));

    engine_case_fail_login(fix, "192.0.2.1", 50, START + HOUR);
    row_store_save(store, fix);
    open_ending(&other);
    assert_int_equal(gauge(&other, "bongsu_detector_filters_expired"), 0);
    row_store_restore(store, &other);
    assert_int_equal(gauge(&other, "bongsu_detector_filters_expired"), 1);
    engine_case_close(&other);
    row_store_destroy(&store);
}

/* Other rules, the same stream: one filter has ended, and the new one counts on its own. */
static void
new_rules_bring_their_filters(void **state)
{
    struct engine_case *fix = *state;
    struct row_store *store = calloc(1, sizeof(*store));
    struct ruleset *rules = ruleset_new();
    struct engine_filtered one;
    struct err err = { "" };
    char text[4000];

    engine_case_fail_login(fix, "192.0.2.1", 1, START);
    engine_case_fail_login(fix, "192.0.2.9", 1, START + HOUR);
    row_store_save(store, fix);
    snprintf(text, sizeof(text), "%s%sbongsu: {expires: 2020-01-01}\n---\n"
             "title: New\nlogsource: {}\n"
             "filter: {rules: any, s: {source_address: 192.0.2.3}, condition: not s}\n",
             engine_case_rules, FILTER);
    assert_int_equal(ruleset_add(rules, "x.yml", text, strlen(text)), 0);
    assert_int_equal(ruleset_link(rules, &err), 0);
    assert_int_equal(ruleset_refused_count(rules), 0);
    assert_int_equal(engine_swap(&fix->engine, &rules, &err), 0);

    assert_int_equal(gauge(fix, "bongsu_detector_filters"), 2);
    assert_int_equal(gauge(fix, "bongsu_detector_filters_expired"), 1);
    engine_case_fail_login(fix, "192.0.2.3", 50, START + HOUR);
    assert_int_equal(engine_case_incidents(fix).count, 0);
    assert_int_equal(engine_filter(fix->engine, 0, &one), 1);
    assert_int_equal(one.taken, 1);
    assert_int_equal(engine_filter(fix->engine, 1, &one), 1);
    assert_int_equal(one.taken, 1);
    row_store_destroy(&store);
}

/* An old log that is read in late is judged by when it is received. */
static void
when_an_event_happened_decides_nothing(void **state)
{
    struct engine_case *fix = *state;
    struct event alarm = engine_case_event(fix, "alarm", "192.0.2.1", START - HOUR);

    alarm.received_us = START + 2 * HOUR;
    engine_case_judge(fix, &alarm);
    assert_int_equal(engine_case_incidents(fix).count, 1);
}

/* Two slots judge the same stream: together they count a hit once. */
static void
one_slot_counts_a_hit(void **state)
{
    struct engine_case *fix = *state;
    uint64_t total = 0;

    for (unsigned slot = 0; slot < 2; slot++) {
        const struct share share = { .slots = 2, .slot = slot };

        engine_set_share(fix->engine, &share);
        engine_case_fail_login(fix, "192.0.2.1", 1, START);
        total = filtered(fix);
    }
    assert_int_equal(total, 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(filtered_events_count_in_no_window_and_open_no_incident,
                                        set_up, engine_case_tear_down),
        cmocka_unit_test_setup_teardown(an_ended_filter_is_not_applied_and_says_so,
                                        set_up_ending, engine_case_tear_down),
        cmocka_unit_test_setup_teardown(that_a_filter_ended_is_known_after_a_restart,
                                        set_up_ending, engine_case_tear_down),
        cmocka_unit_test_setup_teardown(new_rules_bring_their_filters, set_up_ending,
                                        engine_case_tear_down),
        cmocka_unit_test_setup_teardown(when_an_event_happened_decides_nothing, set_up_ending,
                                        engine_case_tear_down),
        cmocka_unit_test_setup_teardown(one_slot_counts_a_hit, set_up, engine_case_tear_down),
    };

    setenv("TZ", "Asia/Seoul", 1);
    assert_int_equal(timestamp_init(NULL), 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
