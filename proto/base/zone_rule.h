/*
 * zone_rule.h - a POSIX TZ rule: what a zone does year after year
 *
 * "CET-1CEST,M3.5.0,M10.5.0/3": std offset [dst [offset] [,start[/time],end[/time]]].
 * Sources: POSIX.1-2017, Base Definitions 8.3; RFC 8536 section 3.3.1 (times of up to
 * 167 hours, either way). Arithmetic only.
 */
#ifndef PROTO_BASE_ZONE_RULE_H
#define PROTO_BASE_ZONE_RULE_H

#include <stdint.h>

/* When, within a year, summer time begins or ends. */
struct zone_change {
    enum { CHANGE_MONTH, CHANGE_JULIAN, CHANGE_DAY } kind;
    int month, week, day;       /* day: of the week from Sunday, or of the year */
    int second;                 /* of that day, on the wall; may be outside of it */
};

struct zone_rule {
    int standard_s, summer_s;   /* seconds east of UTC */
    int has_summer;
    struct zone_change start, end;
};

/* 0, or -1 when the text is no such rule. */
int zone_rule_parse(const char *text, struct zone_rule *ret_rule);

/* Seconds east of UTC at a time, in seconds since 1970. */
int zone_rule_offset(const struct zone_rule *rule, int64_t second);

#endif
