/* Every accepted event ends in exactly one place, or an hour does not close. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "notifier/balance.h"

#define HOUR_US (INT64_C(3600) * 1000000)

enum { HOUR = 498700, JOURNAL = 0xab };

static struct balance balance;
static json_t *ingest, *detector;

static int
setup(void **state)
{
    (void)state;
    memset(&balance, 0, sizeof(balance));
    ingest = json_loads("{\"journal\":{\"id\":\"00000000000000ab\"},\"consumers\":{"
                        "\"index\":{\"backlog_events\":0,\"oldest_age_ms\":0},"
                        "\"detect/0\":{\"backlog_events\":0,\"oldest_age_ms\":0}},"
                        "\"ledger\":[{\"journal\":\"00000000000000ab\",\"hour\":498700,"
                        "\"accepted\":100,\"refused_json\":2}]}", 0, NULL);
    detector = json_loads("{\"ledger\":[{\"journal\":\"00000000000000ab\",\"hour\":498700,"
                          "\"judged\":99,\"not_judged\":1}],\"ledger_since_us\":0}", 0, NULL);
    return ingest == NULL || detector == NULL;
}

static int
teardown(void **state)
{
    (void)state;
    json_decref(ingest);
    json_decref(detector);
    return 0;
}

static void
stored(int64_t events, int64_t not_stored)
{
    ledger_add(&balance.hours, JOURNAL, HOUR, LEDGER_STORED, events);
    ledger_add(&balance.hours, JOURNAL, HOUR, LEDGER_NOT_STORED, not_stored);
}

static void
look(int64_t minutes_after)
{
    int64_t now_us = (HOUR + 1) * HOUR_US + minutes_after * 60 * 1000000;

    balance_take(&balance, ingest, detector);
    balance_check(&balance, ingest, detector, now_us);
}

static void
backlog(const char *consumer, int events, int age_ms)
{
    json_t *one = json_object_get(json_object_get(ingest, "consumers"), consumer);

    json_object_set_new(one, "backlog_events", json_integer(events));
    json_object_set_new(one, "oldest_age_ms", json_integer(age_ms));
}

static void
closes_when_all_is_stored_or_set_aside(void **state)
{
    (void)state;
    stored(97, 3);
    look(5);
    assert_int_equal(balance.off_count, 0);
    assert_int_equal(balance.closed, 1);
}

static void
names_what_is_missing_and_where(void **state)
{
    (void)state;
    stored(90, 2);
    look(5);
    assert_int_equal(balance.off_count, 1);
    assert_string_equal(balance.off[0].text,
                        "Of the hour from 2026-11-22T04:00:00Z ingest accepted 100 events;"
                        " the store has stored 90 and set aside 2: 8 missing");
}

static void
names_what_is_too_much(void **state)
{
    (void)state;
    stored(101, 0);
    look(5);
    assert_int_equal(balance.off_count, 1);
    assert_non_null(strstr(balance.off[0].text, "1 too many"));
}

static void
what_no_rule_has_seen_is_named(void **state)
{
    (void)state;
    stored(100, 0);
    json_object_set_new(json_array_get(json_object_get(detector, "ledger"), 0), "judged",
                        json_integer(50));
    look(5);
    assert_int_equal(balance.off_count, 1);
    assert_non_null(strstr(balance.off[0].text, "the detector has judged 50 and set aside 1: 49"));
}

static void
an_hour_that_is_off_at_both_stages_names_both(void **state)
{
    (void)state;
    stored(99, 0);
    json_object_set_new(json_array_get(json_object_get(detector, "ledger"), 0), "judged",
                        json_integer(50));
    look(5);
    assert_int_equal(balance.off_count, 1);
    assert_string_equal(balance.off[0].text,
                        "Of the hour from 2026-11-22T04:00:00Z ingest accepted 100 events;"
                        " the store has stored 99 and set aside 0: 1 missing;"
                        " the detector has judged 50 and set aside 1: 49 missing");
}

static void
waits_for_what_is_on_the_way(void **state)
{
    (void)state;
    stored(90, 0);
    backlog("index", 10, 10 * 60 * 1000);
    look(5);
    assert_int_equal(balance.off_count, 0);
    backlog("index", 10, 2 * 60 * 1000);
    look(5);
    assert_int_equal(balance.off_count, 1);
}

static void
looks_at_no_hour_that_is_not_over(void **state)
{
    (void)state;
    look(-10);
    assert_int_equal(balance.off_count, 0);
    look(0);
    assert_int_equal(balance.off_count, 0);
}

static void
a_detector_that_began_later_is_not_blamed(void **state)
{
    (void)state;
    stored(100, 0);
    json_object_set_new(detector, "ledger_since_us", json_integer(HOUR * HOUR_US + 1));
    json_object_set_new(detector, "ledger", json_array());
    look(5);
    assert_int_equal(balance.off_count, 0);
}

static void
another_journals_hours_are_left_alone(void **state)
{
    (void)state;
    stored(100, 0);
    ledger_add(&balance.hours, 7, HOUR, LEDGER_ACCEPTED, 5);
    look(5);
    assert_int_equal(balance.off_count, 0);
}

static void
shows_the_day_and_what_is_on_the_way(void **state)
{
    json_t *json;

    (void)state;
    stored(90, 2);
    look(5);
    json = balance_to_json(&balance, (HOUR + 1) * HOUR_US);
    assert_int_equal(json_integer_value(json_object_get(json, "accepted")), 100);
    assert_int_equal(json_integer_value(json_object_get(json, "refused_json")), 2);
    assert_int_equal(json_integer_value(json_object_get(json, "stored")), 90);
    assert_int_equal(json_integer_value(json_object_get(json, "on_the_way")), 8);
    json_decref(json);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(closes_when_all_is_stored_or_set_aside),
        TEST(names_what_is_missing_and_where),
        TEST(names_what_is_too_much),
        TEST(what_no_rule_has_seen_is_named),
        TEST(an_hour_that_is_off_at_both_stages_names_both),
        TEST(waits_for_what_is_on_the_way),
        TEST(looks_at_no_hour_that_is_not_over),
        TEST(a_detector_that_began_later_is_not_blamed),
        TEST(another_journals_hours_are_left_alone),
        TEST(shows_the_day_and_what_is_on_the_way),
    };

    return cmocka_run_group_tests_name("balance", tests, NULL, NULL);
}
