#include "proto/incident.h"

#include <inttypes.h>
#include <stdio.h>

#include "proto/base/timestamp.h"
#include "proto/json_text.h"

static int
set(json_t *object, const char *name, json_t *value)
{
    return json_set(object, text_of(name), value);
}

/* NULL is null. */
static json_t *
string_to_json(const char *str)
{
    return str != NULL ? json_text(text_of(str)) : json_null();
}

static json_t *
time_to_json(int64_t us)
{
    char text[TIMESTAMP_LEN];

    timestamp_format(us, text);
    return json_string(text);
}

static json_t *
rev_to_json(const struct incident *inc)
{
    char text[48];

    snprintf(text, sizeof(text), "%" PRId64 "-%" PRIu64, inc->rev_epoch,
             inc->rev_counter);
    return json_string(text);
}

/* All of a container or nothing. */
static json_t *
finished(json_t *json, int rc)
{
    if (rc == 0)
        return json;
    json_decref(json);
    return NULL;
}

static json_t *
tags_to_json(const struct incident *inc)
{
    json_t *tags = json_array();
    int rc = tags == NULL ? -1 : 0;

    for (size_t i = 0; rc == 0 && i < inc->rule_tag_count; i++)
        rc = json_array_append_new(tags, string_to_json(inc->rule_tags[i]));
    return finished(tags, rc);
}

json_t *
incident_references(const struct incident *inc)
{
    const char *at = inc->rule_references == NULL ? "" : inc->rule_references;
    json_t *lines = json_array();
    int rc = lines == NULL ? -1 : 0;

    while (rc == 0 && *at != '\0') {
        size_t len = strcspn(at, "\n");

        rc = json_array_append_new(lines, json_stringn(at, len));
        at += len + (at[len] == '\n');
    }
    return finished(lines, rc);
}

static json_t *
rule_to_json(const struct incident *inc)
{
    json_t *rule = json_object();

    if (rule == NULL)
        return NULL;
    if (set(rule, "id", string_to_json(inc->rule_id)) != 0 ||
        set(rule, "title", string_to_json(inc->rule_title)) != 0 ||
        set(rule, "level", string_to_json(inc->rule_level)) != 0 ||
        set(rule, "tags", tags_to_json(inc)) != 0 ||
        set(rule, "author", string_to_json(inc->rule_author)) != 0 ||
        set(rule, "references", incident_references(inc)) != 0)
        return finished(rule, -1);
    return rule;
}

static json_t *
keys_to_json(const struct incident *inc)
{
    json_t *keys = json_object();
    int rc = keys == NULL ? -1 : 0;

    for (size_t i = 0; rc == 0 && i < inc->key_count; i++)
        if (inc->keys[i].field != NULL)
            rc = set(keys, inc->keys[i].field, string_to_json(inc->keys[i].value));
    return finished(keys, rc);
}

static json_t *
evidence_to_json(const struct incident *inc)
{
    json_t *ids = json_array();
    int rc = ids == NULL ? -1 : 0;

    for (size_t i = 0; rc == 0 && i < inc->evidence_count; i++) {
        char id[EVENT_ID_TEXT_LEN];

        event_id_format(&inc->evidence[i].id, id);
        rc = json_array_append_new(ids, json_string(id));
    }
    return finished(ids, rc);
}

static json_t *
change_to_json(const struct incident_change *line)
{
    json_t *json = json_object();

    if (json == NULL)
        return NULL;
    if (set(json, "at", time_to_json(line->at_us)) != 0 ||
        set(json, "by", string_to_json(line->by)) != 0 ||
        set(json, "from", json_string(status_name(line->from))) != 0 ||
        set(json, "to", json_string(status_name(line->to))) != 0 ||
        set(json, "note", string_to_json(line->note)) != 0)
        return finished(json, -1);
    return json;
}

static json_t *
history_to_json(const struct incident *inc)
{
    json_t *lines = json_array();
    int rc = lines == NULL ? -1 : 0;

    for (size_t i = 0; rc == 0 && i < inc->history_count; i++)
        rc = json_array_append_new(lines, change_to_json(&inc->history[i]));
    return finished(lines, rc);
}

json_t *
incident_to_json(const struct incident *inc)
{
    json_t *json = json_object();

    if (json == NULL)
        return NULL;
    if (set(json, "id", string_to_json(inc->id)) != 0 ||
        set(json, "rev", rev_to_json(inc)) != 0 ||
        set(json, "rule", rule_to_json(inc)) != 0 ||
        set(json, "severity", json_string(severity_name(inc->severity))) != 0 ||
        set(json, "status", json_string(status_name(inc->status))) != 0 ||
        set(json, "summary", string_to_json(inc->summary)) != 0 ||
        set(json, "key", keys_to_json(inc)) != 0 ||
        set(json, "opened_at", time_to_json(inc->opened_us)) != 0 ||
        set(json, "last_seen", time_to_json(inc->last_seen_us)) != 0 ||
        set(json, "count", json_integer((json_int_t)inc->count)) != 0 ||
        set(json, "evidence", evidence_to_json(inc)) != 0 ||
        set(json, "history", history_to_json(inc)) != 0)
        return finished(json, -1);
    if (inc->is_incomplete && set(json, "incomplete", json_true()) != 0)
        return finished(json, -1);
    if (set(json, "reopened", json_integer((json_int_t)inc->reopened)) != 0)
        return finished(json, -1);
    return json;
}
