#include "detector/match/time_part.h"

#include "proto/base/timestamp.h"

#define SECOND_US INT64_C(1000000)

static int
days_in(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 366 : 365;
}

/* ISO 8601: a week is of the year that has its Thursday. */
static int
iso_week(const struct local_time *local)
{
    static const int before[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };
    int days = days_in(local->year);
    int yday = before[local->month - 1] + local->day + (days == 366 && local->month > 2);
    int thursday = yday + 4 - (local->weekday == 0 ? 7 : local->weekday);

    if (thursday < 1)
        thursday += days_in(local->year - 1);
    else if (thursday > days)
        thursday -= days;
    return (thursday - 1) / 7 + 1;
}

int
time_part_of(enum sigma_part part, int64_t at_us, const struct zone_table *zone)
{
    struct local_time local;

    if (zone == NULL)
        timestamp_to_local(at_us, &local);
    else
        timestamp_to_offset(at_us, zone_table_offset(zone, at_us / SECOND_US -
                                                           (at_us % SECOND_US < 0)), &local);
    switch (part) {
    case PART_MINUTE:
        return local.minute;
    case PART_HOUR:
        return local.hour;
    case PART_DAY:
        return local.day;
    case PART_WEEK:
        return iso_week(&local);
    case PART_MONTH:
        return local.month;
    default:
        return local.year;
    }
}
