#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "detector/window.h"

#define SEC(n) ((int64_t)(n) * 1000000)

static uint64_t sequence;

static struct window_entry
entry(int64_t at_us, double weight)
{
    return (struct window_entry){ .at_us = at_us, .received_us = at_us, .as.weight = weight,
                                  .id = event_id_make(1, 1, ++sequence) };
}

static const struct window_rule three_in_a_minute = {
    WINDOW_COUNT, SEC(60), SEC(300), 3, 0, 1000
};

struct fixture {
    struct window win;
    struct window_match match;
};

static int
set_up(void **state)
{
    *state = calloc(1, sizeof(struct fixture));
    return *state == NULL;
}

static int
tear_down(void **state)
{
    struct fixture *fix = *state;

    window_release(&fix->win);
    window_match_release(&fix->match);
    free(fix);
    return 0;
}

static enum window_result
add(struct fixture *fix, const struct window_rule *rule, struct window_entry one)
{
    return window_add(&fix->win, rule, &one, 7, &fix->match);
}

static enum window_result
at(struct fixture *fix, int64_t at_us)
{
    return add(fix, &three_in_a_minute, entry(at_us, 1));
}

static void
holds_when_the_threshold_is_reached_with_both_ends_included(void **state)
{
    assert_int_equal(at(*state, SEC(0)), WINDOW_QUIET);
    assert_int_equal(at(*state, SEC(30)), WINDOW_QUIET);
    assert_int_equal(at(*state, SEC(60)), WINDOW_HOLDS);
    assert_int_equal(((struct fixture *)*state)->match.taken_count, 3);
}

static void
forgets_what_is_older_than_the_span(void **state)
{
    at(*state, SEC(0));
    at(*state, SEC(30));
    assert_int_equal(at(*state, SEC(60) + 1), WINDOW_QUIET);
}

static void
counts_each_event_into_one_match_only(void **state)
{
    struct fixture *fix = *state;

    at(fix, SEC(0));
    at(fix, SEC(1));
    at(fix, SEC(2));
    assert_int_equal(at(fix, SEC(3)), WINDOW_HOLDS);
    assert_int_equal(fix->match.taken_count, 1);
    assert_int_equal(window_entry(&fix->win, fix->match.taken[0])->at_us, SEC(3));
}

static void
late_arrival_completes_a_window_that_ended_before_the_newest(void **state)
{
    struct fixture *fix = *state;

    at(fix, SEC(0));
    at(fix, SEC(50));
    at(fix, SEC(200));
    assert_int_equal(at(fix, SEC(20)), WINDOW_HOLDS);
    assert_int_equal(fix->match.first_us, SEC(50));
    assert_int_equal(fix->match.last_us, SEC(50));
    assert_int_equal(fix->match.taken_count, 3);
}

static void
event_later_than_the_lateness_is_not_counted(void **state)
{
    at(*state, SEC(1000));
    assert_int_equal(at(*state, SEC(700)), WINDOW_QUIET);
    assert_int_equal(at(*state, SEC(700) - 1), WINDOW_LATE);
}

static void
each_journal_has_its_own_clock(void **state)
{
    struct fixture *fix = *state;
    struct window_entry old = entry(SEC(10), 1);

    at(fix, SEC(5000));
    assert_int_equal(window_add(&fix->win, &three_in_a_minute, &old, 8, &fix->match),
                     WINDOW_QUIET);
    old = entry(SEC(11), 1);
    window_add(&fix->win, &three_in_a_minute, &old, 8, &fix->match);
    at(fix, SEC(5001));
    old = entry(SEC(12), 1);
    assert_int_equal(window_add(&fix->win, &three_in_a_minute, &old, 8, &fix->match),
                     WINDOW_HOLDS);
}

static void
time_ahead_of_receipt_does_not_move_the_clock(void **state)
{
    struct window_entry ahead = entry(SEC(1000), 1);

    ahead.received_us = SEC(400);
    add(*state, &three_in_a_minute, ahead);
    assert_int_equal(at(*state, SEC(150)), WINDOW_QUIET);
}

static void
repeat_of_a_keyed_event_changes_nothing(void **state)
{
    struct window_entry keyed = entry(SEC(0), 1);

    keyed.is_keyed = 1;
    keyed.id.len = 16;
    assert_int_equal(add(*state, &three_in_a_minute, keyed), WINDOW_QUIET);
    assert_int_equal(add(*state, &three_in_a_minute, keyed), WINDOW_REPEATED);
    keyed.at_us = SEC(5);       /* the same id with another time as well */
    assert_int_equal(add(*state, &three_in_a_minute, keyed), WINDOW_REPEATED);
    assert_int_equal(at(*state, SEC(1)), WINDOW_QUIET);
    assert_int_equal(at(*state, SEC(2)), WINDOW_HOLDS);
}

static void
sums_weights_and_counts_distinct_values(void **state)
{
    static const struct window_rule sum = { WINDOW_SUM, SEC(60), SEC(300), 5, 0, 100 };
    static const struct window_rule distinct = { WINDOW_DISTINCT, SEC(60), SEC(300), 2, 1, 100 };
    struct fixture other = { 0 };
    struct window_entry one = entry(SEC(0), 0);

    assert_int_equal(add(*state, &sum, entry(SEC(0), 4)), WINDOW_QUIET);
    assert_int_equal(add(*state, &sum, entry(SEC(61), 4)), WINDOW_QUIET);
    assert_int_equal(add(*state, &sum, entry(SEC(62), 1)), WINDOW_HOLDS);
    for (uint64_t i = 0; i < 9; i++) {
        one = entry(SEC(i), 0);
        one.as.value = i % 2;
        assert_int_equal(add(&other, &distinct, one), WINDOW_QUIET);
    }
    one = entry(SEC(9), 0);
    one.as.value = 77;
    assert_int_equal(add(&other, &distinct, one), WINDOW_HOLDS);
    window_release(&other.win);
    window_match_release(&other.match);
}

static void
memory_is_bounded_and_the_oldest_goes(void **state)
{
    static const struct window_rule small = { WINDOW_COUNT, SEC(60), SEC(300), 1000, 0, 10 };
    struct fixture *fix = *state;
    size_t dropped = 0;

    for (int i = 0; i < 1000; i++) {
        add(fix, &small, entry(SEC(1) + i % 7, 1));
        dropped += fix->match.dropped;
    }
    assert_int_equal(fix->win.count, 10);
    assert_int_equal(dropped, 990);
}

static void
in_order_stream_keeps_only_what_can_still_matter(void **state)
{
    struct fixture *fix = *state;

    for (int i = 0; i < 100000; i++)
        at(fix, SEC(i));
    assert_true(fix->win.count <= 361 + 1);
    assert_true(fix->win.cap <= 2048);
}

/* The rule as it is written down, by looking at everything each time. */
struct naive {
    struct window_entry all[4000];
    size_t count;
    int64_t clock_us;
};

static double
naive_reached(const struct naive *naive, const struct window_rule *rule, int64_t end_us)
{
    double reached = 0;

    for (size_t i = 0; i < naive->count; i++) {
        const struct window_entry *one = &naive->all[i];
        int is_new = 1;

        if (one->at_us < end_us - rule->span_us || one->at_us > end_us)
            continue;
        for (size_t j = 0; rule->kind == WINDOW_DISTINCT && j < i; j++)
            if (naive->all[j].at_us >= end_us - rule->span_us &&
                naive->all[j].at_us <= end_us && naive->all[j].as.value == one->as.value)
                is_new = 0;
        reached += rule->kind == WINDOW_SUM ? one->as.weight : is_new;
    }
    return reached;
}

/* Returns how many are newly counted, or -1 when late. */
static long
naive_add(struct naive *naive, const struct window_rule *rule, const struct window_entry *one)
{
    long taken = 0;
    int64_t now = one->at_us < one->received_us ? one->at_us : one->received_us;

    if (naive->count > 0 && one->at_us < naive->clock_us - rule->lateness_us)
        return -1;
    if (naive->count == 0 || now > naive->clock_us)
        naive->clock_us = now;
    naive->all[naive->count++] = *one;
    for (size_t e = 0; e < naive->count; e++) {
        int64_t end_us = naive->all[e].at_us;

        if (end_us < one->at_us || end_us > one->at_us + rule->span_us ||
            naive_reached(naive, rule, end_us) < rule->threshold)
            continue;
        for (size_t i = 0; i < naive->count; i++)
            if (naive->all[i].at_us >= end_us - rule->span_us &&
                naive->all[i].at_us <= end_us && !naive->all[i].is_counted) {
                naive->all[i].is_counted = 1;
                taken++;
            }
    }
    return taken;
}

static uint64_t seed;

static uint64_t
random_number(uint64_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % below;
}

static void
compare_with_naive(const struct window_rule *rule, int64_t disorder)
{
    struct naive *naive = calloc(1, sizeof(*naive));
    struct fixture fix = { 0 };
    int64_t now = 0;

    for (int i = 0; i < 400; i++) {
        struct window_entry one;
        enum window_result result;
        long taken;

        now += (int64_t)random_number(12);
        one = entry(now - (int64_t)random_number((uint64_t)disorder + 1), 0);
        one.received_us = now;
        if (rule->kind == WINDOW_SUM)
            one.as.weight = (double)random_number(4);
        else
            one.as.value = random_number(6);
        taken = naive_add(naive, rule, &one);
        result = add(&fix, rule, one);
        if (taken < 0)
            assert_int_equal(result, WINDOW_LATE);
        else
            assert_int_equal(result == WINDOW_HOLDS ? (long)fix.match.taken_count : 0, taken);
    }
    window_release(&fix.win);
    window_match_release(&fix.match);
    free(naive);
}

static void
random_streams_are_judged_as_the_definition_says(void **state)
{
    (void)state;
    for (uint64_t round = 1; round <= 60; round++) {
        struct window_rule rule = { (enum window_kind)(round % 3), 0, 0, 0, 0, 4000 };

        seed = round * UINT64_C(0x9E3779B97F4A7C15);
        rule.span_us = 5 + (int64_t)random_number(60);
        rule.lateness_us = (int64_t)random_number(80);
        rule.threshold = 2 + (double)random_number(rule.kind == WINDOW_DISTINCT ? 4 : 8);
        compare_with_naive(&rule, round % 4 == 0 ? 0 : (int64_t)random_number(90));
    }
}

static void
restored_window_goes_on_as_if_nothing_had_been(void **state)
{
    struct fixture *fix = *state, copy = { 0 };

    at(fix, SEC(0));
    at(fix, SEC(1));
    for (size_t i = 0; i < fix->win.count; i++)
        assert_int_equal(window_restore(&copy.win, &three_in_a_minute,
                                        window_entry(&fix->win, i)), 0);
    assert_int_equal(at(&copy, SEC(2)), WINDOW_HOLDS);
    assert_int_equal(copy.match.taken_count, 3);
    assert_int_equal(window_restore(&copy.win, &three_in_a_minute,
                                    window_entry(&fix->win, 0)), -1);
    window_release(&copy.win);
    window_match_release(&copy.match);
}

static void
tally_forgets_exactly_what_was_taken_out(void **state)
{
    struct tally tally = { 0 };
    static unsigned times[64];

    (void)state;
    memset(times, 0, sizeof(times));
    seed = 42;
    for (int i = 0; i < 20000; i++) {
        uint64_t number = random_number(64);

        if (random_number(2) == 0) {
            assert_int_equal(tally_add(&tally, number), 0);
            times[number]++;
        } else if (times[number] > 0) {
            tally_remove(&tally, number);
            times[number]--;
        }
        assert_int_equal(tally_has(&tally, number), times[number] > 0);
    }
    for (uint64_t n = 0; n < 64; n++)
        assert_int_equal(tally_has(&tally, n), times[n] > 0);
    tally_release(&tally);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(holds_when_the_threshold_is_reached_with_both_ends_included),
        TEST(forgets_what_is_older_than_the_span),
        TEST(counts_each_event_into_one_match_only),
        TEST(late_arrival_completes_a_window_that_ended_before_the_newest),
        TEST(event_later_than_the_lateness_is_not_counted),
        TEST(each_journal_has_its_own_clock),
        TEST(time_ahead_of_receipt_does_not_move_the_clock),
        TEST(repeat_of_a_keyed_event_changes_nothing),
        TEST(sums_weights_and_counts_distinct_values),
        TEST(memory_is_bounded_and_the_oldest_goes),
        TEST(in_order_stream_keeps_only_what_can_still_matter),
        TEST(random_streams_are_judged_as_the_definition_says),
        TEST(restored_window_goes_on_as_if_nothing_had_been),
        TEST(tally_forgets_exactly_what_was_taken_out),
    };

    return cmocka_run_group_tests_name("window", tests, NULL, NULL);
}
