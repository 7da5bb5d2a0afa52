#include "proto/report/report_note.h"

#include <string.h>

#include "proto/base/timestamp.h"

static int
parse_weekday(struct text name)
{
    static const char *const names[] = { "sun", "mon", "tue", "wed", "thu", "fri", "sat" };

    for (int i = 0; i < 7; i++)
        if (text_equals_nocase(name, text_of(names[i])))
            return i;
    return -1;
}

/* "09:00" */
static int
parse_clock(struct text text, struct report_schedule *ret)
{
    int64_t hour, minute;

    if (text.len != 5 || text.ptr[2] != ':' ||
        text_to_int((struct text){ text.ptr, 2 }, 0, 23, &hour) != 0 ||
        text_to_int((struct text){ text.ptr + 3, 2 }, 0, 59, &minute) != 0)
        return -1;
    ret->hour = (int)hour;
    ret->minute = (int)minute;
    return 0;
}

int
report_schedule_parse(enum report_period period, const char *text, struct report_schedule *ret,
                      struct err *err)
{
    struct text rest = text_trim(text_of(text));
    struct report_schedule schedule = { .is_set = rest.len > 0 };

    if (schedule.is_set && period == REPORT_WEEKLY)
        schedule.weekday = parse_weekday(text_split(&rest, ' '));
    if (schedule.is_set && (schedule.weekday < 0 || rest.ptr == NULL ||
                            parse_clock(text_trim(rest), &schedule) != 0)) {
        if (period == REPORT_WEEKLY)
            err_set(err, "report.weekly_at: must be a day and a time, as in Mon 09:00");
        else
            err_set(err, "report.daily_at: must be a time, as in 09:00");
        return -1;
    }
    *ret = schedule;
    return 0;
}

int
report_is_due(const struct report_schedule *schedule, enum report_period period, int64_t now_us,
              struct report_span *ret_span)
{
    struct local_time now;
    int32_t today = report_day_of(now_us);

    if (!schedule->is_set)
        return 0;
    timestamp_to_local(now_us, &now);
    if (period == REPORT_WEEKLY && now.weekday != schedule->weekday)
        return 0;
    /* an hour that this day does not have (spring) comes when the clock has passed it */
    if (now_us < timestamp_from_local(now.year, now.month, now.day, schedule->hour,
                                      schedule->minute, 0))
        return 0;
    *ret_span = report_span_make(period, today - (period == REPORT_WEEKLY ? 7 : 1), now_us);
    return 1;
}
