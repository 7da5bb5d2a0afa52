#include "api/api.h"

#include <stdlib.h>
#include <string.h>

#include "api/params.h"
#include "proto/base/clock.h"
#include "proto/base/timestamp.h"

enum { TOP = 20, MAX_INCIDENTS = 20000 };

static const int64_t hour_us = INT64_C(3600) * 1000000;

/* A report's span: local midnight to local midnight, days later. */
struct span {
    int64_t from_us, to_us;
};

/* The local calendar day that ?date= names, or today; moved back to Monday for a week. */
static int
parse_span(const struct http_request *req, int days, struct span *ret, struct err *err)
{
    static const char *const known[] = { "date", "format", NULL };
    struct text date = http_query(req, "date"), format = http_query(req, "format");
    struct local_time day;
    int32_t number;

    if (params_check_known(req, known, err) != 0)
        return -1;
    if (format.ptr != NULL && !text_is(format, "json")) {
        err_set(err, "format: only json is made so far");
        return -1;
    }
    timestamp_to_local(clock_real_us(), &day);
    if (date.ptr != NULL) {
        if (timestamp_parse_day(date, &number) != 0) {
            err_set(err, "date: must be a day as in 2026-11-22");
            return -1;
        }
        /* noon UTC of that day names the day; its own zone comes below */
        day.year = (int)strtol(date.ptr, NULL, 10);
        day.month = (int)strtol(date.ptr + 5, NULL, 10);
        day.day = (int)strtol(date.ptr + 8, NULL, 10);
        timestamp_to_local(timestamp_from_local(day.year, day.month, day.day, 12, 0, 0), &day);
    }
    if (days == 7)
        day.day -= (day.weekday + 6) % 7;
    ret->from_us = timestamp_from_local(day.year, day.month, day.day, 0, 0, 0);
    ret->to_us = timestamp_from_local(day.year, day.month, day.day + days, 0, 0, 0);
    return 0;
}

static void
add_one(json_t *counts, const char *name)
{
    json_int_t count = json_integer_value(json_object_get(counts, name));

    json_object_set_new(counts, name, json_integer(count + 1));
}

/* The incidents last seen in the span, by rule, severity and what became of them. */
static int
add_incidents(struct api *api, json_t *body, const struct span *span, struct err *err)
{
    struct incident_query query = { .from_us = span->from_us, .to_us = span->to_us,
                                    .status = -1, .severity = -1, .limit = STORE_MAX_PAGE };
    json_t *by_rule = json_object(), *by_severity = json_object(), *by_status = json_object();
    size_t total = 0;
    int is_more = 1, rc = 0;

    while (is_more && rc == 0 && total < MAX_INCIDENTS) {
        struct incident **found = NULL;
        size_t count = 0;

        rc = api->store->ops->find_incidents(api->store, &query, &found, &count, &is_more, err);
        for (size_t i = 0; i < count; i++) {
            add_one(by_rule, found[i]->rule_title);
            add_one(by_severity, severity_name(found[i]->severity));
            add_one(by_status, status_name(found[i]->status));
        }
        if (count > 0) {
            query.has_cursor = 1;
            query.cursor_us = found[count - 1]->last_seen_us;
            memcpy(query.cursor_id, found[count - 1]->id, sizeof(query.cursor_id));
        } else {
            is_more = 0;
        }
        total += count;
        store_free_incidents(&found, count);
    }
    json_object_set_new(json_object_get(body, "totals"), "incidents",
                        json_integer((json_int_t)total));
    json_object_set_new(body, "incidents", json_pack("{s:o, s:o, s:o}", "by_rule", by_rule,
                                                     "by_severity", by_severity, "by_status",
                                                     by_status));
    return rc;
}

/* The sums of the span before, so that a reader sees more or less. */
static int
add_previous(struct api *api, json_t *body, const struct span *span, int days, struct err *err)
{
    struct local_time first;
    struct count_query query = { .to_us = span->from_us, .top = 1 };
    json_t *before = json_object();
    int rc;

    timestamp_to_local(span->from_us, &first);
    query.from_us = timestamp_from_local(first.year, first.month, first.day - days, 0, 0, 0);
    query.step_us = query.to_us - query.from_us;
    rc = api_add_counts(api, before, &query, err);
    if (rc == 0)
        json_object_set(body, "previous_totals", json_object_get(before, "totals"));
    json_decref(before);
    return rc;
}

static void
handle_report(struct http_request *req, struct api *api, const char *period, int days)
{
    struct span span;
    struct count_query query = { .top = TOP };
    char from[TIMESTAMP_LEN], to[TIMESTAMP_LEN], date[TIMESTAMP_LEN];
    json_t *body;
    struct err err;

    if (parse_span(req, days, &span, &err) != 0) {
        http_reply_problem(req, 400, "%s", err.text);
        return;
    }
    query.from_us = span.from_us;
    query.to_us = span.to_us;
    query.step_us = days == 1 ? hour_us : 6 * hour_us;
    timestamp_format_local(span.from_us, from);
    timestamp_format_local(span.to_us, to);
    memcpy(date, from, 10);
    date[10] = '\0';
    ++*api->queries;
    body = json_pack("{s:s, s:s, s:s, s:s, s:s}", "period", period, "date", date, "from", from,
                     "to", to, "time_zone", timestamp_zone());
    if (api_add_counts(api, body, &query, &err) != 0 ||
        add_incidents(api, body, &span, &err) != 0 ||
        add_previous(api, body, &span, days, &err) != 0) {
        api_store_failed(api, req, &err);
        json_decref(body);
        return;
    }
    http_reply_json(req, 200, body);
}

void
handle_report_daily(struct http_request *req, void *self)
{
    handle_report(req, self, "daily", 1);
}

void
handle_report_weekly(struct http_request *req, void *self)
{
    handle_report(req, self, "weekly", 7);
}
