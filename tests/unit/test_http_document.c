/* What is told of routes: the document, the page, and that only what is told is taken;
 * tags and compression of answers. */
#include "tests/support/http_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define READ_PART \
    "{\"paths\": {\"/read\": {\"get\": {\"summary\": \"Reads <it>\", \"parameters\": [" \
    "{\"$ref\": \"#/components/parameters/Limit\"}], \"responses\": {\"200\": {\"description\": \"x\"}}}}}}"
#define LIMIT_PART \
    "{\"components\": {\"parameters\": {\"Limit\": {\"name\": \"limit\", \"in\": \"query\"}}}}"
#define ANY_PART \
    "{\"paths\": {\"/things/{id}/status\": {\"get\": {\"parameters\": [" \
    "{\"name\": \"id\", \"in\": \"path\"}, {\"name\": \"q\", \"in\": \"query\"}," \
    "{\"name\": \"f\", \"in\": \"query\", \"schema\": {\"additionalProperties\": {}}}]," \
    "\"responses\": {\"200\": {\"description\": \"x\"}}}}}}"

/* Start the fixture and describe its routes with two parts. */
static int
describe(struct http_fixture *f, const char *first, const char *second, struct err *err)
{
    const char *const parts[] = { first, second, NULL };
    const struct http_document document = { .title = "T", .about = "A", .parts = parts };

    http_fixture_start(f);
    return http_server_document(f->server, &document, err);
}

static json_t *
document_of(struct http_fixture *f)
{
    struct text body;
    json_t *json;

    assert_int_equal(http_get(f->client, "/openapi.json", ""), 200);
    body = loop_client_body(f->client);
    json = json_loadb(body.ptr, body.len, 0, NULL);
    assert_non_null(json);
    return json;
}

static void
a_document_is_made_of_parts_and_of_what_the_routes_say(void **state)
{
    struct http_fixture *f = *state;
    struct err err = { "" };
    json_t *json, *get, *responses;

    f->options.reader_key = READER_KEY;
    assert_int_equal(describe(f, READ_PART, LIMIT_PART, &err), 0);
    json = document_of(f);
    get = json_object_get(json_object_get(json_object_get(json, "paths"), "/read"), "get");
    responses = json_object_get(get, "responses");
    assert_string_equal(json_string_value(json_object_get(json, "openapi")), "3.1.0");
    assert_string_equal(json_string_value(json_object_get(get, "operationId")), "getRead");
    assert_int_equal(json_array_size(json_object_get(get, "security")), 1);
    assert_non_null(json_object_get(responses, "400"));
    assert_non_null(json_object_get(responses, "401"));
    assert_null(json_object_get(responses, "404"));
    assert_null(json_object_get(responses, "415"));
    json_decref(json);
}

static void
where_reading_is_open_no_key_is_asked_for(void **state)
{
    struct http_fixture *f = *state;
    struct err err = { "" };
    json_t *json, *get;

    assert_int_equal(describe(f, READ_PART, LIMIT_PART, &err), 0);
    json = document_of(f);
    get = json_object_get(json_object_get(json_object_get(json, "paths"), "/read"), "get");
    assert_int_equal(json_array_size(json_object_get(get, "security")), 2);
    json_decref(json);
}

static void
only_the_parameters_that_are_told_are_taken_and_once(void **state)
{
    struct http_fixture *f = *state;
    struct err err = { "" };

    assert_int_equal(describe(f, READ_PART, LIMIT_PART, &err), 0);
    assert_int_equal(http_get(f->client, "/read?limit=1", ""), 200);
    assert_int_equal(http_get(f->client, "/read?limti=1", ""), 400);
    assert_true(body_has(f->client, "limti: no such parameter"));
    assert_int_equal(http_get(f->client, "/read?limit=1&limit=2", ""), 400);
    assert_true(body_has(f->client, "limit: given twice"));
    assert_int_equal(http_get(f->client, "/read?%00=1", ""), 400);
    assert_int_equal(http_get(f->client, "/read?=", ""), 400);
    assert_int_equal(http_get(f->client, "/open?of=anything", ""), 200);
    assert_int_equal(refused(f, "reason=\"query\""), 4);
}

static void
a_parameter_that_is_no_utf8_is_refused_everywhere(void **state)
{
    struct http_fixture *f = *state;

    http_fixture_start(f);
    assert_int_equal(http_get(f->client, "/open?of=%EA%B0%80", ""), 200);
    assert_int_equal(http_get(f->client, "/open?of=%ff", ""), 400);
    assert_true(body_has(f->client, "A query parameter is no UTF-8."));
    assert_int_equal(http_get(f->client, "/open?a=b&%c6=1", ""), 400);
    assert_int_equal(refused(f, "reason=\"query\""), 2);
}

static void
a_route_that_says_so_takes_any_name(void **state)
{
    struct http_fixture *f = *state;
    struct err err = { "" };

    assert_int_equal(describe(f, ANY_PART, "{}", &err), 0);
    assert_int_equal(http_get(f->client, "/things/1/status?a=1&a=2", ""), 200);
    assert_int_equal(http_get(f->client, "/things/1/status?q=1&q=2", ""), 400);
    assert_int_equal(http_post(f->client, "/things/1/status?x=1", "", ""), 200);
}

#define WIRE_PART \
    "{\"paths\": {\"/read\": {\"get\": {\"x-wire\": \"W\", \"x-query\": [\"refresh\"], \"responses\": {" \
    "\"200\": {\"description\": \"x\"}}}}, \"/open\": {\"get\": {\"x-same-as\": \"GET /read\"," \
    "\"summary\": \"own\", \"parameters\": [{\"name\": \"limit\", \"in\": \"query\"}]}}}," \
    "\"components\": {\"x-wires\": {\"W\": {\"refusal\": {\"type\": \"object\"}, \"query\": [\"pretty\"]," \
    "\"security\": [{\"Other\": []}]}}, \"responses\": {\"BadRequest\": {\"description\": \"why\"}}}}"

/* Paths of another protocol are many and alike: parts say them in short. */
static void
another_wire_has_its_own_refusals_keys_and_parameters(void **state)
{
    struct http_fixture *f = *state;
    struct err err = { "" };
    json_t *json, *paths, *read, *open, *bad;

    f->options.reader_key = READER_KEY;
    assert_int_equal(describe(f, WIRE_PART, "{}", &err), 0);
    json = document_of(f);
    paths = json_object_get(json, "paths");
    read = json_object_get(json_object_get(paths, "/read"), "get");
    open = json_object_get(json_object_get(paths, "/open"), "get");
    bad = json_object_get(json_object_get(read, "responses"), "400");
    assert_string_equal(json_string_value(json_object_get(bad, "description")), "why");
    assert_non_null(json_object_get(json_object_get(bad, "content"), "application/json"));
    assert_non_null(json_object_get(json_array_get(json_object_get(read, "security"), 0),
                                    "Other"));
    assert_int_equal(json_array_size(json_object_get(read, "parameters")), 2);
    assert_int_equal(json_array_size(json_object_get(open, "parameters")), 3);
    assert_int_equal(json_array_size(json_object_get(open, "security")), 0);
    assert_string_equal(json_string_value(json_object_get(open, "summary")), "own");
    json_decref(json);
    assert_int_equal(http_get(f->client, "/open?pretty&refresh=x&limit=1", ""), 200);
    assert_int_equal(http_get(f->client, "/open?refersh=x", ""), 400);
}

static void
a_wire_may_take_any_parameter(void **state)
{
    struct http_fixture *f = *state;
    struct err err = { "" };

    assert_int_equal(describe(f, "{\"paths\": {\"/open\": {\"get\": {\"x-wire\": \"W\", \"responses\": {}}}},"
                              "\"components\": {\"x-wires\": {\"W\": {\"any\": true}}}}", "{}", &err), 0);
    assert_int_equal(http_get(f->client, "/open?whatever=x", ""), 200);
}

static void
parts_that_do_not_fit_the_routes_are_refused(void **state)
{
    static const struct { const char *first, *second, *why; } cases[] = {
        { "{", "{}", "line 1" },
        { READ_PART, READ_PART, "described twice" },
        { "{\"paths\": {\"/nothing\": {\"get\": {\"responses\": {}}}}}", "{}", "1 operations" },
        { "{\"paths\": {\"/read\": {\"get\": {}}}}", "{}", "GET /read: no responses" },
        { "{\"paths\": {\"/write\": {\"post\": {\"responses\": {}, \"requestBody\": {\"content\":"
          " {\"text/plain\": {}}}}}}}", "{}", "POST /write: a body of application/json" },
        { "{\"paths\": {\"/write\": {\"post\": {\"responses\": {}, \"requestBody\": {\"content\":"
          " {\"text/plain\": {}, \"application/json\": {}, \"a/b\": {}}}}}}}", "{}", "not taken" },
        { READ_PART, "{}", "a parameter that is nowhere" },
        { "{\"paths\": {\"/open\": {\"get\": {\"x-same-as\": \"GET /opne\"}}}}", "{}", "there is no GET /opne" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct http_fixture *f;
        struct err err = { "" };

        http_fixture_set_up((void **)&f);
        assert_int_equal(describe(f, cases[i].first, cases[i].second, &err), -1);
        if (strstr(err.text, cases[i].why) == NULL)
            fail_msg("%s: %s", cases[i].why, err.text);
        http_fixture_tear_down((void **)&f);
    }
}

static void
the_page_lists_the_routes_without_a_script(void **state)
{
    struct http_fixture *f = *state;
    struct err err = { "" };

    assert_int_equal(describe(f, READ_PART, LIMIT_PART, &err), 0);
    assert_int_equal(http_get(f->client, "/docs", ""), 200);
    assert_true(body_has(f->client, "<b>GET</b> /read"));
    assert_true(body_has(f->client, "Reads &#60;it&#62;"));
    assert_non_null(strstr(loop_client_header(f->client, "Content-Security-Policy"),
                           "default-src 'none'"));
}

static void
who_has_the_document_is_not_sent_it_again(void **state)
{
    struct http_fixture *f = *state;
    struct err err = { "" };
    char headers[256], tag[64];

    assert_int_equal(describe(f, READ_PART, LIMIT_PART, &err), 0);
    assert_int_equal(http_get(f->client, "/openapi.json", ""), 200);
    snprintf(tag, sizeof(tag), "%s", loop_client_header(f->client, "ETag"));
    assert_int_equal(strlen(tag), strlen("W/\"0123456789abcdef\""));
    snprintf(headers, sizeof(headers), "If-None-Match: \"x\", %s\r\n", tag);
    assert_int_equal(http_get(f->client, "/openapi.json", headers), 304);
    assert_int_equal(loop_client_body(f->client).len, 0);
    assert_string_equal(loop_client_header(f->client, "ETag"), tag);
    snprintf(headers, sizeof(headers), "If-None-Match: %s\r\n", tag + 2);
    assert_int_equal(http_get(f->client, "/openapi.json", headers), 304);
    assert_int_equal(http_get(f->client, "/openapi.json", "If-None-Match: \"x\"\r\n"), 200);
    assert_int_equal(http_get(f->client, "/openapi.json", "If-None-Match: *\r\n"), 304);
}

static void
long_texts_are_compressed_for_those_who_take_it(void **state)
{
    static const struct { const char *accept, *coding; } cases[] = {
        { "Accept-Encoding: gzip\r\n", "gzip" },
        { "Accept-Encoding: br, GZIP;q=0.5\r\n", "gzip" },
        { "Accept-Encoding: *\r\n", "gzip" },
        { "Accept-Encoding: gzip;q=0, *\r\n", "" },
        { "Accept-Encoding: gzip;q=0.000\r\n", "" },
        { "Accept-Encoding: br, gzipped\r\n", "" },
        { "Accept-Encoding: \r\n", "" },
        { "", "" },
    };
    struct http_fixture *f = *state;
    struct buf plain = { 0 };
    struct err err = { "" };
    struct text whole;
    char *copy;

    assert_int_equal(describe(f, READ_PART, LIMIT_PART, &err), 0);
    assert_int_equal(http_get(f->client, "/openapi.json", ""), 200);
    whole = loop_client_body(f->client);
    copy = strndup(whole.ptr, whole.len);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(http_get(f->client, "/openapi.json", cases[i].accept), 200);
        assert_string_equal(loop_client_header(f->client, "Content-Encoding"), cases[i].coding);
        assert_string_equal(loop_client_header(f->client, "Vary"), "Accept-Encoding");
        if (cases[i].coding[0] == '\0')
            continue;
        buf_clear(&plain);
        assert_int_equal(http_inflate_all(loop_client_body(f->client), &plain), 0);
        assert_true(text_is(buf_text(&plain), copy));
    }
    assert_int_equal(http_get(f->client, "/open", "Accept-Encoding: gzip\r\n"), 200);
    assert_string_equal(loop_client_header(f->client, "Content-Encoding"), "");
    buf_release(&plain);
    free(copy);
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, http_fixture_set_up, http_fixture_tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_document_is_made_of_parts_and_of_what_the_routes_say),
        TEST(where_reading_is_open_no_key_is_asked_for),
        TEST(only_the_parameters_that_are_told_are_taken_and_once),
        TEST(a_parameter_that_is_no_utf8_is_refused_everywhere),
        TEST(a_route_that_says_so_takes_any_name),
        TEST(another_wire_has_its_own_refusals_keys_and_parameters),
        TEST(a_wire_may_take_any_parameter),
        cmocka_unit_test(parts_that_do_not_fit_the_routes_are_refused),
        TEST(the_page_lists_the_routes_without_a_script),
        TEST(who_has_the_document_is_not_sent_it_again),
        TEST(long_texts_are_compressed_for_those_who_take_it),
    };

    return cmocka_run_group_tests_name("http_document", tests, NULL, NULL);
}
