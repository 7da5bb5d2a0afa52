#include "api/api.h"

#include <stdlib.h>
#include <string.h>

#include "api/params.h"
#include "proto/base/clock.h"
#include "proto/event.h"

enum { DEFAULT_LIMIT = 50, MAX_LIMIT = 500, MAX_NOTE = 4000, MAX_NAME = 200 };

/* Set *ret to the number that parse gives for a parameter; -1 stays when it is
 * not there. */
static int
parse_word(const struct http_request *req, const char *name, int (*parse)(struct text),
           const char *allowed, int *ret, struct err *err)
{
    struct text word = http_query(req, name);

    *ret = -1;
    if (word.ptr == NULL)
        return 0;
    *ret = parse(word);
    if (*ret >= 0)
        return 0;
    err_set(err, "%s: must be one of %s", name, allowed);
    return -1;
}

static int
parse_query(const struct http_request *req, struct incident_query *query, struct err *err)
{
    struct text id;

    if (params_span(req, clock_real_us() + EVENT_MAX_AHEAD_US, 0, &query->from_us,
                    &query->to_us, err) != 0 ||
        params_limit(req, DEFAULT_LIMIT, MAX_LIMIT, &query->limit, err) != 0 ||
        params_cursor(req, &query->has_cursor, &query->cursor_us, &id, err) != 0 ||
        parse_word(req, "status", status_parse,
                   "open, acknowledged, investigating, resolved, false_positive",
                   &query->status, err) != 0 ||
        parse_word(req, "severity", severity_parse, "low, medium, high, critical",
                   &query->severity, err) != 0)
        return -1;
    query->rule_id = http_query(req, "rule");
    query->key_value = http_query(req, "key");
    if (!query->has_cursor)
        return 0;
    if (id.len != INCIDENT_ID_HEX - 1) {
        err_set(err, "cursor: not one that was given as next_cursor");
        return -1;
    }
    memcpy(query->cursor_id, id.ptr, id.len);
    return 0;
}

/* Long notes may end a page early. */
static json_t *
page_of(struct incident *const *found, size_t count, int is_more)
{
    json_t *list = json_array(), *body = NULL;
    size_t bytes = 0, taken = 0;
    int rc = 0;

    while (taken < count && rc == 0 && bytes < API_PAGE_BYTES)
        rc = api_add_incident(list, found[taken++], &bytes);
    is_more |= taken < count;
    count = taken;
    if (rc == 0)
        body = json_pack("{s:O, s:o}", "incidents", list, "next_cursor",
                         is_more && count > 0
                             ? params_make_cursor(found[count - 1]->last_seen_us,
                                                  found[count - 1]->id)
                             : json_null());
    json_decref(list);
    return body;
}

/* Give the body away as the answer, unless memory was out. */
static void
reply_whole(struct api *api, struct http_request *req, json_t *body)
{
    const char *next = json_string_value(json_object_get(body, "next_cursor"));
    const struct err err = { "out of memory" };

    if (next != NULL)
        params_link_next(req, "cursor", next);

    if (body == NULL)
        api_store_failed(api, req, &err);
    else
        http_reply_json(req, 200, body);
}

void
handle_incidents(struct http_request *req, void *self)
{
    struct api *api = self;
    struct incident_query query = { 0 };
    struct incident **found = NULL;
    size_t count = 0;
    int is_more = 0;
    struct err err;

    if (parse_query(req, &query, &err) != 0) {
        http_reply_problem(req, 400, "%s", err.text);
        return;
    }
    ++*api->queries;
    if (api->store->ops->find_incidents(api->store, &query, &found, &count, &is_more, &err) != 0) {
        api_store_failed(api, req, &err);
        return;
    }
    reply_whole(api, req, page_of(found, count, is_more));
    store_free_incidents(&found, count);
}

/* The incident whole: its evidence as events. One that retention has deleted
 * is missing in the list, its id is still in "evidence". */
static json_t *
whole_incident(struct api *api, const struct incident *inc, struct err *err)
{
    json_t *body = incident_to_json(inc);
    struct api_events events = { .list = json_array() };
    int rc = 0;

    for (size_t i = 0; i < inc->evidence_count && rc >= 0; i++)
        rc = api->store->ops->get_event(api->store, &inc->evidence[i].id, inc->evidence[i].day,
                                        api_add_event, &events, err);
    if (rc >= 0 && (events.is_out_of_memory ||
                    json_object_set(body, "events", events.list) != 0)) {
        err_set(err, "out of memory");
        rc = -1;
    }
    json_decref(events.list);
    if (rc < 0) {
        json_decref(body);
        body = NULL;
    }
    return body;
}

/* 1 and the incident, or 0 when it was answered here. */
static int
find_one(struct api *api, struct http_request *req, struct incident **ret_inc)
{
    struct text id = http_param(req, "id");
    char copy[INCIDENT_ID_HEX] = { 0 };
    struct err err;
    int rc = 0;

    ++*api->queries;
    if (id.len == INCIDENT_ID_HEX - 1) {
        memcpy(copy, id.ptr, id.len);
        rc = api->store->ops->get_incident(api->store, copy, ret_inc, &err);
    }
    if (rc < 0)
        api_store_failed(api, req, &err);
    if (rc == 0)
        http_reply_problem(req, 404, "there is no incident with this id");
    return rc > 0;
}

void
handle_incident(struct http_request *req, void *self)
{
    struct api *api = self;
    struct incident *inc = NULL;
    json_t *body;
    struct err err;

    if (!find_one(api, req, &inc))
        return;
    body = whole_incident(api, inc, &err);
    if (body == NULL)
        api_store_failed(api, req, &err);
    else
        http_reply_json(req, 200, body);
    incident_destroy(&inc);
}

/* Its length in characters: UTF-8's continuation bytes are none. */
static size_t
count_characters(const char *text)
{
    size_t count = 0;

    for (; *text != '\0'; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

/* A text member of the body; NULL when absent. -1 when it is no text or too long. */
static int
text_member(const json_t *body, const char *name, size_t max, const char **ret, struct err *err)
{
    const json_t *value = json_object_get(body, name);

    *ret = NULL;
    if (value == NULL || json_is_null(value))
        return 0;
    if (!json_is_string(value) || count_characters(json_string_value(value)) > max) {
        err_set(err, "%s: must be text of at most %zu characters", name, max);
        return -1;
    }
    *ret = json_string_value(value);
    return 0;
}

static int
parse_change(const json_t *body, struct incident_change *change, struct err *err)
{
    static const char *const names[] = { "status", "note", "by" };
    const char *status, *note, *by, *key;
    json_t *value;

    json_object_foreach((json_t *)body, key, value)
        if (strcmp(key, names[0]) != 0 && strcmp(key, names[1]) != 0 &&
            strcmp(key, names[2]) != 0) {
            err_set(err, "%.64s: no such field; status, note and by are", key);
            return -1;
        }
    if (text_member(body, "status", MAX_NAME, &status, err) != 0 ||
        text_member(body, "note", MAX_NOTE, &note, err) != 0 ||
        text_member(body, "by", MAX_NAME, &by, err) != 0)
        return -1;
    change->to = status == NULL ? -1 : status_parse(text_of(status));
    if (change->to < 0) {
        err_set(err, "status: must be open, acknowledged, investigating, resolved or "
                     "false_positive");
        return -1;
    }
    change->at_us = clock_real_us();
    change->by = strdup(by == NULL || by[0] == '\0' ? "api" : by);
    change->note = strdup(note == NULL ? "" : note);
    return 0;
}

/* Make the change, then answer with the incident as it is now. */
static void
apply_change(struct api *api, struct http_request *req, const struct incident_change *change)
{
    struct incident *inc = NULL;
    struct err err = { "out of memory" };
    int rc;

    if (!find_one(api, req, &inc))
        return;
    rc = change->by == NULL || change->note == NULL
             ? -1
             : api->store->ops->set_status(api->store, inc->id, change, &err);
    incident_destroy(&inc);
    if (rc == -2) {
        http_reply_problem(req, 409, "note: %s; a change without a note still fits", err.text);
        return;
    }
    if (rc < 0) {
        api_store_failed(api, req, &err);
        return;
    }
    /* 0: deleted since; the second look says so */
    *api->status_changes += rc == 1;
    if (!find_one(api, req, &inc))
        return;
    reply_whole(api, req, incident_to_json(inc));
    incident_destroy(&inc);
}

void
handle_incident_status(struct http_request *req, void *self)
{
    struct text text = http_body(req);
    struct incident_change change = { 0 };
    json_error_t where;
    json_t *body = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, &where);
    struct err err = { "" };

    if (body == NULL)
        http_reply_problem(req, 400, "not JSON: %s (byte %d)", where.text, where.position);
    else if (!json_is_object(body))
        http_reply_problem(req, 400, "must be a JSON object with status, and note and by if wanted");
    else if (parse_change(body, &change, &err) != 0)
        http_reply_problem(req, 400, "%s", err.text);
    else
        apply_change(self, req, &change);
    free(change.by);
    free(change.note);
    json_decref(body);
}
