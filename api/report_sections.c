#include "api/report_page.h"
#include "api/report_parts.h"

#include <string.h>

static void
add_total(struct page *page, struct section *section, enum report_word what, uint64_t now,
          uint64_t before)
{
    struct cell cells[] = { cell_word(what), cell_count(now), cell_count(before),
                            { .kind = CELL_CHANGE, .number = (int64_t)(now - before) },
                            cell_word(WORD_NO_COMPARISON) };
    int64_t permille;

    if (report_change(now, before, &permille))
        cells[4] = (struct cell){ .kind = CELL_PERCENT, .number = permille };
    page_row(page, section, cells);
}

static void
add_now(struct page *page, struct section *section, enum report_word what, uint64_t now)
{
    page_row(page, section, (struct cell[]){ cell_word(what), cell_count(now),
                                             { .kind = CELL_NONE }, { .kind = CELL_NONE },
                                             { .kind = CELL_NONE } });
}

static void
fill_totals(struct page *page, struct section *section)
{
    const struct site_report *report = page->report;
    int is_weekly = report->span.period == REPORT_WEEKLY;

    page_column(page, section, WORD_WHAT, 0);
    page_column(page, section, is_weekly ? WORD_THIS_WEEK : WORD_THIS_DAY, 1);
    page_column(page, section, is_weekly ? WORD_WEEK_BEFORE : WORD_DAY_BEFORE, 1);
    page_column(page, section, WORD_CHANGE, 1);
    page_column(page, section, WORD_CHANGE_PERCENT, 1);
    if (report->span.is_so_far)
        section->lead = page_say(page, WORD_COMPARED_SO_FAR,
                                 (const char *const[]){ page_time(page, report->span.before_us),
                                                        page_time(page, report->span.before_to_us),
                                                        NULL });
    add_total(page, section, WORD_EVENTS, report->counts.total, report->events_before);
    add_total(page, section, WORD_INCIDENT_COUNT, report->incidents.total,
              report->incidents.before);
    add_now(page, section, WORD_STILL_OPEN, report->incidents.open);
    add_now(page, section, WORD_DISTINCT_SOURCES, report->sources.total);
}

static void
say_peak(struct page *page, struct section *section, const struct report_bar *peak)
{
    int is_weekly = page->report->span.period == REPORT_WEEKLY;
    char day[REPORT_DAY_LEN];
    const char *when;

    report_day_name(report_day_of(peak->at_us), day);
    when = is_weekly ? day : page_clock(page, peak->at_us);
    section->lead = page_say(page, is_weekly ? WORD_PEAK_DAY : WORD_PEAK_HOUR,
                             (const char *const[]){ page_number(page, peak->events), when,
                                                    NULL });
}

static void
fill_timeline(struct page *page, struct section *section)
{
    const struct site_report *report = page->report;
    int is_weekly = report->span.period == REPORT_WEEKLY;
    const struct report_bar *peak = NULL;

    if (report->counts.total == 0)
        return;
    page_column(page, section, is_weekly ? WORD_DAY : WORD_HOUR, 0);
    page_column(page, section, WORD_EVENTS, 1);
    section->is_chart = 1;
    for (size_t i = 0; i < report->bar_count; i++) {
        const struct report_bar *bar = &report->bars[i];
        char day[REPORT_DAY_LEN];
        struct cell when = { .kind = CELL_CLOCK, .number = bar->at_us };

        if (bar->events > 0 && (peak == NULL || bar->events > peak->events))
            peak = bar;
        if (is_weekly) {
            report_day_name(report_day_of(bar->at_us), day);
            when = (struct cell){ .kind = CELL_SAFE, .text = page_join(page, day, "") };
        }
        page_row(page, section, (struct cell[]){ when, cell_count(bar->events) });
    }
    if (peak != NULL)
        say_peak(page, section, peak);
}

static void
fill_values(struct page *page, struct section *section, enum count_dimension dimension,
            enum report_word what)
{
    const struct counts *counts = &page->report->counts;

    page_column(page, section, what, 0);
    page_column(page, section, WORD_EVENTS, 1);
    page_column(page, section, WORD_SHARE, 1);
    for (size_t i = 0; i < counts->row_count[dimension]; i++) {
        const struct count_row *row = &counts->rows[dimension][i];
        int severity = dimension == COUNT_SEVERITY ? severity_parse(text_of(row->value)) : -1;
        struct cell value = cell_text(row->value);

        if (severity >= 0)
            value = (struct cell){ .kind = CELL_SEVERITY, .number = severity };
        else if (strcmp(row->value, "(other)") == 0)
            value = cell_word(WORD_OTHERS);
        page_row(page, section, (struct cell[]){ value, cell_count(row->events),
                                                 cell_share(row->events, counts->total) });
    }
}

static void
fill_severities(struct page *page, struct section *section)
{
    fill_values(page, section, COUNT_SEVERITY, WORD_SEVERITY);
}

static void
fill_types(struct page *page, struct section *section)
{
    fill_values(page, section, COUNT_TYPE, WORD_TYPE);
}

static void
fill_sources(struct page *page, struct section *section)
{
    fill_values(page, section, COUNT_SOURCE, WORD_SOURCE);
}

static void
fill_users(struct page *page, struct section *section)
{
    fill_values(page, section, COUNT_USER, WORD_USER);
}

static struct cell
duration(int64_t us)
{
    if (us < 0)
        return (struct cell){ .kind = CELL_NONE };
    return (struct cell){ .kind = CELL_DURATION, .number = us };
}

static void
fill_rules(struct page *page, struct section *section)
{
    const struct report_incidents *incidents = &page->report->incidents;
    enum { FIXED = 3 };

    page_column(page, section, WORD_RULE, 0);
    page_column(page, section, WORD_SEVERITY, 0);
    page_column(page, section, WORD_INCIDENT_COUNT, 1);
    for (int s = 0; s < STATUS_COUNT; s++)
        page_column(page, section, report_status_word(s), 1);
    page_column(page, section, WORD_ACK_TIME, 1);
    page_column(page, section, WORD_RESOLVE_TIME, 1);
    if (incidents->rule_count > 0)
        section->lead = page_word(page, WORD_TIMES_ARE);
    for (size_t i = 0; i < incidents->rule_count; i++) {
        const struct report_rule *rule = &incidents->rules[i];
        struct cell cells[FIXED + STATUS_COUNT + 2] = {
            cell_text(rule->title), { .kind = CELL_SEVERITY, .number = rule->severity },
            cell_count(rule->total),
        };

        for (int s = 0; s < STATUS_COUNT; s++)
            cells[FIXED + s] = cell_count(rule->by_status[s]);
        cells[FIXED + STATUS_COUNT] = duration(rule->acknowledge_us);
        cells[FIXED + STATUS_COUNT + 1] = duration(rule->resolve_us);
        page_row(page, section, cells);
    }
}

static void
fill_incidents(struct page *page, struct section *section)
{
    const struct report_incidents *incidents = &page->report->incidents;

    page_column(page, section, WORD_SEVERITY, 0);
    page_column(page, section, WORD_RULE, 0);
    page_column(page, section, WORD_SUMMARY, 0);
    page_column(page, section, WORD_OPENED, 0);
    page_column(page, section, WORD_STATUS, 0);
    for (size_t i = 0; i < incidents->worst_count; i++) {
        const struct report_incident *one = &incidents->worst[i];
        struct cell cells[] = {
            { .kind = CELL_SEVERITY, .number = one->severity }, cell_text(one->title),
            cell_text(one->summary), { .kind = CELL_TIME, .number = one->opened_us },
            cell_word(report_status_word(one->status)),
        };

        cells[1].incident = one->id;
        page_row(page, section, cells);
    }
    if (incidents->total > incidents->worst_count)
        section->lead = page_say(page, WORD_LISTED,
                                 (const char *const[]){ page_number(page, incidents->worst_count),
                                                        NULL });
}

const struct section_row report_sections[] = {
    { "totals",        WORD_TOTALS,        fill_totals,        json_totals },
    { "timeline",      WORD_TIMELINE,      fill_timeline,      json_timeline },
    { "incidents",     WORD_INCIDENTS,     fill_incidents,     json_incidents },
    { "rules",         WORD_RULES,         fill_rules,         json_rules },
    { "severities",    WORD_SEVERITIES,    fill_severities,    json_severities },
    { "types",         WORD_TYPES,         fill_types,         json_types },
    { "sources",       WORD_SOURCES,       fill_sources,       json_sources },
    { "users",         WORD_USERS,         fill_users,         json_users },
    { "new_sources",   WORD_NEW_SOURCES,   fill_new_sources,   json_new_sources },
    { "quiet_sources", WORD_QUIET_SOURCES, fill_quiet_sources, json_quiet_sources },
    { "allowed",       WORD_ALLOWED,       fill_allowed,       json_allowed },
    { "balance",       WORD_BALANCE,       fill_balance,       json_balance },
};
const size_t report_section_count = sizeof(report_sections) / sizeof(report_sections[0]);
