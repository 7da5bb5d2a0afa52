#include "api/api.h"

#include <string.h>

#include "api/params.h"
#include "proto/base/civil.h"
#include "proto/base/clock.h"
#include "proto/base/timestamp.h"

/* More than MAX_INCIDENTS are not counted: "incidents_more" says that there are. */
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
    int64_t year;
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
        civil_from_days(number, &year, &day.month, &day.day);
        if (year < 1 || year > 9998) {
            err_set(err, "date: must be from 0001-01-01 to 9998-12-31");
            return -1;
        }
        /* noon is there on every day, and knows its weekday */
        timestamp_to_local(timestamp_from_local((int)year, day.month, day.day, 12, 0, 0), &day);
    }
    if (days == 7)
        day.day -= (day.weekday + 6) % 7;
    ret->from_us = timestamp_from_local(day.year, day.month, day.day, 0, 0, 0);
    ret->to_us = timestamp_from_local(day.year, day.month, day.day + days, 0, 0, 0);
    return 0;
}

/* The incidents of a span, counted by three of their properties. */
struct tally {
    json_t *by_rule, *by_severity, *by_status;
    size_t total;
    int is_more;                /* than were counted */
};

static int
add_one(json_t *counts, const char *name)
{
    const char *key = text_is_utf8(text_of(name)) ? name : "(no UTF-8)";
    json_int_t count = json_integer_value(json_object_get(counts, key));

    return json_object_set_new(counts, key, json_integer(count + 1));
}

static int
count_page(struct tally *tally, struct incident *const *found, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (add_one(tally->by_rule, found[i]->rule_title) != 0 ||
            add_one(tally->by_severity, severity_name(found[i]->severity)) != 0 ||
            add_one(tally->by_status, status_name(found[i]->status)) != 0)
            return -1;
    tally->total += count;
    return 0;
}

/* Those last seen in the span. */
static int
count_incidents(struct api *api, const struct span *span, struct tally *tally, struct err *err)
{
    struct incident_query query = { .from_us = span->from_us, .to_us = span->to_us,
                                    .status = -1, .severity = -1, .limit = STORE_MAX_PAGE };
    int is_more = 1, rc = 0;

    while (is_more && rc == 0 && tally->total < MAX_INCIDENTS) {
        struct incident **found = NULL;
        size_t count = 0;

        is_more = 0;
        if (api->store->ops->find_incidents(api->store, &query, &found, &count, &is_more,
                                            err) != 0)
            return -1;
        rc = count_page(tally, found, count);
        if (rc != 0)
            err_set(err, "out of memory");
        is_more = is_more && count > 0;
        if (count > 0)
            params_go_on(&query, found[count - 1]);
        store_free_incidents(&found, count);
    }
    tally->is_more = is_more;
    return rc;
}

static int
add_incidents(struct api *api, json_t *body, const struct span *span, struct err *err)
{
    json_t *totals = json_object_get(body, "totals");
    struct tally tally = { json_object(), json_object(), json_object(), 0, 0 };
    int rc = count_incidents(api, span, &tally, err);

    if (rc == 0 &&
        (json_object_set_new(totals, "incidents", json_integer((json_int_t)tally.total)) != 0 ||
         json_object_set_new(totals, "incidents_more", json_boolean(tally.is_more)) != 0 ||
         json_object_set_new(body, "incidents",
                             json_pack("{s:O, s:O, s:O}", "by_rule", tally.by_rule,
                                       "by_severity", tally.by_severity, "by_status",
                                       tally.by_status)) != 0)) {
        err_set(err, "out of memory");
        rc = -1;
    }
    json_decref(tally.by_rule);
    json_decref(tally.by_severity);
    json_decref(tally.by_status);
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
    if (rc == 0) {
        rc = json_object_set(body, "previous_totals", json_object_get(before, "totals"));
        if (rc != 0)
            err_set(err, "out of memory");
    }
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
