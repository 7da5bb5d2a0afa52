#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proto/base/civil.h"
#include "proto/base/timestamp.h"

#define SEC(n) ((int64_t)(n) * 1000000)

static void
in_zone(const char *tz)
{
    struct err err = { "" };

    setenv("TZ", tz, 1);
    if (timestamp_init(&err) != 0)
        fail_msg("%s", err.text);
}

static int64_t
parse(const char *str)
{
    struct err err = { "" };
    int64_t us = -1;

    if (timestamp_parse(text_of(str), &us, &err) != 0)
        fail_msg("%s", err.text);
    return us;
}

static void
assert_refused(const char *str, const char *reason)
{
    struct err err = { "" };
    int64_t us = 77;

    assert_int_equal(timestamp_parse(text_of(str), &us, &err), -1);
    assert_int_equal(us, 77);
    if (strstr(err.text, reason) == NULL)
        fail_msg("%s: said \"%s\", not \"%s\"", str, err.text, reason);
}

static void
assert_local(int64_t us, const char *expected)
{
    char out[TIMESTAMP_LEN];

    timestamp_format_local(us, out);
    assert_string_equal(out, expected);
}

static void
rfc3339_examples_are_read(void **state)
{
    /* RFC 3339 section 5.8 */
    assert_true(parse("1985-04-12T23:20:50.52Z") == INT64_C(482196050520000));
    assert_true(parse("1996-12-19T16:39:57-08:00") == SEC(851042397));
    assert_true(parse("1990-12-31T23:59:60Z") == SEC(662688000));
    assert_true(parse("1990-12-31T15:59:60-08:00") == SEC(662688000));
    assert_true(parse("1937-01-01T12:00:27.87+00:20") == INT64_C(-1041337172130000));
}

static void
separators_may_differ(void **state)
{
    int64_t us = parse("2026-11-22T10:00:00.5+09:00");

    assert_true(us == INT64_C(1795309200500000));
    assert_true(parse("2026-11-22 10:00:00,5+09:00") == us);
    assert_true(parse("2026-11-22t01:00:00.500z") == us);
    assert_true(parse("2026-11-22T10:00:00.5+0900") == us);
    assert_true(parse("2026-11-22T01:00:00.5-00:00") == us);
}

static void
digits_after_the_sixth_are_cut(void **state)
{
    assert_true(parse("1970-01-01T00:00:00.123456789Z") == 123456);
    assert_true(parse("1970-01-01T00:00:00.999999999999999Z") == 999999);
    assert_true(parse("1969-12-31T23:59:59.999999Z") == -1);
}

static void
the_calendar_agrees_with_the_c_library(void **state)
{
    char out[TIMESTAMP_LEN], expected[TIMESTAMP_LEN];

    /* steps that meet every day of the week, hour and season; years 0 to 9999 */
    for (int64_t second = -62167219200; second < 253402300800;
         second += 86399 * 67 + 61) {
        time_t at = (time_t)second;
        struct tm utc;

        gmtime_r(&at, &utc);
        snprintf(expected, sizeof(expected), "%04d-%02d-%02dT%02d:%02d:%02dZ",
                 utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min,
                 utc.tm_sec);
        timestamp_format(SEC(second), out);
        assert_string_equal(out, expected);
        assert_true(parse(out) == SEC(second));
    }
}

static void
what_is_no_time_is_refused_with_its_reason(void **state)
{
    assert_refused("", "empty");
    assert_refused("yesterday", "no RFC 3339 date");
    assert_refused("2026-11", "no RFC 3339 date");
    assert_refused("26-11-22T00:00:00Z", "no RFC 3339 date");
    assert_refused("+026-11-22T00:00:00Z", "no RFC 3339 date");
    assert_refused("2026-11-22", "no T");
    assert_refused("2026-11-22_10:00:00Z", "no T");
    assert_refused("2026-11-22T10:00Z", "no time of day");
    assert_refused("2026-11-22T10:00:00.Z", "no time of day");
    assert_refused("2026-13-01T00:00:00Z", "day that does not exist");
    assert_refused("2026-00-01T00:00:00Z", "day that does not exist");
    assert_refused("2026-02-29T00:00:00Z", "day that does not exist");
    assert_refused("1900-02-29T00:00:00Z", "day that does not exist");
    assert_refused("2026-04-31T00:00:00Z", "day that does not exist");
    assert_refused("2026-04-00T00:00:00Z", "day that does not exist");
    assert_refused("2026-11-22T24:00:00Z", "time of day that does not exist");
    assert_refused("2026-11-22T10:60:00Z", "time of day that does not exist");
    assert_refused("2026-11-22T10:00:61Z", "time of day that does not exist");
    assert_refused("2026-11-22T10:00:60Z", "leap second");
    assert_refused("2026-11-22T23:59:60+09:00", "leap second");
    assert_refused("2026-11-22T10:00:00+24:00", "zone");
    assert_refused("2026-11-22T10:00:00+09:60", "zone");
    assert_refused("2026-11-22T10:00:00+9:00", "zone");
    assert_refused("2026-11-22T10:00:00+09", "zone");
    assert_refused("2026-11-22T10:00:00Zx", "zone");
    assert_refused("2026-11-22T10:00:00 KST", "zone");
    assert_refused("2026-11-22T10:00:00Z ", "zone");
}

/* No byte after the text's length may count: the text ends in no NUL. */
static void
every_beginning_of_a_time_ends_where_its_text_ends(void **state)
{
    const char *whole = "2026-11-22T10:00:00.123456+09:00";
    size_t good = 0;

    in_zone("UTC");
    for (size_t len = 0; len <= strlen(whole); len++) {
        char *copy = malloc(len == 0 ? 1 : len);    /* ends where ASan sees it */
        int64_t us;

        memcpy(copy, whole, len);
        good += timestamp_parse((struct text){ copy, len }, &us, NULL) == 0;
        free(copy);
    }
    assert_int_equal(good, 1 + 6 + 1);  /* :00, .1 to .123456, whole */
}

static void
a_nul_inside_is_no_end(void **state)
{
    int64_t us;

    assert_int_equal(
        timestamp_parse((struct text){ "2026-11-22T10:00:00\0", 20 }, &us, NULL), -1);
    assert_int_equal(timestamp_parse((struct text){ "2026-11-22\0"
                                                    "10:00:00Z",
                                                    20 },
                                     &us, NULL),
                     -1);
}

static void
a_fraction_is_written_three_digits_at_a_time(void **state)
{
    char out[TIMESTAMP_LEN];

    timestamp_format(SEC(1795309200), out);
    assert_string_equal(out, "2026-11-22T01:00:00Z");
    timestamp_format(SEC(1795309200) + 120000, out);
    assert_string_equal(out, "2026-11-22T01:00:00.120Z");
    timestamp_format(SEC(1795309200) + 123450, out);
    assert_string_equal(out, "2026-11-22T01:00:00.123450Z");
    timestamp_format(-1, out);
    assert_string_equal(out, "1969-12-31T23:59:59.999999Z");
}

static void
the_farthest_times_can_be_written(void **state)
{
    char out[TIMESTAMP_LEN];

    timestamp_format(INT64_MAX, out);
    assert_string_equal(out, "+294247-01-10T04:00:54.775807Z");
    timestamp_format(INT64_MIN, out);
    assert_string_equal(out, "-290308-12-21T19:59:05.224192Z");
    in_zone("Asia/Seoul");
    timestamp_format_local(INT64_MAX, out);
    timestamp_format_local(INT64_MIN, out);
    timestamp_format_day(INT32_MAX, out);
    timestamp_format_day(INT32_MIN, out);
    assert_true(strlen(out) < TIMESTAMP_LEN);
}

static void
days_are_utc_days_even_before_1970(void **state)
{
    char out[TIMESTAMP_LEN];
    int32_t day = 0;

    in_zone("Asia/Seoul");
    assert_int_equal(timestamp_utc_day(0), 0);
    assert_int_equal(timestamp_utc_day(-1), -1);
    assert_int_equal(timestamp_utc_day(SEC(86400) - 1), 0);
    assert_int_equal(timestamp_parse_day(text_of("2026-11-22"), &day), 0);
    assert_int_equal(day, timestamp_utc_day(SEC(1795309200)));
    timestamp_format_day(day, out);
    assert_string_equal(out, "2026-11-22");
}

/* The zone changed its offset, and in 2011 left out a day. */
static void
local_days_are_those_of_the_calendar(void **state)
{
    static const char *const zones[] = { "Asia/Seoul", "America/New_York", "Pacific/Apia", "UTC" };

    (void)state;
    for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++) {
        in_zone(zones[i]);
        for (int64_t at_s = -INT64_C(2000000000); at_s < 2000000000; at_s += 4321987) {
            struct local_time local;

            timestamp_to_local(SEC(at_s), &local);
            assert_int_equal(timestamp_local_day(SEC(at_s)),
                             civil_to_days(local.year, local.month, local.day));
        }
    }
}

static void
a_day_is_ten_characters_of_a_real_date(void **state)
{
    static const char *const bad[] = {
        "",           "2026-11-2",  "2026-11-22 ", "2026-11-22T", "2026/11/22",
        "2026-02-30", "20261-1-22", " 2026-11-2",  "2026-1-022"
    };
    int32_t day = 5;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(timestamp_parse_day(text_of(bad[i]), &day), -1);
    assert_int_equal(timestamp_parse_day(text_of(NULL), &day), -1);
    assert_int_equal(day, 5);
}

/* --- the site's zone --------------------------------------------------- */

static void
a_time_without_zone_is_the_sites(void **state)
{
    in_zone("Asia/Seoul");
    assert_true(parse("2026-11-22T10:00:00.25") == SEC(1795309200) + 250000);
    assert_local(SEC(1795309200), "2026-11-22T10:00:00+09:00");
    in_zone("America/New_York");
    assert_true(parse("2026-11-21T20:00:00") == SEC(1795309200));
    assert_local(SEC(1795309200), "2026-11-21T20:00:00-05:00");
    in_zone("Asia/Kolkata");
    assert_local(SEC(1795309200), "2026-11-22T06:30:00+05:30");
    in_zone("UTC");
    assert_local(SEC(1795309200), "2026-11-22T01:00:00+00:00");
}

static void
new_york_changes_on_the_second(void **state)
{
    in_zone("America/New_York");
    assert_local(SEC(1772953199), "2026-03-08T01:59:59-05:00");
    assert_local(SEC(1772953200), "2026-03-08T03:00:00-04:00");
    assert_local(SEC(1793512799), "2026-11-01T01:59:59-04:00");
    assert_local(SEC(1793512800), "2026-11-01T01:00:00-05:00");
}

static void
a_time_that_never_was_is_moved_forward(void **state)
{
    in_zone("America/New_York");
    assert_local(parse("2026-03-08T02:00:00"), "2026-03-08T03:00:00-04:00");
    assert_local(parse("2026-03-08T02:30:00"), "2026-03-08T03:30:00-04:00");
    assert_local(parse("2026-03-08T01:59:59"), "2026-03-08T01:59:59-05:00");
    in_zone("Europe/Berlin");
    assert_local(parse("2026-03-29T02:30:00"), "2026-03-29T03:30:00+02:00");
    in_zone("Asia/Seoul");                      /* 1988-05-08 02:00 was skipped */
    assert_local(parse("1988-05-08T02:30:00"), "1988-05-08T03:30:00+10:00");
    in_zone("Pacific/Apia");                    /* the whole of 2011-12-30 was */
    assert_local(parse("2011-12-30T12:00:00"), "2011-12-31T12:00:00+14:00");
}

static void
a_time_that_was_twice_is_the_first(void **state)
{
    in_zone("America/New_York");
    assert_local(parse("2026-11-01T01:30:00"), "2026-11-01T01:30:00-04:00");
    in_zone("Europe/Berlin");
    assert_local(parse("2026-10-25T02:30:00"), "2026-10-25T02:30:00+02:00");
    assert_local(parse("2026-10-25T03:00:00"), "2026-10-25T03:00:00+01:00");
    in_zone("Australia/Lord_Howe");             /* half an hour */
    assert_local(parse("2026-04-05T01:45:00"), "2026-04-05T01:45:00+11:00");
}

/* Over changes of half an hour, of zone, and of local mean time with seconds. */
static void
local_times_agree_with_the_c_library(void **state)
{
    static const char *const zones[] = {
        "America/New_York", "Asia/Seoul", "Europe/Berlin", "Australia/Lord_Howe",
        "Africa/Monrovia", "Asia/Kathmandu",
    };
    struct local_time local;

    for (size_t z = 0; z < sizeof(zones) / sizeof(zones[0]); z++) {
        in_zone(zones[z]);
        for (int64_t second = -2840140800; second < 2145916800;
             second += 86400 * 3 + 1021) {
            time_t at = (time_t)second;
            struct tm tm;

            localtime_r(&at, &tm);
            timestamp_to_local(SEC(second), &local);
            assert_int_equal(local.year, tm.tm_year + 1900);
            assert_int_equal(local.month, tm.tm_mon + 1);
            assert_int_equal(local.day, tm.tm_mday);
            assert_int_equal(local.hour, tm.tm_hour);
            assert_int_equal(local.minute, tm.tm_min);
            assert_int_equal(local.second, tm.tm_sec);
            assert_int_equal(local.weekday, tm.tm_wday);
            assert_int_equal(local.offset_s, tm.tm_gmtoff);
        }
    }
}

/* Liberia left -00:44:30 at 00:44:30 UTC, inside a quarter of an hour. */
static void
a_change_inside_a_quarter_of_an_hour_is_exact(void **state)
{
    struct local_time local;

    in_zone("Africa/Monrovia");
    for (int round = 0; round < 2; round++) {
        timestamp_to_local(SEC(63593069), &local);
        assert_int_equal(local.offset_s, -2670);
        timestamp_to_local(SEC(63593070), &local);
        assert_int_equal(local.offset_s, 0);
    }
    assert_local(SEC(63593069), "1972-01-07T00:00:29-00:44");
}

static void
the_quarter_before_1970_is_like_any_other(void **state)
{
    in_zone("Asia/Seoul");
    assert_local(-SEC(1), "1970-01-01T08:59:59+09:00");
    assert_local(0, "1970-01-01T09:00:00+09:00");
}

static void
fields_out_of_range_carry_over(void **state)
{
    in_zone("America/New_York");
    assert_local(timestamp_from_local(2026, 11, 32, 0, 0, 0),
                 "2026-12-02T00:00:00-05:00");
    assert_local(timestamp_from_local(2026, 14, 1, 0, 0, 0), "2027-02-01T00:00:00-05:00");
    assert_local(timestamp_from_local(2026, 0, 0, 24, 0, 0), "2025-12-01T00:00:00-05:00");
    assert_local(timestamp_from_local(2026, 3, 8, 0, 0, -1), "2026-03-07T23:59:59-05:00");
    assert_local(timestamp_from_local(2026, -11, 1, 0, 0, 0),
                 "2025-01-01T00:00:00-05:00");
}

static void
absurd_fields_end_at_the_farthest_times(void **state)
{
    in_zone("Asia/Seoul");
    assert_true(timestamp_from_local(2147483647, 2147483647, 2147483647, 2147483647,
                                     2147483647,
                                     2147483647) > INT64_MAX - SEC(4 * 86400));
    assert_true(timestamp_from_local(-2147483647 - 1, -2147483647 - 1, -2147483647 - 1,
                                     -2147483647, -2147483647, -2147483647)
                < INT64_MIN + SEC(4 * 86400));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc3339_examples_are_read),
        cmocka_unit_test(separators_may_differ),
        cmocka_unit_test(digits_after_the_sixth_are_cut),
        cmocka_unit_test(the_calendar_agrees_with_the_c_library),
        cmocka_unit_test(what_is_no_time_is_refused_with_its_reason),
        cmocka_unit_test(every_beginning_of_a_time_ends_where_its_text_ends),
        cmocka_unit_test(a_nul_inside_is_no_end),
        cmocka_unit_test(a_fraction_is_written_three_digits_at_a_time),
        cmocka_unit_test(the_farthest_times_can_be_written),
        cmocka_unit_test(days_are_utc_days_even_before_1970),
        cmocka_unit_test(local_days_are_those_of_the_calendar),
        cmocka_unit_test(a_day_is_ten_characters_of_a_real_date),
        cmocka_unit_test(a_time_without_zone_is_the_sites),
        cmocka_unit_test(new_york_changes_on_the_second),
        cmocka_unit_test(a_time_that_never_was_is_moved_forward),
        cmocka_unit_test(a_time_that_was_twice_is_the_first),
        cmocka_unit_test(local_times_agree_with_the_c_library),
        cmocka_unit_test(a_change_inside_a_quarter_of_an_hour_is_exact),
        cmocka_unit_test(the_quarter_before_1970_is_like_any_other),
        cmocka_unit_test(fields_out_of_range_carry_over),
        cmocka_unit_test(absurd_fields_end_at_the_farthest_times),
    };

    return cmocka_run_group_tests_name("timestamp", tests, NULL, NULL);
}
