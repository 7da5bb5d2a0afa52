/*
 * timestamp.h - times as text, and the site's time zone
 *
 * A time is microseconds since 1970-01-01 UTC. Text is RFC 3339; a time
 * without a zone is in the site's zone: TZ, else /etc/localtime, an IANA name.
 */
#ifndef PROTO_BASE_TIMESTAMP_H
#define PROTO_BASE_TIMESTAMP_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/err.h"
#include "proto/base/text.h"

#define TIMESTAMP_LEN 40        /* room for any formatted time and its NUL */

/* A local calendar time in the site's zone. */
struct local_time {
    int year, month, day;       /* 2026, 1..12, 1..31 */
    int hour, minute, second;
    int weekday;                /* 0 = Sunday */
    int offset_s;               /* east of UTC */
};

/* Take the site's zone from TZ or /etc/localtime. Call once at start. 0, or
 * -1 when TZ names a zone that the machine does not have. */
int timestamp_init(struct err *err);

/* The site's zone as an IANA name ("Asia/Seoul"), or TZ's own text when that
 * is a POSIX rule ("KST-9"); "UTC" when unknown. */
const char *timestamp_zone(void);

/* RFC 3339 ("2026-11-22T10:00:00.123456+09:00"; a space for T and a comma
 * for the point are taken; the zone, seconds' fraction may be missing; +0900
 * is +09:00; digits after the sixth are cut). A leap second, which is only at
 * 23:59:60 UTC, counts as the next second. 0 or -1 with the reason. */
int timestamp_parse(struct text text, int64_t *ret_us, struct err *err);

/* "2026-11-22T01:00:00.123456Z"; trailing zeros of the fraction are left out
 * three at a time, and the fraction when it is 0. */
void timestamp_format(int64_t us, char out[TIMESTAMP_LEN]);

/* The same moment in the site's zone, with its offset. */
void timestamp_format_local(int64_t us, char out[TIMESTAMP_LEN]);

/* Calendar time in the site's zone (or so many seconds east of UTC), and back. Back takes fields out of range
 * (day 32 is the next month's first); a time that does not exist (spring) is
 * moved forward, one that exists twice is the first. */
void timestamp_to_local(int64_t us, struct local_time *ret_local);
void timestamp_to_offset(int64_t us, int offset_s, struct local_time *ret_local);
int64_t timestamp_from_local(int year, int month, int day,
                             int hour, int minute, int second);

/* The UTC day of a time, in days since 1970-01-01, and its "YYYY-MM-DD". */
int32_t timestamp_utc_day(int64_t us);
int32_t timestamp_local_day(int64_t us);        /* the same of the site's zone */
void timestamp_format_day(int32_t day, char out[TIMESTAMP_LEN]);

/* "YYYY-MM-DD" -> days since 1970-01-01. 0 or -1. */
int timestamp_parse_day(struct text text, int32_t *ret_day);

#endif
