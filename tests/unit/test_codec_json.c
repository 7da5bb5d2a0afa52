#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "tests/support/wait.h"

#include "proto/base/clock.h"
#include "proto/base/timestamp.h"
#include "proto/codec_json.h"
#include "proto/codec_msgpack.h"

#define NOW INT64_C(1795341600000000)       /* 2026-11-22T10:00:00Z */
#define MAX_BYTES ((size_t)512 * 1024)

static struct json_reader *reader;
static struct arena arena;
static struct event ev;
static struct text key;
static struct err err;

static int
open_reader(void **state)
{
    reader = json_reader_new(MAX_BYTES);
    return reader == NULL;
}

static int
close_reader(void **state)
{
    json_reader_destroy(&reader);
    json_reader_destroy(&reader);       /* a second time is fine */
    arena_release(&arena);
    event_release(&ev);
    return 0;
}

static int
read_text(struct text json)
{
    err.text[0] = '\0';
    arena_clear(&arena);
    return event_from_json(reader, json, &arena, &ev, &key, &err);
}

static void
takes(const char *json)
{
    if (read_text(text_of(json)) != 0)
        fail_msg("%s: %s", json, err.text);
}

static void
refuses_text(struct text json, const char *reason)
{
    assert_int_equal(read_text(json), -1);
    if (strstr(err.text, reason) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.text, reason);
}

static void
refuses(const char *json, const char *reason)
{
    refuses_text(text_of(json), reason);
}

/* What a client sends for each row of event_fields[]; a new row needs one. */
static const char *const samples[EVENT_FIELD_COUNT] = {
    [EVENT_TIMESTAMP] = "\"2026-11-22T10:00:00+09:00\"",
    [EVENT_TYPE] = "\"login_failed\"",
    [EVENT_SEVERITY] = "\"critical\"",
    [EVENT_SOURCE_IP] = "\"2001:db8::1\"",
    [EVENT_DESTINATION_IP] = "\"192.0.2.2\"",
    [EVENT_USERNAME] = "\"kim\\u0020\\\"\\\\ \xEA\xB9\x80\"",
    [EVENT_DESCRIPTION] = "\"\"",
    [EVENT_COUNT] = "1000000",
    [EVENT_RAW_LOG] = "\"a\\tb\\nc\"",
    [EVENT_SOURCE_HOST] = "\"mail.example\"",
};

#define EXTRAS                                                                        \
    "\"port\":22,\"low\":-9223372036854775808,\"high\":9223372036854775807,"          \
    "\"real\":0.1,\"flag\":true,\"off\":false,\"nothing\":null,\"empty\":{},"          \
    "\"tags\":[1,[2.5,\"x\"],{}],\"http\":{\"status\":500,\"a\":{\"b\":null}}"

static void
full_event(char *json, size_t size)
{
    size_t len = (size_t)snprintf(json, size, "{");

    for (int i = 0; i < EVENT_FIELD_COUNT; i++) {
        if (event_fields[i].flags & (FIELD_ADDED | FIELD_DERIVED))
            continue;
        assert_non_null(samples[i]);
        len += (size_t)snprintf(json + len, size - len, "\"%s\":%s,",
                                event_fields[i].name, samples[i]);
    }
    snprintf(json + len, size - len, EXTRAS "}");
}

static void
every_field_survives_json_msgpack_json(void **state)
{
    char sent[4096], time_space[TIMESTAMP_LEN];
    struct buf packed = { 0 };
    struct event back = { 0 };
    msgpack_unpacked unpacked;
    json_t *before, *after, *value;
    const char *name;

    full_event(sent, sizeof(sent));
    takes(sent);
    ev.known[EVENT_RECEIVED_FROM] = value_text(text_of("127.0.0.1"));
    assert_int_equal(event_check(&ev, NOW, time_space, &err), 0);
    assert_int_equal(event_pack(&ev, &packed), 0);
    msgpack_unpacked_init(&unpacked);
    assert_int_equal(event_unpack(packed.ptr, packed.len, &unpacked, &back, &err), 0);
    back.id = event_id_make(1, 2, 3);
    back.received_us = NOW;

    before = json_loads(sent, 0, NULL);
    after = event_to_json(&back);
    assert_non_null(before);
    assert_non_null(after);
    json_object_foreach(before, name, value)
        if (!json_equal(value, json_object_get(after, name)))
            fail_msg("%s was changed", name);
    assert_int_equal(json_object_size(after), json_object_size(before) + 4);
    assert_string_equal(json_string_value(json_object_get(after, "id")),
                        "0000000000000001-00000002-0000000000000003");
    assert_string_equal(json_string_value(json_object_get(after, "received_at")),
                        "2026-11-22T10:00:00Z");
    assert_string_equal(json_string_value(json_object_get(after, "received_from")),
                        "127.0.0.1");
    assert_string_equal(json_string_value(json_object_get(after, "source_address")),
                        "2001:db8::1");
    json_decref(before);
    json_decref(after);
    msgpack_unpacked_destroy(&unpacked);
    event_release(&back);
    buf_release(&packed);
}

static void
shows_fields_in_their_order(void **state)
{
    static const char *const order[] = { "id", "received_at", "received_from",
                                         "event_type", "source_ip", "source_address",
                                         "zone" };
    json_t *json, *value;
    const char *name;
    size_t i = 0;

    takes("{\"zone\":1,\"source_ip\":\"192.0.2.1\",\"event_type\":\"x\"}");
    ev.known[EVENT_RECEIVED_FROM] = value_text(text_of("::1"));
    event_derive(&ev);
    json = event_to_json(&ev);
    json_object_foreach(json, name, value)
        assert_string_equal(name, order[i++]);
    assert_int_equal(i, sizeof(order) / sizeof(order[0]));
    json_decref(json);
}

static void
shows_broken_utf8_and_big_numbers_without_losing_the_event(void **state)
{
    struct value big = { VALUE_UINT, .as.natural = UINT64_MAX };
    struct value nan = { VALUE_REAL, .as.real = 0.0 / 0.0 };
    json_t *json;

    event_clear(&ev);
    ev.known[EVENT_USERNAME] = value_text(text_of("a\xFFz\xE2\x82"));
    assert_int_equal(event_add_extra(&ev, text_of("n\xFFm"), big), 0);
    assert_int_equal(event_add_extra(&ev, text_of("nan"), nan), 0);
    assert_int_equal(event_add_extra(&ev, text_of("id"), nan), 0);
    json = event_to_json(&ev);
    assert_string_equal(json_string_value(json_object_get(json, "username")),
                        "a\xEF\xBF\xBDz\xEF\xBF\xBD\xEF\xBF\xBD");
    assert_string_equal(
        json_string_value(json_object_get(json, "n\xEF\xBF\xBD" "m")),
        "18446744073709551615");
    assert_true(json_is_null(json_object_get(json, "nan")));
    assert_true(json_is_string(json_object_get(json, "id")));
    json_decref(json);
}

static void
refuses_what_is_no_json_with_the_byte(void **state)
{
    refuses("", "empty");
    refuses("{\"a\":1,}", "at byte 7");
    refuses("{\"a\":\"\xFF\"}", "at byte 7");
    refuses("{\"a\":1} x", "at byte 9");
    refuses("{\"a\":1", "not JSON: ");
    refuses("{\"a\":NaN}", "not JSON: ");
    refuses("{\"a\":\"\x01\"}", "not JSON: ");
    refuses_text((struct text){ "{\"a\":\"b\0c\"}", 11 }, "not JSON: ");
    refuses("[]", "must be a JSON object");
    refuses("5", "must be a JSON object");
}

static void
refuses_numbers_that_cannot_be_kept(void **state)
{
    refuses("{\"n\":18446744073709551616}", "n: a number too large to keep");
    refuses("{\"n\":-9223372036854775809}", "n: a number too large to keep");
    refuses("{\"n\":1e400}", "n: a number too large to keep");
    refuses("{\"n\":{\"m\":[1e400]}}", "n: a number too large to keep");
    refuses("{\"count\":1e400}", "count: a number too large to keep");
    takes("{\"n\":18446744073709551615,\"m\":-9223372036854775808,\"e\":1e308}");
    assert_int_equal(ev.extras[0].value.kind, VALUE_UINT);
    assert_int_equal(ev.extras[1].value.kind, VALUE_INT);
}

static void
refuses_a_nul_in_texts_and_names(void **state)
{
    refuses("{\"username\":\"root\\u0000x\"}", "username: holds a NUL");
    refuses("{\"x\":\"\\u0000\"}", "x: holds a NUL");
    refuses("{\"x\":[\"\\u0000\"]}", "x: holds a NUL");
    refuses("{\"a\\u0000\":1}", "a?: the name holds a NUL");
    refuses("{\"x\":{\"a\\u0000\":1}}", "x: a name inside holds a NUL");
    refuses("{\"idempotency_key\":\"\\u0000\"}", "idempotency_key: holds a NUL");
    takes("{\"x\":\"\\\\u0000\"}");
}

static void
refuses_names_given_twice(void **state)
{
    refuses("{\"username\":null,\"username\":\"x\"}", "username: given twice");
    refuses("{\"x\":1,\"y\":2,\"x\":1}", "x: given twice");
    refuses("{\"x\":1,\"\\u0078\":1}", "x: given twice");
    refuses("{\"x\":[{\"a\":1,\"b\":2,\"a\":1}]}", "x: the name \"a\" is given twice");
    refuses("{\"idempotency_key\":\"a\",\"idempotency_key\":\"a\"}",
            "idempotency_key: given twice");
    takes("{\"x\":{\"a\":1},\"y\":{\"a\":1},\"a\":1}");
}

static void
refuses_fields_that_only_bongsu_sets(void **state)
{
    static const char *const ours[] = { "id", "received_at", "received_from",
                                        "source_address" };

    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
        char json[64], reason[64];

        snprintf(json, sizeof(json), "{\"%s\":\"x\"}", ours[i]);
        snprintf(reason, sizeof(reason), "%s: is set by Bongsu", ours[i]);
        refuses(json, reason);
    }
    takes("{\"source_host\":\"mail\"}");
}

static void
takes_the_idempotency_key_out(void **state)
{
    char json[600];

    takes("{\"event_type\":\"x\",\"idempotency_key\":\"line-1\"}");
    assert_true(text_is(key, "line-1"));
    assert_int_equal(ev.extra_count, 0);
    takes("{\"event_type\":\"x\",\"idempotency_key\":null}");
    assert_null(key.ptr);
    refuses("{\"idempotency_key\":\"\"}", "idempotency_key: must be a text of 1 to 512");
    refuses("{\"idempotency_key\":5}", "idempotency_key: must be a text");
    snprintf(json, sizeof(json), "{\"idempotency_key\":\"%0512d\"}", 0);
    takes(json);
    snprintf(json, sizeof(json), "{\"idempotency_key\":\"%0513d\"}", 0);
    refuses(json, "idempotency_key: must be a text");
    takes("{}");
    assert_null(key.ptr);
}

static void
limits_names_and_depth(void **state)
{
    char json[600];

    refuses("{\"\":1}", "empty name");
    snprintf(json, sizeof(json), "{\"%0256d\":1}", 0);
    takes(json);
    snprintf(json, sizeof(json), "{\"%0257d\":1}", 0);
    refuses(json, "more than 256 bytes");
    snprintf(json, sizeof(json), "{\"x\":{\"%0257d\":1}}", 0);
    refuses(json, "x: a name inside is longer than 256 bytes");
    takes("{\"x\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}");
    refuses("{\"x\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}",
            "x: nested deeper than 32");
}

/* unit, over and over, between start and end; as long as fits in size. */
static struct text
repeat(const char *start, const char *unit, const char *end, size_t size)
{
    struct buf json = { 0 };

    assert_int_equal(buf_append_str(&json, start), 0);
    while (json.len + strlen(unit) + strlen(end) <= size)
        assert_int_equal(buf_append_str(&json, unit), 0);
    assert_int_equal(buf_append_str(&json, end), 0);
    return (struct text){ json.ptr, json.len };
}

/* What is not quick takes minutes; the sanitizers take their share. */
enum { QUICK_MS = 200, SLOWLY_QUICK_MS = 2000 };

/* Our own CPU time: a busy machine must not make this test fail. */
static int64_t
cpu_ms(void)
{
    struct timespec used;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (int64_t)used.tv_sec * 1000 + used.tv_nsec / 1000000;
}

static void
refuses_quickly(struct text json, const char *reason)
{
    int64_t start = cpu_ms();

    refuses_text(json, reason);
    assert_in_range(cpu_ms() - start, 0, is_slow() ? SLOWLY_QUICK_MS : QUICK_MS);
    free((char *)(uintptr_t)json.ptr);
}

static void
refuses_bombs_quickly(void **state)
{
    struct buf keys = { 0 }, inner = { 0 };

    refuses_quickly(repeat("", "[", "", MAX_BYTES), "nested deeper than 32");
    refuses_quickly(repeat("{\"x\":", "[", "", MAX_BYTES), "nested deeper than 32");
    refuses_quickly(repeat("{\"x\":", "{\"x\":", "", MAX_BYTES), "nested deeper than 32");
    refuses_quickly(repeat("{\"x\":\"", "a", "\"}", 10000000), "more than 524288");
    refuses_quickly(repeat("{", "\"x\":1,", "\"x\":1}", MAX_BYTES), "too many fields");
    refuses_quickly(repeat("{\"a\":{", "\"x\":1,", "\"x\":1}}", MAX_BYTES),
                    "too many names");
    refuses_quickly(repeat("{\"a\":\"", "\\", "", MAX_BYTES), "not JSON: ");
    for (int i = 0; i < 40000; i++) {
        assert_int_equal(buf_printf(&keys, "%s\"k%d\":1", i == 0 ? "{" : ",", i), 0);
        if (i < 60000)
            assert_int_equal(buf_append_str(&inner, i == 0 ? "{\"x\":[{}" : ",{}"), 0);
    }
    assert_int_equal(buf_append_str(&keys, "}"), 0);
    refuses_quickly((struct text){ keys.ptr, keys.len }, "too many fields");
    assert_int_equal(buf_append_str(&inner, "],\"x\":1}"), 0);
    refuses_quickly((struct text){ inner.ptr, inner.len }, "x: given twice");
}

static void
a_million_keys_are_refused_quickly_by_a_large_reader(void **state)
{
    struct buf keys = { 0 };

    json_reader_destroy(&reader);
    reader = json_reader_new((size_t)16 * 1024 * 1024);
    for (int i = 0; i < 1000000; i++)
        assert_int_equal(buf_printf(&keys, "%s\"k%d\":1", i == 0 ? "{" : ",", i), 0);
    assert_int_equal(buf_append_str(&keys, "}"), 0);
    refuses_quickly((struct text){ keys.ptr, keys.len }, "too many fields");
    takes("{\"event_type\":\"x\"}");
}

static void
takes_a_long_text_up_to_the_limit(void **state)
{
    struct text json = repeat("{\"x\":\"", "a", "\"}", MAX_BYTES);

    assert_int_equal(read_text(json), 0);
    assert_int_equal(ev.extras[0].value.as.text.len, MAX_BYTES - 8);
    free((char *)(uintptr_t)json.ptr);
}

/* A first text without a byte has no place in what msgpack-c reads. */
static void
shows_an_empty_name_that_comes_first_inside(void **state)
{
    json_t *json;

    takes("{\"event_type\":\"x\",\"box\":[{\"\":1}]}");
    json = event_to_json(&ev);
    assert_non_null(json);
    assert_int_equal(json_integer_value(json_object_get(
        json_array_get(json_object_get(json, "box"), 0), "")), 1);
    json_decref(json);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_reader, close_reader)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_field_survives_json_msgpack_json),
        TEST(shows_fields_in_their_order),
        TEST(shows_broken_utf8_and_big_numbers_without_losing_the_event),
        TEST(refuses_what_is_no_json_with_the_byte),
        TEST(refuses_numbers_that_cannot_be_kept),
        TEST(refuses_a_nul_in_texts_and_names),
        TEST(refuses_names_given_twice),
        TEST(refuses_fields_that_only_bongsu_sets),
        TEST(takes_the_idempotency_key_out),
        TEST(limits_names_and_depth),
        TEST(refuses_bombs_quickly),
        TEST(a_million_keys_are_refused_quickly_by_a_large_reader),
        TEST(takes_a_long_text_up_to_the_limit),
        TEST(shows_an_empty_name_that_comes_first_inside),
    };

    return cmocka_run_group_tests_name("codec_json", tests, NULL, NULL);
}
