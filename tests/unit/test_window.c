#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "detector/window/window.h"

#define SEC(n) ((int64_t)(n) * 1000000)

static uint64_t sequence;

static struct window_entry
entry(int64_t at_us, double weight)
{
    return (struct window_entry){ .at_us = at_us, .received_us = at_us,
                                  .as.weight = weight,
                                  .id.as.numbered.sequence = ++sequence };
}

static const struct window_rule three_in_a_minute = {
    .kind = WINDOW_COUNT, .span_us = SEC(60), .lateness_us = SEC(300),
    .threshold = 3, .max_entries = 1000,
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
    static const struct window_rule sum = {
        .kind = WINDOW_SUM, .span_us = SEC(60), .lateness_us = SEC(300),
        .threshold = 5, .max_entries = 100,
    };
    static const struct window_rule distinct = {
        .kind = WINDOW_DISTINCT, .span_us = SEC(60), .lateness_us = SEC(300),
        .threshold = 2, .is_strict = 1, .max_entries = 100,
    };
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
    static const struct window_rule small = {
    .kind = WINDOW_COUNT, .span_us = SEC(60), .lateness_us = SEC(300),
        .threshold = 1000, .max_entries = 10,
    };
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

static void
busy_key_that_holds_keeps_a_few_entries_and_loses_nothing(void **state)
{
    struct fixture *fix = *state;
    size_t taken = 0;

    for (int i = 0; i < 100000; i++) {
        int64_t now_us = SEC(1) + (int64_t)i * 5000;

        assert_int_not_equal(at(fix, i % 10 == 9 ? now_us - SEC(50) : now_us),
                             WINDOW_LATE);
        taken += fix->match.taken_count;
        assert_int_equal(fix->match.dropped, 0);
    }
    assert_int_equal(taken, 100000);
    assert_true(fix->win.count <= 128);
    assert_true(fix->win.cap <= 256);
}

static void
few_values_in_a_flood_stay_known_at_the_limit(void **state)
{
    static const struct window_rule rule = {
        .kind = WINDOW_DISTINCT, .span_us = SEC(60), .lateness_us = SEC(300),
        .threshold = 3, .max_entries = 200,
    };
    struct fixture *fix = *state;
    struct window_entry one;

    for (int i = 0; i < 5000; i++) {
        one = entry(SEC(6) + i * 1000, 0);
        one.as.value = i == 0;          /* the other came once, first */
        assert_int_equal(add(fix, &rule, one), WINDOW_QUIET);
        assert_true(fix->win.count <= 200);
    }
    one = entry(SEC(12), 0);
    one.as.value = 2;
    assert_int_equal(add(fix, &rule, one), WINDOW_HOLDS);
}

/* Two of each value and cell would be more than there is room for: then the oldest would
 * go, and with them what was seen only once. */
static void
a_value_seen_once_stays_known_in_a_flood_of_others(void **state)
{
    enum { ONCE = 100, OFTEN = 1900 };
    static const struct window_rule many = {
        .kind = WINDOW_DISTINCT, .span_us = SEC(60), .lateness_us = SEC(1),
        .threshold = ONCE + OFTEN + 1, .max_entries = 5000,
    };
    struct fixture *fix = *state;
    struct window_entry one;

    for (int64_t i = 0; i < 20000; i++) {
        one = entry(SEC(58) + SEC(50) * i / 20000, 0);
        one.as.value = (uint64_t)(i < ONCE ? i : ONCE + i % OFTEN);
        assert_int_equal(add(fix, &many, one), WINDOW_QUIET);
        assert_true(fix->win.count <= 5000);
    }
    one = entry(SEC(108), 0);
    one.as.value = 1000000;
    assert_int_equal(add(fix, &many, one), WINDOW_HOLDS);
}

/* Far more events than there is room for, of a few values: when the condition holds at
 * last, the incident has all events of the window, but for what lies at its edge. */
static void
events_that_went_for_room_are_counted_for_all_the_same(void **state)
{
    enum { VALUES = 100, EVENTS = 60000 };
    static const struct window_rule many = {
        .kind = WINDOW_DISTINCT, .span_us = SEC(60), .lateness_us = SEC(2),
        .threshold = VALUES + 1, .max_entries = 1000,
    };
    struct fixture *fix = *state;
    size_t counted = 0, room = EVENTS / 2 / 32;
    struct window_entry one;

    for (int64_t i = 0; i < EVENTS; i++) {      /* two spans long */
        one = entry(SEC(120) * i / EVENTS, 0);
        one.as.value = (uint64_t)(i * 7 % VALUES);
        assert_int_equal(add(fix, &many, one), WINDOW_QUIET);
        assert_int_equal(fix->match.dropped, 0);
        assert_true(fix->win.count <= 1000);
    }
    one = entry(SEC(120), 0);
    one.as.value = 1000000;
    assert_int_equal(add(fix, &many, one), WINDOW_HOLDS);
    for (size_t i = 0; i < fix->match.taken_count; i++)
        counted += window_events(WINDOW_DISTINCT, window_entry(&fix->win, fix->match.taken[i]));
    assert_in_range(counted, EVENTS / 2 - room, EVENTS / 2 + room);
    assert_true(fix->match.taken_count < 1000);
    one.at_us++;
    assert_int_equal(add(fix, &many, one), WINDOW_HOLDS);
    assert_int_equal(fix->match.taken_count, 1);        /* and none of them again */
}

/* An entry stands for 65,535 others at most: what is more is dropped, and said so. */
static void
what_no_entry_can_stand_for_is_dropped(void **state)
{
    enum { EVENTS = 400000 };
    static const struct window_rule two = {
        .kind = WINDOW_DISTINCT, .span_us = SEC(60), .lateness_us = 0,
        .threshold = 3, .max_entries = 200,
    };
    struct fixture *fix = *state;
    size_t counted = 0, dropped = 0;
    struct window_entry one;

    for (int64_t i = 0; i < EVENTS; i++) {
        one = entry(SEC(6) + i, 0);             /* less than a 64th of the span, all in all */
        one.as.value = (uint64_t)(i % 2);
        assert_int_equal(add(fix, &two, one), WINDOW_QUIET);
        dropped += fix->match.dropped;
    }
    one.as.value = 2;
    assert_int_equal(add(fix, &two, one), WINDOW_HOLDS);
    for (size_t i = 0; i < fix->match.taken_count; i++)
        counted += window_events(WINDOW_DISTINCT, window_entry(&fix->win, fix->match.taken[i]));
    assert_true(dropped > EVENTS / 2);
    assert_int_equal(counted + dropped, EVENTS + 1);
}

static void
keyed_entries_stay_for_their_repeats_up_to_the_limit(void **state)
{
    struct fixture *fix = *state;
    struct window_entry one;

    for (uint64_t i = 0; i < 900; i++) {
        one = entry(SEC(1) + (int64_t)i, 1);
        one.is_keyed = 1;
        one.id.as.numbered.sequence = i;
        add(fix, &three_in_a_minute, one);
    }
    for (uint64_t i = 0; i < 900; i++) {
        one.id.as.numbered.sequence = i;
        assert_int_equal(add(fix, &three_in_a_minute, one), WINDOW_REPEATED);
    }
}

static void
weights_below_zero_keep_every_entry(void **state)
{
    static const struct window_rule sum = {
        .kind = WINDOW_SUM, .span_us = SEC(60), .lateness_us = SEC(300),
        .threshold = 5, .max_entries = 1000,
    };
    struct fixture *fix = *state;

    add(fix, &sum, entry(SEC(0), -3));
    for (int i = 0; i < 900; i++)
        add(fix, &sum, entry(SEC(1) + i, 1));
    assert_int_equal(fix->win.count, 901);
    assert_int_equal(add(fix, &sum, entry(SEC(2), -894)), WINDOW_QUIET);
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
        TEST(busy_key_that_holds_keeps_a_few_entries_and_loses_nothing),
        TEST(few_values_in_a_flood_stay_known_at_the_limit),
        TEST(a_value_seen_once_stays_known_in_a_flood_of_others),
        TEST(events_that_went_for_room_are_counted_for_all_the_same),
        TEST(what_no_entry_can_stand_for_is_dropped),
        TEST(keyed_entries_stay_for_their_repeats_up_to_the_limit),
        TEST(weights_below_zero_keep_every_entry),
        TEST(restored_window_goes_on_as_if_nothing_had_been),
    };

    return cmocka_run_group_tests_name("window", tests, NULL, NULL);
}
