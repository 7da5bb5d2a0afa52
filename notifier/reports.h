/*
 * reports.h - the day's and the week's report, told once at their hour
 *
 * What is due goes into the outbox under "report|daily|2026-11-21", which is
 * there once: neither a restart nor a clock that was set back tells it again.
 */
#ifndef NOTIFIER_REPORTS_H
#define NOTIFIER_REPORTS_H

#include "proto/base/err.h"
#include "proto/settings.h"

struct notifier;

/* -1 with the reason when report.daily_at, report.weekly_at or report.lang make no
 * sense. */
int reports_check(const struct settings *settings, struct err *err);

/* Look now, and again and again on the loop. */
void reports_start(struct notifier *nt);

/* Put into the outbox what is due at this time and not there. Returns how many. */
int reports_look(struct notifier *nt, int64_t now_us);

#endif
