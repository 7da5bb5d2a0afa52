#include "proto/base/zone_rule.h"

#include <ctype.h>
#include <string.h>

#include "proto/base/civil.h"

enum { DAY_S = 86400, HOUR_S = 3600 };

/* --- reading ----------------------------------------------------------- */

/* Each eats what it knows from *at. 0, or -1 when it is not there. */
static int
read_name(const char **at)
{
    size_t len = 0;

    if (**at == '<') {
        len = strspn(*at + 1, "0123456789+-"
                     "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
        if (len < 3 || (*at)[len + 1] != '>')
            return -1;
        *at += len + 2;
        return 0;
    }
    while (isalpha((unsigned char)(*at)[len]))
        len++;
    *at += len;
    return len >= 3 ? 0 : -1;
}

static int
read_number(const char **at, int max, int *ret_number)
{
    int number = 0, digits = 0;

    for (; isdigit((unsigned char)**at) && digits < 4; digits++)
        number = number * 10 + (*(*at)++ - '0');
    *ret_number = number;
    return digits > 0 && number <= max ? 0 : -1;
}

/* [+-]hh[:mm[:ss]] as seconds. */
static int
read_clock(const char **at, int *ret_second)
{
    static const int units[] = { HOUR_S, 60, 1 };
    int sign = **at == '-' ? -1 : 1, number;

    *at += **at == '-' || **at == '+';
    *ret_second = 0;
    for (int i = 0; i < 3; i++) {
        if (i > 0 && **at != ':')
            break;
        *at += i > 0;
        if (read_number(at, i == 0 ? 167 : 59, &number) != 0)
            return -1;
        *ret_second += sign * number * units[i];
    }
    return 0;
}

/* Mm.w.d */
static int
read_month(const char **at, struct zone_change *change)
{
    change->kind = CHANGE_MONTH;
    ++*at;
    if (read_number(at, 12, &change->month) != 0 || change->month < 1 || *(*at)++ != '.')
        return -1;
    if (read_number(at, 5, &change->week) != 0 || change->week < 1 || *(*at)++ != '.')
        return -1;
    return read_number(at, 6, &change->day);
}

/* ,date[/time] */
static int
read_change(const char **at, struct zone_change *change)
{
    int rc;

    if (**at != ',')
        return -1;
    ++*at;
    if (**at == 'M') {
        rc = read_month(at, change);
    } else {
        change->kind = **at == 'J' ? CHANGE_JULIAN : CHANGE_DAY;
        *at += **at == 'J';
        rc = read_number(at, 365, &change->day);
        if (change->kind == CHANGE_JULIAN && change->day < 1)
            rc = -1;
    }
    change->second = 2 * HOUR_S;
    if (rc != 0 || **at != '/')
        return rc;
    ++*at;
    return read_clock(at, &change->second);
}

int
zone_rule_parse(const char *text, struct zone_rule *ret_rule)
{
    struct zone_rule rule = { .has_summer = 0 };
    int west;

    if (read_name(&text) != 0 || read_clock(&text, &west) != 0)
        return -1;
    rule.standard_s = -west;
    rule.summer_s = rule.standard_s + HOUR_S;
    if (*text != '\0') {
        rule.has_summer = 1;
        if (read_name(&text) != 0)
            return -1;
        if (*text != ',') {
            if (read_clock(&text, &west) != 0)
                return -1;
            rule.summer_s = -west;
        }
        if (read_change(&text, &rule.start) != 0 || read_change(&text, &rule.end) != 0 ||
            *text != '\0')
            return -1;
    }
    *ret_rule = rule;
    return 0;
}

/* --- asking ------------------------------------------------------------ */

static int
is_leap(int64_t year)
{
    return civil_month_len(year, 2) == 29;
}

/* The wall's time of a change, counted as if it were UTC. */
static int64_t
change_at(const struct zone_change *change, int64_t year)
{
    int64_t day = civil_to_days(year, change->kind == CHANGE_MONTH ? change->month : 1, 1);

    if (change->kind == CHANGE_MONTH) {
        int weekday = (int)(((day + 4) % 7 + 7) % 7);
        int back = (change->day - weekday + 7) % 7 + 7 * (change->week - 1);

        /* the fifth is the last, which may be the fourth */
        if (back >= civil_month_len(year, change->month))
            back -= 7;
        day += back;
    } else if (change->kind == CHANGE_JULIAN) {
        day += change->day - 1 + (is_leap(year) && change->day >= 60);
    } else {
        day += change->day;
    }
    return day * DAY_S + change->second;
}

int
zone_rule_offset(const struct zone_rule *rule, int64_t second)
{
    int64_t local = second + rule->standard_s, year, start, end;
    int month, day, is_summer;

    if (!rule->has_summer)
        return rule->standard_s;
    civil_from_days(local / DAY_S - (local % DAY_S < 0), &year, &month, &day);
    start = change_at(&rule->start, year) - rule->standard_s;
    end = change_at(&rule->end, year) - rule->summer_s;
    /* south of the equator summer is around the new year */
    is_summer = start < end ? second >= start && second < end
                            : second >= start || second < end;
    return is_summer ? rule->summer_s : rule->standard_s;
}
