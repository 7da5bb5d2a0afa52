/* What Elasticsearch is told of our documents: mappings and settings of each index. */
#include <stdio.h>
#include <string.h>

#include "proto/fields.h"
#include "proto/store/elastic/elastic.h"
#include "proto/store/elastic/elastic_mapping.h"

enum { KEYWORD_MAX = 1024, PATH_MAX_CHARS = 8191 };

/* Beside fields.yml. "object" is one whose inside is not looked at. */
struct mapping_row {
    const char *name, *type;
    int is_hidden;              /* kept, and neither searched nor counted */
};

static const struct mapping_row event_rows[] = {
    { "event.id", "keyword", 0 },
    { "event.kind", "keyword", 0 },
    { "event.category", "keyword", 0 },
    { "event.type", "keyword", 0 },
    { "event.severity", "long", 0 },
    { "event.ingested", "date", 0 },
    { "ecs.version", "keyword", 0 },
    { "related.ip", "ip", 0 },
    { "related.user", "keyword", 0 },
    { "related.hosts", "keyword", 0 },
    { "bongsu.at", "long", 0 },
    { "bongsu.day", "integer", 0 },
    { "bongsu.journal", "keyword", 0 },
    { "bongsu.sequence", "long", 1 },
    { "bongsu.sent", "keyword", 1 },
    { "bongsu.timestamp", "keyword", 1 },
    { "source.geo.location", "geo_point", 0 },
    { "source.geo.country_iso_code", "keyword", 0 },
    { "source.geo.country_name", "keyword", 0 },
    { "source.geo.city_name", "keyword", 0 },
};

static const struct mapping_row incident_rows[] = {
    { "@timestamp", "date", 0 },
    { "message", "text", 0 },
    { "ecs.version", "keyword", 0 },
    { "event.id", "keyword", 0 },
    { "event.kind", "keyword", 0 },
    { "event.category", "keyword", 0 },
    { "event.type", "keyword", 0 },
    { "event.action", "keyword", 0 },
    { "event.reason", "keyword", 0 },
    { "event.severity", "long", 0 },
    { "event.risk_score", "float", 0 },
    { "event.start", "date", 0 },
    { "event.end", "date", 0 },
    { "event.duration", "long", 0 },
    { "event.ingested", "date", 0 },
    { "rule.id", "keyword", 0 },
    { "rule.name", "keyword", 0 },
    { "rule.category", "keyword", 0 },
    { "rule.author", "keyword", 0 },
    { "rule.reference", "keyword", 0 },
    { "threat.framework", "keyword", 0 },
    { "threat.tactic.name", "keyword", 0 },
    { "threat.technique.id", "keyword", 0 },
    { "source.ip", "ip", 0 },
    { "source.address", "keyword", 0 },
    { "destination.ip", "ip", 0 },
    { "user.name", "keyword", 0 },
    { "host.name", "keyword", 0 },
    { "related.ip", "ip", 0 },
    { "related.user", "keyword", 0 },
    { "related.hosts", "keyword", 0 },
    { "bongsu.severity", "keyword", 0 },
    { "bongsu.severity_level", "byte", 0 },
    { "bongsu.incident.status", "keyword", 0 },
    { "bongsu.incident.status_number", "byte", 0 },
    { "bongsu.incident.count", "long", 0 },
    { "bongsu.incident.opened", "long", 0 },
    { "bongsu.incident.last_seen", "long", 0 },
    { "bongsu.incident.updated", "long", 0 },
    { "bongsu.incident.key_values", "keyword", 0 },
    { "bongsu.incident.reopened", "long", 0 },
    { "bongsu.incident.detector", "binary", 0 },
    { "bongsu.incident.history", "binary", 0 },
};

static const struct mapping_row ledger_rows[] = {
    { "kind", "keyword", 0 },
    { "journal", "keyword", 0 },
    { "hour", "long", 0 },
    { "elsewhere", "long", 0 },
    { "not_stored", "long", 0 },
    { "counts", "object", 1 },
};

static const struct mapping_row allowed_rows[] = {
    { "day", "keyword", 0 },
    { "entry", "keyword", 0 },
    { "reason", "keyword", 1 },
    { "events", "long", 0 },
};

static const struct mapping_row dead_rows[] = {
    { "@timestamp", "date", 0 },
    { "message", "text", 0 },
    { "error.message", "text", 0 },
    { "event.id", "keyword", 0 },
    { "event.ingested", "date", 0 },
    { "bongsu.letter", "keyword", 0 },
    { "bongsu.at", "long", 0 },
    { "bongsu.received", "long", 1 },
    { "bongsu.by", "keyword", 0 },
    { "bongsu.attempts", "long", 0 },
    { "bongsu.tried", "long", 1 },
    { "bongsu.wanted", "boolean", 0 },
    { "bongsu.bytes", "long", 0 },
    { "bongsu.encoded", "binary", 0 },      /* looked at by nobody: it cannot be refused */
};

#define ROWS(table) table, sizeof(table) / sizeof(table[0])

/* Which texts of an event a search for a text looks at, through bongsu.text. */
static int
is_searched(const struct field_row *row)
{
    return (!row->is_own && (row->type == ECS_KEYWORD || row->type == ECS_WILDCARD)) ||
           row->ecs == field_rows[FIELD_RAW_LOG].ecs;
}

static json_t *
keyword(int max_chars)
{
    return json_pack("{s:s, s:i}", "type", "keyword", "ignore_above", max_chars);
}

/* The types that every distribution has; wildcard and match_only_text are not. */
static json_t *
mapping_of_field(const struct field_row *row)
{
    json_t *mapping = NULL;

    switch (row->type) {
    case ECS_KEYWORD:
        mapping = row->ecs == field_rows[FIELD_RAW_LOG].ecs
                      ? json_pack("{s:s, s:b, s:b}", "type", "keyword", "index", 0, "doc_values", 0)
                      : keyword(KEYWORD_MAX);
        break;
    case ECS_WILDCARD:
        mapping = keyword(PATH_MAX_CHARS);
        break;
    case ECS_TEXT:
    case ECS_MATCH_ONLY_TEXT:
        mapping = json_pack("{s:s, s:b}", "type", "text", "norms", 0);
        break;
    case ECS_IP:
        mapping = json_pack("{s:s}", "type", "ip");
        break;
    case ECS_LONG:
        mapping = json_pack("{s:s}", "type", "long");
        break;
    case ECS_DOUBLE:
        mapping = json_pack("{s:s}", "type", "double");
        break;
    case ECS_DATE:
        mapping = json_pack("{s:s}", "type", "date");
        break;
    case ECS_BOOLEAN:
        mapping = json_pack("{s:s}", "type", "boolean");
        break;
    }
    if (is_searched(row))
        json_object_set_new(mapping, "copy_to", json_string("bongsu.text"));
    return mapping;
}

static json_t *
mapping_of_row(const struct mapping_row *row)
{
    json_t *mapping = json_pack("{s:s}", "type", row->type);
    struct text type = text_of(row->type);

    if (row->is_hidden && text_is(type, "object"))
        json_object_set_new(mapping, "enabled", json_false());
    else if (row->is_hidden)
        json_object_update_new(mapping, json_pack("{s:b, s:b}", "index", 0, "doc_values", 0));
    else if (text_is(type, "keyword"))
        json_object_set_new(mapping, "ignore_above", json_integer(KEYWORD_MAX));
    else if (text_is(type, "text"))
        json_object_set_new(mapping, "norms", json_false());
    return mapping;
}

/* A dotted name inside "properties": each part but the last is an object. */
static void
put(json_t *properties, const char *name, json_t *mapping)
{
    struct text rest = text_of(name);

    for (;;) {
        struct text part = text_split(&rest, '.');
        json_t *object, *inside;

        if (rest.ptr == NULL) {
            json_object_setn_new(properties, part.ptr, part.len, mapping);
            return;
        }
        object = json_object_getn(properties, part.ptr, part.len);
        if (object == NULL) {
            object = json_object();
            json_object_setn_new(properties, part.ptr, part.len, object);
        }
        inside = json_object_get(object, "properties");
        if (inside == NULL) {
            inside = json_object();
            json_object_set_new(object, "properties", inside);
        }
        properties = inside;
    }
}

static json_t *
properties_of(const struct mapping_row *rows, size_t count)
{
    json_t *properties = json_object();

    for (size_t i = 0; i < count; i++)
        put(properties, rows[i].name, mapping_of_row(&rows[i]));
    return properties;
}

json_t *
elastic_event_properties(void)
{
    json_t *properties = properties_of(ROWS(event_rows));

    for (size_t i = 0; i < FIELD_NUMBERS; i++)
        put(properties, field_rows[i].ecs, mapping_of_field(&field_rows[i]));
    put(properties, "bongsu.text", json_pack("{s:s, s:b}", "type", "text", "norms", 0));
    put(properties, "bongsu.as_sent", json_pack("{s:s, s:i, s:i}", "type", "flattened", "depth_limit",
                                                 EVENT_MAX_DEPTH + 8, "ignore_above", KEYWORD_MAX));
    /* the seed's names go on working in KQL */
    for (int i = 0; i < EVENT_FIELD_COUNT; i++)
        if (strcmp(event_fields[i].name, elastic_name_of_known(i)) != 0)
            put(properties, event_fields[i].name,
                json_pack("{s:s, s:s}", "type", "alias", "path", elastic_name_of_known(i)));
    return properties;
}

/* What no row names: texts as keywords that are searched, numbers wide. */
static json_t *
dynamic_templates(void)
{
    return json_pack("[{s:{s:s, s:{s:s, s:i, s:s}}}, {s:{s:s, s:{s:s}}}]",
                     "texts", "match_mapping_type", "string", "mapping", "type", "keyword",
                     "ignore_above", KEYWORD_MAX, "copy_to", "bongsu.text",
                     "reals", "match_mapping_type", "double", "mapping", "type", "double");
}

/* A copy of each shard where there is a second node. */
static json_t *
common_settings(const struct elastic_store *store, int64_t shards)
{
    char refresh[32];

    snprintf(refresh, sizeof(refresh), "%lldms", (long long)(store->refresh_ms > 0 ? store->refresh_ms : 1000));
    return json_pack("{s:I, s:s, s:s}", "index.number_of_shards", (json_int_t)shards, "index.auto_expand_replicas",
                     "0-1", "index.refresh_interval", refresh);
}

static json_t *
event_template(const struct elastic_store *store)
{
    json_t *settings = common_settings(store, store->shards);

    json_object_update_new(settings, json_pack(
        "{s:i, s:b, s:b, s:[s,s,s,s]}", "index.mapping.total_fields.limit", 2000,
        "index.mapping.total_fields.ignore_dynamic_beyond_limit", 1,
        "index.mapping.ignore_malformed", 1,
        "index.query.default_field", "message", "bongsu.text", "user.name", "source.address"));
    if (store->has_ilm)
        json_object_set_new(settings, "index.lifecycle.name", json_string(ELASTIC_POLICY));
    if (store->has_geoip)
        json_object_set_new(settings, "index.default_pipeline", json_string(ELASTIC_PIPELINE));
    return json_pack("{s:[s], s:i, s:{s:o, s:{s:b, s:o, s:o}}}", "index_patterns",
                     ELASTIC_ALL_EVENTS, "priority", ELASTIC_PRIORITY, "template",
                     "settings", settings, "mappings", "date_detection", 0,
                     "dynamic_templates", dynamic_templates(), "properties",
                     elastic_event_properties());
}

static json_t *
plain_template(const struct elastic_store *store, const char *pattern, json_t *properties)
{
    json_t *settings = common_settings(store, 1);

    /* a key of an incident has the name that its rule gave it: what does not fit is kept */
    json_object_set_new(settings, "index.mapping.ignore_malformed", json_true());
    return json_pack("{s:[s], s:i, s:{s:o, s:{s:b, s:o}}}", "index_patterns", pattern, "priority",
                     ELASTIC_PRIORITY, "template", "settings", settings, "mappings",
                     "dynamic", 0, "properties", properties);
}

json_t *
elastic_template(const struct elastic_store *store, enum elastic_index index)
{
    json_t *template;

    switch (index) {
    case ELASTIC_INDEX_EVENTS:
        return event_template(store);
    case ELASTIC_INDEX_INCIDENTS:
        return plain_template(store, ELASTIC_INCIDENTS, properties_of(ROWS(incident_rows)));
    case ELASTIC_INDEX_LEDGER:
        return plain_template(store, ELASTIC_LEDGER, properties_of(ROWS(ledger_rows)));
    case ELASTIC_INDEX_ALLOWED:
        return plain_template(store, ELASTIC_ALLOWED, properties_of(ROWS(allowed_rows)));
    case ELASTIC_INDEX_DEAD:
        return plain_template(store, ELASTIC_DEAD, properties_of(ROWS(dead_rows)));
    case ELASTIC_INDEX_ALERTS:
        template = plain_template(store, ELASTIC_ALERTS_PATTERN, properties_of(ROWS(incident_rows)));
        json_object_set_new(template, "data_stream", json_object());
        return template;
    case ELASTIC_INDICES:
        break;
    }
    return NULL;
}
