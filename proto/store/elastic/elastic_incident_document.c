/*
 * An incident as a document. What people look at are ECS's fields; what we read
 * again are two packed ones, the detector's and the history.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/buf.h"
#include "proto/store/elastic/elastic.h"

static const int severity_numbers[] = { 21, 47, 73, 99 };   /* Elastic's low..critical */

static json_t *
time_json(int64_t us)
{
    char text[TIMESTAMP_LEN];

    timestamp_format(us, text);
    return json_string(text);
}

json_t *
elastic_base64(const struct buf *bytes)
{
    size_t len = sodium_base64_encoded_len(bytes->len, sodium_base64_VARIANT_ORIGINAL);
    char *text = malloc(len);
    json_t *json;

    if (text == NULL)
        return NULL;
    sodium_bin2base64(text, len, (const unsigned char *)bytes->ptr, bytes->len,
                      sodium_base64_VARIANT_ORIGINAL);
    json = json_string(text);
    free(text);
    return json;
}

/* The keys under their ECS names, and all values in one list. */
static void
set_keys(json_t *document, const struct incident *inc)
{
    json_t *values = json_array();

    for (size_t i = 0; i < inc->key_count; i++) {
        struct text field = text_of(inc->keys[i].field);
        int known = event_field_find(field);
        const char *value = inc->keys[i].value;

        if (value == NULL)
            continue;
        json_array_append_new(values, json_string(value));
        json_object_set_new(document, known >= 0 ? elastic_name_of_known(known) : inc->keys[i].field,
                            json_string(value));
        if (known == EVENT_USERNAME)
            json_object_set_new(document, "related.user", json_pack("[s]", value));
    }
    json_object_set_new(document, "bongsu.incident.key_values", values);
}

/* attack.t1110.001 -> T1110.001, attack.credential_access -> a tactic. */
static void
set_threat(json_t *document, const struct incident *inc)
{
    json_t *techniques = json_array(), *tactics = json_array();

    for (size_t i = 0; i < inc->rule_tag_count; i++) {
        struct text tag = text_of(inc->rule_tags[i]);
        char name[64];
        size_t len = 0;

        if (!text_starts_with(tag, "attack."))
            continue;
        for (size_t k = strlen("attack."); k < tag.len && len + 1 < sizeof(name); k++)
            name[len++] = tag.ptr[k];
        name[len] = '\0';
        if ((name[0] == 't' || name[0] == 'T') && name[1] >= '0' && name[1] <= '9') {
            name[0] = 'T';
            json_array_append_new(techniques, json_string(name));
        } else if (len > 0) {
            json_array_append_new(tactics, json_string(name));
        }
    }
    if (json_array_size(techniques) + json_array_size(tactics) > 0)
        json_object_set_new(document, "threat.framework", json_string("MITRE ATT&CK"));
    json_object_set_new(document, "threat.technique.id", techniques);
    json_object_set_new(document, "threat.tactic.name", tactics);
}

/* What both kinds of document say. */
static json_t *
common(const struct incident *inc, int64_t now_us)
{
    int level = inc->severity >= 0 && inc->severity <= SEVERITY_CRITICAL ? inc->severity : 0;
    json_t *document = json_pack(
        "{s:s, s:s, s:[s], s:[s], s:s, s:s, s:i, s:i, s:s, s:s, s:I, s:s?}", "ecs.version", "8.11.0",
        "event.kind", "alert", "event.category", "intrusion_detection", "event.type", "info",
        "bongsu.severity", severity_name(level), "rule.id", inc->rule_id == NULL ? "" : inc->rule_id,
        "event.severity", severity_numbers[level], "event.risk_score", severity_numbers[level],
        "rule.name", inc->rule_title == NULL ? "" : inc->rule_title, "event.id", inc->id,
        "event.duration", (json_int_t)((inc->last_seen_us - inc->opened_us) * 1000),
        "message", inc->rule_title);

    if (document == NULL)
        return NULL;
    json_object_set_new(document, "event.action", json_string(inc->rule_id == NULL ? "" : inc->rule_id));
    json_object_set_new(document, "event.reason", json_string(inc->summary == NULL ? "" : inc->summary));
    json_object_set_new(document, "event.start", time_json(inc->opened_us));
    json_object_set_new(document, "event.end", time_json(inc->last_seen_us));
    json_object_set_new(document, "event.ingested", time_json(now_us));
    json_object_set_new(document, "@timestamp", time_json(inc->last_seen_us));
    if (inc->rule_author != NULL)
        json_object_set_new(document, "rule.author", json_string(inc->rule_author));
    if (inc->rule_references != NULL)
        json_object_set_new(document, "rule.reference", incident_references(inc));
    set_keys(document, inc);
    set_threat(document, inc);
    return document;
}

json_t *
elastic_incident_to_alert(const struct incident *inc, int64_t now_us)
{
    json_t *document = common(inc, now_us);

    if (document != NULL)
        json_object_set_new(document, "@timestamp", time_json(now_us));
    return document;
}

json_t *
elastic_incident_to_document(const struct incident *inc, int64_t now_us)
{
    struct buf detector = { 0 }, history = { 0 };
    json_t *document = common(inc, now_us);

    if (document == NULL || incident_pack(inc, &detector) != 0 ||
        incident_pack_history(inc, &history) != 0) {
        json_decref(document);
        document = NULL;
        goto done;
    }
    json_object_update_new(document, json_pack(
        "{s:i, s:s, s:i, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "bongsu.severity_level", inc->severity,
        "bongsu.incident.status", status_name(inc->status), "bongsu.incident.status_number",
        inc->status, "bongsu.incident.count", (json_int_t)inc->count, "bongsu.incident.opened",
        (json_int_t)inc->opened_us, "bongsu.incident.last_seen", (json_int_t)inc->last_seen_us,
        "bongsu.incident.updated", (json_int_t)now_us, "bongsu.incident.reopened",
        (json_int_t)inc->reopened, "bongsu.incident.detector", elastic_base64(&detector),
        "bongsu.incident.history", elastic_base64(&history)));

done:
    buf_release(&detector);
    buf_release(&history);
    return document;
}

int
elastic_unbase64(const json_t *source, const char *name, struct buf *ret, struct err *err)
{
    struct text text = text_of(json_string_value(json_object_get(source, name)));

    if (text.len > 0 && buf_reserve(ret, text.len) == 0 &&
        sodium_base642bin((unsigned char *)ret->ptr, ret->cap, text.ptr, text.len, NULL, &ret->len,
                          NULL, sodium_base64_VARIANT_ORIGINAL) == 0)
        return 0;
    err_set(err, "a document lacks %s", name);
    return -1;
}

struct incident *
elastic_incident_from_document(const json_t *source, struct err *err)
{
    struct buf detector = { 0 }, history = { 0 };
    struct incident *inc = NULL;
    const char *status = json_string_value(json_object_get(source, "bongsu.incident.status"));
    int number = status == NULL ? -1 : status_parse(text_of(status));

    if (elastic_unbase64(source, "bongsu.incident.detector", &detector, err) == 0 &&
        elastic_unbase64(source, "bongsu.incident.history", &history, err) == 0 &&
        incident_unpack(detector.ptr, detector.len, &inc, err) == 0) {
        if (incident_unpack_history(history.ptr, history.len, inc, err) != 0)
            incident_destroy(&inc);
        else {
            inc->status = number < 0 ? STATUS_OPEN : number;
            inc->reopened = (uint64_t)json_integer_value(
                json_object_get(source, "bongsu.incident.reopened"));
        }
    }
    buf_release(&detector);
    buf_release(&history);
    return inc;
}
