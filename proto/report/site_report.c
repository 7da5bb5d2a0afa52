#include "proto/report/site_report.h"

#include <stdlib.h>
#include <string.h>

#define HOUR_US (INT64_C(3600) * 1000000)

static const int64_t settled_us = INT64_C(150) * 1000000;

/* Sources whose events are counted, so that the new among them can say how many. */
enum { SOURCES_COUNTED = STORE_MAX_COUNT_ROWS };

int
report_change(uint64_t now, uint64_t before, int64_t *ret_permille)
{
    double change;

    if (before == 0)
        return 0;
    change = ((double)now - (double)before) * 1000 / (double)before;
    *ret_permille = change > 1e15 ? INT64_C(1000000000000000)
                                  : (int64_t)(change < 0 ? change - 0.5 : change + 0.5);
    return 1;
}

/* --- the timeline --- */

/* Steps of half an hour serve all zones: a day begins on one. */
static void
make_days(struct site_report *report)
{
    const struct report_span *span = &report->span;

    for (int32_t day = span->first_day; day < span->end_day; day++)
        report->bars[report->bar_count++].at_us = report_day_start(day);
    for (size_t i = 0, bar = 0; i < report->counts.steps; i++) {
        int64_t at_us = span->from_us + (int64_t)i * report->step_us;

        while (bar + 1 < report->bar_count && report->bars[bar + 1].at_us <= at_us)
            bar++;
        report->bars[bar].events += report->counts.timeline[i];
    }
}

static void
make_hours(struct site_report *report)
{
    for (size_t i = 0; i < report->counts.steps && i < REPORT_BARS; i++)
        report->bars[report->bar_count++] = (struct report_bar){
            report->span.from_us + (int64_t)i * report->step_us, report->counts.timeline[i],
        };
}

/* n steps become one. */
static void
coarsen(struct site_report *report, size_t n)
{
    struct counts *counts = &report->counts;
    size_t steps = (counts->steps + n - 1) / n;

    for (size_t i = 0; i < steps; i++) {
        uint64_t sum = 0;

        for (size_t k = i * n; k < (i + 1) * n && k < counts->steps; k++)
            sum += counts->timeline[k];
        counts->timeline[i] = sum;
    }
    counts->steps = steps;
    report->step_us *= (int64_t)n;
}

/* Leave top rows and the sum of the others. */
static void
trim_rows(struct counts *counts, size_t top)
{
    for (int d = COUNT_TOTAL + 1; d < COUNT_DIMENSIONS; d++) {
        struct count_row *rows = counts->rows[d];
        size_t last = counts->row_count[d];

        if (last <= top + 1)
            continue;
        /* the one that is kept becomes "(other)": the last row's name when it has it */
        for (size_t i = top + 1; i < last; i++) {
            rows[top].events += rows[i].events;
            if (i + 1 == last && strcmp(rows[i].value, "(other)") == 0) {
                free(rows[top].value);
                rows[top].value = rows[i].value;
            } else {
                free(rows[i].value);
            }
        }
        counts->row_count[d] = top + 1;
    }
}

/* trim_rows keeps a name only when the store gave an "(other)" of its own. */
static int
name_other(struct counts *counts, size_t top)
{
    for (int d = COUNT_TOTAL + 1; d < COUNT_DIMENSIONS; d++) {
        struct count_row *row = counts->row_count[d] == top + 1 ? &counts->rows[d][top] : NULL;

        if (row == NULL || strcmp(row->value, "(other)") == 0)
            continue;
        free(row->value);
        row->value = strdup("(other)");
        if (row->value == NULL) {
            counts->row_count[d]--;
            return -1;
        }
    }
    return 0;
}

static int
read_counts(struct store *store, struct site_report *report, size_t top, struct err *err)
{
    const struct report_span *span = &report->span;
    int is_weekly = span->period == REPORT_WEEKLY;
    struct count_query query = { span->from_us, span->to_us,
                                 is_weekly ? HOUR_US / 2 : HOUR_US, top };

    report->step_us = query.step_us;
    if (store->ops->count(store, &query, &report->counts, err) != 0)
        return -1;
    if (is_weekly) {
        make_days(report);
        coarsen(report, 12);            /* six hours, as it has always been */
    } else {
        make_hours(report);
    }
    return 0;
}

static int
read_before(struct store *store, struct site_report *report, struct err *err)
{
    const struct report_span *span = &report->span;
    struct count_query query = { span->before_us, span->before_to_us,
                                 span->before_to_us - span->before_us, 1 };
    struct counts counts = { 0 };

    if (query.step_us == 0)
        return 0;                       /* it has only just begun */
    if (store->ops->count(store, &query, &counts, err) != 0)
        return -1;
    report->events_before = counts.total;
    counts_release(&counts);
    return 0;
}

/* --- incidents --- */

/* What was last seen in [from, to) of event time, at most *left of them. */
static int
read_incidents_of(struct store *store, struct site_report *report, struct report_times *times,
                  struct incident_query query, size_t *left, struct err *err)
{
    int is_more = 1, rc = 0;

    while (is_more && rc == 0 && *left > 0) {
        struct incident **found = NULL;
        size_t count = 0;

        is_more = 0;
        if (store->ops->find_incidents(store, &query, &found, &count, &is_more, err) != 0)
            return -1;
        for (size_t i = 0; i < count && rc == 0; i++)
            rc = report_incidents_add(&report->incidents, times, found[i], &report->span);
        if (rc != 0)
            err_set(err, "out of memory");
        is_more = is_more && count > 0;
        *left -= count < *left ? count : *left;
        if (count > 0) {
            query.has_cursor = 1;
            query.cursor_us = found[count - 1]->last_seen_us;
            memcpy(query.cursor_id, found[count - 1]->id, sizeof(query.cursor_id));
        }
        store_free_incidents(&found, count);
    }
    report->incidents.is_more |= is_more;
    return rc;
}

/* Those of the span and the one before come first; then what went on after it,
 * which is looked through from the newest. */
static int
read_incidents(struct store *store, struct site_report *report, struct err *err)
{
    const struct report_span *span = &report->span;
    struct incident_query query = { .from_us = span->before_us, .to_us = span->to_us,
                                    .status = -1, .severity = -1, .limit = STORE_MAX_PAGE };
    struct report_times *times = report_times_new();
    size_t left = REPORT_MAX_INCIDENTS;
    int rc = -1;

    if (times == NULL)
        err_set(err, "out of memory");
    else
        rc = read_incidents_of(store, report, times, query, &left, err);
    query.from_us = span->to_us;
    query.to_us = INT64_MAX;
    if (rc == 0)
        rc = read_incidents_of(store, report, times, query, &left, err);
    if (rc == 0)
        report_incidents_finish(&report->incidents, times);
    report_times_destroy(&times);
    return rc;
}

/* --- the balance sheet --- */

void
report_balance_add(struct report_balance *balance, const struct ledger *hours)
{
    for (size_t i = 0; i < hours->count; i++)
        for (int k = 0; k < LEDGER_COLUMNS; k++) {
            balance->counts[k] += hours->rows[i].counts[k];
            balance->has_numbers |= hours->rows[i].counts[k] > 0;
        }
    balance->refused = 0;
    for (int k = LEDGER_REFUSED_JSON; k <= LEDGER_REFUSED_TOO_BIG; k++)
        balance->refused += balance->counts[k];
    balance->received = balance->counts[LEDGER_ACCEPTED] + balance->refused;
    balance->dead_letters = balance->counts[LEDGER_NOT_STORED];
    balance->on_the_way = (int64_t)(balance->counts[LEDGER_ACCEPTED] -
                                    balance->counts[LEDGER_STORED] - balance->dead_letters);
}

/* Only hours that are over: of the one that runs, ingest's count is as old as the
 * last look of the notifier, which writes it down. A ledger holds a bounded number
 * of rows, so it is read a day at a time. */
static int
read_balance(struct store *store, struct site_report *report, struct err *err)
{
    int64_t from = ledger_hour(report->span.from_us);
    int64_t to = ledger_hour(report->span.to_us + HOUR_US - 1);
    int64_t over = ledger_hour(report->span.now_us - settled_us);
    struct ledger *hours = NULL;
    int rc = 0;

    to = over < to ? over : to;
    report->balance.from_us = from * HOUR_US;
    report->balance.to_us = to * HOUR_US;
    for (; from < to && rc == 0; from += 24) {
        hours = calloc(1, sizeof(*hours));
        rc = -1;
        if (hours == NULL)
            err_set(err, "out of memory");
        else
            rc = store->ops->get_ledger(store, from, from + 24 < to ? from + 24 : to, hours, err);
        if (rc == 0)
            report_balance_add(&report->balance, hours);
        free(hours);
    }
    return rc;
}

/* --- all of it --- */

int
site_report_read_short(struct store *store, const struct report_span *span,
                       struct site_report *ret, struct err *err)
{
    ret->span = *span;
    if (read_counts(store, ret, 1, err) == 0 && read_before(store, ret, err) == 0 &&
        read_incidents(store, ret, err) == 0)
        return 0;
    site_report_release(ret);
    return -1;
}

static int
add_allowed(void *ctx, const struct store_allowed *sum)
{
    struct report_allow *allow = ctx;
    struct report_allowed *one = &allow->entries[allow->count];

    if (allow->count == STORE_MAX_ALLOWED || sum->entry == NULL || sum->reason == NULL)
        return 1;
    *one = (struct report_allowed){ strdup(sum->entry), strdup(sum->reason), sum->events };
    if (one->entry == NULL || one->reason == NULL) {
        free(one->entry);
        free(one->reason);
        return 1;
    }
    allow->count++;
    return 0;
}

int
site_report_read(struct store *store, const struct report_span *span, struct site_report *ret,
                 struct err *err)
{
    ret->span = *span;
    if (read_counts(store, ret, SOURCES_COUNTED, err) != 0 || read_before(store, ret, err) != 0 ||
        read_incidents(store, ret, err) != 0 || report_sources_read(store, ret, SOURCES_COUNTED, err) != 0 ||
        read_balance(store, ret, err) != 0 ||
        store->ops->get_allowed(store, span->first, span->last, add_allowed, &ret->allow, err) != 0)
        goto failed;
    trim_rows(&ret->counts, REPORT_TOP);
    if (name_other(&ret->counts, REPORT_TOP) == 0)
        return 0;
    err_set(err, "out of memory");

failed:
    site_report_release(ret);
    return -1;
}

void
site_report_release(struct site_report *report)
{
    counts_release(&report->counts);
    report_incidents_release(&report->incidents);
    report_sources_release(&report->sources);
    for (size_t i = 0; i < report->allow.count; i++) {
        free(report->allow.entries[i].entry);
        free(report->allow.entries[i].reason);
    }
    *report = (struct site_report){ 0 };
}
