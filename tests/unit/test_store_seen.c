/*
 * Which sources are new and which went quiet, by days of the site's calendar.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "proto/base/timestamp.h"
#include "tests/support/store_case.h"

enum { DAY_S = 86400, FIRST_DAY = 20513 };

static uint64_t sequence;

static int
open_at(void **state, const char *zone)
{
    struct err err = { "" };

    setenv("TZ", zone, 1);
    sequence = 0;
    return timestamp_init(&err) != 0 || store_case_open(state) != 0;
}

static int
open_utc(void **state)
{
    return open_at(state, "UTC");
}

static int
open_seoul(void **state)
{
    return open_at(state, "Asia/Seoul");
}

static int
open_new_york(void **state)
{
    return open_at(state, "America/New_York");
}

static void
see(struct store_case *the, const char *source, int64_t at_s)
{
    store_case_add(the, (struct event_plan){ .sequence = ++sequence, .at_s = at_s,
                                             .source = source });
}

static struct source_changes
compare(struct store_case *the, int32_t from_day, int32_t to_day, size_t top)
{
    const struct source_query query = { from_day, to_day, 7, 30, top };
    struct source_changes changes = { 0 };
    struct err err;

    store_case_put(the);
    if (the->reader->ops->compare_sources(the->reader, &query, &changes, &err) != 0)
        fail_msg("compare_sources: %s", err.text);
    return changes;
}

static void
a_source_not_seen_in_thirty_days_is_new(void **state)
{
    struct source_changes got;

    see(*state, "192.0.2.1", 9 * DAY_S);            /* 31 days before: forgotten */
    see(*state, "192.0.2.1", 40 * DAY_S + 120);
    see(*state, "192.0.2.2", 10 * DAY_S);           /* 30 days before */
    see(*state, "192.0.2.2", 40 * DAY_S + 60);
    see(*state, "192.0.2.3", 40 * DAY_S + 61);
    see(*state, "192.0.2.3", 40 * DAY_S + 5);
    see(*state, "192.0.2.4", 41 * DAY_S);           /* the day after */
    got = compare(*state, FIRST_DAY + 40, FIRST_DAY + 41, 10);
    assert_true(got.has_history);
    assert_int_equal(got.total, 3);
    assert_int_equal(got.fresh_total, 2);
    assert_string_equal(got.fresh[0].value, "192.0.2.3");
    assert_int_equal(got.fresh[0].first_us, CASE_START + 40 * CASE_DAY);
    assert_string_equal(got.fresh[1].value, "192.0.2.1");
    assert_int_equal(got.fresh[1].first_us, CASE_START + 40 * CASE_DAY + 120 * CASE_SECOND);
    source_changes_release(&got);
}

static void
a_source_of_the_week_before_that_is_not_there_is_quiet(void **state)
{
    struct source_changes got;

    see(*state, "192.0.2.1", 32 * DAY_S + DAY_S - 1);       /* eight days before */
    for (int day = 33; day < 40; day++)
        see(*state, "192.0.2.2", day * DAY_S);
    see(*state, "192.0.2.3", 33 * DAY_S);
    see(*state, "192.0.2.3", 34 * DAY_S + DAY_S - 1);
    see(*state, "192.0.2.4", 39 * DAY_S);
    see(*state, "192.0.2.4", 40 * DAY_S);                   /* still there */
    see(*state, "192.0.2.5", 39 * DAY_S);
    got = compare(*state, FIRST_DAY + 40, FIRST_DAY + 41, 2);
    assert_int_equal(got.quiet_total, 3);
    assert_int_equal(got.quiet_count, 2);
    assert_string_equal(got.quiet[0].value, "192.0.2.2");
    assert_int_equal(got.quiet[0].days, 7);
    assert_int_equal(got.quiet[0].last_day, FIRST_DAY + 39);
    assert_string_equal(got.quiet[1].value, "192.0.2.3");
    assert_int_equal(got.quiet[1].days, 2);
    assert_int_equal(got.fresh_total, 0);
    source_changes_release(&got);
}

/* Midnight in Seoul is 15:00 UTC. */
static void
days_are_those_of_the_site(void **state)
{
    struct source_changes got;

    see(*state, "192.0.2.1", 15 * 3600 - 1);
    see(*state, "192.0.2.2", 15 * 3600);
    see(*state, "192.0.2.3", DAY_S + 15 * 3600 - 1);
    see(*state, "192.0.2.4", DAY_S + 15 * 3600);
    got = compare(*state, FIRST_DAY + 1, FIRST_DAY + 2, 10);
    assert_int_equal(got.total, 2);
    assert_string_equal(got.fresh[0].value, "192.0.2.2");
    assert_string_equal(got.fresh[1].value, "192.0.2.3");
    assert_string_equal(got.quiet[0].value, "192.0.2.1");
    source_changes_release(&got);
}

/* 2026-03-08 has 23 hours there: 05:00Z to 04:00Z. */
static void
a_short_day_ends_when_it_ends(void **state)
{
    struct source_changes got;

    see(*state, "192.0.2.1", 7 * DAY_S + 5 * 3600 - 1);
    see(*state, "192.0.2.2", 7 * DAY_S + 5 * 3600);
    see(*state, "192.0.2.3", 8 * DAY_S + 4 * 3600 - 1);
    see(*state, "192.0.2.4", 8 * DAY_S + 4 * 3600);
    got = compare(*state, FIRST_DAY + 7, FIRST_DAY + 8, 10);
    assert_int_equal(got.total, 2);
    assert_string_equal(got.fresh[0].value, "192.0.2.2");
    assert_string_equal(got.fresh[1].value, "192.0.2.3");
    source_changes_release(&got);
}

static void
without_a_past_there_is_no_history(void **state)
{
    struct source_changes got;

    see(*state, "192.0.2.1", 0);
    got = compare(*state, FIRST_DAY, FIRST_DAY + 1, 10);
    assert_false(got.has_history);
    assert_int_equal(got.fresh_total, 1);
    source_changes_release(&got);
}

/* One file holds many days when old logs come in at once. */
static void
a_backfill_is_told_apart_by_its_own_days(void **state)
{
    static const char *const sources[] = { "192.0.2.0", "192.0.2.1", "192.0.2.2", "192.0.2.3",
                                           "192.0.2.4" };
    struct source_changes got;

    for (int day = 0; day < 5; day++) {
        store_case_add(*state, (struct event_plan){ .sequence = ++sequence, .source = sources[day],
                                                    .at_s = day * DAY_S,
                                                    .received_s = 60 * DAY_S });
    }
    got = compare(*state, FIRST_DAY + 3, FIRST_DAY + 4, 10);
    assert_int_equal(got.total, 1);
    assert_string_equal(got.fresh[0].value, "192.0.2.3");
    assert_int_equal(got.quiet_total, 3);
    source_changes_release(&got);
}

static void
more_sources_than_are_remembered_are_all_written(void **state)
{
    struct source_changes got;
    char (*source)[32] = calloc(19000, sizeof(*source));

    for (int i = 0; i < 19000; i++) {
        snprintf(source[i], sizeof(source[i]), "10.0.%d.%d", i / 250, i % 250);
        see(*state, source[i], i % 2 * DAY_S);      /* both days in one file */
        ((struct store_case *)*state)->made[i].ev.received_us = CASE_START;
        see(*state, source[i], (i + 1) % 2 * DAY_S);
        ((struct store_case *)*state)->made[i * 2 + 1].ev.received_us = CASE_START;
    }
    got = compare(*state, FIRST_DAY, FIRST_DAY + 1, 20000);
    assert_int_equal(got.fresh_count, 19000);
    assert_false(got.is_partial);
    source_changes_release(&got);
    free(source);
}

static void
what_comes_again_is_no_second_day(void **state)
{
    struct source_changes got;

    see(*state, "192.0.2.1", 0);
    store_case_put(*state);
    sequence = 0;
    see(*state, "192.0.2.9", 39 * DAY_S);       /* the same id: a repeat of the day file */
    ((struct store_case *)*state)->made[1].ev.received_us = CASE_START;
    got = compare(*state, FIRST_DAY + 39, FIRST_DAY + 40, 10);
    assert_int_equal(got.total, 0);
    source_changes_release(&got);
}

/* As the version before this one left it. */
static void
drop_table(struct store_case *the)
{
    char path[256];
    sqlite3 *db = NULL;

    store_close(&the->writer);
    store_close(&the->reader);
    snprintf(path, sizeof(path), "%s/events-2026-03-01.db", the->store_dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "DROP TABLE seen", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    store_case_reopen(the);
}

static void
a_file_of_an_older_version_is_read_by_its_hours(void **state)
{
    struct source_changes got;

    store_case_needs_files(*state);
    see(*state, "192.0.2.1", 3600);
    store_case_put(*state);
    drop_table(*state);
    see(*state, "192.0.2.2", 7200);             /* and is still written to */
    see(*state, "192.0.2.2", 40 * DAY_S);
    see(*state, "192.0.2.1", 20 * DAY_S);
    got = compare(*state, FIRST_DAY, FIRST_DAY + 1, 10);
    assert_int_equal(got.total, 2);
    assert_int_equal(got.fresh[0].first_us, CASE_START + CASE_HOUR);
    source_changes_release(&got);
    got = compare(*state, FIRST_DAY + 20, FIRST_DAY + 21, 10);
    assert_int_equal(got.fresh_total, 0);
    source_changes_release(&got);
}

static void
a_value_too_long_to_count_is_no_source(void **state)
{
    struct source_changes got;
    char *source = calloc(1, 301);

    memset(source, 's', 300);
    see(*state, source, 0);
    got = compare(*state, FIRST_DAY, FIRST_DAY + 1, 10);
    assert_int_equal(got.total, 0);
    source_changes_release(&got);
    free(source);
}

static void
a_question_that_makes_no_sense_is_refused(void **state)
{
    static const struct source_query bad[] = {
        { 10, 10, 7, 30, 5 }, { 10, 9, 7, 30, 5 }, { 10, 11, 32, 40, 5 }, { 10, 11, 7, 6, 5 },
    };
    struct store_case *the = *state;
    struct source_changes changes = { 0 };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(the->reader->ops->compare_sources(the->reader, &bad[i], &changes, NULL),
                         -1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_utc, store_case_close)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_source_not_seen_in_thirty_days_is_new),
        TEST(a_source_of_the_week_before_that_is_not_there_is_quiet),
        cmocka_unit_test_setup_teardown(days_are_those_of_the_site, open_seoul,
                                        store_case_close),
        cmocka_unit_test_setup_teardown(a_short_day_ends_when_it_ends, open_new_york,
                                        store_case_close),
        TEST(without_a_past_there_is_no_history),
        TEST(a_backfill_is_told_apart_by_its_own_days),
        TEST(more_sources_than_are_remembered_are_all_written),
        TEST(what_comes_again_is_no_second_day),
        TEST(a_file_of_an_older_version_is_read_by_its_hours),
        TEST(a_value_too_long_to_count_is_no_source),
        TEST(a_question_that_makes_no_sense_is_refused),
    };

    return cmocka_run_group_tests_name("store_seen", tests, NULL, NULL);
}
