#include "api/api.h"

#include "api/params.h"
#include "proto/base/clock.h"
#include "proto/base/timestamp.h"

/* More than MAX_OPEN are not counted: "open_incidents_more" says that there are. */
enum { TOP = 10, OPEN_LISTED = 20, MAX_OPEN = 10000 };

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

/* What is open: how many, and the newest of them. */
struct open_incidents {
    json_t *list;
    size_t total;
    int is_more;                /* than were counted */
};

/* All pages of one status, as long as there are not too many. */
static int
add_status(struct api *api, int status, struct open_incidents *open, struct err *err)
{
    struct incident_query query = { .from_us = INT64_MIN, .to_us = INT64_MAX, .status = status,
                                    .severity = -1, .limit = STORE_MAX_PAGE };
    int is_more = 1, rc = 0;

    while (rc == 0 && is_more && open->total < MAX_OPEN) {
        struct incident **found = NULL;
        size_t count = 0;

        is_more = 0;
        if (api->store->ops->find_incidents(api->store, &query, &found, &count, &is_more,
                                            err) != 0)
            return -1;
        for (size_t i = 0; i < count && json_array_size(open->list) < OPEN_LISTED && rc == 0; i++)
            rc = api_add_incident(open->list, found[i], NULL);
        if (rc != 0)
            err_set(err, "out of memory");
        open->total += count;
        is_more = is_more && count > 0;
        if (count > 0)
            params_go_on(&query, found[count - 1]);
        store_free_incidents(&found, count);
    }
    open->is_more |= is_more;
    return rc;
}

static int
add_incidents(struct api *api, json_t *body, struct err *err)
{
    static const int not_closed[] = { STATUS_OPEN, STATUS_ACKNOWLEDGED, STATUS_INVESTIGATING };
    json_t *totals = json_object_get(body, "totals");
    struct open_incidents open = { .list = json_array() };
    int rc = 0;

    for (size_t i = 0; i < sizeof(not_closed) / sizeof(not_closed[0]) && rc == 0; i++)
        rc = add_status(api, not_closed[i], &open, err);
    if (rc == 0 &&
        (json_object_set_new(totals, "open_incidents",
                             json_integer((json_int_t)open.total)) != 0 ||
         json_object_set_new(totals, "open_incidents_more", json_boolean(open.is_more)) != 0 ||
         json_object_set(body, "open_incidents", open.list) != 0)) {
        err_set(err, "out of memory");
        rc = -1;
    }
    json_decref(open.list);
    return rc;
}

/* Down and up to whole minutes, before 1970 too. */
static int64_t
minute_floor(int64_t us)
{
    int64_t rest = us % minute_us;

    return us - (rest < 0 ? rest + minute_us : rest);
}

void
handle_dashboard(struct http_request *req, void *self)
{
    struct api *api = self;
    struct count_query query = { .top = TOP };
    int64_t now = clock_real_us();
    char from[TIMESTAMP_LEN], to[TIMESTAMP_LEN];
    json_t *body = NULL;
    struct err err;

    /* an event may be ahead of us by as much as ingest lets it */
    if (params_span(req, now + minute_us, day_ms, &query.from_us, &query.to_us, &err) != 0) {
        http_reply_problem(req, 400, "%s", err.text);
        return;
    }
    if (query.to_us - query.from_us > longest_us) {
        http_reply_problem(req, 400, "window: at most 366 days");
        return;
    }
    query.from_us = minute_floor(query.from_us);
    query.to_us = minute_floor(query.to_us + minute_us - 1);
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
    http_tag(req);
    http_reply_json(req, 200, body);
}
