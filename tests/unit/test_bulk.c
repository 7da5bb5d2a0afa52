/* The lines of a _bulk, and what it is answered. */
#include "ingest/wire/bulk.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ingest/wire/bulk_answer.h"

static struct bulk_reader *reader;

static int
set_up(void **state)
{
    (void)state;
    reader = bulk_reader_new();
    return reader == NULL;
}

static int
tear_down(void **state)
{
    (void)state;
    bulk_reader_destroy(&reader);
    return 0;
}

static void
next_is(enum bulk_op op, const char *index, const char *id, const char *document)
{
    struct bulk_item item;
    struct err err;

    assert_int_equal(bulk_next(reader, &item, &err), 1);
    assert_int_equal(item.op, op);
    assert_true(index == NULL ? item.index.ptr == NULL : text_is(item.index, index));
    assert_true(id == NULL ? item.id.ptr == NULL : text_is(item.id, id));
    assert_true(text_is(item.document, document));
}

static void
at_end(void)
{
    struct bulk_item item;
    struct err err;

    assert_int_equal(bulk_next(reader, &item, &err), 0);
}

static void
reads_actions_and_their_documents(void **state)
{
    (void)state;
    bulk_reader_open(reader, text_of(
        "{\"create\":{\"_index\":\"a\"}}\n{\"n\":1}\n"
        "{\"create\":{\"_index\":\"a\"}}\n{\"n\":2}\n"
        "\n \r\n"
        "{ \"index\" : { \"_index\" : null, \"_id\" : \"x\\ny\", \"_type\" : \"_doc\" } }\r\n"
        "{\"n\":3}\r\n"
        "{\"index\":{\"_id\":12}}\n\n"
        "{\"index\":{\"_id\":-12}}\n \n"
        "{\"delete\":{\"_index\":\"b\",\"_id\":\"1\"}}\n"
        "{\"update\":{\"_index\":\"b\",\"_id\":\"1\"}}\n{\"doc\":{}}\n"
        "{\"create\":{}}\nthe last one has no end"), text_of("path"));
    next_is(BULK_CREATE, "a", NULL, "{\"n\":1}");
    next_is(BULK_CREATE, "a", NULL, "{\"n\":2}");
    next_is(BULK_INDEX, "path", "x\ny", "{\"n\":3}");
    next_is(BULK_INDEX, "path", "12", "");
    next_is(BULK_INDEX, "path", "-12", " ");
    next_is(BULK_DELETE, "b", "1", "");
    next_is(BULK_UPDATE, "b", "1", "{\"doc\":{}}");
    next_is(BULK_CREATE, "path", NULL, "the last one has no end");
    at_end();
    at_end();
}

/* An action line that comes again is not read again; another body begins anew. */
static void
the_same_action_line_means_the_same_in_one_body_only(void **state)
{
    static const char body[] = "{\"index\":{\"_id\":\"1\"}}\n{}\n{\"index\":{\"_id\":\"1\"}}\n{}\n";

    (void)state;
    bulk_reader_open(reader, text_of(body), text_of("first"));
    next_is(BULK_INDEX, "first", "1", "{}");
    next_is(BULK_INDEX, "first", "1", "{}");
    at_end();
    bulk_reader_open(reader, text_of(body), (struct text){ NULL, 0 });
    next_is(BULK_INDEX, NULL, "1", "{}");
}

static void
what_is_no_action_names_its_line(void **state)
{
    static const struct { const char *body, *reason; } cases[] = {
        { "nothing\n", "[1], expected an object" },
        { "{\"create\":{}}\n{}\n[]\n", "[3], expected an object" },
        { "{}\n{}\n", "[1], expected an object with one action" },
        { "{\"create\":{},\"index\":{}}\n{}\n", "[1], expected an object with one action" },
        { "{\"destroy\":{}}\n{}\n", "[1], expected field [create]" },
        { "{\"create\":1}\n{}\n", "[1], expected an object behind" },
        { "{\"create\":{\"_index\":1}}\n{}\n", "[1], _index must be a text" },
        { "{\"create\":{\"_id\":{}}}\n{}\n", "[1], _id must be a text" },
        { "{\"create\":{\"_id\":\"\\u0000\"}}\n{}\n", "[1], _id holds a NUL" },
        { "{\"create\":{}}", "[1], its document is missing" },
        { "{\"create\":{}}\n{}\n\n{\"create\":{}}\n", "[4], its document is missing" },
    };
    struct bulk_item item;
    struct err err;
    int rc;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bulk_reader_open(reader, text_of(cases[i].body), (struct text){ NULL, 0 });
        while ((rc = bulk_next(reader, &item, &err)) == 1)
            ;
        assert_int_equal(rc, -1);
        if (strstr(err.text, cases[i].reason) == NULL)
            fail_msg("\"%s\" and not \"%s\"", err.text, cases[i].reason);
    }
}

static void
an_action_line_is_bounded(void **state)
{
    size_t len = BULK_MAX_ACTION + 100;
    char *body = malloc(len);
    struct bulk_item item;
    struct err err;

    (void)state;
    memset(body, ' ', len);
    memcpy(body, "{\"create\":{}}", 13);
    memcpy(body + BULK_MAX_ACTION, "\n{}\n", 4);
    bulk_reader_open(reader, (struct text){ body, BULK_MAX_ACTION + 4 },
                     (struct text){ NULL, 0 });
    assert_int_equal(bulk_next(reader, &item, &err), 1);
    memcpy(body + BULK_MAX_ACTION, " \n{}\n", 5);
    bulk_reader_open(reader, (struct text){ body, BULK_MAX_ACTION + 5 },
                     (struct text){ NULL, 0 });
    assert_int_equal(bulk_next(reader, &item, &err), -1);
    assert_non_null(strstr(err.text, "more than 8 KiB"));
    free(body);
}

/* --- the answer --- */

static const struct bulk_item item = { .op = BULK_CREATE, .index = { "i\"1", 3 } };
static const struct bulk_outcome good = { .status = 201, .id = { "x", 1 }, .sequence = 42 };
static const struct bulk_outcome bad = { .status = 400, .type = "t", .reason = "a \"b\"\n\xff" };

static char *
answer_to(const char *filter, const struct bulk_outcome *first,
          const struct bulk_outcome *second)
{
    struct bulk_answer answer;
    struct text text;
    char *copy;

    assert_int_equal(bulk_answer_init(&answer, text_of(filter)), 0);
    assert_int_equal(bulk_answer_add(&answer, &item, first), 0);
    if (second != NULL)
        assert_int_equal(bulk_answer_add(&answer, &item, second), 0);
    text = bulk_answer_finish(&answer, 7);
    copy = text_dup(text);
    bulk_answer_release(&answer);
    return copy;
}

static void
an_answer_has_an_entry_for_each_action(void **state)
{
    char *text = answer_to(NULL, &good, &bad);
    json_t *answer = json_loads(text, 0, NULL), *wanted;

    (void)state;
    assert_non_null(answer);
    assert_ptr_equal(strstr(text, "{\"took\":7,\"errors\":true,\"items\":["), text);
    wanted = json_pack("{s:i,s:b,s:[{s:{s:s,s:s,s:i,s:s,s:{s:i,s:i,s:i},s:i,s:i,s:i}},"
                       "{s:{s:s,s:i,s:{s:s,s:s}}}]}", "took", 7, "errors", 1, "items",
                       "create", "_index", "i\"1", "_id", "x", "_version", 1, "result",
                       "created", "_shards", "total", 1, "successful", 1, "failed", 0,
                       "_seq_no", 42, "_primary_term", 1, "status", 201,
                       "create", "_index", "i\"1", "status", 400, "error", "type", "t",
                       "reason", "a \"b\"\n?");
    assert_true(json_equal(answer, wanted));
    json_decref(answer);
    json_decref(wanted);
    free(text);
}

static void
filebeats_filter_leaves_what_it_reads(void **state)
{
    static const struct { const char *filter, *begins; } cases[] = {
        { "errors,items.*.error,items.*.status",
          "{\"errors\":false,\"items\":[{\"create\":{\"status\":201}}]}" },
        { "took,errors,items.*.status",
          "{\"took\":7,\"errors\":false,\"items\":[{\"create\":{\"status\":201}}]}" },
        { "errors,items.*.error", "{\"took\":7,\"errors\":false,\"items\":[{\"create\":{\"_index" },
        { "items.*.status,hits", "{\"took\":7,\"errors\":false,\"items\":[{\"create\":{\"_index" },
        { "", "{\"took\":7,\"errors\":false,\"items\":[{\"create\":{\"_index" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *text = answer_to(cases[i].filter, &good, NULL);

        if (strncmp(text, cases[i].begins, strlen(cases[i].begins)) != 0)
            fail_msg("%s: %s", cases[i].filter, text);
        free(text);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reads_actions_and_their_documents),
        TEST(the_same_action_line_means_the_same_in_one_body_only),
        TEST(what_is_no_action_names_its_line),
        TEST(an_action_line_is_bounded),
        TEST(an_answer_has_an_entry_for_each_action),
        TEST(filebeats_filter_leaves_what_it_reads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
