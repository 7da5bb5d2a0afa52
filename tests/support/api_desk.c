#include "tests/support/api_desk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/timestamp.h"

static struct desk *
desk_of(struct store *store)
{
    return (struct desk *)store;
}

static int
down(const struct desk *desk, struct err *err)
{
    if (desk->is_down)
        err_set(err, "the disk is gone");
    return desk->is_down;
}

static int
stub_count(struct store *store, const struct count_query *query, struct counts *ret,
           struct err *err)
{
    struct desk *desk = desk_of(store);

    if (desk->counted_count < MAX_QUERIES)
        desk->counted[desk->counted_count++] = *query;
    if (down(desk, err))
        return -1;
    ret->total = 7;
    for (int d = COUNT_TYPE; d < COUNT_DIMENSIONS; d++) {
        ret->rows[d] = calloc(1, sizeof(struct count_row));
        ret->rows[d][0] = (struct count_row){ strdup(d == COUNT_USER ? "r\xff" : "x"), 7 };
        ret->row_count[d] = 1;
    }
    ret->steps = (size_t)((query->to_us - query->from_us + query->step_us - 1) / query->step_us);
    ret->timeline = calloc(ret->steps, sizeof(uint64_t));
    ret->timeline[0] = 7;
    return 0;
}

static struct incident *
make_incident(size_t n, int status)
{
    struct incident *inc = incident_new();

    snprintf(inc->id, sizeof(inc->id), "%032zx", n);
    inc->rule_id = strdup("brute-force");
    inc->rule_title = strdup("Brute force");
    inc->rule_level = strdup("high");
    inc->severity = SEVERITY_HIGH;
    inc->summary = strdup("five failed logins");
    inc->opened_us = inc->last_seen_us = INCIDENTS_US - (int64_t)n;
    inc->count = 5;
    inc->status = status;
    inc->evidence_count = 2;
    inc->evidence[0] = (struct evidence){ event_id_make(1, 2, 3), 20000 };
    inc->evidence[1] = (struct evidence){ event_id_make(1, 2, 4), 20000 };
    return inc;
}

/* Incidents are numbered from 0, newest first; a cursor names the last one given. */
static int
stub_find_incidents(struct store *store, const struct incident_query *query,
                    struct incident ***ret, size_t *ret_count, int *ret_is_more, struct err *err)
{
    struct desk *desk = desk_of(store);
    size_t total = 0, first = 0, count;

    desk->asked = *query;
    if (desk->asked_count++ == 0)
        desk->asked_first = *query;
    if (down(desk, err))
        return -1;
    for (int s = 0; s < STATUS_COUNT; s++)
        total += (query->status < 0 || query->status == s) && query->from_us <= INCIDENTS_US
                     ? desk->incident_count[s] : 0;
    if (query->has_cursor)
        first = (size_t)strtoull(query->cursor_id, NULL, 16) + 1;
    count = total > first ? total - first : 0;
    *ret_is_more = count > query->limit;
    count = count > query->limit ? query->limit : count;
    *ret = calloc(count + 1, sizeof(**ret));
    for (size_t i = 0; i < count; i++)
        (*ret)[i] = make_incident(first + i, query->status < 0 ? 0 : query->status);
    *ret_count = count;
    return 0;
}

static int
stub_get_incident(struct store *store, const char *id, struct incident **ret, struct err *err)
{
    struct desk *desk = desk_of(store);

    if (down(desk, err))
        return -1;
    if (desk->inc == NULL || strcmp(id, desk->inc->id) != 0)
        return 0;
    *ret = incident_copy(desk->inc);
    return 1;
}

static int
stub_set_status(struct store *store, const char *id, const struct incident_change *change,
                struct err *err)
{
    struct desk *desk = desk_of(store);

    if (desk->is_deleted_meanwhile)
        incident_destroy(&desk->inc);
    if (desk->inc == NULL)
        return 0;
    if (desk->is_history_full) {
        err_set(err, "its history is full");
        return -2;
    }
    assert_string_equal(id, desk->inc->id);
    assert_int_equal(incident_add_history(desk->inc, change->at_us, change->by,
                                          desk->inc->status, change->to, change->note), 0);
    desk->inc->status = change->to;
    return 1;
}

static int
give_event(const struct desk *desk, int (*visit)(void *ctx, const struct event *ev), void *ctx,
           uint64_t n)
{
    struct event ev = { .id = event_id_make(1, 2, n) };

    if (desk->raw_log != NULL)
        ev.known[EVENT_RAW_LOG] = value_text(text_of(desk->raw_log));

    ev.known[EVENT_TIMESTAMP] = value_text(text_of("2026-11-22T10:00:00+09:00"));
    ev.known[EVENT_TYPE] = value_text(text_of("login_failed"));
    ev.known[EVENT_RECEIVED_FROM] = value_text(text_of("192.0.2.1"));
    ev.at_us = ev.received_us = INT64_C(1795000000) * 1000000;
    return visit(ctx, &ev);
}

static int
stub_find_events(struct store *store, const struct event_query *query,
                 int (*visit)(void *ctx, const struct event *ev), void *ctx,
                 struct event_page *ret, struct err *err)
{
    struct desk *desk = desk_of(store);

    desk->events_asked = *query;
    desk->given = 0;
    desk->filter[0] = '\0';
    for (size_t i = 0; i < query->filter_count; i++)
        snprintf(desk->filter + strlen(desk->filter), sizeof(desk->filter) - strlen(desk->filter),
                 "%.*s=%.*s;", (int)query->filters[i].field.len, query->filters[i].field.ptr,
                 (int)query->filters[i].value.len, query->filters[i].value.ptr);
    if (down(desk, err))
        return -1;
    for (size_t i = 0; i < desk->event_count && i < query->limit; i++)
        if (desk->given++, give_event(desk, visit, ctx, i + 1) != 0)
            break;
    *ret = (struct event_page){ .is_more = desk->event_count > query->limit,
                                .cursor_at_us = -5, .cursor_id = event_id_make(1, 2, 77) };
    return 0;
}

/* As if each ask found what is asked for and one more place. */
static int
stub_follow_events(struct store *store, const struct event_query *query, struct text place,
                   int (*visit)(void *ctx, const struct event *ev), void *ctx,
                   struct event_news *ret, struct err *err)
{
    struct event_page page;

    if (place.len > 0 && place.ptr[0] != 's') {
        err_set(err, "not a place that was given");
        return -2;
    }
    if (place.len > 0 && stub_find_events(store, query, visit, ctx, &page, err) != 0)
        return -1;
    ret->is_more = place.len > 0 && page.is_more;
    ret->days_left_out = 3;
    return buf_printf(&ret->place, "s1_%d.7", place.len == 0 ? 1 : 2);
}

static int
stub_get_event(struct store *store, const struct event_id *id, int32_t day,
               int (*visit)(void *ctx, const struct event *ev), void *ctx, struct err *err)
{
    struct desk *desk = desk_of(store);

    if (down(desk, err))
        return -1;
    assert_int_equal(day, 20000);
    if (desk->event_is_missing && id->bytes[19] == 4)
        return 0;
    give_event(desk, visit, ctx, id->bytes[19]);
    return 1;
}

static int
stub_compare_sources(struct store *store, const struct source_query *query,
                     struct source_changes *ret, struct err *err)
{
    ret->total = 2;
    ret->has_history = 1;
    ret->fresh_total = ret->fresh_count = ret->quiet_total = ret->quiet_count = 1;
    ret->fresh = calloc(1, sizeof(*ret->fresh));
    ret->quiet = calloc(1, sizeof(*ret->quiet));
    ret->fresh[0] = (struct source_seen){ .value = strdup("x"), .first_us = INCIDENTS_US };
    ret->quiet[0] = (struct source_seen){ .value = strdup("<q>"), .days = 3, .last_day = 20000 };
    return down(desk_of(store), err) ? -1 : 0;
}

static int
stub_get_ledger(struct store *store, int64_t from_hour, int64_t to_hour, struct ledger *ret,
                struct err *err)
{
    ledger_add(ret, 1, from_hour, LEDGER_ACCEPTED, 10);
    ledger_add(ret, 1, from_hour, LEDGER_REFUSED_JSON, 2);
    ledger_add(ret, 1, from_hour, LEDGER_STORED, 9);
    ledger_add(ret, 1, from_hour, LEDGER_NOT_STORED, 1);
    return down(desk_of(store), err) ? -1 : 0;
}

static int
stub_get_allowed(struct store *store, const char *first_day, const char *last_day,
                 int (*visit)(void *ctx, const struct store_allowed *sum), void *ctx,
                 struct err *err)
{
    const struct store_allowed sum = { .entry = "source=192.0.2.10", .reason = "ours",
                                       .events = 3 };

    assert_true(strcmp(first_day, last_day) <= 0);
    visit(ctx, &sum);
    return down(desk_of(store), err) ? -1 : 0;
}

static const struct store_ops stub_ops = {
    .name = "stub", .count = stub_count, .find_incidents = stub_find_incidents,
    .get_incident = stub_get_incident, .set_status = stub_set_status,
    .find_events = stub_find_events, .follow_events = stub_follow_events, .get_event = stub_get_event,
    .compare_sources = stub_compare_sources, .get_ledger = stub_get_ledger,
    .get_allowed = stub_get_allowed,
};

void
desk_use_zone(const char *zone)
{
    struct err err = { "" };

    setenv("TZ", zone, 1);
    if (timestamp_init(&err) != 0)
        fail_msg("%s", err.text);
}

int
desk_set_up(void **state)
{
    struct desk *desk = calloc(1, sizeof(*desk));
    const struct http_options options = {
        .listen = "127.0.0.1:0", .flag = "--api-listen", .api_key = KEY, .max_body = 65536,
        .max_connections = 16, .idle_timeout_s = 30,
    };
    struct err err = { "" };

    desk_use_zone("Asia/Seoul");
    desk->loop = zloop_new();
    desk->metrics = metrics_new();
    desk->store.ops = &stub_ops;
    desk->api.store = &desk->store;
    desk->api.daemon = &desk->daemon;
    desk->daemon.settings = &desk->settings;
    desk->api.queries = metrics_number(desk->metrics, METRIC_COUNTER, "q", "", "");
    desk->api.query_failures = metrics_number(desk->metrics, METRIC_COUNTER, "f", "", "");
    desk->api.status_changes = metrics_number(desk->metrics, METRIC_COUNTER, "s", "", "");
    desk->api.letters_wanted = metrics_number(desk->metrics, METRIC_COUNTER, "l", "", "");
    desk->api.server = http_server_new(desk->loop, &options, desk->metrics, &err);
    if (desk->api.server == NULL)
        fail_msg("%s", err.text);
    http_server_add_routes(desk->api.server, api_routes, api_route_count, &desk->api);
    http_server_add_routes(desk->api.server, health_routes, health_route_count, NULL);
    if (http_server_document(desk->api.server, &api_document, &err) != 0)
        fail_msg("%s", err.text);
    desk->client = loop_client_new(desk->loop, http_server_address(desk->api.server));
    desk->inc = make_incident(1, STATUS_OPEN);
    *state = desk;
    return 0;
}

int
desk_tear_down(void **state)
{
    struct desk *desk = *state;

    json_decref(desk->body);
    loop_client_destroy(&desk->client);
    http_server_destroy(&desk->api.server);
    incident_destroy(&desk->inc);
    metrics_destroy(&desk->metrics);
    zloop_destroy(&desk->loop);
    free(desk);
    return 0;
}

static int
take_answer(struct desk *desk)
{
    int status = loop_client_wait(desk->client);
    struct text body = loop_client_body(desk->client);

    json_decref(desk->body);
    desk->body = json_loadb(body.ptr, body.len, 0, NULL);
    return status;
}

int
desk_get(struct desk *desk, const char *target)
{
    loop_client_send(desk->client, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", target);
    return take_answer(desk);
}

int
desk_post(struct desk *desk, const char *target, const char *headers, const char *body)
{
    loop_client_send(desk->client, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n%s\r\n%s",
                     target, strlen(body), headers, body);
    return take_answer(desk);
}

json_t *
desk_at(const struct desk *desk, const char *path)
{
    struct text rest = text_of(path);
    json_t *value = desk->body;

    while (rest.ptr != NULL) {
        struct text part = text_split(&rest, '/');
        char name[64];

        snprintf(name, sizeof(name), "%.*s", (int)part.len, part.ptr);
        value = json_is_array(value) ? json_array_get(value, strtoul(name, NULL, 10))
                                     : json_object_get(value, name);
    }
    if (value == NULL)
        fail_msg("no %s in the answer", path);
    return value;
}

const char *
desk_text_at(const struct desk *desk, const char *path)
{
    const char *text = json_string_value(desk_at(desk, path));

    if (text == NULL)
        fail_msg("%s is no text", path);
    return text;
}

int64_t
desk_number_at(const struct desk *desk, const char *path)
{
    assert_true(json_is_integer(desk_at(desk, path)));
    return json_integer_value(desk_at(desk, path));
}

void
desk_expect_wrong(struct desk *desk, const struct wrong *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int status = desk_get(desk, cases[i].target);

        if (status != 400 || strstr(desk_text_at(desk, "detail"), cases[i].word) == NULL)
            fail_msg("%s: %d, %s", cases[i].target, status, desk_text_at(desk, "detail"));
    }
    assert_int_equal(*desk->api.queries, 0);
}

int64_t
desk_time_of(const char *text)
{
    int64_t us = 0;

    assert_int_equal(timestamp_parse(text_of(text), &us, NULL), 0);
    return us;
}
