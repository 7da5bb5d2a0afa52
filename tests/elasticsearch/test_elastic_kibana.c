/*
 * What Kibana would ask for compose/kibana/bongsu.ndjson, asked of the node over what the
 * real chain has stored: each panel's aggregation, each saved search, the map. All must
 * find something, and each field must be in _field_caps with a type that fits. That
 * these checks do find a wrong name is shown by copies in which one is wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/buf.h"
#include "tests/support/attack_log.h"
#include "tests/support/chain.h"
#include "tests/support/elastic_client.h"
#include "tests/support/elastic_node.h"
#include "tests/support/sending.h"

#define FILE_NAME "compose/kibana/bongsu.ndjson"

enum { PATIENCE_MS = 60000, MAX_FIELDS = 64, NAME_LEN = 128 };

static struct elastic_node *node;
static json_t *views;               /* id: { "pattern": ..., "fields": of _field_caps } */
static json_t *used;                /* names of all fields that were looked at */
static struct buf complaints;

static const char *
text_in(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text == NULL ? "" : text;
}

/* --- what is stored --- */

/* Elasticsearch's geoip is not here: one event has a place, as it would give. */
static void
add_place(void)
{
    json_decref(elastic_post(elastic_node_url(node), "/bongsu-events-2026.11.22/_doc?refresh=true",
        "{\"@timestamp\":\"2026-11-22T10:00:00Z\",\"event.action\":\"x\",\"source.geo\":{\"location\":"
        "{\"lat\":37.5,\"lon\":127}}}"));
}

static void
post(struct chain *chain, const char *line)
{
    assert_int_equal(chain_post(chain, "/log", "application/json", line, strlen(line), NULL), 202);
}

static int
fill_node(void **state)
{
    struct chain *chain;
    char path[512];

    node = elastic_node_new();
    elastic_node_start(node);
    chain = chain_new(NULL, NULL);
    chain_set(chain, "ELASTICSEARCH_URL", elastic_node_url(node));
    chain_start_all(chain);
    snprintf(path, sizeof(path), "%s/attacks.log", chain_dir(chain));
    attack_log_write(path);
    send_whole(chain, path, attack_log_lines(path));
    post(chain, "{\"event_type\":\"command_execution\",\"username\":\"eve\",\"raw_log\":\"sh -c 'rm -rf /var/log'\"}");
    chain_wait_delivered(chain, PATIENCE_MS);
    chain_wait_metric(chain, INDEXER, "bongsu_indexer_incidents_total", 1, PATIENCE_MS);
    chain_stop_all(chain);
    chain_destroy(&chain);
    add_place();
    elastic_refresh(elastic_node_url(node));
    return 0;
}

static int
empty_node(void **state)
{
    elastic_node_destroy(&node);
    json_decref(views);
    json_decref(used);
    buf_release(&complaints);
    return 0;
}

/* --- complaints --- */

__attribute__((format(printf, 1, 2))) static void
complain(const char *format, ...)
{
    char line[512];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    assert_int_equal(buf_append_str(&complaints, line), 0);
    assert_int_equal(buf_append_char(&complaints, '\n'), 0);
}

static void
add_view(const json_t *object)
{
    const json_t *attributes = json_object_get(object, "attributes");
    char path[256];
    json_t *answer;

    snprintf(path, sizeof(path), "/%s/_field_caps?fields=*", text_in(attributes, "title"));
    answer = elastic_get(elastic_node_url(node), path);
    json_object_set_new(views, text_in(object, "id"), json_pack(
        "{s:s, s:O}", "pattern", text_in(attributes, "title"), "fields", json_object_get(answer, "fields")));
    json_decref(answer);
}

/* needs: which types; aggregations also need what they are made over. */
static void
check_field(const char *view, const char *field, const char *needs, int is_counted)
{
    const json_t *types = json_object_get(json_object_get(json_object_get(views, view), "fields"), field);
    const json_t *one;
    const char *type;

    json_object_set_new(used, field, json_true());
    if (json_object_size(types) != 1)
        complain("%s: %s has %zu types", view, field, json_object_size(types));
    json_object_foreach((json_t *)(uintptr_t)types, type, one) {
        if (strstr(needs, type) == NULL)
            complain("%s: %s is %s, none of: %s", view, field, type, needs);
        if (is_counted && !json_is_true(json_object_get(one, "aggregatable")))
            complain("%s: %s cannot be counted", view, field);
    }
}

/* Kibana's `name : "value"` as it asks it; new reference. */
static json_t *
query_of(const char *view, const char *kql)
{
    char name[NAME_LEN], value[NAME_LEN];

    if (kql[0] == '\0')
        return json_pack("{s:{}}", "match_all");
    if (sscanf(kql, "%127[^ :] : \"%127[^\"]\"", name, value) != 2) {
        complain("%s: a query of another form: %s", view, kql);
        return json_pack("{s:{}}", "match_none");
    }
    check_field(view, name, "keyword ip long boolean date", 0);
    return json_pack("{s:{s:s}}", "match_phrase", name, value);
}

/* The answer, or NULL after a complaint; body is taken. */
static json_t *
search(const char *view, const char *what, json_t *body)
{
    char path[256], *text = json_dumps(body, JSON_COMPACT);
    json_t *answer;
    long status;

    snprintf(path, sizeof(path), "/%s/_search", text_in(json_object_get(views, view), "pattern"));
    answer = elastic_request(elastic_node_url(node), "POST", path, text, &status);
    if (status != 200 || json_integer_value(elastic_at(answer, "_shards.failed")) != 0)
        complain("%s: %ld to %s", what, status, text);
    else if (json_integer_value(elastic_at(answer, "hits.total.value")) == 0)
        complain("%s: finds nothing: %s", what, text);
    free(text);
    json_decref(body);
    return answer;
}

/* --- panels --- */

static json_t *
aggregation_of(const char *view, const json_t *column)
{
    const char *field = text_in(column, "sourceField"), *kind = text_in(column, "operationType");

    if (strcmp(kind, "terms") == 0) {
        check_field(view, field, "keyword ip boolean long", 1);
        return json_pack("{s:{s:s, s:O, s:{s:s}}}", "terms", "field", field, "size",
                         json_object_get(json_object_get(column, "params"), "size"), "order", "_count", "desc");
    }
    if (strcmp(kind, "date_histogram") == 0) {
        check_field(view, field, "date", 1);
        return json_pack("{s:{s:s, s:s, s:i}}", "date_histogram", "field", field, "calendar_interval",
                         "1d", "min_doc_count", 1);
    }
    if (strcmp(kind, "count") != 0)
        complain("%s: %s is not known to this test", view, kind);
    return NULL;
}

static const char *
view_of(const json_t *references, const char *name)
{
    const json_t *one;
    size_t i;

    json_array_foreach(references, i, one)
        if (strcmp(text_in(one, "name"), name) == 0)
            return text_in(one, "id");
    complain("no reference %s", name);
    return "";
}

/* Buckets inside of buckets, in the order of the columns. */
static void
check_layer(const char *view, const char *title, const json_t *layer, const char *kql)
{
    json_t *body = json_pack("{s:i, s:b, s:o}", "size", 0, "track_total_hits", 1, "query",
                             query_of(view, kql));
    json_t *inside = body, *answer;
    const json_t *name;
    char path[NAME_LEN] = "aggregations";
    size_t i, depth = 0;

    json_array_foreach(json_object_get(layer, "columnOrder"), i, name) {
        json_t *one = aggregation_of(view, json_object_get(json_object_get(layer, "columns"),
                                                           json_string_value(name)));

        if (one == NULL)
            continue;
        json_object_set_new(inside, "aggs", json_pack("{s:o}", "a", one));
        inside = one;
        snprintf(path + strlen(path), sizeof(path) - strlen(path), "%s.a.buckets", depth++ == 0 ? "" : ".0");
    }
    answer = search(view, title, body);
    if (depth > 0 && json_array_size(elastic_at(answer, path)) == 0)
        complain("%s: no buckets", title);
    json_decref(answer);
}

static json_t *
parsed(const json_t *object, const char *name)
{
    json_t *json = json_loads(text_in(object, name), 0, NULL);

    if (json == NULL)
        fail_msg("%s is no text of JSON", name);
    return json;
}

static void
check_map(const char *title, const json_t *attributes)
{
    json_t *layers = parsed(attributes, "layerListJSON"), *layer, *answer;
    size_t i;

    json_array_foreach(layers, i, layer) {
        const json_t *source = json_object_get(layer, "sourceDescriptor");
        const char *ref = text_in(source, "indexPatternRefName"), *field = text_in(source, "geoField"), *view;

        if (ref[0] == '\0')
            continue;
        view = view_of(json_object_get(attributes, "references"), ref);
        check_field(view, field, "geo_point", 1);
        answer = search(view, title, json_pack("{s:i, s:{s:{s:{s:s, s:i}}}}", "size", 0, "aggs", "a",
                                               "geotile_grid", "field", field, "precision", 4));
        if (json_array_size(elastic_at(answer, "aggregations.a.buckets")) == 0)
            complain("%s: no buckets", title);
        json_decref(answer);
    }
    json_decref(layers);
}

static void
check_panels(const json_t *dashboard)
{
    json_t *panels = parsed(json_object_get(dashboard, "attributes"), "panelsJSON"), *panel;
    size_t i;

    json_array_foreach(panels, i, panel) {
        const json_t *inside = json_object_get(json_object_get(panel, "embeddableConfig"), "attributes");
        const json_t *state = json_object_get(inside, "state");
        json_t *layers = elastic_at(state, "datasourceStates.formBased.layers"), *layer;
        const char *id;

        if (strcmp(text_in(panel, "type"), "map") == 0)
            check_map(text_in(panel, "title"), inside);
        json_object_foreach(layers, id, layer) {
            char name[NAME_LEN];

            snprintf(name, sizeof(name), "indexpattern-datasource-layer-%s", id);
            check_layer(view_of(json_object_get(inside, "references"), name), text_in(panel, "title"), layer,
                        text_in(json_object_get(state, "query"), "query"));
        }
    }
    json_decref(panels);
}

/* Each column is there in at least one of what is found. */
static void
check_search(const json_t *object)
{
    const json_t *attributes = json_object_get(object, "attributes"), *columns, *column, *hit;
    json_t *source = parsed(json_object_get(attributes, "kibanaSavedObjectMeta"), "searchSourceJSON");
    const char *view = view_of(json_object_get(object, "references"), text_in(source, "indexRefName"));
    json_t *answer;
    size_t i, k;

    columns = json_object_get(attributes, "columns");
    json_array_foreach(columns, i, column)
        check_field(view, json_string_value(column), "keyword ip long text date", 0);
    answer = search(view, text_in(attributes, "title"), json_pack(
        "{s:i, s:O, s:[{s:s}], s:o}", "size", 1000, "fields", columns, "sort", "@timestamp", "desc", "query",
        query_of(view, text_in(json_object_get(source, "query"), "query"))));
    json_array_foreach(columns, i, column) {
        int is_there = 0;

        json_array_foreach(elastic_at(answer, "hits.hits"), k, hit)
            is_there |= json_object_get(json_object_get(hit, "fields"), json_string_value(column)) != NULL;
        if (!is_there)
            complain("%s: nothing has a %s", text_in(attributes, "title"), json_string_value(column));
    }
    json_decref(answer);
    json_decref(source);
}

/* All of a file's text; what is wrong is in complaints. The number of objects. */
static size_t
check_file(struct text file)
{
    json_t *objects = json_array(), *object;
    size_t i, count;

    buf_clear(&complaints);
    json_decref(views);
    views = json_object();
    for (struct text line; file.len > 0;) {
        line = text_split(&file, '\n');
        if (line.len > 0)
            assert_int_equal(json_array_append_new(objects, json_loadb(line.ptr, line.len, 0, NULL)), 0);
    }
    json_array_foreach(objects, i, object)
        if (strcmp(text_in(object, "type"), "index-pattern") == 0) {
            add_view(object);
            check_field(text_in(object, "id"), text_in(json_object_get(object, "attributes"), "timeFieldName"),
                        "date", 1);
        }
    json_array_foreach(objects, i, object) {
        if (strcmp(text_in(object, "type"), "dashboard") == 0)
            check_panels(object);
        if (strcmp(text_in(object, "type"), "search") == 0)
            check_search(object);
    }
    count = json_array_size(objects);
    json_decref(objects);
    return count;
}

static struct buf
read_file(void)
{
    struct buf text = { 0 };
    FILE *file = fopen(FILE_NAME, "r");
    char some[4096];
    size_t len;

    assert_non_null(file);
    while ((len = fread(some, 1, sizeof(some), file)) > 0)
        assert_int_equal(buf_append(&text, some, len), 0);
    fclose(file);
    return text;
}

static void
each_panel_and_each_search_finds_something_by_fields_that_fit(void **state)
{
    struct buf text = read_file();

    used = json_object();
    assert_int_equal(check_file(buf_text(&text)), 8);
    if (complaints.len > 0)
        fail_msg("%s", complaints.ptr);
    assert_true(json_object_size(used) > 10);
    buf_release(&text);
}

/* One letter of one field's name, wherever the file names it. */
static void
a_wrong_name_of_any_field_is_found(void **state)
{
    json_t *names = json_copy(used), *one;
    const char *name;

    json_object_foreach(names, name, one) {
        struct buf text = read_file();
        size_t len = strlen(name), changed = 0;

        for (char *at = text.ptr; (at = strstr(at, name)) != NULL; at += len, changed++)
            at[len - 1] = at[len - 1] == 'x' ? 'y' : 'x';
        assert_true(changed > 0);
        check_file(buf_text(&text));
        if (complaints.len == 0)
            fail_msg("nobody sees that %s has a wrong name", name);
        buf_release(&text);
    }
    json_decref(names);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_panel_and_each_search_finds_something_by_fields_that_fit),
        cmocka_unit_test(a_wrong_name_of_any_field_is_found),
    };

    if (!elastic_is_here())
        return ELASTIC_SKIP;
    return cmocka_run_group_tests_name("elastic_kibana", tests, fill_node, empty_node);
}
