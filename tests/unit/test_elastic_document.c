/* An event as a document of Elasticsearch's, and back: nothing is lost or changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

#include <cmocka.h>

#include "proto/codec_json.h"
#include "proto/store/elastic/elastic.h"
#include "proto/store/elastic/elastic_mapping.h"

#define NOW_US INT64_C(1790000000123456)

static struct err err;

/* The document of what a client sent, as it stands in a body. */
static char *
document_of(const char *json, char **ret_shown)
{
    static const struct elastic_place place = { 0xb0b0, 42 };
    struct json_reader *reader = json_reader_new(1 << 20);
    struct elastic_writer *writer = elastic_writer_new();
    char space[TIMESTAMP_LEN];
    struct arena arena = { 0 };
    struct buf out = { 0 };
    struct event ev = { 0 };
    struct text key;
    json_t *shown;

    if (event_from_json(reader, text_of(json), &arena, &ev, &key, &err) != 0 ||
        event_check(&ev, NOW_US, space, &err) != 0)
        fail_msg("%s: %s", json, err.text);
    ev.id = event_id_make(0xb0b0, 7, 42);
    ev.received_us = NOW_US;
    if (elastic_document_write(writer, &ev, &place, &out, &err) != 0)
        fail_msg("%s: %s", json, err.text);
    shown = event_to_json(&ev);
    *ret_shown = json_dumps(shown, JSON_SORT_KEYS);
    json_decref(shown);
    event_release(&ev);
    arena_release(&arena);
    elastic_writer_destroy(&writer);
    json_reader_destroy(&reader);
    return buf_take(&out);
}

static char *
read_back(const char *document)
{
    yyjson_doc *doc = yyjson_read(document, strlen(document), 0);
    struct arena arena = { 0 };
    struct buf space = { 0 };
    struct event ev = { 0 };
    char id[EVENT_ID_TEXT_LEN], *text;
    struct event_id expected = event_id_make(0xb0b0, 7, 42);
    json_t *shown;

    assert_non_null(doc);
    event_id_format(&expected, id);
    if (elastic_document_read(yyjson_doc_get_root(doc), text_of(id), &arena, &space, &ev, &err) != 0)
        fail_msg("%s: %s", document, err.text);
    shown = event_to_json(&ev);
    text = json_dumps(shown, JSON_SORT_KEYS);
    json_decref(shown);
    event_release(&ev);
    buf_release(&space);
    arena_release(&arena);
    yyjson_doc_free(doc);
    return text;
}

static void
check(const char *json)
{
    char *shown, *document = document_of(json, &shown), *again = read_back(document);

    assert_string_equal(again, shown);
    free(again);
    free(document);
    free(shown);
}

static void
an_event_comes_back_as_it_was_sent(void **state)
{
    check("{\"event_type\":\"login_failed\"}");
    check("{\"event_type\":\"login_failed\",\"source_ip\":\"2001:db8::1\",\"username\":\"한국\",\"count\":9,"
          "\"severity\":\"critical\",\"description\":\"d\",\"raw_log\":\"r \\\"q\\\" \\\\ \\u0001\",\"destination_ip\":\"192.0.2.1\"}");
    check("{\"event_type\":\"x\",\"timestamp\":\"1969-07-20T20:17:40Z\"}");
    check("{\"event_type\":\"x\",\"timestamp\":\"2026-01-01 09:00:00,5+0900\"}");
    check("{\"event_type\":\"x\",\"a\":1,\"b\":-1,\"c\":1.5,\"d\":true,\"e\":null,\"f\":\"\",\"g\":[1,[2,{\"h\":3}]],"
          "\"i\":{\"j\":{\"k\":[]}},\"l\":18446744073709551615,\"m\":1e300,\"n\":-9223372036854775808}");
}

static void
further_fields_that_hide_others_come_back_too(void **state)
{
    /* ECS names of our own fields, ours under ECS names, parents and children of both */
    check("{\"event_type\":\"x\",\"username\":\"a\",\"user.name\":\"b\",\"user\":\"c\",\"user.name.full\":\"d\"}");
    check("{\"event_type\":\"x\",\"source\":{\"ip\":\"nonsense\"},\"source.ip\":5,\"severity.label\":\"l\"}");
    check("{\"event_type\":\"x\",\"process.tty\":\"pts/1\",\"process.tty.name\":\"pts/2\"}");
    check("{\"event_type\":\"x\",\"@timestamp\":\"when\",\"bongsu.at\":1,\"event.id\":\"i\",\"event.kind\":\"k\"}");
    check("{\"event_type\":\"x\",\"_id\":\"i\",\"a..b\":1,\".a\":2,\"a.\":3,\" \":4,\"x*\":5,\"bongsu.as_sent\":{\"q\":1}}");
    check("{\"event_type\":\"x\",\"source.port\":{\"not\":\"a number\"},\"host.name\":[\"a\",\"b\"],\"source.port \":1}");
}

static void
what_is_made_for_ecs_is_not_taken_for_the_clients(void **state)
{
    char *shown, *document = document_of("{\"event_type\":\"login_failed\"}", &shown);

    assert_non_null(strstr(document, "\"event.category\":[\"authentication\"]"));
    assert_non_null(strstr(document, "\"event.outcome\":\"failure\""));
    assert_null(strstr(shown, "event.category"));
    free(shown);
    free(document);
    check("{\"event_type\":\"login_failed\",\"event.category\":[\"mine\"],\"event.type\":\"t\",\"event.outcome\":\"success\"}");
    check("{\"event_type\":\"sudo\",\"event.outcome\":\"failure\"}");
    check("{\"event_type\":\"unheard_of\",\"event.category\":\"c\",\"event.outcome\":\"unknown\"}");
}

static void
keeps_a_clients_category_at_its_ecs_name(void **state)
{
    char *shown, *document = document_of(
        "{\"event_type\":\"login_failed\",\"event.category\":[\"mine\"]}", &shown);

    assert_non_null(strstr(document, "\"event.category\":[\"mine\"]"));
    assert_null(strstr(document, "authentication"));
    free(shown);
    free(document);
}

static void
a_document_has_ecs_names(void **state)
{
    static const char *const wanted[] = {
        "\"@timestamp\":\"2026-", "\"event.action\":\"login_failed\"", "\"source.ip\":\"192.0.2.1\"",
        "\"user.name\":\"root\"", "\"source.address\":\"192.0.2.1\"", "\"event.severity\":47",
        "\"related.ip\":[\"192.0.2.1\",\"192.0.2.2\"]", "\"related.user\":[\"root\"]", "\"ecs.version\":\"8.11.0\"",
        "\"message\":\"what it says\"", "\"event.original\":\"the line\"", "\"http.response.status_code\":200",
        "\"bongsu.journal\":\"000000000000b0b0\"",
    };
    char *shown, *document = document_of(
        "{\"event_type\":\"login_failed\",\"source_ip\":\"192.0.2.1\",\"destination_ip\":\"192.0.2.2\","
        "\"username\":\"root\",\"severity\":\"medium\",\"description\":\"what it says\",\"raw_log\":\"the line\","
        "\"http.response.status_code\":200}", &shown);

    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
        if (strstr(document, wanted[i]) == NULL)
            fail_msg("%s is not in %s", wanted[i], document);
    free(shown);
    free(document);
}

static void
a_large_event_gets_the_room_it_needs(void **state)
{
    struct buf json = { 0 };

    buf_append_str(&json, "{\"event_type\":\"x\",\"raw_log\":\"");
    for (int i = 0; i < 400000; i++)
        buf_append_char(&json, "a\xed\x95\x9c"[0]);
    buf_append_str(&json, "\",\"list\":[");
    for (int i = 0; i < 20000; i++)
        buf_append_str(&json, "1,");
    buf_append_str(&json, "2]}");
    check(json.ptr);
    buf_release(&json);
}

static void
a_source_that_is_none_of_ours_is_refused(void **state)
{
    yyjson_doc *doc = yyjson_read("{\"a\":1}", 7, 0);
    struct arena arena = { 0 };
    struct buf space = { 0 };
    struct event ev = { 0 };

    assert_int_equal(elastic_document_read(yyjson_doc_get_root(doc), text_of("elsewhere"), &arena,
                                           &space, &ev, &err), -1);
    assert_int_equal(elastic_document_read(yyjson_doc_get_root(doc), text_of("k0123456789abcdef0123456789abcdef"),
                                           &arena, &space, &ev, &err), -1);
    event_release(&ev);
    yyjson_doc_free(doc);
}

static void
the_mapping_has_every_field_and_the_seeds_names(void **state)
{
    json_t *properties = elastic_event_properties();
    const json_t *user = json_object_get(json_object_get(json_object_get(properties, "user"), "properties"), "name");

    assert_string_equal(json_string_value(json_object_get(user, "type")), "keyword");
    assert_string_equal(json_string_value(json_object_get(json_object_get(properties, "source_ip"), "path")),
                        "source.ip");
    assert_string_equal(json_string_value(json_object_get(json_object_get(properties, "severity"), "path")),
                        "bongsu.severity");
    json_decref(properties);
}

static int
shards_of(const struct elastic_store *store, enum elastic_index index)
{
    json_t *all = elastic_template(store, index);
    const json_t *settings = json_object_get(json_object_get(all, "template"), "settings");
    int shards = (int)json_integer_value(json_object_get(settings, "index.number_of_shards"));

    json_decref(all);
    return shards;
}

static void
only_events_have_more_shards_than_one(void **state)
{
    const struct elastic_store store = { .shards = 3 };

    (void)state;
    assert_int_equal(shards_of(&store, ELASTIC_INDEX_EVENTS), 3);
    assert_int_equal(shards_of(&store, ELASTIC_INDEX_INCIDENTS), 1);
}

/* NaN is written as null, which has no type: it stands beside an integer. */
static void
what_is_no_number_has_no_type_in_a_mapping(void **state)
{
    static const char packed[] = "\x92\x01\xcb\x7f\xf8\0\0\0\0\0\0";
    const struct value value = { .kind = VALUE_PACKED, .as.text = { packed, sizeof(packed) - 1 } };
    struct buf out = { 0 };

    (void)state;
    assert_int_equal(elastic_value_write(&value, &out), 0);
    assert_string_equal(out.ptr, "[1,null]");
    assert_true(elastic_is_mappable(text_of("n"), &value));
    buf_release(&out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_comes_back_as_it_was_sent),
        cmocka_unit_test(further_fields_that_hide_others_come_back_too),
        cmocka_unit_test(what_is_made_for_ecs_is_not_taken_for_the_clients),
        cmocka_unit_test(keeps_a_clients_category_at_its_ecs_name),
        cmocka_unit_test(a_document_has_ecs_names),
        cmocka_unit_test(a_large_event_gets_the_room_it_needs),
        cmocka_unit_test(a_source_that_is_none_of_ours_is_refused),
        cmocka_unit_test(what_is_no_number_has_no_type_in_a_mapping),
        cmocka_unit_test(the_mapping_has_every_field_and_the_seeds_names),
        cmocka_unit_test(only_events_have_more_shards_than_one),
    };
    struct err zone;

    timestamp_init(&zone);
    return cmocka_run_group_tests_name("elastic_document", tests, NULL, NULL);
}
