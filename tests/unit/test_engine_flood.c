/*
 * test_engine_flood.c - what a flood of one rule, or a change of it, costs at each event
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "detector/memory/state_table.h"
#include "detector/ruleset/ruleset.h"
#include "tests/support/engine_case.h"

#define ONE(id, type) \
    "title: " id "-one\nid: " id "-one\nname: " id "-one\nlogsource: {product: x}\n" \
    "detection: {s: {event_type: " type "}, condition: s}\n"
#define COUNTING(id, type, enough) ONE(id, type) "---\n" \
    "title: Many " id "\nid: " id "\n" \
    "correlation: {type: event_count, rules: " id "-one, group-by: [source_address]," \
    " timespan: 5m, condition: {gte: " enough "}}\n"

static int64_t now_us;

static void
happens(struct engine_case *fix, const char *type, const char *source, int64_t count)
{
    struct event ev = engine_case_event(fix, type, source, ++now_us);

    ev.known[EVENT_COUNT] = value_int(count);
    engine_case_judge(fix, &ev);
}

/* So many addresses, each once. */
static void
flood(struct engine_case *fix, const char *type, int count)
{
    char source[32];

    for (int i = 0; i < count; i++) {
        snprintf(source, sizeof(source), "10.%d.%d.%d", i / 62500, i / 250 % 250, i % 250);
        happens(fix, type, source, 1);
    }
}

static int
count_row(void *ctx, const struct engine_row *row)
{
    (void)row;
    ++*(size_t *)ctx;
    return 0;
}

/* What changed is on disk. */
static void
settle(struct engine_case *fix)
{
    size_t rows = 0;

    assert_int_equal(engine_changes(fix->engine, count_row, &rows), 0);
    engine_settle(fix->engine);
}

static void
swap(struct engine_case *fix, const char *rules)
{
    struct ruleset *others = ruleset_new();
    struct err err = { "" };

    assert_int_equal(ruleset_add(others, "x.yml", rules, strlen(rules)), 0);
    assert_int_equal(ruleset_link(others, &err), 0);
    assert_int_equal(engine_swap(&fix->engine, &others, &err), 0);
}

/* What one address was told of ever new services: all have the address's hash. */
static void
rows_of_one_slot_do_not_stand_in_one_bucket(void **state)
{
    enum { ROWS = 20000, LONGEST = 20 };
    struct state_table table;
    uint64_t hash = hash64("192.0.2.1", 9);
    size_t longest = 0;
    char key[32];

    (void)state;
    assert_int_equal(state_table_init(&table, 1), 0);
    for (int i = 0; i < ROWS; i++) {
        snprintf(key, sizeof(key), "service %d", i);
        assert_non_null(state_add(&table, RULE_TOLD, text_of(key), hash));
    }
    for (size_t i = 0; i < table.bucket_count; i++) {
        size_t length = 0;

        for (const struct state *row = table.buckets[i]; row != NULL; row = row->next_in_bucket)
            length++;
        longest = length > longest ? length : longest;
    }
    assert_in_range(longest, 1, LONGEST);
    for (int i = 0; i < ROWS; i += 7) {
        struct state *row;

        snprintf(key, sizeof(key), "service %d", i);
        row = state_find(&table, RULE_TOLD, text_of(key), hash);
        assert_non_null(row);
        state_drop(&table, row);
        assert_null(state_find(&table, RULE_TOLD, text_of(key), hash));
    }
    state_table_release(&table);
}

/* An average of 30 over 480 events; of the newest 64 it would be 80. */
static void
flood_of_one_rule_shortens_no_window_of_another(void **state)
{
    static const char rules[] = COUNTING("login", "login_failed", "3") "---\n" ONE("busy", "busy") "---\n"
        "title: Average\nid: average\n"
        "correlation: {type: value_avg, rules: busy-one, group-by: [source_address],"
        " timespan: 1h, condition: {field: count, gte: 50}}\n";
    struct engine_options options = engine_case_options();
    struct engine_case fix = { 0 };
    struct engine_loss loss;

    (void)state;
    options.max_keys = 100000;
    options.max_entries = 500;
    options.max_total_entries = 10000;
    options.rule_share = 80;
    engine_case_open(&fix, rules, &options);
    now_us = START;
    for (int i = 0; i < 480; i++) {
        if (i == 470)
            flood(&fix, "login_failed", 20000);
        happens(&fix, "busy", "192.0.2.1", i < 300 ? 0 : 80);
    }
    assert_true(engine_numbers(fix.engine).keys_evicted > 5000);
    assert_int_equal(engine_case_incidents(&fix).count, 0);
    for (size_t i = 0; engine_loss(fix.engine, i, &loss); i++)
        if (strcmp(loss.id, "average") == 0)
            assert_int_equal(loss.keys + loss.entries, 0);
    engine_case_close(&fix);
}

/* Rows of before are without windows: as many as it takes would go for one event. */
static void
changed_rule_that_has_its_share_loses_few_keys_with_each_event(void **state)
{
    enum { ROWS = 5000, BUSY = 1000, ROUNDS = 20, MOST = 100 };
    struct engine_options options = engine_case_options();
    struct engine_case fix = { 0 };
    char source[32];

    (void)state;
    options.max_keys = 100000;
    options.max_entries = 500;
    options.max_total_entries = 10000;
    options.rule_share = 80;
    engine_case_open(&fix, COUNTING("login", "login_failed", "3"), &options);
    now_us = START;
    flood(&fix, "login_failed", ROWS);
    settle(&fix);
    swap(&fix, COUNTING("login", "login_failed", "40"));
    for (int i = 0; i < ROUNDS * BUSY; i++) {
        uint64_t before = engine_numbers(fix.engine).keys_evicted;

        snprintf(source, sizeof(source), "172.16.%d.%d", i % BUSY / 250, i % 250);
        happens(&fix, "login_failed", source, 1);
        assert_in_range(engine_numbers(fix.engine).keys_evicted - before, 0, MOST);
        assert_in_range(engine_numbers(fix.engine).entries, 0, 10000);
    }
    assert_true(engine_numbers(fix.engine).keys_evicted > ROWS);
    engine_case_close(&fix);
}

/* Which of the keys is looked at first is salted: so many times. */
static void
row_of_a_rule_that_went_and_came_back_goes_from_the_file_too(void **state)
{
    static const char both[] = COUNTING("login", "login_failed", "3") "---\n" COUNTING("scan", "scan", "3");
    static const char one[] = COUNTING("scan", "scan", "3");
    struct engine_options options = engine_case_options();

    (void)state;
    options.max_keys = 4;
    options.rule_share = 50;
    for (int i = 0; i < 40; i++) {
        struct row_store *store = calloc(1, sizeof(*store));
        struct engine_case fix = { 0 };

        engine_case_open(&fix, both, &options);
        now_us = START;
        happens(&fix, "login_failed", "192.0.2.1", 1);
        happens(&fix, "login_failed", "192.0.2.1", 1);
        happens(&fix, "login_failed", "192.0.2.2", 1);
        row_store_save(store, &fix);
        swap(&fix, one);
        row_store_save(store, &fix);
        swap(&fix, both);
        happens(&fix, "login_failed", "192.0.2.1", 1);
        happens(&fix, "scan", "192.0.2.9", 1);
        happens(&fix, "login_failed", "192.0.2.3", 1);
        happens(&fix, "login_failed", "192.0.2.4", 1);
        row_store_save(store, &fix);
        for (size_t k = 0; k < store->count; k++)
            if (!store->rows[k].is_gone)
                assert_null(memmem(store->rows[k].key.ptr, store->rows[k].key.len, "192.0.2.1", 9));
        engine_case_close(&fix);
        row_store_destroy(&store);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_one_slot_do_not_stand_in_one_bucket),
        cmocka_unit_test(flood_of_one_rule_shortens_no_window_of_another),
        cmocka_unit_test(changed_rule_that_has_its_share_loses_few_keys_with_each_event),
        cmocka_unit_test(row_of_a_rule_that_went_and_came_back_goes_from_the_file_too),
    };

    return cmocka_run_group_tests_name("engine_flood", tests, NULL, NULL);
}
