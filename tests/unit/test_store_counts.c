/* What any kind of store counts: said in terms of store.h only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/store_case.h"

static struct counts
count(struct store_case *the, int64_t from_us, int64_t to_us, int64_t step_us, size_t top)
{
    const struct count_query query = { from_us, to_us, step_us, top };
    struct counts counts = { 0 };
    struct err err;

    if (the->reader->ops->count(the->reader, &query, &counts, &err) != 0)
        fail_msg("count: %s", err.text);
    return counts;
}

static uint64_t
row(const struct counts *counts, enum count_dimension dimension, const char *value)
{
    for (size_t i = 0; i < counts->row_count[dimension]; i++)
        if (strcmp(counts->rows[dimension][i].value, value) == 0)
            return counts->rows[dimension][i].events;
    return 0;
}

/* An event every 50 s for two days; the sources take turns. */
static void
add_two_days(struct store_case *the)
{
    static const char *const sources[] = { "192.0.2.1", "192.0.2.2", "192.0.2.3" };

    for (int i = 0; i < 3456; i++)
        store_case_add(
            the, (struct event_plan){ .sequence = (uint64_t)i + 1,
                                      .at_s = i * 50,
                                      .received_s = i % 4 == 0 ? 300000 + i : i * 50 + 1,
                                      .type = i % 2 ? "odd" : "even",
                                      .severity = i % 10 ? "low" : "critical",
                                      .source = sources[i % 3],
                                      .username = i % 5 ? NULL : "root" });
    store_case_put(the);
}

static void
counts_agree_with_the_events_wherever_the_range_begins(void **state)
{
    static const struct {
        int64_t from_m, to_m;
    } ranges[] = {
        { 0, 2880 }, { 60, 120 },    { 61, 119 },  { 59, 121 },  { 13, 1453 },
        { 7, 8 },    { -100, 5000 }, { 120, 121 }, { 119, 120 }, { 1439, 1441 },
    };
    struct store_case *the = *state;

    add_two_days(the);
    for (size_t r = 0; r < sizeof(ranges) / sizeof(ranges[0]); r++) {
        int64_t from_s = ranges[r].from_m * 60, to_s = ranges[r].to_m * 60;
        struct counts counts =
            count(the, CASE_START + from_s * CASE_SECOND, CASE_START + to_s * CASE_SECOND,
                  60 * CASE_SECOND, 10);
        uint64_t total = 0, odd = 0, critical = 0, second = 0, root = 0, steps = 0;

        for (int i = 0; i < 3456; i++) {
            if (i * 50 < from_s || i * 50 >= to_s)
                continue;
            total++;
            odd += i % 2;
            critical += i % 10 == 0;
            second += i % 3 == 1;
            root += i % 5 == 0;
        }
        for (size_t i = 0; i < counts.steps; i++)
            steps += counts.timeline[i];
        assert_int_equal(counts.total, total);
        assert_int_equal(steps, total);
        assert_int_equal(counts.steps, ranges[r].to_m - ranges[r].from_m);
        assert_int_equal(row(&counts, COUNT_TYPE, "odd"), odd);
        assert_int_equal(row(&counts, COUNT_SEVERITY, "critical"), critical);
        assert_int_equal(row(&counts, COUNT_SOURCE, "192.0.2.2"), second);
        assert_int_equal(row(&counts, COUNT_USER, "root"), root);
        counts_release(&counts);
    }
}

static void
a_timeline_has_a_last_step_that_may_be_shorter(void **state)
{
    struct store_case *the = *state;
    struct counts counts;

    store_case_add(the, (struct event_plan){ .sequence = 1, .at_s = 0 });
    store_case_add(the, (struct event_plan){ .sequence = 2, .at_s = 599 });
    store_case_add(the, (struct event_plan){ .sequence = 3, .at_s = 600 });
    store_case_add(the, (struct event_plan){ .sequence = 4, .at_s = 659 });
    store_case_add(the, (struct event_plan){ .sequence = 5, .at_s = 660 });
    store_case_put(the);
    counts = count(the, CASE_START, CASE_START + 660 * CASE_SECOND, 300 * CASE_SECOND, 1);
    assert_int_equal(counts.steps, 3);
    assert_int_equal(counts.timeline[0], 1);
    assert_int_equal(counts.timeline[1], 1);
    assert_int_equal(counts.timeline[2], 2);
    counts_release(&counts);
}

static void
what_gets_no_row_is_summed_as_other(void **state)
{
    struct store_case *the = *state;
    struct counts counts;
    char users[20][16];

    for (int i = 0; i < 20; i++) {
        snprintf(users[i], sizeof(users[i]), "user%d", i);
        for (int k = 0; k <= i; k++)
            store_case_add(the, (struct event_plan){ .sequence = (uint64_t)(i * 100 + k),
                                                     .at_s = k,
                                                     .username = users[i] });
    }
    store_case_put(the);
    counts = count(the, CASE_START, CASE_START + CASE_HOUR, CASE_HOUR, 3);
    assert_int_equal(counts.row_count[COUNT_USER], 4);
    assert_string_equal(counts.rows[COUNT_USER][0].value, "user19");
    assert_int_equal(counts.rows[COUNT_USER][0].events, 20);
    assert_string_equal(counts.rows[COUNT_USER][2].value, "user17");
    assert_string_equal(counts.rows[COUNT_USER][3].value, "(other)");
    assert_int_equal(counts.rows[COUNT_USER][3].events, 210 - 20 - 19 - 18);
    assert_int_equal(counts.row_count[COUNT_SOURCE], 0);
    counts_release(&counts);
}

/* A report asks for so many, and a flood of made-up names may not end it. */
static void
as_many_rows_as_a_report_wants_are_given(void **state)
{
    enum { NAMES = STORE_MAX_COUNT_ROWS + 500 };
    struct store_case *the = *state;
    char source[32], name[32];
    struct counts counts;

    for (unsigned i = 0; i < NAMES; i++) {
        snprintf(source, sizeof(source), "10.1.%u.%u", i >> 8, i & 255);
        snprintf(name, sizeof(name), "name%u", i);
        store_case_add(the, (struct event_plan){ .sequence = i + 1, .at_s = i % 3600, .type = name,
                                                 .source = source, .username = name });
    }
    store_case_put(the);
    counts = count(the, CASE_START, CASE_START + CASE_HOUR, 60 * CASE_SECOND, STORE_MAX_COUNT_ROWS);
    assert_int_equal(counts.total, NAMES);
    for (int d = COUNT_TOTAL + 1; d < COUNT_DIMENSIONS; d++) {
        uint64_t sum = 0;

        for (size_t i = 0; i < counts.row_count[d]; i++)
            sum += counts.rows[d][i].events;
        assert_int_equal(sum, NAMES);
        assert_true(counts.row_count[d] <= STORE_MAX_COUNT_ROWS + 1);
    }
    counts_release(&counts);
}

static void
counts_are_refused_for_times_that_are_no_whole_minutes(void **state)
{
    static const struct count_query bad[] = {
        { 1, 60 * CASE_SECOND, 60 * CASE_SECOND, 1 },
        { 0, 61 * CASE_SECOND, 60 * CASE_SECOND, 1 },
        { 0, 60 * CASE_SECOND, 0, 1 },
        { 0, 60 * CASE_SECOND, CASE_SECOND, 1 },
        { 60 * CASE_SECOND, 60 * CASE_SECOND, 60 * CASE_SECOND, 1 },
        { 0, INT64_MAX / (60 * CASE_SECOND) * (60 * CASE_SECOND), 60 * CASE_SECOND, 1 },
    };
    struct store_case *the = *state;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct counts counts;
        struct err err;

        assert_int_equal(the->reader->ops->count(the->reader, &bad[i], &counts, &err),
                         -1);
    }
}

static void
an_empty_store_counts_nothing(void **state)
{
    struct counts counts = count(*state, CASE_START, CASE_START + CASE_DAY, CASE_HOUR, 5);

    assert_int_equal(counts.total, 0);
    assert_int_equal(counts.steps, 24);
    assert_int_equal(counts.row_count[COUNT_TYPE], 0);
    counts_release(&counts);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, store_case_open, store_case_close)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(counts_agree_with_the_events_wherever_the_range_begins),
        TEST(a_timeline_has_a_last_step_that_may_be_shorter),
        TEST(what_gets_no_row_is_summed_as_other),
        TEST(as_many_rows_as_a_report_wants_are_given),
        TEST(counts_are_refused_for_times_that_are_no_whole_minutes),
        TEST(an_empty_store_counts_nothing),
    };

    return cmocka_run_group_tests_name("store counts", tests, NULL, NULL);
}
