#include "proto/report/report_span.h"

#include <string.h>

#include "proto/base/civil.h"
#include "proto/base/timestamp.h"

#define MINUTE_US (INT64_C(60) * 1000000)

const char *
report_period_name(enum report_period period)
{
    return period == REPORT_WEEKLY ? "weekly" : "daily";
}

int32_t
report_day_of(int64_t at_us)
{
    struct local_time at;

    timestamp_to_local(at_us, &at);
    return (int32_t)civil_to_days(at.year, at.month, at.day);
}

static int64_t
whole_minute(int64_t us)
{
    int64_t rest = us % MINUTE_US;

    return us - (rest < 0 ? rest + MINUTE_US : rest);
}

int64_t
report_day_start(int32_t day)
{
    int64_t year;
    int month, day_of_month;

    civil_from_days(day, &year, &month, &day_of_month);
    return whole_minute(timestamp_from_local((int)year, month, day_of_month, 0, 0, 0));
}

void
report_day_name(int32_t day, char out[REPORT_DAY_LEN])
{
    char name[TIMESTAMP_LEN];
    size_t len;

    timestamp_format_day(day, name);
    len = strnlen(name, REPORT_DAY_LEN - 1);
    memcpy(out, name, len);
    out[len] = '\0';
}

int
report_day_parse(struct text text, int32_t *ret_day)
{
    int64_t year;
    int32_t number;
    int month, day;

    if (timestamp_parse_day(text, &number) != 0)
        return -1;
    civil_from_days(number, &year, &month, &day);
    if (year < 1 || year > 9998)
        return -1;
    *ret_day = number;
    return 0;
}

/* Where the span before was when as much of it was over as is now of this one, by
 * the clock on the wall: a day may be an hour longer than the one before. */
static int64_t
same_part(const struct report_span *span, int32_t days)
{
    int32_t day = report_day_of(span->now_us) - days;
    struct local_time at;
    int64_t year, us;
    int month, day_of_month;

    if (span->now_us >= span->to_us)
        return span->from_us;
    if (span->now_us < span->from_us)
        return span->before_us;
    timestamp_to_local(span->now_us, &at);
    civil_from_days(day, &year, &month, &day_of_month);
    us = whole_minute(timestamp_from_local((int)year, month, day_of_month, at.hour, at.minute, 0));
    if (us < span->before_us)
        return span->before_us;
    return us < span->from_us ? us : span->from_us;
}

struct report_span
report_span_make(enum report_period period, int32_t day, int64_t now_us)
{
    struct report_span span = { .period = period, .first_day = day, .now_us = now_us };
    int32_t days = period == REPORT_WEEKLY ? 7 : 1;

    span.weekday = ((day + 4) % 7 + 7) % 7;         /* day 0 was a Thursday */
    if (period == REPORT_WEEKLY) {
        span.first_day -= (span.weekday + 6) % 7;
        span.weekday = 1;
    }
    span.end_day = span.first_day + days;
    span.from_us = report_day_start(span.first_day);
    span.to_us = report_day_start(span.end_day);
    span.before_us = report_day_start(span.first_day - days);
    span.before_to_us = same_part(&span, days);
    report_day_name(span.first_day, span.first);
    report_day_name(span.end_day - 1, span.last);
    span.is_so_far = now_us < span.to_us;
    return span;
}
