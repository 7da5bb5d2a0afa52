#include "notifier/reports.h"

#include "notifier/notifier.h"
#include "proto/base/clock.h"
#include "proto/base/timestamp.h"
#include "proto/report/report_note.h"

/* A look costs nothing once a report of the day is known to be told. */
enum { LOOK_MS = 5000 };

static int
parse(const struct settings *settings, struct report_schedule schedules[REPORT_PERIODS],
      enum report_language *ret_language, struct err *err)
{
    int language = report_language_parse(
        text_of(settings->report_lang == NULL ? "en" : settings->report_lang));

    if (report_schedule_parse(REPORT_DAILY, settings->report_daily_at, &schedules[REPORT_DAILY],
                              err) != 0 ||
        report_schedule_parse(REPORT_WEEKLY, settings->report_weekly_at,
                              &schedules[REPORT_WEEKLY], err) != 0)
        return -1;
    if (language < 0) {
        err_set(err, "report.lang: must be en or ko");
        return -1;
    }
    *ret_language = (enum report_language)language;
    return 0;
}

int
reports_check(const struct settings *settings, struct err *err)
{
    struct report_schedule schedules[REPORT_PERIODS];
    enum report_language language;

    return parse(settings, schedules, &language, err);
}

/* Sum up and write down. 1 made, 0 was there, -1 with the reason. */
static int
make_report(struct notifier *nt, enum report_language language, const struct report_span *span,
            struct err *err)
{
    struct site_report report = { 0 };
    struct report_note note = { 0 };
    char key[REPORT_KEY_LEN];
    int rc;

    report_key(span, key);
    rc = outbox_has_report(nt->outbox, key, err);
    if (rc != 0)
        return rc < 0 ? -1 : 0;
    if (site_report_read_short(nt->store, span, &report, err) != 0)
        return -1;
    rc = report_note_make(&report, language, &note);
    if (rc != 0)
        err_set(err, "out of memory");
    else
        rc = outbox_add_report(nt->outbox, key, &note, clock_real_us(), err);
    report_note_release(&note);
    site_report_release(&report);
    return rc;
}

int
reports_look(struct notifier *nt, int64_t now_us)
{
    struct report_schedule schedules[REPORT_PERIODS];
    enum report_language language;
    struct report_span span;
    struct err err;
    int made = 0;

    if (parse(nt->daemon->settings, schedules, &language, &err) != 0)
        return 0;               /* was refused at start */
    for (int p = 0; p < REPORT_PERIODS; p++) {
        int rc;

        if (!report_is_due(&schedules[p], (enum report_period)p, now_us, &span) ||
            (nt->has_reported[p] && nt->reported_day[p] == span.first_day))
            continue;
        rc = make_report(nt, language, &span, &err);
        if (rc < 0) {
            log_warn_burst(&nt->burst, "report cannot be made, trying again",
                           "period=%s day=%s reason=\"%s\"",
                           report_period_name((enum report_period)p), span.first, err.text);
            continue;
        }
        nt->has_reported[p] = 1;
        nt->reported_day[p] = span.first_day;
        made += rc;
    }
    return made;
}

static int
on_report_look(zloop_t *loop, int timer, void *self)
{
    struct notifier *nt = self;
    int made = reports_look(nt, clock_real_us());

    (void)loop, (void)timer;
    *nt->reports += (uint64_t)made;
    if (made > 0)
        notifier_pump(nt);
    return 0;
}

void
reports_start(struct notifier *nt)
{
    nt->reports = metrics_number(nt->daemon->metrics, METRIC_COUNTER,
                                 "bongsu_notifier_reports_total", "",
                                 "daily and weekly reports that were put into the outbox");
    zloop_timer(nt->daemon->loop, LOOK_MS, 0, on_report_look, nt);
    on_report_look(nt->daemon->loop, 0, nt);
}
