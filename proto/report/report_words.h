/*
 * report_words.h - what a report says, in both languages
 *
 * One table, both columns side by side. {0} to {9} are put in by their place,
 * for the order of words differs. Korean is worded so that no particle whose
 * form depends on the word before it follows what is put in.
 */
#ifndef PROTO_REPORT_REPORT_WORDS_H
#define PROTO_REPORT_REPORT_WORDS_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/buf.h"

enum report_language { REPORT_EN, REPORT_KO, REPORT_LANGUAGES };

enum report_word {
    WORD_LANGUAGE, WORD_TITLE_DAILY, WORD_TITLE_WEEKLY, WORD_SO_FAR, WORD_MONDAY,
    WORD_TUESDAY, WORD_WEDNESDAY, WORD_THURSDAY, WORD_FRIDAY, WORD_SATURDAY, WORD_SUNDAY,
    WORD_SPAN, WORD_SPAN_SO_FAR, WORD_WHEN_DAY, WORD_WHEN_DAY_SO_FAR, WORD_WHEN_WEEK,
    WORD_WHEN_WEEK_SO_FAR, WORD_INCIDENTS_NONE, WORD_INCIDENTS_ONE, WORD_INCIDENTS_MANY,
    WORD_EVENTS_NONE, WORD_EVENTS_ONE, WORD_EVENTS_MANY, WORD_INCIDENTS_CUT, WORD_TOTALS,
    WORD_TIMELINE, WORD_SEVERITIES, WORD_TYPES, WORD_RULES, WORD_INCIDENTS,
    WORD_SOURCES, WORD_USERS, WORD_NEW_SOURCES, WORD_QUIET_SOURCES, WORD_ALLOWED,
    WORD_BALANCE, WORD_WHAT, WORD_THIS_DAY, WORD_DAY_BEFORE, WORD_THIS_WEEK,
    WORD_WEEK_BEFORE, WORD_COMPARED_SO_FAR, WORD_CHANGE, WORD_CHANGE_PERCENT, WORD_NO_COMPARISON, WORD_EVENTS,
    WORD_INCIDENT_COUNT, WORD_STILL_OPEN, WORD_DISTINCT_SOURCES, WORD_SHARE, WORD_HOUR,
    WORD_DAY, WORD_PEAK_HOUR, WORD_PEAK_DAY, WORD_CHART_HOURS, WORD_CHART_DAYS,
    WORD_SEVERITY, WORD_TYPE, WORD_RULE, WORD_STATUS, WORD_SUMMARY,
    WORD_OPENED, WORD_OPEN, WORD_ACKNOWLEDGED, WORD_INVESTIGATING,
    WORD_RESOLVED, WORD_FALSE_POSITIVE, WORD_ACK_TIME, WORD_RESOLVE_TIME, WORD_TIMES_ARE, WORD_LOW,
    WORD_MEDIUM, WORD_HIGH, WORD_CRITICAL, WORD_SOURCE, WORD_USER, WORD_OTHERS,
    WORD_FIRST_SEEN, WORD_DAYS_SEEN, WORD_LAST_SEEN, WORD_FEW, WORD_NEW_NONE,
    WORD_NEW_TOTAL, WORD_NEW_NO_HISTORY, WORD_QUIET_TOTAL, WORD_QUIET_TOTAL_SO_FAR,
    WORD_LISTED, WORD_SOURCES_CUT, WORD_ENTRY, WORD_REASON, WORD_BALANCE_SPAN,
    WORD_BALANCE_CLOSES, WORD_BALANCE_ON_THE_WAY, WORD_BALANCE_TOO_MANY, WORD_RECEIVED,
    WORD_STORED, WORD_DEAD_LETTERS, WORD_REFUSED, WORD_REFUSED_JSON, WORD_REFUSED_FIELD,
    WORD_REFUSED_NO_TIME, WORD_REFUSED_TOO_BIG, WORD_NOT_YET_STORED, WORD_JUDGED,
    WORD_NOT_JUDGED, WORD_EARLIER, WORD_LATER, WORD_OPEN_REPORT, WORD_NOTE_TOTALS,
    WORD_NOTE_AGAINST_DAY, WORD_NOTE_AGAINST_WEEK, WORD_NOTE_MORE, WORD_DURATION_S,
    WORD_DURATION_MIN, WORD_DURATION_H, WORD_DURATION_D, WORD_MADE_BY,
    REPORT_WORDS
};

struct report_word_row { const char *text[REPORT_LANGUAGES]; };

extern const struct report_word_row report_words[REPORT_WORDS];

/* "en", "ko" <-> number; parse gives -1 for anything else. */
int report_language_parse(struct text name);
const char *report_language_name(enum report_language language);

/* The words themselves, without anything put in. */
const char *report_word(enum report_language language, enum report_word word);

/* Append the words with args (at most ten, NULL at the end) put in. 0, or -1 when out
 * of memory. */
int report_say(struct buf *out, enum report_language language, enum report_word word,
               const char *const *args);

/* Append "12,345"; "+12.3 %" of tenths of a per cent; "2 h 10 min". */
int report_put_number(struct buf *out, uint64_t number);
int report_put_change(struct buf *out, int64_t number);
int report_put_permille(struct buf *out, int64_t permille, int has_sign);
int report_put_duration(struct buf *out, enum report_language language, int64_t us);

/* The words of a severity, of a status, of a weekday (0 = Sunday). */
enum report_word report_severity_word(int severity);
enum report_word report_status_word(int status);
enum report_word report_weekday_word(int weekday);

#endif
