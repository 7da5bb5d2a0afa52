#include <stdlib.h>
#include <string.h>

#include "proto/report/site_report.h"

static int
by_value(const void *left, const void *right)
{
    const struct source_seen *const *a = left, *const *b = right;

    return strcmp((*a)->value, (*b)->value);
}

/* The new source is taken out of the store's answer. */
static void
take_one(struct report_sources *sources, struct source_seen *seen, uint64_t events)
{
    sources->fresh[sources->fresh_count++] = (struct report_source){
        .value = seen->value, .events = events, .first_us = seen->first_us,
    };
    seen->value = NULL;
}

/* Those that are counted by name come first, with the most events first; then, as
 * far as there is room, those that have too few for that. */
static int
take_fresh(struct report_sources *sources, const struct counts *counts,
           struct source_changes *changes)
{
    const struct count_row *rows = counts->rows[COUNT_SOURCE];
    struct source_seen **sorted = calloc(changes->fresh_count + 1, sizeof(struct source_seen *));

    if (sorted == NULL)
        return -1;
    for (size_t i = 0; i < changes->fresh_count; i++)
        sorted[i] = &changes->fresh[i];
    qsort(sorted, changes->fresh_count, sizeof(struct source_seen *), by_value);
    for (size_t i = 0; i < counts->row_count[COUNT_SOURCE]; i++) {
        struct source_seen key = { .value = rows[i].value }, *wanted = &key, **found;

        if (sources->fresh_count == REPORT_TOP)
            break;
        found = bsearch(&wanted, sorted, changes->fresh_count, sizeof(struct source_seen *),
                        by_value);
        if (found == NULL)
            continue;
        /* what is taken stays in order under a name of its row, which lives on */
        take_one(sources, *found, rows[i].events);
        (*found)->value = rows[i].value;
        (*found)->days = 1;
    }
    for (size_t i = 0; i < changes->fresh_count; i++) {
        struct source_seen *seen = &changes->fresh[i];

        if (seen->days > 0)
            seen->value = NULL;
        else if (sources->fresh_count < REPORT_TOP)
            take_one(sources, seen, 0);
    }
    free(sorted);
    return 0;
}

static void
take_quiet(struct report_sources *sources, struct source_changes *changes)
{
    for (size_t i = 0; i < changes->quiet_count && i < REPORT_TOP; i++) {
        struct report_source *one = &sources->quiet[sources->quiet_count++];

        *one = (struct report_source){ .value = changes->quiet[i].value,
                                       .days = changes->quiet[i].days };
        report_day_name(changes->quiet[i].last_day, one->last);
        changes->quiet[i].value = NULL;
    }
}

int
report_sources_read(struct store *store, struct site_report *report, size_t max,
                    struct err *err)
{
    const struct source_query query = { report->span.first_day, report->span.end_day,
                                        REPORT_QUIET_DAYS, REPORT_KNOWN_DAYS, max };
    struct report_sources *sources = &report->sources;
    struct source_changes changes = { 0 };
    int rc;

    if (store->ops->compare_sources(store, &query, &changes, err) != 0)
        return -1;
    sources->fresh_total = changes.fresh_total;
    sources->quiet_total = changes.quiet_total;
    sources->total = changes.total;
    sources->has_history = changes.has_history;
    sources->is_partial = changes.is_partial;
    rc = take_fresh(sources, &report->counts, &changes);
    if (rc == 0)
        take_quiet(sources, &changes);
    else
        err_set(err, "out of memory");
    source_changes_release(&changes);
    return rc;
}

void
report_sources_release(struct report_sources *sources)
{
    for (size_t i = 0; i < sources->fresh_count; i++)
        free(sources->fresh[i].value);
    for (size_t i = 0; i < sources->quiet_count; i++)
        free(sources->quiet[i].value);
    *sources = (struct report_sources){ 0 };
}
