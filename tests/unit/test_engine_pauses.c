/*
 * test_engine_pauses.c - no event waits for what much memory needs at once
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
#include "tests/support/engine_case.h"

enum { MANY = 400 };

/* One login of each of many addresses fails. */
static void
fail_many(struct engine_case *fix, int64_t at_us)
{
    char source[32];

    for (int i = 0; i < MANY; i++) {
        snprintf(source, sizeof(source), "10.0.%d.%d", i / 200, i % 200);
        engine_case_fail_login(fix, source, 1, at_us);
    }
}

static int
count_row(void *ctx, const struct engine_row *row)
{
    size_t *count = ctx;

    (void)row;
    ++*count;
    return 0;
}

static void
settle(struct engine_case *fix)
{
    size_t count = 0;

    assert_int_equal(engine_changes(fix->engine, count_row, &count), 0);
    engine_settle(fix->engine);
}

static void
rows_that_grow_old_at_once_go_a_few_with_each_event(void **state)
{
    struct engine_case *fix = *state;
    size_t before, most = 0;

    fail_many(fix, START);
    settle(fix);
    before = engine_numbers(fix->engine).keys;
    assert_true(before >= MANY);
    for (int i = 0; i < MANY; i++) {
        engine_case_fail_login(fix, "192.0.2.1", 1, START + 24 * HOUR + SEC(600) * i);
        if (before > engine_numbers(fix->engine).keys + most)
            most = before - engine_numbers(fix->engine).keys;
        before = engine_numbers(fix->engine).keys;
    }
    assert_in_range(most, 1, 8);
    assert_in_range(engine_numbers(fix->engine).keys, 1, 8);
}

static void
rows_that_wait_to_be_dropped_do_not_count_as_pushed_out(void **state)
{
    struct engine_case *fix = *state;
    struct engine_options options = engine_case_options();

    engine_case_close(fix);
    options.max_keys = MANY;
    engine_case_open(fix, engine_case_rules, &options);
    fail_many(fix, START);
    assert_true(engine_numbers(fix->engine).keys >= MANY);
    assert_int_equal(engine_numbers(fix->engine).keys_evicted, 0);
    fail_many(fix, START + 24 * HOUR);
    assert_int_equal(engine_numbers(fix->engine).keys_evicted, 0);
    assert_in_range(engine_numbers(fix->engine).keys, MANY, MANY);
}

static void
sudo(struct engine_case *fix, int user, int64_t at_us)
{
    struct event ev = engine_case_event(fix, "sudo", "192.0.2.1", at_us);
    char name[16];

    snprintf(name, sizeof(name), "u%d", user);
    ev.known[EVENT_USERNAME] = value_text(text_of(name));
    engine_case_judge(fix, &ev);
}

/* What was seen makes room among its own. */
static void
a_full_memory_leaves_the_rows_of_others_alone(void **state)
{
    static const char rules[] =
        "title: First sudo\nid: first\nlogsource: {product: x}\n"
        "detection: {s: {event_type: sudo}, condition: s}\n"
        "bongsu: {first_seen: {fields: [username], within: 30d}}\n"
        "---\n"
        "title: Failed\nid: failed\nname: failed\nlogsource: {product: x}\n"
        "detection: {s: {event_type: login_failed}, condition: s}\n"
        "---\n"
        "title: Flood\nid: flood\n"
        "correlation: {type: event_count, rules: failed, group-by: [source_address],"
        " timespan: 5m, condition: {gte: 1000}}\n";
    struct engine_case *fix = *state;
    struct engine_options options = engine_case_options();
    size_t before;

    engine_case_close(fix);
    options.max_keys = 2 * MANY;
    engine_case_open(fix, rules, &options);
    for (int i = 0; i < MANY / 2 + 1; i++)
        sudo(fix, i, START);
    fail_many(fix, START);
    before = engine_numbers(fix->engine).keys;
    assert_in_range(before, 3 * MANY / 2, 2 * MANY);
    assert_int_equal(engine_case_counter(fix, "bongsu_detector_seen_evicted_total"), 0);
    sudo(fix, MANY, START + 24 * HOUR);
    assert_int_equal(engine_case_counter(fix, "bongsu_detector_seen_evicted_total"), 1);
    assert_in_range(before - engine_numbers(fix->engine).keys, 1, 8);
}

static void
alarm(struct engine_case *fix, int number, int64_t at_us)
{
    struct event ev = engine_case_event(fix, "alarm", "192.0.2.1", at_us);
    char key[16];

    snprintf(key, sizeof(key), "%d", number);
    ev.is_keyed = 1;
    ev.id = event_id_keyed(text_of("k"), text_of(key));
    engine_case_judge(fix, &ev);
}

/* Rows without entries make no room for entries, however many of them are over. */
static void
full_windows_leave_the_rows_of_others_alone(void **state)
{
    static const char rules[] =
        "title: Alarm\nid: alarm\nlogsource: {product: x}\n"
        "detection: {s: {event_type: alarm}, condition: s}\n"
        "---\n"
        "title: Failed\nid: failed\nname: failed\nlogsource: {product: x}\n"
        "detection: {s: {event_type: login_failed}, condition: s}\n"
        "---\n"
        "title: Slow\nid: slow\n"
        "correlation: {type: event_count, rules: failed, group-by: [source_address],"
        " timespan: 7d, condition: {gte: 1000}}\n";
    struct engine_case *fix = *state;
    struct engine_options options = engine_case_options();
    size_t before;

    engine_case_close(fix);
    options.max_total_entries = MANY;
    engine_case_open(fix, rules, &options);
    fail_many(fix, START);
    for (int i = 0; i < MANY; i++)
        alarm(fix, i, START);
    before = engine_numbers(fix->engine).keys;
    assert_true(before >= 2 * MANY);
    engine_case_fail_login(fix, "192.0.2.1", 1, START + 72 * HOUR);
    assert_in_range(engine_numbers(fix->engine).entries, 1, MANY);
    assert_in_range(before - engine_numbers(fix->engine).keys, 1, 32);
}

/* An id is remembered for a day, whether or not its row is there after that. */
static void
what_waits_to_be_dropped_is_forgotten(void **state)
{
    struct engine_case *fix = *state;

    for (int i = 0; i < MANY; i++)
        alarm(fix, i, START);
    alarm(fix, MANY - 1, START + SEC(1));
    assert_int_equal(engine_case_counter(fix, "bongsu_detector_repeats_total"), 1);
    alarm(fix, MANY - 1, START + 72 * HOUR);
    assert_true(engine_numbers(fix->engine).keys > MANY / 2);       /* they wait, indeed */
    assert_int_equal(engine_case_counter(fix, "bongsu_detector_repeats_total"), 1);
}

static void
what_a_commit_has_to_write_is_known(void **state)
{
    struct engine_case *fix = *state;
    size_t count = 0;

    assert_int_equal(engine_changed(fix->engine), 0);
    fail_many(fix, START);
    assert_true(engine_changed(fix->engine) >= MANY);
    assert_int_equal(engine_changes(fix->engine, count_row, &count), 0);
    assert_int_equal(engine_changed(fix->engine), count);
    engine_settle(fix->engine);
    assert_int_equal(engine_changed(fix->engine), 0);
    /* what goes is to be written, too, but not what never was on disk */
    engine_case_fail_login(fix, "192.0.2.1", 1, START + 24 * HOUR);
    engine_case_fail_login(fix, "192.0.2.1", 1, START + 24 * HOUR);
    count = 0;
    assert_int_equal(engine_changes(fix->engine, count_row, &count), 0);
    assert_int_equal(engine_changed(fix->engine), count);
    assert_in_range(count, 3, 16);
    engine_settle(fix->engine);
    assert_int_equal(engine_changed(fix->engine), 0);
}

static void
swap(struct engine_case *fix, const char *text)
{
    struct ruleset *rules = ruleset_new();
    struct err err = { "" };

    assert_int_equal(ruleset_add(rules, "x.yml", text, strlen(text)), 0);
    assert_int_equal(ruleset_link(rules, &err), 0);
    assert_int_equal(engine_swap(&fix->engine, &rules, &err), 0);
}

static const char *
only_alarm(void)
{
    return strstr(engine_case_rules, "title: Alarm");
}

static void
rows_of_a_rule_that_is_gone_leave_one_with_each_event(void **state)
{
    struct engine_case *fix = *state;
    struct row_store *store = calloc(1, sizeof(*store));

    fail_many(fix, START);
    row_store_save(store, fix);
    assert_int_equal(row_store_kept(store), MANY);
    swap(fix, only_alarm());
    assert_int_equal(engine_changed(fix->engine), 0);
    assert_int_equal(engine_numbers(fix->engine).keys, 0);
    for (int i = 0; i < MANY; i++) {
        engine_case_fail_login(fix, "192.0.2.1", 1, START + i);
        row_store_save(store, fix);
        assert_int_equal(store->changes, 1);
        if (i == MANY / 2)      /* those who are to leave still survive another swap */
            swap(fix, only_alarm());
    }
    assert_int_equal(row_store_kept(store), 0);
    engine_case_fail_login(fix, "192.0.2.1", 1, START + SEC(1));
    assert_int_equal(engine_changed(fix->engine), 0);
    row_store_destroy(&store);
}

static void
rows_leave_also_while_no_event_comes(void **state)
{
    struct engine_case *fix = *state;
    struct row_store *store = calloc(1, sizeof(*store));
    struct err err = { "" };

    fail_many(fix, START);
    row_store_save(store, fix);
    swap(fix, only_alarm());
    for (int i = 0; i < MANY; i++)
        assert_int_equal(engine_pass(fix->engine, 1, START + i, &err), 0);
    row_store_save(store, fix);
    assert_int_equal(row_store_kept(store), 0);
    row_store_destroy(&store);
}

/* The file has one row of a key, and that is the new one's. */
static void
rule_that_comes_back_keeps_what_it_counts_from_then_on(void **state)
{
    struct engine_case *fix = *state;
    struct engine_options options = engine_case_options();
    struct row_store *store = calloc(1, sizeof(*store));

    fail_many(fix, START);
    row_store_save(store, fix);
    swap(fix, only_alarm());
    swap(fix, engine_case_rules);
    engine_case_fail_login(fix, "10.0.0.5", 4, START + SEC(1));
    row_store_save(store, fix);
    for (int i = 0; i < 2 * MANY; i++) {
        struct event ev = engine_case_event(fix, "nothing", "192.0.2.1", START + SEC(2));

        engine_case_judge(fix, &ev);
        row_store_save(store, fix);
    }
    assert_int_equal(row_store_kept(store), 1);
    engine_case_close(fix);
    engine_case_open(fix, engine_case_rules, &options);
    row_store_restore(store, fix);
    engine_case_fail_login(fix, "10.0.0.5", 1, START + SEC(3));
    assert_int_equal(engine_case_incidents(fix).total, 5);
    row_store_destroy(&store);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, engine_case_set_up, engine_case_tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rows_that_grow_old_at_once_go_a_few_with_each_event),
        TEST(rows_that_wait_to_be_dropped_do_not_count_as_pushed_out),
        TEST(a_full_memory_leaves_the_rows_of_others_alone),
        TEST(full_windows_leave_the_rows_of_others_alone),
        TEST(what_waits_to_be_dropped_is_forgotten),
        TEST(what_a_commit_has_to_write_is_known),
        TEST(rows_of_a_rule_that_is_gone_leave_one_with_each_event),
        TEST(rows_leave_also_while_no_event_comes),
        TEST(rule_that_comes_back_keeps_what_it_counts_from_then_on),
    };

    return cmocka_run_group_tests_name("engine_pauses", tests, NULL, NULL);
}
