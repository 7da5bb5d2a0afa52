/* Whatever shape an event has, a store gives it back as it was sent, and finds it by its fields. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/timestamp.h"
#include "proto/codec_json.h"
#include "tests/support/store_case.h"

static const char *const shapes[] = {
    "{\"event_type\":\"login_failed\"}",
    "{\"event_type\":\"login_failed\",\"source_ip\":\"2001:db8::1\",\"username\":\"한국\",\"count\":9,"
    "\"severity\":\"critical\",\"description\":\"d\",\"raw_log\":\"r \\\"q\\\" \\\\ \\u0001\",\"destination_ip\":\"192.0.2.1\"}",
    "{\"event_type\":\"x\",\"timestamp\":\"1969-07-20T20:17:40Z\"}",
    "{\"event_type\":\"x\",\"timestamp\":\"2026-01-01 09:00:00,5+0900\"}",
    "{\"event_type\":\"x\",\"a\":1,\"b\":-1,\"c\":1.5,\"d\":true,\"e\":null,\"f\":\"\",\"g\":[1,[2,3]],"
    "\"i\":{\"j\":{\"k\":[]}},\"m\":1e300,\"n\":-9223372036854775808}",
    "{\"event_type\":\"x\",\"a\":\"a text where a number was\",\"d\":\"no boolean\",\"c\":\"\"}",
    "{\"event_type\":\"x\",\"l\":18446744073709551615}",
    "{\"event_type\":\"x\",\"username\":\"a\",\"user.name\":\"b\",\"user\":\"c\",\"user.name.full\":\"d\"}",
    "{\"event_type\":\"x\",\"source\":{\"ip\":\"nonsense\"},\"source.ip\":5,\"severity.label\":\"l\"}",
    "{\"event_type\":\"x\",\"process.tty\":\"pts/1\",\"process.tty.name\":\"pts/2\"}",
    "{\"event_type\":\"x\",\"@timestamp\":\"when\",\"bongsu.at\":1,\"event.id\":\"i\",\"event.kind\":\"k\"}",
    "{\"event_type\":\"x\",\"_id\":\"i\",\"a..b\":1,\".a\":2,\"a.\":3,\" \":4,\"x*\":5,\"bongsu.as_sent\":{\"q\":1}}",
    "{\"event_type\":\"x\",\"source.port\":{\"not\":\"a number\"},\"host.name\":[\"a\",\"b\"]}",
    "{\"event_type\":\"x\",\"source.port\":\"no number\",\"user.invalid\":\"maybe\",\"source_host\":\"h\"}",
    "{\"event_type\":\"x\",\"event.category\":[\"mine\"],\"event.type\":\"t\",\"event.outcome\":\"success\"}",
};

enum { SHAPES = sizeof(shapes) / sizeof(shapes[0]) };

struct shape {
    struct event ev;
    struct buf encoded;
    struct arena arena;
    char space[TIMESTAMP_LEN];
    char *shown;
};

static struct err err;

static void
make(struct shape *shape, struct json_reader *reader, const char *json, uint64_t n)
{
    struct text key;
    json_t *shown;

    if (event_from_json(reader, text_of(json), &shape->arena, &shape->ev, &key, &err) != 0 ||
        event_check(&shape->ev, CASE_START, shape->space, &err) != 0)
        fail_msg("%s: %s", json, err.text);
    shape->ev.id = event_id_make(0xb0b0, 7, n + 1);
    shape->ev.received_us = CASE_START;
    assert_int_equal(event_pack(&shape->ev, &shape->encoded), 0);
    shown = event_to_json(&shape->ev);
    shape->shown = json_dumps(shown, JSON_SORT_KEYS);
    json_decref(shown);
}

static int
compare(void *ctx, const struct event *ev)
{
    json_t *json = event_to_json(ev);
    char *shown = json_dumps(json, JSON_SORT_KEYS);

    assert_string_equal(shown, ctx);
    free(shown);
    json_decref(json);
    return 0;
}

static void
every_shape_comes_back(void **state)
{
    struct store_case *the = *state;
    struct store_written written = { 0 };
    struct shape *made = calloc(SHAPES, sizeof(*made));

    for (size_t i = 0; i < SHAPES; i++) {
        struct json_reader *reader = json_reader_new(1 << 20);
        struct store_event one;

        make(&made[i], reader, shapes[i], i);
        one = (struct store_event){ .ev = &made[i].ev, .encoded = buf_text(&made[i].encoded) };
        if (the->writer->ops->put_events(the->writer, &one, 1, &written, &err) != STORE_DONE)
            fail_msg("%s: %s", shapes[i], err.text);
        if (written.inserted != 1)
            fail_msg("%s was refused: %s", shapes[i], err.text);
        json_reader_destroy(&reader);
    }
    for (size_t i = 0; i < SHAPES; i++) {
        assert_int_equal(the->reader->ops->get_event(the->reader, &made[i].ev.id,
                                                     event_storage_day(&made[i].ev), compare,
                                                     made[i].shown, &err), 1);
        free(made[i].shown);
        buf_release(&made[i].encoded);
        arena_release(&made[i].arena);
        event_release(&made[i].ev);
    }
    free(made);
}

static int
count_one(void *ctx, const struct event *ev)
{
    ++*(int *)ctx;
    return 0;
}

static int
find(struct store_case *the, const char *field, const char *value)
{
    struct event_query query = { .from_us = INT64_MIN, .to_us = INT64_MAX, .limit = 100,
                                 .filters = { { text_of(field), text_of(value) } }, .filter_count = 1 };
    struct event_page page;
    int count = 0;

    if (the->reader->ops->find_events(the->reader, &query, count_one, &count, &page, &err) != 0)
        fail_msg("%s=%s: %s", field, value, err.text);
    return count;
}

/* A field may hold a number in one event and a text in another. */
static void
finds_by_any_field(void **state)
{
    static const struct { const char *json, *field, *value; } rows[] = {
        { "{\"event_type\":\"t\",\"n\":17}", "n", "17" },
        { "{\"event_type\":\"t\",\"shop.name\":\"Corner\"}", "shop.name", "corner" },
        { "{\"event_type\":\"t\",\"ok\":true}", "ok", "true" },
        { "{\"event_type\":\"t\",\"r\":2.5}", "r", "2.5" },
        { "{\"event_type\":\"t\",\"source.port\":4711}", "source.port", "4711" },
        { "{\"event_type\":\"t\",\"username\":\"Ana\"}", "username", "ANA" },
        { "{\"event_type\":\"t\",\"source_ip\":\"192.0.2.77\"}", "source_address", "192.0.2.77" },
        { "{\"event_type\":\"t\",\"user.name\":\"hidden\"}", "user.name", "hidden" },
        { "{\"event_type\":\"t\",\"count\":33}", "count", "33" },
        { "{\"event_type\":\"t\",\"url.path\":\"/A\"}", "url.path", "/a" },
    };
    struct store_case *the = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct json_reader *reader = json_reader_new(1 << 20);
        struct store_written written = { 0 };
        struct shape shape = { 0 };
        struct store_event one;

        make(&shape, reader, rows[i].json, 100 + i);
        one = (struct store_event){ .ev = &shape.ev, .encoded = buf_text(&shape.encoded) };
        assert_int_equal(the->writer->ops->put_events(the->writer, &one, 1, &written, &err), STORE_DONE);
        if (find(the, rows[i].field, rows[i].value) != 1)
            fail_msg("%s is not found by %s=%s", rows[i].json, rows[i].field, rows[i].value);
        assert_int_equal(find(the, rows[i].field, "nonsense and 1.2.3.4"), 0);
        free(shape.shown);
        buf_release(&shape.encoded);
        arena_release(&shape.arena);
        event_release(&shape.ev);
        json_reader_destroy(&reader);
    }
    assert_int_equal(find(the, "no.such.field", "x"), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_shape_comes_back, store_case_open, store_case_close),
        cmocka_unit_test_setup_teardown(finds_by_any_field, store_case_open, store_case_close),
    };

    timestamp_init(&err);
    return cmocka_run_group_tests_name("store_shapes", tests, NULL, NULL);
}
