#include "proto/decode/log_time.h"

#include <string.h>
#include <time.h>

#include "proto/base/civil.h"
#include "proto/base/timestamp.h"
#include "proto/decode/take.h"
#include "proto/event.h"

enum {
    MICRO = 1000000,
    SECONDS_OF_DAY = 86400,
    ZONE_LETTERS = 5,
    LEAP_YEARS_APART = 8        /* at most: 1896, 1904 */
};

#define US_OF_DAY INT64_C(86400000000)

/* What a zone says of a time. */
enum zone_kind { ZONE_SITE, ZONE_OFFSET };

struct calendar {
    int64_t year, month, day, hour, minute, second, fraction_us;
    enum zone_kind zone;
    int64_t offset_s;
};

/* Abbreviations that PostgreSQL ships, and whose meaning there is the common
 * one. IST, BST and their like mean several zones: only the site's own. */
static const struct {
    const char *name;
    int offset_minutes;
} zones[] = {
    { "UTC", 0 },     { "GMT", 0 },     { "Z", 0 },       { "WET", 0 },
    { "WEST", 60 },   { "CET", 60 },    { "CEST", 120 },  { "EET", 120 },
    { "EEST", 180 },  { "MSK", 180 },   { "KST", 540 },   { "JST", 540 },
    { "EST", -300 },  { "EDT", -240 },  { "MST", -420 },  { "MDT", -360 },
    { "PST", -480 },  { "PDT", -420 },
};

/* "10:00:00" and what follows a point or comma of digits. */
static int
take_clock(struct text *text, size_t hour_digits, struct calendar *when)
{
    int64_t unit = MICRO / 10;

    if (take_number(text, hour_digits, 2, 23, &when->hour) != 0 ||
        take_char(text, ':') != 0 || take_number(text, 2, 2, 59, &when->minute) != 0 ||
        take_char(text, ':') != 0 || take_number(text, 2, 2, 60, &when->second) != 0)
        return -1;

    if (text->len > 1 && (*text->ptr == '.' || *text->ptr == ',') && is_digit(text->ptr[1]))
        for (skip(text, 1); text->len > 0 && is_digit(*text->ptr); skip(text, 1)) {
            when->fraction_us += (*text->ptr - '0') * unit;
            unit /= 10;
        }
    return 0;
}

/* "Z", "+0900", "+09:00", "+09": 0, or -1 when there is none. */
static int
take_offset(struct text *text, struct calendar *when)
{
    struct text rest = *text;
    int64_t hours, minutes = 0;
    int is_west;

    when->zone = ZONE_OFFSET;
    if (take_char(&rest, 'Z') == 0) {
        when->offset_s = 0;
        *text = rest;
        return 0;
    }
    when->zone = ZONE_SITE;
    is_west = rest.len > 0 && *rest.ptr == '-';
    if (rest.len == 0 || (!is_west && *rest.ptr != '+'))
        return -1;
    skip(&rest, 1);
    if (take_number(&rest, 2, 2, 23, &hours) != 0)
        return -1;
    (void)take_char(&rest, ':');
    (void)take_number(&rest, 2, 2, 59, &minutes);

    when->zone = ZONE_OFFSET;
    when->offset_s = (hours * 3600 + minutes * 60) * (is_west ? -1 : 1);
    *text = rest;
    return 0;
}

static int
to_time(const struct calendar *when, int64_t *ret_us)
{
    int64_t seconds;

    if (when->month < 1 || when->month > 12 || when->day < 1 ||
        when->day > civil_month_len(when->year, (int)when->month))
        return -1;

    if (when->zone == ZONE_SITE) {
        *ret_us = timestamp_from_local((int)when->year, (int)when->month, (int)when->day,
                                       (int)when->hour, (int)when->minute,
                                       (int)when->second) +
                  when->fraction_us;
        return 0;
    }
    seconds = civil_to_days(when->year, (int)when->month, (int)when->day) *
                  SECONDS_OF_DAY +
              when->hour * 3600 + when->minute * 60 + when->second - when->offset_s;
    *ret_us = seconds * MICRO + when->fraction_us;
    return 0;
}

static int
take_month(struct text *text, struct calendar *when)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

    for (int i = 0; i < 12 && text->len >= 3; i++)
        if (memcmp(text->ptr, names + 3 * i, 3) == 0) {
            when->month = i + 1;
            skip(text, 3);
            return 0;
        }
    return -1;
}

/* The year that it may already be somewhere on Earth. Now stays the same for
 * many lines; a program has one thread. */
static int64_t
last_year(int64_t now_us)
{
    static int64_t asked_us = INT64_MIN, year;
    int month, day;

    if (now_us != asked_us) {
        civil_from_days(now_us / US_OF_DAY + 1, &year, &month, &day);
        asked_us = now_us;
    }
    return year;
}

/* The latest year in which this date exists and that is not ahead of now: 0; 1
 * when it would be a day ahead at most, so that only a guess could tell a clock
 * or a zone that is ahead from a line of last year's; -1 when there is none. */
static int
set_year(struct calendar *when, int64_t now_us, int64_t *ret_us)
{
    const int64_t last = last_year(now_us), latest_us = now_us + EVENT_MAX_AHEAD_US;
    int64_t at_us;

    for (when->year = last; when->year >= last - LEAP_YEARS_APART; when->year--) {
        if (to_time(when, &at_us) != 0)
            continue;
        if (at_us <= latest_us) {
            *ret_us = at_us;
            return 0;
        }
        if (at_us <= now_us + US_OF_DAY)
            return 1;
    }
    return -1;
}

int
log_time_take_bsd(struct text *text, int64_t now_us, int64_t *ret_us)
{
    struct calendar when = { 0 };
    struct text rest = *text;
    int rc;

    if (take_month(&rest, &when) != 0 || take_char(&rest, ' ') != 0)
        return -1;
    skip_spaces(&rest);
    if (take_number(&rest, 1, 2, 31, &when.day) != 0 || take_char(&rest, ' ') != 0 ||
        take_clock(&rest, 2, &when) != 0 || take_char(&rest, ' ') != 0)
        return -1;
    rc = set_year(&when, now_us, ret_us);
    if (rc >= 0)
        *text = rest;
    return rc;
}

int
log_time_take_clf(struct text *text, int64_t *ret_us)
{
    struct calendar when = { 0 };
    struct text rest = *text;

    if (take_number(&rest, 2, 2, 31, &when.day) != 0 || take_char(&rest, '/') != 0 ||
        take_month(&rest, &when) != 0 || take_char(&rest, '/') != 0 ||
        take_number(&rest, 4, 4, 9999, &when.year) != 0 || take_char(&rest, ':') != 0 ||
        take_clock(&rest, 2, &when) != 0 || take_char(&rest, ' ') != 0 ||
        take_offset(&rest, &when) != 0 || to_time(&when, ret_us) != 0)
        return -1;
    *text = rest;
    return 0;
}

int
log_time_take_ctime(struct text *text, int64_t *ret_us)
{
    static const char days[] = "Sun Mon Tue Wed Thu Fri Sat ";
    struct calendar when = { 0 };
    struct text rest = *text;

    if (rest.len < 24 || rest.ptr[3] != ' ' || memmem(days, 28, rest.ptr, 4) == NULL)
        return -1;
    skip(&rest, 4);
    if (take_month(&rest, &when) != 0 || take_char(&rest, ' ') != 0)
        return -1;
    (void)take_char(&rest, ' ');        /* asctime() writes the 4th as " 4" */
    if (take_number(&rest, 1, 2, 31, &when.day) != 0 || take_char(&rest, ' ') != 0 ||
        take_clock(&rest, 2, &when) != 0 || take_char(&rest, ' ') != 0 ||
        take_number(&rest, 4, 4, 9999, &when.year) != 0 || to_time(&when, ret_us) != 0)
        return -1;
    *text = rest;
    return 0;
}

/* The date and the clock, not the zone. */
static int
take_date_and_clock(struct text *text, struct calendar *when)
{
    char sep;

    if (text->len < 18 || (text->ptr[4] != '-' && text->ptr[4] != '/'))
        return -1;
    sep = text->ptr[4];
    if (take_number(text, 4, 4, 9999, &when->year) != 0 || take_char(text, sep) != 0 ||
        take_number(text, 2, 2, 12, &when->month) != 0 || take_char(text, sep) != 0 ||
        take_number(text, 2, 2, 31, &when->day) != 0 ||
        (take_char(text, ' ') != 0 && take_char(text, 'T') != 0))
        return -1;
    (void)take_char(text, ' ');         /* MariaDB: "2026-11-22  9:05:07" */
    return take_clock(text, 1, when);
}

int
log_time_take_date(struct text *text, int64_t *ret_us)
{
    struct calendar when = { 0 };
    struct text rest = *text;

    if (take_date_and_clock(&rest, &when) != 0)
        return -1;
    (void)take_offset(&rest, &when);
    if (to_time(&when, ret_us) != 0)
        return -1;
    *text = rest;
    return 0;
}

int
log_time_take_short(struct text *text, int64_t *ret_us)
{
    struct calendar when = { 0 };
    struct text rest = *text;

    if (take_number(&rest, 2, 2, 99, &when.year) != 0 ||
        take_number(&rest, 2, 2, 12, &when.month) != 0 ||
        take_number(&rest, 2, 2, 31, &when.day) != 0 || take_char(&rest, ' ') != 0)
        return -1;
    when.year += 2000;
    (void)take_char(&rest, ' ');
    if (take_clock(&rest, 1, &when) != 0 || to_time(&when, ret_us) != 0)
        return -1;
    *text = rest;
    return 0;
}

/* 1 when the site calls its own zone so at that (local) time. */
static int
is_sites_zone(struct text name, const struct calendar *when)
{
    struct calendar local = *when;
    struct tm broken;
    int64_t at_us;
    time_t at;

    local.zone = ZONE_SITE;
    if (to_time(&local, &at_us) != 0)
        return 0;
    at = (time_t)(at_us / MICRO);
    return localtime_r(&at, &broken) != NULL && text_is(name, broken.tm_zone);
}

static int
take_zone_name(struct text *text, struct calendar *when)
{
    struct text name = { text->ptr, 0 };

    while (name.len < text->len && name.len < ZONE_LETTERS &&
           name.ptr[name.len] >= 'A' && name.ptr[name.len] <= 'Z')
        name.len++;
    if (name.len == 0)
        return take_offset(text, when);

    if (!is_sites_zone(name, when)) {
        size_t i = 0;

        while (i < sizeof zones / sizeof zones[0] && !text_is(name, zones[i].name))
            i++;
        if (i == sizeof zones / sizeof zones[0])
            return -1;
        when->zone = ZONE_OFFSET;
        when->offset_s = zones[i].offset_minutes * 60;
    }
    skip(text, name.len);
    return 0;
}

int
log_time_take_zoned(struct text *text, int64_t *ret_us)
{
    struct calendar when = { 0 };
    struct text rest = *text;

    if (take_date_and_clock(&rest, &when) != 0 || take_char(&rest, ' ') != 0 ||
        take_zone_name(&rest, &when) != 0 || to_time(&when, ret_us) != 0)
        return -1;
    *text = rest;
    return 0;
}

int
log_time_from_epoch(struct text text, int64_t *ret_us)
{
    struct text whole = text_split(&text, '.');
    int64_t seconds, us = 0, unit = MICRO / 10;

    if (text_to_int(whole, 0, INT64_C(253402300799), &seconds) != 0)
        return -1;
    for (size_t i = 0; i < text.len; i++) {
        if (!is_digit(text.ptr[i]))
            return -1;
        us += (text.ptr[i] - '0') * unit;
        unit /= 10;
    }
    *ret_us = seconds * MICRO + us;
    return 0;
}
