/*
 * report_span.h - the days that a report is about
 *
 * A day is a calendar day of the site's time zone (23, 24 or 25 hours), a week
 * begins on Monday. Days are numbered like UTC's: day 0 is called 1970-01-01.
 */
#ifndef PROTO_REPORT_REPORT_SPAN_H
#define PROTO_REPORT_REPORT_SPAN_H

#include <stdint.h>

#include "proto/base/text.h"

enum report_period { REPORT_DAILY, REPORT_WEEKLY, REPORT_PERIODS };

enum { REPORT_DAY_LEN = 16 };       /* room for "2026-11-22" and its NUL */

struct report_span {
    enum report_period period;
    int32_t first_day, end_day;     /* the day after the last */
    int64_t from_us, to_us;         /* whole minutes; local midnights */
    /* What it is compared with: the span before, of which, while this one is not
     * over, only the part up to the same time of its day; whole minutes. */
    int64_t before_us, before_to_us;
    char first[REPORT_DAY_LEN], last[REPORT_DAY_LEN];
    int weekday;                    /* of the first day; 0 = Sunday */
    int is_so_far;                  /* it is not over yet */
    int64_t now_us;
};

/* "daily", "weekly". */
const char *report_period_name(enum report_period period);

/* The site's calendar day of a time; when a day begins (a whole minute: in
 * zones of old that may be some seconds before); what it is called. */
int32_t report_day_of(int64_t at_us);
int64_t report_day_start(int32_t day);
void report_day_name(int32_t day, char out[REPORT_DAY_LEN]);

/* "2026-11-22" of the years 1 to 9998. 0 or -1. */
int report_day_parse(struct text text, int32_t *ret_day);

/* The day, or the week that holds it. */
struct report_span report_span_make(enum report_period period, int32_t day, int64_t now_us);

#endif
