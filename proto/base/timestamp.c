#include "proto/base/timestamp.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "proto/base/civil.h"
#include "proto/base/zone.h"

enum { MICRO = 1000000, DAY_S = 86400 };

/* The site's offset is the same for all of most quarters of an hour (zones
 * change on one), so it is kept for a few of them: asking the C library costs
 * many times more. A quarter in which it changes is never kept. The count is
 * a prime, so that a time and those a day around it do not share a slot. Each thread has
 * its own: rules are tried on one while events are judged on another. */
enum { SLOT_S = 900, SLOT_COUNT = 61 };

static _Thread_local struct slot {
    int64_t number;             /* of the quarter since 1970 */
    int offset_s;
    int is_known;
} slots[SLOT_COUNT];

static char zone_name[ZONE_NAME_LEN] = "UTC";

static int64_t
floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* --- the site's zone --------------------------------------------------- */

int
timestamp_init(struct err *err)
{
    char name[ZONE_NAME_LEN];

    if (zone_find(name, err) != 0)
        return -1;
    tzset();
    memset(slots, 0, sizeof(slots));
    memcpy(zone_name, name, sizeof(zone_name));
    return 0;
}

const char *
timestamp_zone(void)
{
    return zone_name;
}

static int
ask_offset(int64_t second)
{
    time_t at = (time_t)second;
    struct tm local;

    return localtime_r(&at, &local) == NULL ? 0 : (int)local.tm_gmtoff;
}

static int
offset_at(int64_t second)
{
    int64_t number = floor_div(second, SLOT_S);
    struct slot *slot = &slots[(uint64_t)number % SLOT_COUNT];
    int offset_s;

    if (slot->is_known && slot->number == number)
        return slot->offset_s;
    offset_s = ask_offset(number * SLOT_S);
    if (offset_s != ask_offset(number * SLOT_S + SLOT_S - 1))
        return ask_offset(second);
    *slot = (struct slot){ number, offset_s, 1 };
    return offset_s;
}

/* local_s is a local calendar time counted as if it were UTC. A day before
 * and after, zones are on one side of any change: both offsets are tried. */
static int64_t
local_to_utc(int64_t local_s)
{
    int before = offset_at(local_s - DAY_S), after = offset_at(local_s + DAY_S);

    if (before == after || offset_at(local_s - before) == before)
        return local_s - before;    /* the first of two, when it exists twice */
    if (offset_at(local_s - after) == after)
        return local_s - after;
    return local_s - before;        /* never was: as long after the change as asked */
}

/* --- reading ----------------------------------------------------------- */

struct reader {
    const char *at, *end;
};

/* Exactly n digits, or -1. */
static int
read_digits(struct reader *in, int n)
{
    int number = 0;

    if (in->end - in->at < n)
        return -1;
    for (; n > 0; n--) {
        unsigned digit = (unsigned)*in->at - '0';

        if (digit > 9)
            return -1;
        number = number * 10 + (int)digit;
        in->at++;
    }
    return number;
}

static int
read_one_of(struct reader *in, const char *set)
{
    if (in->at == in->end || *in->at == '\0' || strchr(set, *in->at) == NULL)
        return 0;
    in->at++;
    return 1;
}

/* Days since 1970, or -1 with *ret_reason. */
static int
read_date(struct reader *in, int64_t *ret_day, const char **ret_reason)
{
    int year = read_digits(in, 4), month, day;

    *ret_reason = "is no RFC 3339 date";
    if (year < 0 || !read_one_of(in, "-"))
        return -1;
    month = read_digits(in, 2);
    if (month < 0 || !read_one_of(in, "-"))
        return -1;
    day = read_digits(in, 2);
    if (day < 0)
        return -1;
    *ret_reason = "is a day that does not exist";
    if (month < 1 || month > 12 || day < 1 || day > civil_month_len(year, month))
        return -1;
    *ret_day = civil_to_days(year, month, day);
    return 0;
}

/* Microseconds since midnight; a second 60 is let through here. */
static int
read_clock(struct reader *in, int64_t *ret_us, int *ret_is_leap, const char **ret_reason)
{
    int hour = read_digits(in, 2), minute, second, unit = MICRO / 10, micro = 0;

    *ret_reason = "has no time of day hh:mm:ss";
    if (hour < 0 || !read_one_of(in, ":"))
        return -1;
    minute = read_digits(in, 2);
    if (minute < 0 || !read_one_of(in, ":"))
        return -1;
    second = read_digits(in, 2);
    if (second < 0)
        return -1;
    if (read_one_of(in, ".,")) {
        int digit = read_digits(in, 1);

        if (digit < 0)
            return -1;
        for (; digit >= 0; digit = read_digits(in, 1), unit /= 10)
            micro += digit * unit;      /* beyond the sixth, unit is 0 */
    }
    *ret_reason = "is a time of day that does not exist";
    if (hour > 23 || minute > 59 || second > 60)
        return -1;
    *ret_is_leap = second == 60;
    *ret_us = (int64_t)(hour * 3600 + minute * 60 + second) * MICRO + micro;
    return 0;
}

/* "Z", "+09:00", or "+0900" (ISO 8601 basic, as Java and systemd write it). */
static int
read_offset(struct reader *in, int *ret_offset_s)
{
    int is_west = in->at < in->end && *in->at == '-', hour, minute;

    if (read_one_of(in, "Zz")) {
        *ret_offset_s = 0;
        return 0;
    }
    if (!read_one_of(in, "+-"))
        return -1;
    hour = read_digits(in, 2);
    read_one_of(in, ":");
    minute = read_digits(in, 2);
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59)
        return -1;
    *ret_offset_s = (hour * 3600 + minute * 60) * (is_west ? -1 : 1);
    return 0;
}

/* -1 with *ret_reason, a clause whose subject is the text. */
static int
read_time(struct reader *in, int64_t *ret_us, const char **ret_reason)
{
    int64_t day, clock_us, us;
    int is_leap, offset_s;

    if (read_date(in, &day, ret_reason) != 0)
        return -1;
    *ret_reason = "has no T between date and time";
    if (!read_one_of(in, "Tt "))
        return -1;
    if (read_clock(in, &clock_us, &is_leap, ret_reason) != 0)
        return -1;
    us = day * DAY_S * MICRO + clock_us;
    *ret_reason = "has no valid zone (Z or +hh:mm) at its end";
    if (in->at == in->end)
        us = local_to_utc(floor_div(us, MICRO)) * MICRO + clock_us % MICRO;
    else if (read_offset(in, &offset_s) == 0 && in->at == in->end)
        us -= (int64_t)offset_s * MICRO;
    else
        return -1;
    *ret_reason = "has a leap second elsewhere than at 23:59:60 UTC";
    if (is_leap && floor_div(us, MICRO) % DAY_S != 0)
        return -1;
    *ret_us = us;
    return 0;
}

int
timestamp_parse(struct text text, int64_t *ret_us, struct err *err)
{
    struct reader in = { text.ptr, text.len == 0 ? text.ptr : text.ptr + text.len };
    const char *reason;

    if (text.len > 0 && read_time(&in, ret_us, &reason) == 0)
        return 0;
    if (text.len == 0)
        err_set(err, "the time is empty");
    else
        err_set(err, "\"%.*s%s\" %s", text.len > 40 ? 40 : (int)text.len, text.ptr,
                text.len > 40 ? "..." : "", reason);
    return -1;
}

int
timestamp_parse_day(struct text text, int32_t *ret_day)
{
    struct reader in = { text.ptr, text.len == 0 ? text.ptr : text.ptr + text.len };
    const char *reason;
    int64_t day;

    if (text.len != 10 || read_date(&in, &day, &reason) != 0)
        return -1;
    *ret_day = (int32_t)day;
    return 0;
}

/* --- writing ----------------------------------------------------------- */

static char *
put_digits(char *out, int64_t number, int width)
{
    for (int i = width - 1; i >= 0; i--, number /= 10)
        out[i] = (char)('0' + number % 10);
    return out + width;
}

/* RFC 3339 has years 0000 to 9999; beyond, ISO 8601's signed years. */
static char *
put_date(char *out, int64_t day)
{
    int64_t year;
    int month, day_of_month;

    civil_from_days(day, &year, &month, &day_of_month);
    if (year < 0 || year > 9999) {
        out += snprintf(out, 10, "%+07lld", (long long)year);
    } else {
        out = put_digits(out, year, 4);
    }
    *out++ = '-';
    out = put_digits(out, month, 2);
    *out++ = '-';
    return put_digits(out, day_of_month, 2);
}

/* Everything but the zone; us is counted as if it were UTC. */
static char *
put_time(char *out, int64_t us)
{
    int64_t second = floor_div(us, MICRO), day = floor_div(second, DAY_S);
    int64_t micro = (us % MICRO + MICRO) % MICRO, clock_s = second - day * DAY_S;

    out = put_date(out, day);
    *out++ = 'T';
    out = put_digits(out, clock_s / 3600, 2);
    *out++ = ':';
    out = put_digits(out, clock_s / 60 % 60, 2);
    *out++ = ':';
    out = put_digits(out, clock_s % 60, 2);
    if (micro != 0) {
        *out++ = '.';
        out = micro % 1000 == 0 ? put_digits(out, micro / 1000, 3)
                                : put_digits(out, micro, 6);
    }
    return out;
}

void
timestamp_format(int64_t us, char out[TIMESTAMP_LEN])
{
    char *end = put_time(out, us);

    end[0] = 'Z';
    end[1] = '\0';
}

/* Offsets before standard time have seconds, which RFC 3339 cannot say: the
 * offset is then cut to minutes and the time written for that offset. */
void
timestamp_format_local(int64_t us, char out[TIMESTAMP_LEN])
{
    int offset_min = offset_at(floor_div(us, MICRO)) / 60;
    int64_t local_us;
    char *end;

    if (__builtin_add_overflow(us, (int64_t)offset_min * 60 * MICRO, &local_us)) {
        local_us = us;
        offset_min = 0;
    }
    end = put_time(out, local_us);
    *end++ = offset_min < 0 ? '-' : '+';
    offset_min = offset_min < 0 ? -offset_min : offset_min;
    end = put_digits(end, offset_min / 60, 2);
    *end++ = ':';
    end = put_digits(end, offset_min % 60, 2);
    *end = '\0';
}

void
timestamp_format_day(int32_t day, char out[TIMESTAMP_LEN])
{
    *put_date(out, day) = '\0';
}

/* --- calendar ---------------------------------------------------------- */

void
timestamp_to_local(int64_t us, struct local_time *ret_local)
{
    timestamp_to_offset(us, offset_at(floor_div(us, MICRO)), ret_local);
}

void
timestamp_to_offset(int64_t us, int offset_s, struct local_time *ret_local)
{
    int64_t second = floor_div(us, MICRO) + offset_s, day, clock_s, year;

    day = floor_div(second, DAY_S);
    clock_s = second - day * DAY_S;
    civil_from_days(day, &year, &ret_local->month, &ret_local->day);
    ret_local->year = (int)year;
    ret_local->hour = (int)(clock_s / 3600);
    ret_local->minute = (int)(clock_s / 60 % 60);
    ret_local->second = (int)(clock_s % 60);
    ret_local->weekday = (int)(((day + 4) % 7 + 7) % 7);    /* 1970-01-01: Thursday */
    ret_local->offset_s = offset_s;
}

int64_t
timestamp_from_local(int year, int month, int day, int hour, int minute, int second)
{
    const int64_t farthest = INT64_MAX / MICRO - 2 * DAY_S;
    int64_t months = (int64_t)year * 12 + month - 1;
    int64_t first = civil_to_days(floor_div(months, 12),
                                  (int)(months - floor_div(months, 12) * 12) + 1, 1);
    int64_t local_s = (first + day - 1) * DAY_S + (int64_t)hour * 3600 +
                      (int64_t)minute * 60 + second;

    if (local_s > farthest)
        local_s = farthest;
    if (local_s < -farthest)
        local_s = -farthest;
    return local_to_utc(local_s) * MICRO;
}

int32_t
timestamp_utc_day(int64_t us)
{
    return (int32_t)floor_div(us, (int64_t)DAY_S * MICRO);
}

int32_t
timestamp_local_day(int64_t us)
{
    int64_t second = floor_div(us, MICRO);

    return (int32_t)floor_div(second + offset_at(second), DAY_S);
}
