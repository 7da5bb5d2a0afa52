#include "api/api.h"

#include "api/params.h"
#include "proto/base/clock.h"

enum { DEFAULT_LIMIT = 100 };

/* Parameters that are no filter; any other name is a field of the event. */
static const char *const reserved[] = {
    "from", "to", "window", "q", "limit", "cursor", "after", NULL,
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

/* What came after a place, as a page that names the next place. NULL: *ret_rc is
 * what the store says, or 0 when memory is out. */
static json_t *
news(struct api *api, const struct event_query *query, struct text after,
     struct api_events *events, int *ret_rc, struct err *err)
{
    struct event_news news = { 0 };
    struct text place = text_is(after, "now") ? (struct text){ "", 0 } : after;
    json_t *page = NULL;

    *ret_rc = api->store->ops->follow_events(api->store, query, place, api_add_event, events,
                                             &news, err);
    if (*ret_rc == 0 && !events->is_out_of_memory)
        page = json_pack("{s:O, s:s, s:b, s:I}", "events", events->list, "next_after",
                         news.place.ptr, "more", news.is_more, "days_left_out",
                         (json_int_t)news.days_left_out);
    buf_release(&news.place);
    return page;
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

/* The answer; NULL with *ret_rc: -2 the question is wrong, else the store failed. */
static json_t *
answer(struct api *api, const struct event_query *query, struct text after,
       struct api_events *events, int *ret_rc, struct err *err)
{
    struct event_page page = { 0 };
    json_t *body = NULL;

    if (after.ptr != NULL) {
        body = news(api, query, after, events, ret_rc, err);
        if (*ret_rc == -2)
            err_set(err, "after: must be now, or what was given as next_after");
    } else {
        *ret_rc = find(api, query, events, &page, err);
        if (*ret_rc == 0 && !events->is_out_of_memory)
            body = page_of(events->list, &page);
    }
    if (body == NULL && *ret_rc == 0)
        err_set(err, "out of memory");
    return body;
}

static void
reply_page(struct http_request *req, json_t *body)
{
    static const struct { const char *member, *parameter; } next[] = {
        { "next_cursor", "cursor" }, { "next_after", "after" },
    };

    for (size_t i = 0; i < sizeof(next) / sizeof(next[0]); i++) {
        const char *place = json_string_value(json_object_get(body, next[i].member));

        if (place != NULL)
            params_link_next(req, next[i].parameter, place);
    }
    http_reply_json(req, 200, body);
}

void
handle_events(struct http_request *req, void *self)
{
    struct api *api = self;
    struct event_query query = { 0 };
    struct api_events events = { .max_bytes = API_PAGE_BYTES };
    struct text after = http_query(req, "after");
    json_t *body = NULL;
    struct err err;
    int rc;

    if (parse_query(req, &query, &err) != 0) {
        http_reply_problem(req, 400, "%s", err.text);
        return;
    }
    if (after.ptr != NULL && (query.has_cursor || after.len == 0)) {
        http_reply_problem(req, 400, query.has_cursor
                                         ? "cursor: give either cursor or after"
                                         : "after: must be now, or what was given as next_after");
        return;
    }
    ++*api->queries;
    events.list = json_array();
    body = answer(api, &query, after, &events, &rc, &err);
    if (body != NULL)
        reply_page(req, body);
    else if (rc == -2)
        http_reply_problem(req, 400, "%s", err.text);
    else
        api_store_failed(api, req, &err);
    json_decref(events.list);
}
