/*
 * report_note.h - a report in a few lines, for a message; and when it is due
 *
 * Pure. The lines carry titles and summaries as rules and events had them: the
 * channel escapes them.
 */
#ifndef PROTO_REPORT_REPORT_NOTE_H
#define PROTO_REPORT_REPORT_NOTE_H

#include "proto/base/buf.h"
#include "proto/base/err.h"
#include "proto/report/report_words.h"
#include "proto/report/site_report.h"

enum { REPORT_NOTE_INCIDENTS = 5, REPORT_NOTE_LINES = REPORT_NOTE_INCIDENTS + 3,
       REPORT_KEY_LEN = 32 };

struct report_note {
    char *title;                    /* "Daily report 2026-11-21 (Saturday)" */
    char *lines[REPORT_NOTE_LINES];
    size_t line_count;
    char *path;                     /* "/report/daily?date=2026-11-21&format=html" */
    char *link;                     /* "Open the report" */
};

/* "report|daily|2026-11-21": what a report is told under, once. */
void report_key(const struct report_span *span, char out[REPORT_KEY_LEN]);

/* Fill *ret (zeroed). 0, or -1 when out of memory. */
int report_note_make(const struct site_report *report, enum report_language language,
                     struct report_note *ret);
void report_note_release(struct report_note *note);

/* As JSON, to be kept; and back into a zeroed one. 0 or -1. */
int report_note_write(const struct report_note *note, struct buf *out);
int report_note_read(struct text json, struct report_note *ret, struct err *err);

/* --- sentences that a page has too; append, 0 or -1 --- */
int report_put_title(struct buf *out, enum report_language language,
                     const struct report_span *span);
/* "18 incidents on 2026-11-22, 11 not closed yet. 1,829 events were stored." */
int report_put_lead(struct buf *out, enum report_language language,
                    const struct site_report *report);

/* --- when --- */
struct report_schedule {
    int is_set;
    int weekday;                    /* weekly; 0 = Sunday */
    int hour, minute;               /* of the site's zone */
};

/* "09:00", weekly "Mon 09:00"; NULL or "": never. 0 or -1 with the reason. */
int report_schedule_parse(enum report_period period, const char *text,
                          struct report_schedule *ret, struct err *err);

/* 1 and the span to tell of (the day or week before) from the set hour to the end
 * of that day, else 0: what a whole day was missed is not told. */
int report_is_due(const struct report_schedule *schedule, enum report_period period,
                  int64_t now_us, struct report_span *ret_span);

#endif
