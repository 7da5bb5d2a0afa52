#include "proto/report/report_note.h"

#include <stdio.h>

int
report_put_title(struct buf *out, enum report_language language, const struct report_span *span)
{
    int rc;

    if (span->period == REPORT_WEEKLY)
        rc = buf_printf(out, "%s %s ~ %s", report_word(language, WORD_TITLE_WEEKLY), span->first,
                        span->last);
    else
        rc = buf_printf(out, "%s %s (%s)", report_word(language, WORD_TITLE_DAILY), span->first,
                        report_word(language, report_weekday_word(span->weekday)));
    if (rc == 0 && span->is_so_far)
        rc = buf_printf(out, " \xc2\xb7 %s", report_word(language, WORD_SO_FAR));
    return rc;
}

/* "on 2026-11-22", "so far in the week from ... to ...". */
static int
put_when(struct buf *out, enum report_language language, const struct report_span *span)
{
    static const enum report_word words[REPORT_PERIODS][2] = {
        [REPORT_DAILY] = { WORD_WHEN_DAY, WORD_WHEN_DAY_SO_FAR },
        [REPORT_WEEKLY] = { WORD_WHEN_WEEK, WORD_WHEN_WEEK_SO_FAR },
    };

    return report_say(out, language, words[span->period][span->is_so_far != 0],
                      (const char *const[]){ span->first, span->last, NULL });
}

/* A sentence about a number, in one of three ways. */
static enum report_word
one_of(uint64_t number, enum report_word none, enum report_word one, enum report_word many)
{
    return number == 0 ? none : number == 1 ? one : many;
}

static int
put_incidents(struct buf *out, enum report_language language, const struct site_report *report)
{
    const struct report_incidents *incidents = &report->incidents;
    struct buf when = { 0 }, open = { 0 }, total = { 0 }, most = { 0 };
    int rc = -1;

    if (put_when(&when, language, &report->span) == 0 &&
        report_put_number(&open, incidents->open) == 0 &&
        report_put_number(&total, incidents->total) == 0 &&
        report_put_number(&most, REPORT_MAX_INCIDENTS) == 0)
        rc = report_say(out, language,
                        one_of(incidents->total, WORD_INCIDENTS_NONE, WORD_INCIDENTS_ONE,
                               WORD_INCIDENTS_MANY),
                        (const char *const[]){ when.ptr, open.ptr, total.ptr, NULL });
    if (rc == 0 && incidents->is_more) {
        rc |= buf_append_char(out, ' ');
        rc |= report_say(out, language, WORD_INCIDENTS_CUT,
                         (const char *const[]){ most.ptr, NULL });
    }
    buf_release(&when);
    buf_release(&open);
    buf_release(&total);
    buf_release(&most);
    return rc;
}

int
report_put_lead(struct buf *out, enum report_language language, const struct site_report *report)
{
    uint64_t total = report->counts.total;
    struct buf number = { 0 };
    int rc = put_incidents(out, language, report);

    rc |= buf_append_char(out, ' ');
    rc |= report_put_number(&number, total);
    if (rc == 0)
        rc = report_say(out, language,
                        one_of(total, WORD_EVENTS_NONE, WORD_EVENTS_ONE, WORD_EVENTS_MANY),
                        (const char *const[]){ number.ptr, NULL });
    buf_release(&number);
    return rc == 0 ? 0 : -1;
}
