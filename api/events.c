#include "api/api.h"

#include "api/params.h"
#include "proto/base/clock.h"

enum { DEFAULT_LIMIT = 100 };

/* Parameters that are no filter; any other name is a field of the event. */
static const char *const reserved[] = {
    "from", "to", "window", "q", "limit", "cursor", NULL,
};

struct filters {
    struct event_query *query;
    int is_too_many;
};

static int
is_reserved(struct text name)
{
    for (const char *const *known = reserved; *known != NULL; known++)
        if (text_is(name, *known))
            return 1;
    return 0;
}

static void
add_filter(void *ctx, struct text name, struct text value)
{
    struct filters *filters = ctx;
    struct event_query *query = filters->query;

    if (is_reserved(name))
        return;
    if (query->filter_count == STORE_MAX_FILTERS) {
        filters->is_too_many = 1;
        return;
    }
    query->filters[query->filter_count].field = name;
    query->filters[query->filter_count++].value = value;
}

static int
parse_cursor(const struct http_request *req, struct event_query *query, struct err *err)
{
    struct text id;

    if (params_cursor(req, &query->has_cursor, &query->cursor_at_us, &id, err) != 0)
        return -1;
    if (query->has_cursor && event_id_parse(id, &query->cursor_id) != 0) {
        err_set(err, "cursor: not one that was given as next_cursor");
        return -1;
    }
    return 0;
}

static int
parse_query(const struct http_request *req, struct event_query *query, struct err *err)
{
    struct filters filters = { query, 0 };

    if (params_span(req, clock_real_us() + EVENT_MAX_AHEAD_US, 0, &query->from_us,
                    &query->to_us, err) != 0 ||
        params_limit(req, DEFAULT_LIMIT, STORE_MAX_PAGE, &query->limit, err) != 0 ||
        parse_cursor(req, query, err) != 0)
        return -1;
    query->text = http_query(req, "q");
    http_each_query(req, add_filter, &filters);
    if (filters.is_too_many) {
        err_set(err, "at most %d fields can be filtered at once", STORE_MAX_FILTERS);
        return -1;
    }
    return 0;
}

static json_t *
page_of(json_t *events, const struct event_page *page)
{
    char id[EVENT_ID_TEXT_LEN];

    if (!page->is_more)
        return json_pack("{s:O, s:n}", "events", events, "next_cursor");
    event_id_format(&page->cursor_id, id);
    return json_pack("{s:O, s:o}", "events", events, "next_cursor",
                     params_make_cursor(page->cursor_at_us, id));
}

/* Search, or look one up: ?id= names at most one event, wherever it is kept. */
static int
find(struct api *api, const struct event_query *query, struct api_events *events,
     struct event_page *page, struct err *err)
{
    for (size_t i = 0; i < query->filter_count; i++) {
        struct event_id id;

        if (!text_is(query->filters[i].field, "id"))
            continue;
        if (event_id_parse(query->filters[i].value, &id) != 0)
            return 0;
        return api->store->ops->get_event(api->store, &id, INT32_MIN, api_add_event, events,
                                          err) < 0 ? -1 : 0;
    }
    return api->store->ops->find_events(api->store, query, api_add_event, events, page, err);
}

void
handle_events(struct http_request *req, void *self)
{
    struct api *api = self;
    struct event_query query = { 0 };
    struct event_page page = { 0 };
    struct api_events events = { .max_bytes = API_PAGE_BYTES };
    json_t *body = NULL;
    struct err err;

    if (parse_query(req, &query, &err) != 0) {
        http_reply_problem(req, 400, "%s", err.text);
        return;
    }
    ++*api->queries;
    events.list = json_array();
    if (find(api, &query, &events, &page, &err) == 0) {
        err_set(&err, "out of memory");
        body = events.is_out_of_memory ? NULL : page_of(events.list, &page);
    }
    if (body == NULL)
        api_store_failed(api, req, &err);
    else
        http_reply_json(req, 200, body);
    json_decref(events.list);
}
