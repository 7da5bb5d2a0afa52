/*
 * When an urgent change is committed: soon, but not so often that nothing
 * else is done.
 */
#include "detector/commit_pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MS INT64_C(1000)

static void
the_first_change_waits_only_for_company(void **state)
{
    struct commit_pace pace = { 0 };

    (void)state;
    assert_int_equal(commit_pace_wait_ms(&pace, 7000 * MS), COMMIT_SOON_MS);
}

static void
a_cheap_commit_is_followed_soon(void **state)
{
    struct commit_pace pace = { 0 };

    (void)state;
    commit_pace_note(&pace, 1000 * MS, 1000 * MS + 300);
    assert_int_equal(commit_pace_wait_ms(&pace, 1000 * MS + 300), COMMIT_SOON_MS);
}

static void
a_dear_commit_is_followed_ten_times_as_late(void **state)
{
    struct commit_pace pace = { 0 };

    (void)state;
    commit_pace_note(&pace, 1000 * MS, 1003 * MS);
    assert_int_equal(commit_pace_wait_ms(&pace, 1003 * MS), 30);
}

static void
time_that_has_passed_since_counts(void **state)
{
    struct commit_pace pace = { 0 };

    (void)state;
    commit_pace_note(&pace, 1000 * MS, 1003 * MS);
    assert_int_equal(commit_pace_wait_ms(&pace, 1015 * MS), 18);
    assert_int_equal(commit_pace_wait_ms(&pace, 1031 * MS), COMMIT_SOON_MS);
    assert_int_equal(commit_pace_wait_ms(&pace, 9000 * MS), COMMIT_SOON_MS);
}

static void
nobody_waits_longer_than_people_would_notice(void **state)
{
    struct commit_pace pace = { 0 };

    (void)state;
    commit_pace_note(&pace, 1000 * MS, 1013 * MS);
    assert_int_equal(commit_pace_wait_ms(&pace, 1013 * MS), COMMIT_LATEST_MS);
    commit_pace_note(&pace, 1000 * MS, INT64_MAX / 2);
    assert_int_equal(commit_pace_wait_ms(&pace, INT64_MAX / 2), COMMIT_LATEST_MS);
}

static void
a_clock_that_goes_back_harms_nothing(void **state)
{
    struct commit_pace pace = { 0 };

    (void)state;
    commit_pace_note(&pace, 1000 * MS, 900 * MS);
    assert_int_equal(commit_pace_wait_ms(&pace, 800 * MS), COMMIT_SOON_MS);
}

/* Simulated: changes come all the time, each commit costs as much as given. */
static int64_t
share_of_commits(int64_t cost_us)
{
    struct commit_pace pace = { 0 };
    int64_t now_us = MS, spent_us = 0;

    for (int i = 0; i < 100; i++) {
        now_us += commit_pace_wait_ms(&pace, now_us) * MS;
        commit_pace_note(&pace, now_us, now_us + cost_us);
        now_us += cost_us;
        spent_us += cost_us;
    }
    return spent_us * 100 / now_us;
}

static void
commits_leave_most_of_the_time_to_rules(void **state)
{
    (void)state;
    assert_in_range(share_of_commits(300), 4, 9);
    assert_in_range(share_of_commits(2 * MS), 8, 10);
    assert_in_range(share_of_commits(5 * MS), 8, 10);
    assert_in_range(share_of_commits(13 * MS), 18, 22);
}

static void
few_changes_wait_for_the_second(void **state)
{
    const struct commit_pace pace = { 0 };

    (void)state;
    assert_false(commit_pace_is_full(&pace, COMMIT_MANY_ROWS - 1, 1000 * MS));
    assert_true(commit_pace_is_full(&pace, COMMIT_MANY_ROWS, 1000 * MS));
}

static void
many_changes_are_committed_in_parts_that_leave_most_of_the_time(void **state)
{
    struct commit_pace pace = { 0 };

    (void)state;
    commit_pace_note(&pace, 1000 * MS, 1040 * MS);
    assert_false(commit_pace_is_full(&pace, SIZE_MAX, 1199 * MS));
    assert_true(commit_pace_is_full(&pace, SIZE_MAX, 1200 * MS));
    assert_false(commit_pace_is_full(&pace, SIZE_MAX, 900 * MS));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_change_waits_only_for_company),
        cmocka_unit_test(a_cheap_commit_is_followed_soon),
        cmocka_unit_test(a_dear_commit_is_followed_ten_times_as_late),
        cmocka_unit_test(time_that_has_passed_since_counts),
        cmocka_unit_test(nobody_waits_longer_than_people_would_notice),
        cmocka_unit_test(a_clock_that_goes_back_harms_nothing),
        cmocka_unit_test(commits_leave_most_of_the_time_to_rules),
        cmocka_unit_test(few_changes_wait_for_the_second),
        cmocka_unit_test(many_changes_are_committed_in_parts_that_leave_most_of_the_time),
    };

    return cmocka_run_group_tests_name("commit_pace", tests, NULL, NULL);
}
