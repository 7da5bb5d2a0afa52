/*
 * test_engine_correlate.c - what correlations measure: means, percentiles, sums, tuples
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/engine_case.h"

#define RULE(type, condition) \
    "title: Login\nid: login\nlogsource: {product: x}\n" \
    "detection: {s: {event_type: login}, condition: s}\n---\n" \
    "title: C\nid: cor\nlevel: high\n" \
    "correlation: {type: " type ", rules: login, group-by: [source_address], timespan: 1m,\n" \
    "  condition: {" condition "}}\n"

static void
open_with(struct engine_case *fix, const char *rules)
{
    struct engine_options options = engine_case_options();

    *fix = (struct engine_case){ 0 };
    engine_case_open(fix, rules, &options);
}

static void
measure(struct engine_case *fix, double number, int64_t at_us)
{
    struct event ev = engine_case_event(fix, "login", "192.0.2.1", at_us);

    ev.known[EVENT_COUNT] = (struct value){ .kind = VALUE_REAL, .as.real = number };
    engine_case_judge(fix, &ev);
}

/* How many events until the condition holds, or 0: one each second. */
static size_t
measured_until(const char *rules, const double *numbers, size_t count)
{
    struct engine_case fix;
    size_t found = 0;

    open_with(&fix, rules);
    for (size_t i = 0; i < count && found == 0; i++) {
        measure(&fix, numbers[i], START + SEC(i));
        found = engine_case_incidents(&fix).count > 0 ? i + 1 : 0;
    }
    engine_case_close(&fix);
    return found;
}

#define UNTIL(rules, ...) \
    measured_until(rules, (const double[]){ __VA_ARGS__ }, \
                   sizeof((const double[]){ __VA_ARGS__ }) / sizeof(double))

static void
middles_of_the_numbers_in_the_window_are_judged(void **state)
{
    (void)state;
    assert_int_equal(UNTIL(RULE("value_avg", "gte: 4, field: count"), 1, 5, 6), 3);
    assert_int_equal(UNTIL(RULE("value_avg", "gt: 4, field: count"), 1, 5, 6, 4), 0);
    assert_int_equal(UNTIL(RULE("value_avg", "gt: -1, field: count"), -2, -1, 0.5), 3);
    assert_int_equal(UNTIL(RULE("value_median", "gte: 5, field: count"), 1, 100, 2, 9, 8), 2);
    assert_int_equal(UNTIL(RULE("value_median", "gt: 50.5, field: count"), 1, 100, 2, 60, 61),
                     5);
    assert_int_equal(UNTIL(RULE("value_percentile", "gte: 9, field: count, percentile: 90"),
                           1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10), 10);
    assert_int_equal(UNTIL(RULE("value_percentile", "gte: 7, field: count, percentile: 0"),
                           6, 7, 8, 9), 0);
}

static void
numbers_older_than_the_timespan_count_no_more(void **state)
{
    struct engine_case fix;

    (void)state;
    open_with(&fix, RULE("value_median", "gte: 6, field: count"));
    for (int i = 0; i < 5; i++)
        measure(&fix, 1, START + SEC(i));
    measure(&fix, 9, START + SEC(62));
    measure(&fix, 9, START + SEC(63));
    assert_int_equal(engine_case_incidents(&fix).count, 0);
    measure(&fix, 8, START + SEC(64));
    assert_int_equal(engine_case_incidents(&fix).count, 1);
    engine_case_close(&fix);
}

/* 1e300 + 5 - 1e300 is 0, unless it is known what rounding took. */
static void
a_huge_number_that_came_and_went_leaves_the_sum_right(void **state)
{
    struct engine_case fix;

    (void)state;
    open_with(&fix, RULE("value_avg", "gte: 5, field: count"));
    measure(&fix, -1e300, START);
    for (int i = 1; i < 61; i++)
        measure(&fix, 4, START + SEC(i));
    measure(&fix, 4, START + SEC(61));
    measure(&fix, 100, START + SEC(62));
    assert_int_equal(engine_case_incidents(&fix).count, 1);
    engine_case_close(&fix);
}

/* More events than a key may hold, a restart amid them: the incident counts them all. */
static void
events_that_went_for_room_are_counted_after_a_restart(void **state)
{
    static const char *const users[] = { "anna", "ben", "cho", "dora" };
    struct engine_options options = engine_case_options();
    struct engine_case fix = { 0 };

    (void)state;
    options.max_entries = 200;
    engine_case_open(&fix, RULE("value_count", "gte: 4, field: username"), &options);
    for (int i = 0; i <= 3000; i++) {
        struct event ev = engine_case_event(&fix, "login", "192.0.2.1", START + i * 10000);

        ev.known[EVENT_USERNAME] = value_text(text_of(users[i < 3000 ? i % 3 : 3]));
        engine_case_judge(&fix, &ev);
        if (i == 2000) {
            struct row_store *store = calloc(1, sizeof(*store));
            uint64_t sequence = fix.sequence;

            assert_non_null(store);
            row_store_save(store, &fix);
            engine_case_close(&fix);
            fix = (struct engine_case){ 0 };
            engine_case_open(&fix, RULE("value_count", "gte: 4, field: username"), &options);
            row_store_restore(store, &fix);
            fix.sequence = sequence;
            row_store_destroy(&store);
        }
        assert_true(engine_numbers(fix.engine).entries <= 200);
    }
    assert_int_equal(engine_numbers(fix.engine).entries_dropped, 0);
    assert_int_equal(engine_case_incidents(&fix).total, 3001);
    engine_case_close(&fix);
}

/* Saved and given back after each event: the same holds at the same event. */
static void
measures_go_on_after_a_restart(void **state)
{
    static const struct { const char *rules; int holds_at; } rows[] = {
        { RULE("value_avg", "gt: 0.25, field: count"), 8 },
        { RULE("value_sum", "gt: 1.5, field: count"), 8 },
        { RULE("value_percentile", "gt: 0.29, field: count, percentile: 75"), 6 },
    };
    static const double numbers[] = { -1e17, 0.1, 0.2, 0.1, 0.3, 0.3, 0.4, 0.5, 0.5 };

    (void)state;
    for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
        struct engine_case fix;

        open_with(&fix, rows[r].rules);
        for (int i = 0; i < 9; i++) {
            struct row_store *store = calloc(1, sizeof(*store));
            uint64_t sequence = fix.sequence;

            /* the first is out of the window when the last ones come */
            measure(&fix, numbers[i], START + (i == 0 ? 0 : SEC(60) + i));
            assert_int_equal(engine_case_incidents(&fix).count, i + 1 >= rows[r].holds_at);
            row_store_save(store, &fix);
            engine_case_close(&fix);
            if (i + 1 >= rows[r].holds_at) {
                row_store_destroy(&store);
                break;
            }
            open_with(&fix, rows[r].rules);
            fix.sequence = sequence + 1;
            row_store_restore(store, &fix);
            row_store_destroy(&store);
        }
    }
}

static void
login(struct engine_case *fix, const char *user, const char *type, int64_t at_us)
{
    struct event ev = engine_case_event(fix, "login", "192.0.2.1", at_us);

    if (user != NULL)
        ev.known[EVENT_USERNAME] = value_text(text_of(user));
    ev.known[EVENT_DESTINATION_IP] = value_text(text_of(type));
    engine_case_judge(fix, &ev);
}

static void
several_fields_are_counted_as_one_value(void **state)
{
    struct engine_case fix;

    (void)state;
    open_with(&fix, RULE("value_count", "gte: 3, field: [username, destination_ip]"));
    login(&fix, "ab", "c", START);
    login(&fix, "AB", "C", START + 1);          /* as it is compared */
    login(&fix, "a", "bc", START + 2);          /* and not run together */
    login(&fix, NULL, "d", START + 3);          /* a tuple that is not whole */
    assert_int_equal(engine_case_incidents(&fix).count, 0);
    assert_int_equal(engine_case_counter(&fix, "bongsu_detector_no_value_total"), 1);
    login(&fix, "a", "c", START + 4);
    assert_int_equal(engine_case_incidents(&fix).count, 1);
    engine_case_close(&fix);
}

static void
text_that_is_no_number_is_counted_and_changes_no_mean(void **state)
{
    struct engine_case fix;
    struct event ev;

    (void)state;
    open_with(&fix, RULE("value_avg", "gte: 4, field: count"));
    ev = engine_case_event(&fix, "login", "192.0.2.1", START);
    ev.known[EVENT_COUNT] = value_text(text_of("many"));
    engine_case_judge(&fix, &ev);
    ev = engine_case_event(&fix, "login", NULL, START);
    engine_case_judge(&fix, &ev);
    measure(&fix, 4, START + 1);
    assert_int_equal(engine_case_incidents(&fix).count, 1);
    assert_int_equal(engine_case_counter(&fix, "bongsu_detector_no_value_total"), 1);
    assert_int_equal(engine_case_counter(&fix, "bongsu_detector_no_key_total"), 1);
    engine_case_close(&fix);
}

/* Whoever makes up logsources pays for each with a look at every rule: it shows. */
static void
a_logsource_is_worked_out_once_and_counted(void **state)
{
    static const char rule[] = "title: A\nlogsource: {product: linux}\n"
                               "detection: {s: {event_type: e}, condition: s}\n";
    static const char *const products[] = { "linux", "linux", "windows", "linux", "windows" };
    static const uint64_t routes[] = { 1, 1, 2, 2, 2 };
    struct engine_options options = engine_case_options();
    struct engine_case fix = { 0 };

    (void)state;
    engine_case_open(&fix, rule, &options);
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        struct event ev = engine_case_event(&fix, "e", "192.0.2.1", START);

        assert_int_equal(event_add_extra(&ev, text_of("logsource.product"),
                                         value_text(text_of(products[i]))), 0);
        engine_case_judge(&fix, &ev);
        event_release(&ev);
        assert_int_equal(engine_case_counter(&fix, "bongsu_detector_routes_total"), routes[i]);
    }
    engine_case_close(&fix);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_logsource_is_worked_out_once_and_counted),
        cmocka_unit_test(middles_of_the_numbers_in_the_window_are_judged),
        cmocka_unit_test(numbers_older_than_the_timespan_count_no_more),
        cmocka_unit_test(a_huge_number_that_came_and_went_leaves_the_sum_right),
        cmocka_unit_test(events_that_went_for_room_are_counted_after_a_restart),
        cmocka_unit_test(measures_go_on_after_a_restart),
        cmocka_unit_test(several_fields_are_counted_as_one_value),
        cmocka_unit_test(text_that_is_no_number_is_counted_and_changes_no_mean),
    };

    return cmocka_run_group_tests_name("engine_correlate", tests, NULL, NULL);
}
