/*
 * test_window_random.c - windows, tallies and rankings against their definitions
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "detector/window/window_inner.h"
#include "tests/support/random_number.h"

/* The rule as it is written down, by looking at everything each time. */
struct naive {
    struct window_entry all[4000];
    size_t count;
    int64_t clock_us;
    int64_t first_us, last_us;  /* ends at which the last one added held */
};

/* 1 when there are entries in [from, to] of all steps from `step` on, each at or
 * after the one before: tries them all. */
static int
naive_sequence(const struct naive *naive, unsigned step, unsigned steps, int64_t from_us,
               int64_t to_us)
{
    if (step == steps)
        return 1;
    for (size_t i = 0; i < naive->count; i++)
        if (naive->all[i].at_us >= from_us && naive->all[i].at_us <= to_us &&
            naive->all[i].as.value >> step & 1 &&
            naive_sequence(naive, step + 1, steps, naive->all[i].at_us, to_us))
            return 1;
    return 0;
}

static double
naive_steps(const struct naive *naive, int64_t from_us, int64_t to_us)
{
    uint64_t steps = 0;

    for (size_t i = 0; i < naive->count; i++)
        if (naive->all[i].at_us >= from_us && naive->all[i].at_us <= to_us)
            steps |= naive->all[i].as.value;
    return __builtin_popcountll(steps);
}

static int
compare_numbers(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;

    return a < b ? -1 : a > b;
}

/* The mean of the weights, or their percentile, by sorting them. */
static double
naive_middle(const struct naive *naive, const struct window_rule *rule, int64_t from_us,
             int64_t to_us)
{
    double numbers[4000], sum = 0, place, low;
    size_t count = 0;

    for (size_t i = 0; i < naive->count; i++)
        if (naive->all[i].at_us >= from_us && naive->all[i].at_us <= to_us)
            sum += numbers[count++] = naive->all[i].as.weight;
    if (rule->kind == WINDOW_AVERAGE)
        return sum / (double)count;
    qsort(numbers, count, sizeof(numbers[0]), compare_numbers);
    place = (double)(count - 1) * rule->percentile / 100;
    low = numbers[(size_t)place];
    return place <= (double)(size_t)place
           ? low : low + (numbers[(size_t)place + 1] - low) * (place - (double)(size_t)place);
}

static double
naive_reached(const struct naive *naive, const struct window_rule *rule, int64_t end_us)
{
    double reached = 0;

    if (rule->kind == WINDOW_ORDERED)
        return naive_sequence(naive, 0, rule->steps, end_us - rule->span_us, end_us)
               ? rule->threshold : 0;
    if (rule->kind == WINDOW_STEPS)
        return naive_steps(naive, end_us - rule->span_us, end_us);
    if (rule->kind == WINDOW_AVERAGE || rule->kind == WINDOW_PERCENTILE)
        return naive_middle(naive, rule, end_us - rule->span_us, end_us);
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
naive_add(struct naive *naive, const struct window_rule *rule,
          const struct window_entry *one)
{
    long taken = 0;
    int64_t now = one->at_us < one->received_us ? one->at_us : one->received_us;

    if (naive->count > 0 && one->at_us < naive->clock_us - rule->lateness_us)
        return -1;
    if (naive->count == 0 || now > naive->clock_us)
        naive->clock_us = now;
    naive->all[naive->count++] = *one;
    naive->first_us = INT64_MAX;
    naive->last_us = INT64_MIN;
    for (size_t e = 0; e < naive->count; e++) {
        int64_t end_us = naive->all[e].at_us;

        if (end_us < one->at_us || end_us > one->at_us + rule->span_us ||
            naive_reached(naive, rule, end_us) < rule->threshold)
            continue;
        naive->first_us = end_us < naive->first_us ? end_us : naive->first_us;
        naive->last_us = end_us > naive->last_us ? end_us : naive->last_us;
        for (size_t i = 0; i < naive->count; i++)
            if (naive->all[i].at_us >= end_us - rule->span_us &&
                naive->all[i].at_us <= end_us && !naive->all[i].is_counted) {
                naive->all[i].is_counted = 1;
                taken++;
            }
    }
    return taken;
}

static struct window_entry
random_entry(const struct window_rule *rule, int64_t now, int64_t disorder, int number)
{
    struct window_entry one = {
        .at_us = now - (int64_t)random_number((uint64_t)disorder + 1),
        .received_us = now, .id.as.numbered.sequence = (uint64_t)number,
    };

    if (window_has_weight(rule->kind))
        one.as.weight = (double)random_number(4);
    else if (rule->kind >= WINDOW_STEPS)    /* now and then two at once */
        one.as.value = UINT64_C(1) << random_number(rule->steps) |
                       (random_number(8) == 0 ? UINT64_C(1) << random_number(rule->steps) : 0);
    else
        one.as.value = random_number(6);
    return one;
}

/* A stream's figures; the same seed gives the same stream. */
struct stream {
    struct window_rule rule;
    int64_t disorder;
    uint64_t step;              /* longest pause between two events */
    int tidy_each;              /* tidy after so many events; 0: never */
};

static void
compare_one(const struct naive *naive, int64_t slack_us, long taken,
            enum window_result result, const struct window_match *match)
{
    if (taken < 0) {
        assert_int_equal(result, WINDOW_LATE);
        return;
    }
    assert_int_equal(result == WINDOW_HOLDS, naive->last_us != INT64_MIN);
    assert_int_equal(result == WINDOW_HOLDS ? (long)match->taken_count : 0, taken);
    if (result != WINDOW_HOLDS)
        return;
    assert_int_equal(match->first_us, naive->first_us);
    assert_true(match->last_us <= naive->last_us);
    assert_true(match->last_us >= naive->last_us - slack_us);
}

/* Returns how many entries tidying removed. */
static size_t
compare_with_naive(const struct stream *stream)
{
    struct naive *naive = calloc(1, sizeof(*naive));
    struct window win = { 0 };
    struct window_match match = { 0 };
    int64_t now = -500;         /* cells below zero too */
    size_t removed = 0;
    int is_tidied = 0;

    for (int i = 0; i < 400; i++) {
        struct window_entry one;
        enum window_result result;
        long taken;

        now += (int64_t)random_number(stream->step);
        one = random_entry(&stream->rule, now, stream->disorder, i);
        taken = naive_add(naive, &stream->rule, &one);
        result = window_add(&win, &stream->rule, &one, 7, &match);
        is_tidied |= win.tidy_at > 0;
        compare_one(naive, is_tidied ? stream->rule.span_us : 0, taken, result, &match);
        if (stream->tidy_each == 0 || i % stream->tidy_each != 0)
            continue;
        removed += win.count;
        assert_int_equal(window_tidy(&win, &stream->rule, WINDOW_EXACT, &match), 0);
        removed -= win.count;
        is_tidied = 1;
        assert_int_equal(match.dropped, 0);
    }
    window_release(&win);
    window_match_release(&match);
    free(naive);
    return removed;
}

static struct stream
random_stream(uint64_t round)
{
    struct stream stream = { .rule = { .kind = (enum window_kind)(round % 7),
                                       .max_entries = 4000 } };

    random_seed = round * UINT64_C(0x9E3779B97F4A7C15);
    stream.rule.span_us = 5 + (int64_t)random_number(60);
    stream.rule.lateness_us = (int64_t)random_number(80);
    stream.rule.threshold = 2 + (double)random_number(stream.rule.kind == WINDOW_DISTINCT
                                                      ? 4 : 8);
    if (stream.rule.kind == WINDOW_AVERAGE || stream.rule.kind == WINDOW_PERCENTILE) {
        stream.rule.threshold = 1.5 + (double)random_number(3) / 2;
        stream.rule.percentile = (double)random_number(5) * 25;
    }
    if (stream.rule.kind >= WINDOW_STEPS) {
        stream.rule.steps = 2 + (unsigned)random_number(3);
        stream.rule.threshold = stream.rule.steps;
    }
    stream.disorder = round % 4 == 0 ? 0 : (int64_t)random_number(90);
    stream.step = 2 + random_number(11);
    return stream;
}

static void
random_streams_are_judged_as_the_definition_says(void **state)
{
    (void)state;
    for (uint64_t round = 1; round <= 100; round++) {
        struct stream stream = random_stream(round);

        compare_with_naive(&stream);
    }
}

static void
tidied_windows_are_judged_as_the_definition_says(void **state)
{
    size_t removed = 0;

    (void)state;
    for (uint64_t round = 1; round <= 300; round++) {
        struct stream stream = random_stream(round);

        stream.tidy_each = 1 + (int)random_number(20);
        removed += compare_with_naive(&stream);
    }
    assert_true(removed > 10000);
}

/* Whether the window that ends with, or of terms begins at, this moment holds. */
static int
naive_waiting_holds(const struct naive *naive, const struct window_rule *rule, int64_t at_us)
{
    uint64_t before = 0, ahead = 0, here = 0;
    double reached;

    for (size_t i = 0; i < naive->count; i++) {
        int64_t away_us = naive->all[i].at_us - at_us;

        here |= away_us == 0 ? naive->all[i].as.value : 0;
        before |= away_us <= 0 && away_us >= -rule->span_us ? naive->all[i].as.value : 0;
        ahead |= away_us >= 0 && away_us <= rule->span_us ? naive->all[i].as.value : 0;
    }
    for (size_t t = 0; t < rule->term_count; t++)
        if (rule->terms[t].none == 0
                ? (rule->terms[t].all & ~before) == 0
                : (rule->terms[t].all & here) != 0 && (rule->terms[t].all & ~ahead) == 0 &&
                      (rule->terms[t].none & ahead) == 0)
            return 1;
    if (rule->term_count > 0)
        return 0;
    reached = rule->kind == WINDOW_COUNT ? 0 : naive_reached(naive, rule, at_us);
    for (size_t i = 0; rule->kind == WINDOW_COUNT && i < naive->count; i++)
        reached += naive->all[i].at_us <= at_us && naive->all[i].at_us >= at_us - rule->span_us;
    return (rule->is_strict ? reached > rule->threshold : reached >= rule->threshold) &&
           (rule->is_most_strict ? reached < rule->most : reached <= rule->most) &&
           reached != rule->except;
}

/* Settle; each moment at which it holds must be the next one at which it should. */
static size_t
settle_and_compare(struct window *win, const struct window_rule *rule, struct naive *naive,
                   int64_t now_us, struct window_match *match, int64_t *after_us)
{
    size_t held = 0;

    while (window_settle(win, rule, now_us, match) == WINDOW_HOLDS) {
        assert_true(match->last_us > *after_us);
        assert_true(naive_waiting_holds(naive, rule, match->last_us));
        *after_us = match->last_us;
        held++;
    }
    assert_true(window_due(win, rule) > now_us);
    return held;
}

/* Returns how many moments held. */
static size_t
compare_waiting(const struct stream *stream)
{
    struct naive *naive = calloc(1, sizeof(*naive));
    struct window win = { 0 };
    struct window_match match = { 0 };
    int64_t now_us = -500, after_us = INT64_MIN;
    size_t held = 0, wanted = 0;

    for (int i = 0; i < 300; i++) {
        struct window_entry one;

        now_us += (int64_t)random_number(stream->step);
        held += settle_and_compare(&win, &stream->rule, naive, now_us, &match, &after_us);
        one = random_entry(&stream->rule, now_us, stream->disorder, i);
        if (window_add(&win, &stream->rule, &one, random_number(2), &match) != WINDOW_LATE)
            naive->all[naive->count++] = one;
        held += settle_and_compare(&win, &stream->rule, naive, now_us, &match, &after_us);
    }
    held += settle_and_compare(&win, &stream->rule, naive, now_us + 1000, &match, &after_us);
    assert_int_equal(window_due(&win, &stream->rule), INT64_MAX);
    for (size_t i = 0; i < naive->count; i++) {
        int is_first = 1;

        for (size_t j = 0; j < i; j++)
            is_first &= naive->all[j].at_us != naive->all[i].at_us;
        wanted += is_first && naive_waiting_holds(naive, &stream->rule, naive->all[i].at_us);
    }
    assert_int_equal(held, wanted);
    window_release(&win);
    window_match_release(&match);
    free(naive);
    return held;
}

static void
windows_that_wait_are_judged_as_the_definition_says(void **state)
{
    static const struct window_term terms[] = { { 1, 2 }, { 3, 0 }, { 6, 1 } };
    size_t held = 0;

    (void)state;
    for (uint64_t round = 1; round <= 300; round++) {
        struct stream stream = random_stream(round);

        if (stream.rule.kind == WINDOW_ORDERED)
            continue;
        stream.rule.is_waiting = 1;
        stream.rule.most = stream.rule.threshold + (double)random_number(4);
        stream.rule.is_most_strict = round % 3 == 0;
        stream.rule.except = round % 2 == 0 ? stream.rule.threshold : NAN;
        stream.rule.threshold = round % 5 == 0 ? -INFINITY : stream.rule.threshold - 1;
        if (stream.rule.kind == WINDOW_STEPS && random_number(3) > 0) {
            stream.rule.terms = terms + random_number(2);
            stream.rule.term_count = stream.rule.terms == terms ? 1 + random_number(3) : 2;
            stream.rule.is_ahead = 1;
            stream.rule.steps = 3;
        }
        held += compare_waiting(&stream);
    }
    assert_true(held > 5000);
}

static void
tally_forgets_exactly_what_was_taken_out(void **state)
{
    struct tally tally = { 0 };
    static unsigned times[64];

    (void)state;
    memset(times, 0, sizeof(times));
    random_seed = 42;
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
        if (i % 1000 == 0)
            tally_fit(&tally);
    }
    for (uint64_t n = 0; n < 64; n++)
        assert_int_equal(tally_has(&tally, n), times[n] > 0);
    tally_release(&tally);
}

static void
tally_gives_back_memory_and_keeps_what_it_has(void **state)
{
    struct tally tally = { 0 };

    (void)state;
    for (uint64_t n = 0; n < 5000; n++)
        assert_int_equal(tally_add(&tally, n), 0);
    for (uint64_t n = 10; n < 5000; n++)
        tally_remove(&tally, n);
    tally_fit(&tally);
    assert_true(tally.cap <= 64);
    assert_int_equal(tally.distinct, 10);
    for (uint64_t n = 0; n < 20; n++)
        assert_int_equal(tally_has(&tally, n), n < 10);
    tally_release(&tally);
}

/* The k-th by counting; with equal numbers, and more out than in at times. */
static void
ranking_knows_the_percentiles_of_what_is_in_it(void **state)
{
    struct ranking ranking = { 0 };
    static unsigned times[50];
    size_t count = 0;

    (void)state;
    random_seed = 7;
    for (int i = 0; i < 20000; i++) {
        uint64_t number = random_number(50);
        size_t k = 0, seen = 0;

        if (random_number(i < 10000 ? 3 : 2) > 0) {
            assert_int_equal(ranking_add(&ranking, (double)number - 25), 0);
            times[number]++;
            count++;
        } else {
            count -= times[number] > 0;
            times[number] -= times[number] > 0;
            ranking_remove(&ranking, (double)number - 25);
        }
        assert_int_equal(ranking_count(&ranking), count);
        if (count < 2)
            continue;
        k = random_number(count);
        for (number = 0; seen + times[number] <= k; number++)
            seen += times[number];
        /* a place between two is near the lower one */
        assert_true(fabs(ranking_percentile(&ranking, 100 * (double)k / (double)(count - 1)) -
                         ((double)number - 25)) < 1e-6);
    }
    ranking_clear(&ranking);
    assert_true(isnan(ranking_percentile(&ranking, 50)));
    ranking_release(&ranking);
}

/* What falls and rises all the time is what a plain tree would become a list of. */
static void
ranking_of_rising_numbers_is_no_list(void **state)
{
    struct ranking ranking = { 0 };

    (void)state;
    for (int i = 0; i < 300000; i++) {
        assert_int_equal(ranking_add(&ranking, i), 0);
        if (i >= 1000)
            ranking_remove(&ranking, i - 1000);
    }
    assert_int_equal(ranking_count(&ranking), 1000);
    assert_true(ranking.cap <= 2048);
    assert_true(fabs(ranking_percentile(&ranking, 50) - 299499.5) < 1e-6);
    ranking_release(&ranking);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_streams_are_judged_as_the_definition_says),
        cmocka_unit_test(tidied_windows_are_judged_as_the_definition_says),
        cmocka_unit_test(windows_that_wait_are_judged_as_the_definition_says),
        cmocka_unit_test(tally_forgets_exactly_what_was_taken_out),
        cmocka_unit_test(tally_gives_back_memory_and_keeps_what_it_has),
        cmocka_unit_test(ranking_knows_the_percentiles_of_what_is_in_it),
        cmocka_unit_test(ranking_of_rising_numbers_is_no_list),
    };

    return cmocka_run_group_tests_name("window_random", tests, NULL, NULL);
}
