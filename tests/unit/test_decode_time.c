/*
 * test_decode_time.c - when a line was written: years, leap days, zones, summer time
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/base/timestamp.h"
#include "proto/decode/decode.h"

#define NOON_2026 "2026-11-22T12:00:00+09:00"

static int64_t
at(const char *time)
{
    int64_t us;

    assert_int_equal(timestamp_parse(text_of(time), &us, NULL), 0);
    return us;
}

/* That a line read at now is of then; NULL: that it has no time. */
static void
expect(const char *raw, const char *now, const char *then)
{
    struct arena arena = { 0 };
    struct event ev = { 0 };
    struct text stamp;
    int64_t us;

    assert_non_null(decode_line(text_of(raw), at(now), &arena, &ev));
    stamp = value_get_text(&ev.known[EVENT_TIMESTAMP]);
    if (then == NULL) {
        assert_null(stamp.ptr);
    } else {
        assert_int_equal(timestamp_parse(stamp, &us, NULL), 0);
        if (us != at(then))
            fail_msg("%s: %.*s", raw, (int)stamp.len, stamp.ptr);
    }
    event_release(&ev);
    arena_release(&arena);
}

static int
flags_say_ahead(const char *raw, const char *now)
{
    struct arena arena = { 0 };
    struct event ev = { 0 };
    const struct value *flags;
    int is_ahead;

    assert_non_null(decode_line(text_of(raw), at(now), &arena, &ev));
    flags = event_get(&ev, text_of("log.flags"));
    is_ahead = flags != NULL && text_is(value_get_text(flags), "ahead");
    event_release(&ev);
    arena_release(&arena);
    return is_ahead;
}

static void
take_zone(const char *zone)
{
    setenv("TZ", zone, 1);
    assert_int_equal(timestamp_init(NULL), 0);
}

static int
take_seoul(void **state)
{
    (void)state;
    take_zone("Asia/Seoul");
    return 0;
}

static void
date_without_a_year_takes_the_latest_that_is_not_ahead(void **state)
{
    expect("Nov 22 12:00:00 h p: x", NOON_2026, "2026-11-22T12:00:00+09:00");
    expect("Nov 22 12:10:00 h p: x", NOON_2026, "2026-11-22T12:10:00+09:00");
    expect("Dec 10 06:55:46.5 h p: x", NOON_2026, "2025-12-10T06:55:46.5+09:00");
    expect("Feb 30 10:00:00 h p: x", NOON_2026, NULL);
}

static void
around_new_year_a_line_has_the_year_it_was_written_in(void **state)
{
    expect("Jan  1 00:01:00 h p: x", "2026-12-31T23:59:00+09:00",
           "2027-01-01T00:01:00+09:00");
    expect("Dec 31 23:59:00 h p: x", "2027-01-01T00:00:00+09:00",
           "2026-12-31T23:59:00+09:00");
    expect("Dec 31 23:59:60 h p: x", "2027-01-01T00:00:00+09:00",
           "2027-01-01T00:00:00+09:00");
    expect("Dec 31 09:00:00 h p: x", "2027-01-02T00:00:00+09:00",
           "2026-12-31T09:00:00+09:00");
    /* Here it is already next year, in UTC not yet. */
    expect("Jan  1 03:00:00 h p: x", "2026-12-31T18:00:00Z", "2027-01-01T03:00:00+09:00");
    take_zone("America/New_York");
    expect("Dec 31 21:00:00 h p: x", "2027-01-01T02:00:00Z", "2026-12-31T21:00:00-05:00");
    take_zone("Asia/Seoul");
}

/* Its source's clock or zone is ahead, or it is a line of last year's: who knows. */
static void
date_without_a_year_that_is_ahead_by_up_to_a_day_is_no_time(void **state)
{
    expect("Nov 22 12:10:01 h p: x", NOON_2026, NULL);
    expect("Nov 22 21:00:00 h p: x", NOON_2026, NULL);
    expect("Nov 23 12:00:00 h p: x", NOON_2026, NULL);
    expect("Nov 23 12:00:01 h p: x", NOON_2026, "2025-11-23T12:00:01+09:00");
    expect("Jan  1 08:59:00 h p: x", "2026-12-31T23:59:00+09:00", NULL);
    expect("Feb 29 01:00:00 h p: x", "2028-02-28T23:59:00+09:00", NULL);

    assert_true(flags_say_ahead("Nov 22 21:00:00 h sshd[1]: x", NOON_2026));
    assert_false(flags_say_ahead("Nov 22 12:10:00 h sshd[1]: x", NOON_2026));
    /* What follows may say when it was. */
    expect("Nov 22 21:00:00 h httpd: [Sun Nov 22 11:00:00 2026] [error] x", NOON_2026,
           "2026-11-22T11:00:00+09:00");
    assert_false(flags_say_ahead(
        "Nov 22 21:00:00 h httpd: [Sun Nov 22 11:00:00 2026] [error] x", NOON_2026));
}

static void
a_leap_day_is_of_the_last_leap_year(void **state)
{
    expect("Feb 29 10:00:00 h p: x", NOON_2026, "2024-02-29T10:00:00+09:00");
    expect("Feb 29 10:00:00 h p: x", "2028-02-29T10:00:00+09:00",
           "2028-02-29T10:00:00+09:00");
    expect("Feb 29 10:00:00 h p: x", "2028-02-20T10:00:00+09:00",
           "2024-02-29T10:00:00+09:00");
    expect("Feb 29 10:00:00 h p: x", "2103-11-22T12:00:00+09:00",
           "2096-02-29T10:00:00+09:00");
    expect("Feb 29 10:00:00 h p: x", "2103-12-31T23:00:00+09:00",
           "2096-02-29T10:00:00+09:00");
}

/* New York: 2 o'clock to 3 is left out on 8 March 2026, and 1 to 2 is there
 * twice on 1 November. */
static void
summer_time_neither_loses_a_line_nor_a_year(void **state)
{
    take_zone("America/New_York");
    expect("Mar  8 01:59:59 h p: x", NOON_2026, "2026-03-08T06:59:59Z");
    expect("Mar  8 02:30:00 h p: x", NOON_2026, "2026-03-08T07:30:00Z");
    expect("Mar  8 03:00:00 h p: x", NOON_2026, "2026-03-08T07:00:00Z");
    expect("Nov  1 01:30:00 h p: x", NOON_2026, "2026-11-01T05:30:00Z");
    /* read in the very hour that is there twice, the second time */
    expect("Nov  1 01:30:00 h p: x", "2026-11-01T06:30:00Z", "2026-11-01T05:30:00Z");
    expect("[Sun Mar 08 02:30:00 2026] [error] x", NOON_2026, "2026-03-08T07:30:00Z");
    take_zone("Asia/Seoul");
}

static void
a_date_with_a_year_is_never_another_year(void **state)
{
    expect("2026-11-23T11:00:00+09:00 h p: x", NOON_2026, "2026-11-23T11:00:00+09:00");
    expect("2027-11-23T11:00:00+0900 h p: x", NOON_2026, "2027-11-23T11:00:00+09:00");
    expect("2026-02-29T11:00:00Z h p: x", NOON_2026, NULL);
    expect("2026-11-22T10:00:00 h p: x", NOON_2026, "2026-11-22T10:00:00+09:00");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(date_without_a_year_takes_the_latest_that_is_not_ahead),
        cmocka_unit_test(around_new_year_a_line_has_the_year_it_was_written_in),
        cmocka_unit_test(date_without_a_year_that_is_ahead_by_up_to_a_day_is_no_time),
        cmocka_unit_test(a_leap_day_is_of_the_last_leap_year),
        cmocka_unit_test(summer_time_neither_loses_a_line_nor_a_year),
        cmocka_unit_test(a_date_with_a_year_is_never_another_year),
    };

    return cmocka_run_group_tests_name("decode_time", tests, take_seoul, NULL);
}
