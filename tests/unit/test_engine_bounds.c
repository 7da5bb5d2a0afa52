/*
 * test_engine_bounds.c - what one rule holds costs no other rule what it knows
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
#include "tests/support/random_number.h"

#define COUNTING(id, type) \
    "title: " id "\nid: " id "-one\nname: " id "-one\nlogsource: {product: x}\n" \
    "detection: {s: {event_type: " type "}, condition: s}\n" \
    "---\n" \
    "title: Many " id "\nid: " id "\n" \
    "correlation: {type: event_count, rules: " id "-one, group-by: [source_address]," \
    " timespan: 5m, condition: {gte: 3}}\n"
#define FIRST(id, type) \
    "title: First " id "\nid: " id "\nlogsource: {product: x}\n" \
    "detection: {s: {event_type: " type "}, condition: s}\n" \
    "bongsu: {first_seen: {fields: [source_address], within: 30d}}\n"

static const char rules[] = COUNTING("login", "login_failed") "---\n" COUNTING("scan", "scan") "---\n"
                            COUNTING("probe", "probe") "---\n" FIRST("sudo", "sudo") "---\n"
                            FIRST("su", "su");

static int64_t now_us;

static void
open_engine(struct engine_case *fix, size_t max_keys, size_t max_entries, unsigned share)
{
    struct engine_options options = engine_case_options();

    options.max_keys = max_keys;
    options.max_total_entries = max_entries;
    options.rule_share = share;
    now_us = START;
    engine_case_open(fix, rules, &options);
}

static void
happens(struct engine_case *fix, const char *type, const char *source)
{
    struct event ev = engine_case_event(fix, type, source, ++now_us);

    engine_case_judge(fix, &ev);
}

/* So many addresses, each once. */
static void
flood(struct engine_case *fix, const char *type, int count)
{
    char source[32];

    for (int i = 0; i < count; i++) {
        snprintf(source, sizeof(source), "10.%d.%d.%d", i / 62500, i / 250 % 250, i % 250);
        happens(fix, type, source);
    }
}

static void
rule_that_has_its_share_makes_room_with_its_own_keys(void **state)
{
    struct engine_case fix = { 0 };

    (void)state;
    open_engine(&fix, 100, 0, 60);
    happens(&fix, "scan", "192.0.2.1");
    happens(&fix, "scan", "192.0.2.2");
    flood(&fix, "login_failed", 1000);
    assert_int_equal(engine_numbers(fix.engine).keys, 62);
    assert_int_equal(engine_numbers(fix.engine).keys_evicted, 940);
    assert_int_equal(engine_numbers(fix.engine).rule_keys_evicted, 940);
    /* once each, before the flood: of all keys they are the oldest */
    for (int i = 0; i < 2; i++)
        happens(&fix, "scan", "192.0.2.1");
    assert_int_equal(engine_case_incidents(&fix).total, 3);
    engine_case_close(&fix);
}

static void
key_under_attack_outlives_the_flood_of_its_own_rule(void **state)
{
    struct engine_case fix = { 0 };

    (void)state;
    open_engine(&fix, 100, 0, 40);
    for (int i = 0; i < 3; i++) {
        happens(&fix, "login_failed", "192.0.2.1");
        if (i > 0)              /* it was there twice before the flood */
            flood(&fix, "login_failed", 1000);
    }
    assert_int_equal(engine_case_incidents(&fix).total, 3);
    engine_case_close(&fix);
}

static void
of_several_floods_the_largest_gives_way(void **state)
{
    struct engine_case fix = { 0 };
    char source[32];

    (void)state;
    open_engine(&fix, 100, 0, 80);
    happens(&fix, "probe", "192.0.2.1");
    for (int i = 0; i < 2000; i++) {
        snprintf(source, sizeof(source), "10.0.%d.%d", i / 250, i % 250);
        happens(&fix, i % 2 == 0 ? "login_failed" : "scan", source);
        assert_true(engine_numbers(fix.engine).keys <= 100);
    }
    assert_int_equal(engine_numbers(fix.engine).keys, 100);
    assert_int_equal(engine_numbers(fix.engine).rule_keys_evicted, 0);
    for (int i = 0; i < 2; i++)
        happens(&fix, "probe", "192.0.2.1");
    assert_int_equal(engine_case_incidents(&fix).total, 3);
    engine_case_close(&fix);
}

static void
rule_has_its_share_of_all_entries(void **state)
{
    struct engine_case fix = { 0 };
    size_t before;

    (void)state;
    open_engine(&fix, 10000, 1000, 50);
    happens(&fix, "scan", "192.0.2.1");
    for (int i = 0; i < 40; i++)
        flood(&fix, "login_failed", 50);
    assert_in_range(engine_numbers(fix.engine).entries, 100, 501);
    flood(&fix, "login_failed", 2000);
    assert_in_range(engine_numbers(fix.engine).entries, 400, 501);
    assert_true(engine_numbers(fix.engine).rule_keys_evicted > 1000);
    assert_int_equal(engine_numbers(fix.engine).keys_evicted,
                     engine_numbers(fix.engine).rule_keys_evicted);
    before = engine_case_incidents(&fix).count;
    for (int i = 0; i < 2; i++)
        happens(&fix, "scan", "192.0.2.1");
    assert_int_equal(engine_case_incidents(&fix).count, before + 1);
    engine_case_close(&fix);
}

/* One busy key of each of many rules: none of them is small. */
static void
entries_are_bounded_also_when_each_rule_has_one_key(void **state)
{
    enum { RULES = 20 };
    struct engine_options options = engine_case_options();
    struct engine_case fix = { 0 };
    struct buf text = { 0 };
    char type[32];

    (void)state;
    for (int i = 0; i < RULES; i++)
        buf_printf(&text, "%stitle: One %d\nid: one%d\nname: one%d\nlogsource: {product: x}\n"
                   "detection: {s: {event_type: busy%d}, condition: s}\n"
                   "---\ntitle: Sum %d\nid: sum%d\n"
                   "correlation: {type: value_sum, rules: one%d, group-by: [source_address],"
                   " timespan: 1h, condition: {field: count, gte: 100000}}\n",
                   i == 0 ? "" : "---\n", i, i, i, i, i, i, i);
    options.max_total_entries = 1000;
    engine_case_open(&fix, text.ptr, &options);
    now_us = START;
    for (int i = 0; i < 20000; i++) {
        snprintf(type, sizeof(type), "busy%d", i % RULES);
        happens(&fix, type, "192.0.2.1");
        assert_true(engine_numbers(fix.engine).entries <= 1000);
    }
    assert_true(engine_numbers(fix.engine).entries > 500);
    engine_case_close(&fix);
    buf_release(&text);
}

static void
what_one_rule_has_seen_pushes_out_nothing_that_another_has(void **state)
{
    struct engine_case fix = { 0 };
    uint64_t before;

    (void)state;
    for (unsigned share = 0; share <= 50; share += 50) {    /* 0: of all memories */
        open_engine(&fix, 400, 0, share);
        happens(&fix, "su", "192.0.2.1");
        flood(&fix, "sudo", 1000);
        assert_true(engine_case_counter(&fix, "bongsu_detector_seen_evicted_total") >= 900);
        before = engine_case_incidents(&fix).total;
        happens(&fix, "su", "192.0.2.1");
        assert_int_equal(engine_case_incidents(&fix).total, before);
        engine_case_close(&fix);
    }
}

/* Given back by a checkpoint of an engine that had more room, or by other rules. */
static void
share_holds_after_a_restart_and_a_swap(void **state)
{
    struct ruleset *others = ruleset_new();
    struct row_store *store = calloc(1, sizeof(*store));
    struct engine_case fix = { 0 };
    struct err err = { "" };

    (void)state;
    open_engine(&fix, 400, 0, 0);
    flood(&fix, "login_failed", 300);
    happens(&fix, "scan", "192.0.2.1");
    row_store_save(store, &fix);
    engine_case_close(&fix);
    open_engine(&fix, 400, 0, 25);
    row_store_restore(store, &fix);
    now_us += 1000;
    happens(&fix, "login_failed", "192.0.2.7");
    assert_int_equal(engine_numbers(fix.engine).rule_keys_evicted, 201);
    assert_int_equal(engine_numbers(fix.engine).keys, 101);
    row_store_save(store, &fix);
    assert_int_equal(ruleset_add(others, "x.yml", rules, strlen(rules)), 0);
    assert_int_equal(ruleset_link(others, &err), 0);
    assert_int_equal(engine_swap(&fix.engine, &others, &err), 0);
    happens(&fix, "login_failed", "192.0.2.8");
    assert_int_equal(engine_numbers(fix.engine).keys, 101);
    happens(&fix, "scan", "192.0.2.1");
    happens(&fix, "scan", "192.0.2.1");
    assert_int_equal(engine_case_incidents(&fix).total, 3);
    engine_case_close(&fix);
    row_store_destroy(&store);
}

/* --- the table itself, beside one that looks at everything --- */

enum { TABLE_RULES = 40, STEPS = 20000 };

static enum state_kind
kind_of(uint32_t rule)
{
    return rule % 3 == 0 ? STATE_WINDOWS : rule % 3 == 1 ? STATE_PLAIN : STATE_MEMORY;
}

static void
open_table(struct state_table *table)
{
    assert_int_equal(state_table_init(table, TABLE_RULES), 0);
    for (uint32_t i = 0; i < TABLE_RULES; i++)
        (void)state_hold(table, HOLDS_RULES + i, i * UINT64_C(0x9E3779B97F4A7C15),
                         kind_of(i), i % 5 == 0 ? INT64_MAX : SEC(10 + i % 7 * 10));
}

static struct holding *
largest_of(struct state_table *table, enum state_kind least, enum state_kind most)
{
    struct holding *best = NULL;

    for (size_t i = HOLDS_RULES; i < table->holding_count; i++) {
        struct holding *one = &table->holdings[i];
        size_t rows = holding_rows(one);

        if (one->kind < least || one->kind > most || rows == 0)
            continue;
        if (best == NULL || rows > holding_rows(best) ||
            (rows == holding_rows(best) && one->name < best->name))
            best = one;
    }
    return best;
}

static size_t
count_over(const struct state_table *table, int64_t stream_us)
{
    size_t count = 0;

    for (size_t i = 0; i < table->bucket_count; i++)
        for (const struct state *row = table->buckets[i]; row != NULL; row = row->next_in_bucket)
            count += state_is_over(table, row, stream_us) != 0;
    return count;
}

static void
take_a_step(struct state_table *table, int64_t stream_us)
{
    uint32_t rule = (uint32_t)(random_number(TABLE_RULES) * random_number(TABLE_RULES) / TABLE_RULES);
    char key[16];
    struct state *row;
    uint64_t hash;

    snprintf(key, sizeof(key), "%d", (int)random_number(60));
    hash = hash64(key, strlen(key));
    row = state_find(table, rule, text_of(key), hash);
    if (row != NULL && random_number(4) == 0) {
        state_drop(table, row);
        return;
    }
    if (row == NULL)
        row = state_add(table, rule, text_of(key), hash);
    assert_non_null(row);
    state_touch(table, row, stream_us);
}

static void
largest_and_first_over_are_what_a_look_at_all_finds(void **state)
{
    struct state_table table;
    int64_t stream_us = START;

    (void)state;
    random_seed = 7;
    open_table(&table);
    for (int i = 0; i < STEPS; i++) {
        stream_us += (int64_t)random_number(SEC(1) / 2);
        take_a_step(&table, stream_us);
        assert_ptr_equal(state_largest(&table, SIZE_ROWS, NULL),
                         largest_of(&table, STATE_WINDOWS, STATE_PLAIN));
        assert_ptr_equal(state_largest(&table, SIZE_MEMORY, NULL),
                         largest_of(&table, STATE_MEMORY, STATE_MEMORY));
        if (i % 50 == 0) {
            size_t over = count_over(&table, stream_us);

            for (; over > 0; over--)
                state_drop(&table, state_first_over(&table, stream_us));
            assert_null(state_first_over(&table, stream_us));
        }
        if (i % 1000 == 0) {
            state_settle(&table);
            assert_int_equal(state_sort(&table), 0);
        }
    }
    assert_true(table.count > 100);
    state_table_release(&table);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rule_that_has_its_share_makes_room_with_its_own_keys),
        cmocka_unit_test(key_under_attack_outlives_the_flood_of_its_own_rule),
        cmocka_unit_test(of_several_floods_the_largest_gives_way),
        cmocka_unit_test(rule_has_its_share_of_all_entries),
        cmocka_unit_test(entries_are_bounded_also_when_each_rule_has_one_key),
        cmocka_unit_test(what_one_rule_has_seen_pushes_out_nothing_that_another_has),
        cmocka_unit_test(share_holds_after_a_restart_and_a_swap),
        cmocka_unit_test(largest_and_first_over_are_what_a_look_at_all_finds),
    };

    return cmocka_run_group_tests_name("engine_bounds", tests, NULL, NULL);
}
