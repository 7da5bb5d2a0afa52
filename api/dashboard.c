#include "api/api.h"

#include "api/params.h"
#include "proto/base/clock.h"
#include "proto/base/timestamp.h"

enum { TOP = 10, OPEN_LISTED = 20 };

static const int64_t minute_us = INT64_C(60) * 1000000;
static const int64_t day_ms = INT64_C(24) * 3600 * 1000;
static const int64_t longest_us = INT64_C(366) * 24 * 3600 * 1000000;

/* The step of a timeline, so that it has some tens of bars. */
static int64_t
choose_step(int64_t span_us)
{
    static const int64_t minutes[] = { 1, 5, 15, 30, 60, 180, 360, 720, 1440 };

    for (size_t i = 0; i < sizeof(minutes) / sizeof(minutes[0]); i++)
        if (span_us / (minutes[i] * minute_us) <= 96)
            return minutes[i] * minute_us;
    return 7 * 1440 * minute_us;
}

static int
add_incidents(struct api *api, json_t *body, struct err *err)
{
    static const int not_closed[] = { STATUS_OPEN, STATUS_ACKNOWLEDGED, STATUS_INVESTIGATING };
    json_t *list = json_array(), *totals = json_object_get(body, "totals");
    json_int_t open = 0;

    for (size_t s = 0; s < sizeof(not_closed) / sizeof(not_closed[0]); s++) {
        struct incident_query query = { .from_us = INT64_MIN, .to_us = INT64_MAX,
                                        .status = not_closed[s], .severity = -1,
                                        .limit = STORE_MAX_PAGE };
        struct incident **found = NULL;
        size_t count = 0;
        int is_more = 0;

        if (api->store->ops->find_incidents(api->store, &query, &found, &count, &is_more,
                                            err) != 0) {
            json_decref(list);
            return -1;
        }
        open += (json_int_t)count;
        for (size_t i = 0; i < count && json_array_size(list) < OPEN_LISTED; i++)
            json_array_append_new(list, incident_to_json(found[i]));
        store_free_incidents(&found, count);
    }
    json_object_set_new(totals, "open_incidents", json_integer(open));
    json_object_set_new(body, "open_incidents", list);
    return 0;
}

void
handle_dashboard(struct http_request *req, void *self)
{
    static const char *const known[] = { "window", "from", "to", NULL };
    struct api *api = self;
    struct count_query query = { .top = TOP };
    int64_t now = clock_real_us();
    char from[TIMESTAMP_LEN], to[TIMESTAMP_LEN];
    json_t *body = NULL;
    struct err err;

    /* an event may be ahead of us by as much as ingest lets it */
    if (params_check_known(req, known, &err) != 0 ||
        params_span(req, now + minute_us, day_ms, &query.from_us, &query.to_us, &err) != 0) {
        http_reply_problem(req, 400, "%s", err.text);
        return;
    }
    if (query.to_us - query.from_us > longest_us) {
        http_reply_problem(req, 400, "window: at most 366 days");
        return;
    }
    query.from_us -= query.from_us % minute_us;
    query.to_us += (minute_us - query.to_us % minute_us) % minute_us;
    query.step_us = choose_step(query.to_us - query.from_us);
    timestamp_format_local(query.from_us, from);
    timestamp_format_local(query.to_us, to);
    ++*api->queries;
    body = json_pack("{s:s, s:s, s:s, s:i}", "from", from, "to", to, "time_zone",
                     timestamp_zone(), "step_seconds", (int)(query.step_us / 1000000));
    if (api_add_counts(api, body, &query, &err) != 0 ||
        add_incidents(api, body, &err) != 0) {
        api_store_failed(api, req, &err);
        json_decref(body);
        return;
    }
    http_reply_json(req, 200, body);
}
