#include "api/api.h"
#include "api/report_parts.h"

#include "proto/base/timestamp.h"

/* Hostile titles may be no UTF-8, and several rules may have the same one. */
static int
add_to(json_t *counts, const char *name, size_t more)
{
    const char *key = text_is_utf8(text_of(name)) ? name : "(no UTF-8)";
    json_int_t count = json_integer_value(json_object_get(counts, key));

    return json_object_set_new(counts, key, json_integer(count + (json_int_t)more));
}

static json_t *
change_to_json(uint64_t now, uint64_t before)
{
    int64_t permille;
    json_t *percent = report_change(now, before, &permille) ? json_real((double)permille / 10)
                                                            : json_null();

    return json_pack("{s:I, s:o}", "absolute", (json_int_t)(now - before), "percent", percent);
}

int
json_totals(json_t *body, const struct site_report *report)
{
    const struct report_incidents *incidents = &report->incidents;
    json_t *totals = json_pack("{s:I, s:I, s:b, s:I, s:I}", "events",
                               (json_int_t)report->counts.total, "incidents",
                               (json_int_t)incidents->total, "incidents_more", incidents->is_more,
                               "open_incidents", (json_int_t)incidents->open, "sources",
                               (json_int_t)report->sources.total);
    char from[TIMESTAMP_LEN], to[TIMESTAMP_LEN];
    json_t *previous;
    json_t *change = json_pack("{s:o, s:o}", "events",
                               change_to_json(report->counts.total, report->events_before),
                               "incidents", change_to_json(incidents->total, incidents->before));
    int rc = json_object_set_new(body, "totals", totals);

    timestamp_format_local(report->span.before_us, from);
    timestamp_format_local(report->span.before_to_us, to);
    previous = json_pack("{s:I, s:I, s:s, s:s}", "events", (json_int_t)report->events_before,
                         "incidents", (json_int_t)incidents->before, "from", from, "to", to);
    rc |= json_object_set_new(body, "previous_totals", previous);
    rc |= json_object_set_new(body, "change", change);
    return rc;
}

int
json_timeline(json_t *body, const struct site_report *report)
{
    json_t *steps = json_array(), *bars = json_array();
    char at[TIMESTAMP_LEN], day[REPORT_DAY_LEN];
    int rc = 0;

    for (size_t i = 0; i < report->counts.steps; i++) {
        timestamp_format_local(report->span.from_us + (int64_t)i * report->step_us, at);
        rc |= json_array_append_new(steps, json_pack("{s:s, s:I}", "at", at, "count",
                                                     (json_int_t)report->counts.timeline[i]));
    }
    for (size_t i = 0; i < report->bar_count && report->span.period == REPORT_WEEKLY; i++) {
        report_day_name(report_day_of(report->bars[i].at_us), day);
        rc |= json_array_append_new(bars, json_pack("{s:s, s:I}", "date", day, "count",
                                                    (json_int_t)report->bars[i].events));
    }
    rc |= json_object_set_new(body, "timeline", steps);
    if (report->span.period == REPORT_WEEKLY)
        return rc | json_object_set_new(body, "days", bars);
    json_decref(bars);
    return rc;
}

static int
add_values(json_t *body, const char *name, const struct site_report *report,
           enum count_dimension dimension)
{
    const struct counts *counts = &report->counts;
    json_t *list = json_array();
    int rc = 0;

    for (size_t i = 0; i < counts->row_count[dimension]; i++)
        rc |= json_array_append_new(list,
                                    json_pack("{s:o, s:I}", "value",
                                              api_text(counts->rows[dimension][i].value), "count",
                                              (json_int_t)counts->rows[dimension][i].events));
    return rc | json_object_set_new(body, name, list);
}

int
json_severities(json_t *body, const struct site_report *report)
{
    return add_values(body, "by_severity", report, COUNT_SEVERITY);
}

int
json_types(json_t *body, const struct site_report *report)
{
    return add_values(body, "by_type", report, COUNT_TYPE);
}

int
json_sources(json_t *body, const struct site_report *report)
{
    return add_values(body, "by_source", report, COUNT_SOURCE);
}

int
json_users(json_t *body, const struct site_report *report)
{
    return add_values(body, "by_user", report, COUNT_USER);
}

static json_t *
statuses_to_json(const size_t by_status[STATUS_COUNT], int has_zeros)
{
    json_t *counts = json_object();
    int rc = 0;

    for (int s = 0; s < STATUS_COUNT; s++)
        if (by_status[s] > 0 || has_zeros)
            rc |= add_to(counts, status_name(s), by_status[s]);
    if (rc == 0)
        return counts;
    json_decref(counts);
    return NULL;
}

static json_t *
worst_to_json(const struct report_incidents *incidents)
{
    json_t *list = json_array();
    int rc = 0;

    for (size_t i = 0; i < incidents->worst_count; i++) {
        const struct report_incident *one = &incidents->worst[i];
        char at[TIMESTAMP_LEN];

        timestamp_format(one->opened_us, at);
        rc |= json_array_append_new(
            list, json_pack("{s:s, s:o, s:s, s:s, s:o, s:s, s:I}", "id", one->id, "rule",
                            api_text(one->title), "severity", severity_name(one->severity),
                            "status", status_name(one->status), "summary", api_text(one->summary),
                            "opened_at", at, "count", (json_int_t)one->count));
    }
    if (rc == 0)
        return list;
    json_decref(list);
    return NULL;
}

int
json_incidents(json_t *body, const struct site_report *report)
{
    const struct report_incidents *incidents = &report->incidents;
    json_t *by_rule = json_object(), *by_severity = json_object();
    int rc = 0;

    for (size_t i = 0; i < incidents->rule_count; i++)
        rc |= add_to(by_rule, incidents->rules[i].title, incidents->rules[i].total);
    for (int s = 0; s <= SEVERITY_CRITICAL; s++)
        if (incidents->by_severity[s] > 0)
            rc |= add_to(by_severity, severity_name(s), incidents->by_severity[s]);
    return rc | json_object_set_new(body, "incidents",
                                    json_pack("{s:o, s:o, s:o, s:o}", "by_rule", by_rule,
                                              "by_severity", by_severity, "by_status",
                                              statuses_to_json(incidents->by_status, 0), "worst",
                                              worst_to_json(incidents)));
}

static json_t *
seconds_or_null(int64_t us)
{
    return us < 0 ? json_null() : json_integer((json_int_t)(us / 1000000));
}

/* Joins what json_incidents has begun. */
int
json_rules(json_t *body, const struct site_report *report)
{
    json_t *list = json_array();
    int rc = 0;

    for (size_t i = 0; i < report->incidents.rule_count; i++) {
        const struct report_rule *rule = &report->incidents.rules[i];

        rc |= json_array_append_new(
            list, json_pack("{s:o, s:o, s:s, s:I, s:o, s:o, s:o}", "id", api_text(rule->id),
                            "title", api_text(rule->title), "severity",
                            severity_name(rule->severity), "incidents", (json_int_t)rule->total,
                            "by_status", statuses_to_json(rule->by_status, 1),
                            "acknowledge_median_s", seconds_or_null(rule->acknowledge_us),
                            "close_median_s", seconds_or_null(rule->resolve_us)));
    }
    return rc | json_object_set_new(json_object_get(body, "incidents"), "rules", list);
}

int
json_new_sources(json_t *body, const struct site_report *report)
{
    const struct report_sources *sources = &report->sources;
    json_t *list = json_array();
    int rc = 0;

    for (size_t i = 0; i < sources->fresh_count && sources->has_history; i++) {
        const struct report_source *one = &sources->fresh[i];
        char at[TIMESTAMP_LEN];

        timestamp_format_local(one->first_us, at);
        rc |= json_array_append_new(
            list, json_pack("{s:o, s:o, s:s}", "value", api_text(one->value), "count",
                            one->events == 0 ? json_null() : json_integer((json_int_t)one->events),
                            "first_seen", at));
    }
    return rc | json_object_set_new(
                    body, "new_sources",
                    json_pack("{s:i, s:b, s:b, s:o, s:o}", "days_before", REPORT_KNOWN_DAYS,
                              "has_history", sources->has_history, "partial", sources->is_partial,
                              "total", sources->has_history
                                           ? json_integer((json_int_t)sources->fresh_total)
                                           : json_null(),
                              "sources", list));
}

int
json_quiet_sources(json_t *body, const struct site_report *report)
{
    const struct report_sources *sources = &report->sources;
    json_t *list = json_array();
    int rc = 0;

    for (size_t i = 0; i < sources->quiet_count; i++)
        rc |= json_array_append_new(list, json_pack("{s:o, s:i, s:s}", "value",
                                                    api_text(sources->quiet[i].value), "days_seen",
                                                    (int)sources->quiet[i].days, "last_seen",
                                                    sources->quiet[i].last));
    return rc | json_object_set_new(body, "quiet_sources",
                                    json_pack("{s:i, s:b, s:I, s:o}", "days_before",
                                              REPORT_QUIET_DAYS, "partial", sources->is_partial,
                                              "total", (json_int_t)sources->quiet_total,
                                              "sources", list));
}

int
json_allowed(json_t *body, const struct site_report *report)
{
    json_t *list;
    int rc = 0;

    if (report->allow.count == 0)
        return 0;
    list = json_array();
    for (size_t i = 0; i < report->allow.count; i++)
        rc |= json_array_append_new(list,
                                    json_pack("{s:o, s:o, s:I}", "entry",
                                              api_text(report->allow.entries[i].entry), "reason",
                                              api_text(report->allow.entries[i].reason), "count",
                                              (json_int_t)report->allow.entries[i].events));
    return rc | json_object_set_new(body, "allowed", list);
}

int
json_balance(json_t *body, const struct site_report *report)
{
    const struct report_balance *balance = &report->balance;
    char from[TIMESTAMP_LEN], to[TIMESTAMP_LEN];
    json_t *json;
    int rc = 0;

    if (!balance->has_numbers)
        return 0;
    timestamp_format_local(balance->from_us, from);
    timestamp_format_local(balance->to_us, to);
    json = json_pack("{s:s, s:s, s:I, s:I, s:I}", "from", from, "to", to, "received",
                     (json_int_t)balance->received, "refused", (json_int_t)balance->refused,
                     "not_yet_stored", (json_int_t)balance->on_the_way);
    for (int k = 0; k < LEDGER_COLUMNS; k++)
        rc |= json_object_set_new(json, ledger_names[k],
                                  json_integer((json_int_t)balance->counts[k]));
    return rc | json_object_set_new(body, "balance", json);
}

json_t *
report_to_json(const struct site_report *report)
{
    const struct report_span *span = &report->span;
    char from[TIMESTAMP_LEN], to[TIMESTAMP_LEN];
    json_t *body;
    int rc = 0;

    timestamp_format_local(span->from_us, from);
    timestamp_format_local(span->to_us, to);
    body = json_pack("{s:s, s:s, s:s, s:s, s:s, s:b}", "period", report_period_name(span->period),
                     "date", span->first, "from", from, "to", to, "time_zone", timestamp_zone(),
                     "so_far", span->is_so_far);
    for (size_t i = 0; i < report_section_count && body != NULL; i++)
        if (report_sections[i].to_json != NULL)
            rc |= report_sections[i].to_json(body, report);
    if (rc == 0)
        return body;
    json_decref(body);
    return NULL;
}
