#include "api/api.h"

#include <stdlib.h>
#include <string.h>

#include "api/params.h"
#include "proto/base/clock.h"
#include "proto/codec_json.h"

enum { DEFAULT_LIMIT = 50, MAX_LIMIT = 500, MAX_NOTE = 4000, MAX_NAME = 200 };

static const char *const known_params[] = {
    "from", "to", "window", "status", "severity", "rule", "key", "limit", "cursor", NULL,
};

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

    if (params_check_known(req, known_params, err) != 0 ||
        params_span(req, clock_real_us() + EVENT_MAX_AHEAD_US, 0, &query->from_us,
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

void
handle_incidents(struct http_request *req, void *self)
{
    struct api *api = self;
    struct incident_query query = { 0 };
    struct incident **found = NULL;
    size_t count = 0;
    int is_more = 0;
    json_t *list, *body;
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
    list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, incident_to_json(found[i]));
    body = json_pack("{s:o}", "incidents", list);
    json_object_set_new(body, "next_cursor",
                        is_more && count > 0
                            ? params_make_cursor(found[count - 1]->last_seen_us,
                                                 found[count - 1]->id)
                            : json_null());
    store_free_incidents(&found, count);
    http_reply_json(req, 200, body);
}

static int
add_event(void *ctx, const struct event *ev)
{
    json_t *events = ctx;

    return json_array_append_new(events, event_to_json(ev));
}

/* The incident whole: its evidence as events. One that retention has deleted
 * is missing in the list, its id is still in "evidence". */
static json_t *
whole_incident(struct api *api, const struct incident *inc, struct err *err)
{
    json_t *body = incident_to_json(inc), *events = json_array();

    for (size_t i = 0; i < inc->evidence_count; i++)
        if (api->store->ops->get_event(api->store, &inc->evidence[i].id, inc->evidence[i].day,
                                       add_event, events, err) < 0) {
            json_decref(events);
            json_decref(body);
            return NULL;
        }
    json_object_set_new(body, "events", events);
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
    static const char *const none[] = { NULL };
    struct api *api = self;
    struct incident *inc = NULL;
    json_t *body;
    struct err err;

    if (params_check_known(req, none, &err) != 0) {
        http_reply_problem(req, 400, "%s", err.text);
        return;
    }
    if (!find_one(api, req, &inc))
        return;
    body = whole_incident(api, inc, &err);
    if (body == NULL)
        api_store_failed(api, req, &err);
    else
        http_reply_json(req, 200, body);
    incident_destroy(&inc);
}

/* A text member of the body; NULL when absent. -1 when it is no text or too long. */
static int
text_member(const json_t *body, const char *name, size_t max, const char **ret, struct err *err)
{
    const json_t *value = json_object_get(body, name);

    *ret = NULL;
    if (value == NULL || json_is_null(value))
        return 0;
    if (!json_is_string(value) || json_string_length(value) > max) {
        err_set(err, "%s: must be text of at most %zu bytes", name, max);
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
    return change->by == NULL || change->note == NULL ? -1 : 0;
}

/* Make the change, then answer with the incident as it is now. */
static void
apply_change(struct api *api, struct http_request *req, const struct incident_change *change)
{
    struct incident *inc = NULL;
    json_t *body;
    struct err err;

    if (!find_one(api, req, &inc))
        return;
    if (api->store->ops->set_status(api->store, inc->id, change, &err) != 1) {
        api_store_failed(api, req, &err);
        goto done;
    }
    ++*api->status_changes;
    incident_destroy(&inc);
    if (!find_one(api, req, &inc))
        return;
    body = incident_to_json(inc);
    http_reply_json(req, 200, body);

done:
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
