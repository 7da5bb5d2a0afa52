/*
 * compose/kibana/bongsu.ndjson without a Kibana: what its import would refuse,
 * and whether each field that a panel names is in our mapping with a type that fits.
 */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/base/text.h"
#include "proto/store/elastic/elastic.h"
#include "proto/store/elastic/elastic_mapping.h"

enum { MAX_OBJECTS = 64 };

static json_t *objects[MAX_OBJECTS];
static size_t object_count;
static json_t *events, *incidents;      /* properties of the two kinds of index */

static json_t *
properties_of(enum elastic_index index)
{
    static const struct elastic_store store;
    json_t *template = elastic_template(&store, index);
    json_t *properties = json_incref(json_object_get(
        json_object_get(json_object_get(template, "template"), "mappings"), "properties"));

    json_decref(template);
    return properties;
}

static int
open_file(void **state)
{
    FILE *file = fopen("compose/kibana/bongsu.ndjson", "r");
    char *line = NULL;
    size_t cap = 0;

    if (file == NULL)
        return -1;
    while (getline(&line, &cap, file) > 0 && object_count < MAX_OBJECTS) {
        objects[object_count] = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        if (objects[object_count] == NULL)
            fail_msg("line %zu is no JSON", object_count + 1);
        object_count++;
    }
    free(line);
    fclose(file);
    events = properties_of(ELASTIC_INDEX_EVENTS);
    incidents = properties_of(ELASTIC_INDEX_INCIDENTS);
    return 0;
}

static int
close_file(void **state)
{
    while (object_count > 0)
        json_decref(objects[--object_count]);
    json_decref(events);
    json_decref(incidents);
    return 0;
}

static const char *
text_in(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text == NULL ? "" : text;
}

/* Parts that Kibana wants as texts. */
static json_t *
parsed(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    json_t *json = text == NULL ? NULL : json_loads(text, 0, NULL);

    if (json == NULL)
        fail_msg("%s is no text of JSON", name);
    return json;
}

/* --- the mapping --- */

static const char *
type_of(const json_t *properties, const char *field)
{
    struct text rest = text_of(field);

    for (;;) {
        struct text part = text_split(&rest, '.');
        const json_t *one = json_object_getn(properties, part.ptr, part.len);

        if (one == NULL)
            return "";
        if (rest.ptr == NULL)
            return text_in(one, "type");
        properties = json_object_get(one, "properties");
    }
}

static const json_t *
mapping_of_view(const char *view)
{
    return strcmp(view, "bongsu-events") == 0 ? events : incidents;
}

static void
check_field(const char *view, const char *field, const char *types)
{
    const char *type = type_of(mapping_of_view(view), field);

    if (type[0] == '\0' || strstr(types, type) == NULL)
        fail_msg("%s: %s is %s, none of: %s", view, field, type[0] == '\0' ? "not there" : type, types);
}

/* `name : "value"` */
static void
check_query(const char *view, const char *query)
{
    char name[128];
    size_t len = strcspn(query, " :");

    if (query[0] == '\0')
        return;
    assert_true(len < sizeof(name));
    memcpy(name, query, len);
    name[len] = '\0';
    check_field(view, name, "keyword ip long boolean date");
}

/* --- objects --- */

static void
check_names(const json_t *attributes, const char *const *allowed, size_t count)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)attributes, name, value) {
        size_t i = 0;

        while (i < count && strcmp(allowed[i], name) != 0)
            i++;
        if (i == count)
            fail_msg("%s: Kibana knows no such attribute", name);
    }
}

static const json_t *
reference(const json_t *object, const char *name)
{
    const json_t *one;
    size_t i;

    json_array_foreach(json_object_get(object, "references"), i, one)
        if (strcmp(text_in(one, "name"), name) == 0)
            return one;
    fail_msg("%s: no reference %s", text_in(object, "id"), name);
    return NULL;
}

static int
is_object(const char *type, const char *id)
{
    for (size_t i = 0; i < object_count; i++)
        if (strcmp(text_in(objects[i], "type"), type) == 0 && strcmp(text_in(objects[i], "id"), id) == 0)
            return 1;
    return 0;
}

static void
check_lens(const json_t *dashboard, const char *panel, const json_t *attributes)
{
    const json_t *layers = json_object_get(json_object_get(json_object_get(
        json_object_get(attributes, "state"), "datasourceStates"), "formBased"), "layers");
    const json_t *layer, *column;
    const char *layer_id, *column_id;

    assert_true(json_object_size(layers) > 0);
    json_object_foreach((json_t *)layers, layer_id, layer) {
        char name[256], inner[128];
        const char *view;

        snprintf(inner, sizeof(inner), "indexpattern-datasource-layer-%s", layer_id);
        snprintf(name, sizeof(name), "%s:%s", panel, inner);
        view = text_in(reference(dashboard, name), "id");
        assert_string_equal(text_in(reference(attributes, inner), "id"), view);
        assert_int_equal(json_array_size(json_object_get(layer, "columnOrder")),
                         json_object_size(json_object_get(layer, "columns")));
        json_object_foreach(json_object_get(layer, "columns"), column_id, column) {
            const char *operation = text_in(column, "operationType");

            if (strcmp(operation, "terms") == 0)
                check_field(view, text_in(column, "sourceField"), "keyword ip boolean long");
            else if (strcmp(operation, "date_histogram") == 0)
                check_field(view, text_in(column, "sourceField"), "date");
            else
                assert_string_equal(operation, "count");
        }
        check_query(view, text_in(json_object_get(json_object_get(attributes, "state"), "query"), "query"));
    }
}

static void
check_map(const json_t *dashboard, const char *panel, const json_t *attributes)
{
    json_t *layers = parsed(attributes, "layerListJSON"), *layer;
    size_t i, found = 0;

    json_decref(parsed(attributes, "mapStateJSON"));
    json_decref(parsed(attributes, "uiStateJSON"));
    json_array_foreach(layers, i, layer) {
        const json_t *source = json_object_get(layer, "sourceDescriptor");
        const char *ref = text_in(source, "indexPatternRefName");
        char name[128];

        if (ref[0] == '\0')
            continue;
        snprintf(name, sizeof(name), "%s:%s", panel, ref);
        check_field(text_in(reference(dashboard, name), "id"), text_in(source, "geoField"), "geo_point");
        found++;
    }
    assert_int_equal(found, 1);
    json_decref(layers);
}

static void
check_panels(const json_t *dashboard)
{
    const json_t *attributes = json_object_get(dashboard, "attributes");
    json_t *panels = parsed(attributes, "panelsJSON"), *panel;
    size_t i;

    assert_true(json_array_size(panels) > 0);
    json_array_foreach(panels, i, panel) {
        const json_t *inside = json_object_get(json_object_get(panel, "embeddableConfig"), "attributes");
        const json_t *grid = json_object_get(panel, "gridData");
        const char *index = text_in(panel, "panelIndex"), *type = text_in(panel, "type");
        char name[128];

        assert_string_equal(text_in(grid, "i"), index);
        assert_true(json_integer_value(json_object_get(grid, "x")) +
                        json_integer_value(json_object_get(grid, "w")) <= 48);
        if (strcmp(type, "lens") == 0) {
            check_lens(dashboard, index, inside);
        } else if (strcmp(type, "map") == 0) {
            check_map(dashboard, index, inside);
        } else {
            const json_t *ref;

            snprintf(name, sizeof(name), "%s:%s", index, text_in(panel, "panelRefName"));
            ref = reference(dashboard, name);
            assert_true(is_object(text_in(ref, "type"), text_in(ref, "id")));
        }
    }
    json_decref(panels);
}

static void
dashboards_have_what_kibana_knows_and_fields_that_we_have(void **state)
{
    static const char *const allowed[] = {
        "title", "description", "kibanaSavedObjectMeta", "timeRestore", "timeFrom", "timeTo",
        "refreshInterval", "controlGroupInput", "panelsJSON", "optionsJSON", "hits", "version",
    };
    size_t found = 0;

    for (size_t i = 0; i < object_count; i++) {
        const json_t *attributes = json_object_get(objects[i], "attributes");

        if (strcmp(text_in(objects[i], "type"), "dashboard") != 0)
            continue;
        found++;
        check_names(attributes, allowed, sizeof(allowed) / sizeof(allowed[0]));
        json_decref(parsed(attributes, "optionsJSON"));
        json_decref(parsed(json_object_get(attributes, "kibanaSavedObjectMeta"), "searchSourceJSON"));
        assert_string_equal(text_in(objects[i], "typeMigrationVersion"), "8.9.0");
        check_panels(objects[i]);
    }
    assert_int_equal(found, 2);
}

static void
searches_have_columns_that_we_have(void **state)
{
    size_t found = 0;

    for (size_t i = 0; i < object_count; i++) {
        const json_t *attributes = json_object_get(objects[i], "attributes"), *column;
        json_t *source;
        const char *view;
        size_t k;

        if (strcmp(text_in(objects[i], "type"), "search") != 0)
            continue;
        found++;
        source = parsed(json_object_get(attributes, "kibanaSavedObjectMeta"), "searchSourceJSON");
        view = text_in(reference(objects[i], text_in(source, "indexRefName")), "id");
        json_array_foreach(json_object_get(attributes, "columns"), k, column)
            check_field(view, json_string_value(column), "keyword ip long text date");
        check_query(view, text_in(json_object_get(source, "query"), "query"));
        json_decref(source);
    }
    assert_int_equal(found, 3);
}

static void
references_lead_to_objects_and_views_to_our_indices(void **state)
{
    for (size_t i = 0; i < object_count; i++) {
        const json_t *one;
        size_t k;

        assert_string_equal(text_in(objects[i], "coreMigrationVersion"), "8.8.0");
        json_array_foreach(json_object_get(objects[i], "references"), k, one)
            if (!is_object(text_in(one, "type"), text_in(one, "id")))
                fail_msg("%s leads to %s, which is not there", text_in(objects[i], "id"), text_in(one, "id"));
        if (strcmp(text_in(objects[i], "type"), "index-pattern") == 0) {
            const json_t *attributes = json_object_get(objects[i], "attributes");

            assert_string_equal(text_in(attributes, "timeFieldName"), "@timestamp");
            check_field(text_in(objects[i], "id"), "@timestamp", "date");
        }
    }
    assert_true(is_object("index-pattern", "bongsu-events"));
    assert_true(is_object("index-pattern", "bongsu-incidents"));
}

/* The file is what scripts/kibana-objects makes, where there is a Python to say so. */
static void
the_file_is_what_the_table_makes(void **state)
{
    FILE *file = fopen("compose/kibana/bongsu.ndjson", "r"), *made;
    int a, b;

    if (access("/usr/bin/python3", X_OK) != 0) {
        fclose(file);
        skip();
    }
    made = popen("/usr/bin/python3 scripts/kibana-objects", "r");
    assert_non_null(made);
    do {
        a = getc(file);
        b = getc(made);
        assert_int_equal(a, b);
    } while (a != EOF);
    fclose(file);
    assert_int_equal(pclose(made), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dashboards_have_what_kibana_knows_and_fields_that_we_have),
        cmocka_unit_test(searches_have_columns_that_we_have),
        cmocka_unit_test(references_lead_to_objects_and_views_to_our_indices),
        cmocka_unit_test(the_file_is_what_the_table_makes),
    };

    return cmocka_run_group_tests_name("kibana", tests, open_file, close_file);
}
