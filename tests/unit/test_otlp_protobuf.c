/* OTLP's protobuf, as its JSON, as SDKs send it and as one may. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pb_encode.h>

#include "ingest/wire/otlp_protobuf.h"
#include "ingest/wire/tree_memory.h"

enum { PLENTY = 64 * 1024 * 1024 };

static struct arena arena;
static struct err err;

/* --- making bytes --- */

struct bytes {
    uint8_t space[4096];
    size_t len;
};

static struct bytes
part(uint32_t number, const void *content, size_t len)
{
    struct bytes made = { .len = 0 };
    pb_ostream_t stream = pb_ostream_from_buffer(made.space, sizeof(made.space));

    assert_true(pb_encode_tag(&stream, PB_WT_STRING, number) &&
                pb_encode_string(&stream, content, len));
    made.len = stream.bytes_written;
    return made;
}

static struct bytes
text(uint32_t number, const char *content)
{
    return part(number, content, strlen(content));
}

static struct bytes
within(uint32_t number, struct bytes inner)
{
    return part(number, inner.space, inner.len);
}

static struct bytes
varint(uint32_t number, uint64_t value)
{
    struct bytes made = { .len = 0 };
    pb_ostream_t stream = pb_ostream_from_buffer(made.space, sizeof(made.space));

    assert_true(pb_encode_tag(&stream, PB_WT_VARINT, number) && pb_encode_varint(&stream, value));
    made.len = stream.bytes_written;
    return made;
}

static struct bytes
fixed(uint32_t number, const void *eight)
{
    struct bytes made = { .len = 0 };
    pb_ostream_t stream = pb_ostream_from_buffer(made.space, sizeof(made.space));

    assert_true(pb_encode_tag(&stream, PB_WT_64BIT, number) && pb_encode_fixed64(&stream, eight));
    made.len = stream.bytes_written;
    return made;
}

static struct bytes
both(struct bytes a, struct bytes b)
{
    assert_true(a.len + b.len <= sizeof(a.space));
    memcpy(a.space + a.len, b.space, b.len);
    a.len += b.len;
    return a;
}

static struct bytes
pair(const char *key, struct bytes any)
{
    return both(text(1, key), within(2, any));
}

/* The one record in its three wrappings. */
static struct bytes
request_of(struct bytes record)
{
    return within(1, within(2, within(2, record)));
}

/* --- reading them --- */

/* The request as JSON, to be freed; NULL with err. */
static char *
json_of(const void *bytes, size_t len, size_t max_bytes)
{
    struct tree_memory memory = { .max_bytes = max_bytes };
    const yyjson_alc alc = tree_memory_alc(&memory);
    char *copy = malloc(len > 0 ? len : 1);         /* alone, for the sanitizer */
    yyjson_mut_doc *doc;
    char *json = NULL;

    assert_non_null(copy);
    memcpy(copy, bytes, len);
    arena_clear(&arena);
    doc = otlp_protobuf_read((struct text){ copy, len }, &alc, &arena, &err);
    if (doc != NULL) {
        json = yyjson_mut_write(doc, 0, NULL);
        assert_non_null(json);
    }
    yyjson_mut_doc_free(doc);
    assert_int_equal(memory.bytes, 0);
    free(copy);
    return json;
}

static void
becomes(struct bytes bytes, const char *expected)
{
    char *json = json_of(bytes.space, bytes.len, PLENTY);

    assert_non_null(json);
    assert_string_equal(json, expected);
    free(json);
}

static struct bytes
full_request(void)
{
    const uint64_t at = 1763773200123456789;
    const double ratio = 0.5, none = NAN;
    struct bytes record = both(fixed(1, &at), varint(2, 17));
    struct bytes values = both(within(1, text(1, "x")), within(1, varint(3, UINT64_MAX)));

    record = both(record, both(text(3, "ERROR"), within(5, text(1, "a line"))));
    record = both(record, within(6, pair("d", fixed(4, &ratio))));
    record = both(record, within(6, pair("n", fixed(4, &none))));
    record = both(record, within(6, pair("b", varint(2, 1))));
    record = both(record, within(6, pair("l", within(5, values))));
    record = both(record, within(6, pair("m", within(6, within(1, pair("k", text(7, "\x01\xff")))))));
    record = both(record, both(part(9, "\x01\x02", 2), part(10, "", 0)));
    record = both(record, both(varint(7, 3), varint(8, 1)));     /* dropped_attributes_count, flags */
    return within(1, both(within(1, within(1, pair("host.name", text(1, "h")))),
                          within(2, both(within(1, text(1, "scope")), within(2, record)))));
}

static void
a_request_is_what_its_json_would_be(void **state)
{
    (void)state;
    becomes(full_request(),
        "{\"resourceLogs\":[{\"resource\":{\"attributes\":[{\"key\":\"host.name\",\"value\":{\"stringValue\":\"h\"}}]},"
        "\"scopeLogs\":[{\"scope\":{\"name\":\"scope\"},\"logRecords\":[{\"timeUnixNano\":1763773200123456789,"
        "\"severityNumber\":17,\"severityText\":\"ERROR\",\"body\":{\"stringValue\":\"a line\"},\"attributes\":["
        "{\"key\":\"d\",\"value\":{\"doubleValue\":0.5}},{\"key\":\"n\",\"value\":{\"doubleValue\":\"NaN\"}},"
        "{\"key\":\"b\",\"value\":{\"boolValue\":true}},"
        "{\"key\":\"l\",\"value\":{\"arrayValue\":{\"values\":[{\"stringValue\":\"x\"},{\"intValue\":-1}]}}},"
        "{\"key\":\"m\",\"value\":{\"kvlistValue\":{\"values\":[{\"key\":\"k\",\"value\":{\"bytesValue\":\"Af8=\"}}]}}}],"
        "\"traceId\":\"0102\",\"spanId\":\"\"}]}]}]}");
    becomes((struct bytes){ .len = 0 }, "{}");
}

static void
what_is_said_twice_is_what_was_said_last(void **state)
{
    (void)state;
    becomes(request_of(both(within(5, both(text(1, "first"), varint(3, 2))), both(varint(2, 1), varint(2, 9)))),
            "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{\"body\":{\"intValue\":2},\"severityNumber\":9}]}]}]}");
}

/* A field of a later version, or of another kind than it should be. */
static void
unknown_fields_are_passed_over(void **state)
{
    const uint64_t eight = 8;

    (void)state;
    becomes(both(both(text(99, "new"), varint(98, 1)), both(fixed(97, &eight), request_of(both(varint(5, 1), text(2, "x"))))),
            "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{}]}]}]}");
}

static void
bytes_that_are_no_text_are_written_out(void **state)
{
    (void)state;
    becomes(request_of(within(5, text(1, "a\xff" "b"))),
            "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{\"body\":{\"stringValue\":\"a\\\\xffb\"}}]}]}]}");
}

static void
what_is_no_protobuf_is_told_by_its_place(void **state)
{
    static const struct { const char *bytes; size_t len; } rows[] = {
        { "\x0a\x05" "ab", 4 }, { "\x0a", 1 }, { "\x0b", 1 }, { "\x0f", 1 }, { "\x00\x00", 2 },
        { "\x0a\xff\xff\xff\xff\x0f", 6 }, { "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11 },
        { "\x0a\x02\x12\x05", 4 }, { "xyz", 3 }, { "{}", 2 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (json_of(rows[i].bytes, rows[i].len, PLENTY) != NULL)
            fail_msg("row %zu was read", i);
        assert_non_null(strstr(err.text, "in protobuf, at byte"));
    }
}

/* Each level is some bytes, and a stack is not endless. */
static void
ten_thousand_levels_are_cut_off(void **state)
{
    const size_t max = 200000;
    uint8_t *bytes = malloc(max), *from = bytes + max;
    char *json;

    (void)state;
    assert_non_null(bytes);
    for (int i = 0; i < 10000; i++) {
        /* alternately AnyValue.array_value and ArrayValue.values, and outside the wrappings */
        uint32_t number = i == 9999 ? 1 : i > 9996 ? 2 : i == 9996 || i % 2 == 1 ? 5 : 1;
        uint8_t head[16];
        pb_ostream_t stream = pb_ostream_from_buffer(head, sizeof(head));

        assert_true(pb_encode_tag(&stream, PB_WT_STRING, number) &&
                    pb_encode_varint(&stream, (uint64_t)(bytes + max - from)));
        from -= stream.bytes_written;
        memcpy(from, head, stream.bytes_written);
    }
    json = json_of(from, (size_t)(bytes + max - from), PLENTY);
    assert_non_null(json);
    assert_non_null(strstr(json, "{\"arrayValue\":{\"values\":[{\"arrayValue\":"));
    assert_true(strlen(json) < 10000);
    free(json);
    free(bytes);
}

/* Two bytes a record make a tree many times as large. */
static void
a_tree_that_is_too_large_is_no_fault_of_the_bytes(void **state)
{
    struct bytes records = { .len = 0 };

    (void)state;
    for (int i = 0; i < 1000; i++)
        records = both(records, part(2, "", 0));
    records = within(1, within(2, records));
    assert_null(json_of(records.space, records.len, 16 * 1024));
    assert_string_equal(err.text, "");
    free(json_of(records.space, records.len, PLENTY));
    assert_string_equal(err.text, "");
}

static void
bytes_cut_and_changed_anywhere_do_no_harm(void **state)
{
    static const uint8_t others[] = { 0, 1, 0x0a, 0x12, 0x7f, 0x80, 0xff };
    const struct bytes full = full_request();

    (void)state;
    for (size_t cut = 0; cut <= full.len; cut++)
        free(json_of(full.space, cut, PLENTY));
    for (size_t at = 0; at < full.len; at++)
        for (size_t i = 0; i < sizeof(others); i++) {
            struct bytes changed = full;

            changed.space[at] = others[i];
            free(json_of(changed.space, changed.len, PLENTY));
        }
}

static void
answers_are_protobuf_too(void **state)
{
    uint8_t space[OTLP_PROTOBUF_ANSWER];
    struct text answer = otlp_protobuf_partial(300, "why", space);
    char long_reason[5000];

    (void)state;
    assert_int_equal(answer.len, 10);
    assert_memory_equal(answer.ptr, "\x0a\x08\x08\xac\x02\x12\x03why", 10);
    answer = otlp_protobuf_status(3, "bad", space);
    assert_int_equal(answer.len, 7);
    assert_memory_equal(answer.ptr, "\x08\x03\x12\x03" "bad", 7);
    memset(long_reason, 'x', sizeof(long_reason) - 1);
    long_reason[sizeof(long_reason) - 1] = '\0';
    answer = otlp_protobuf_status(3, long_reason, space);
    assert_int_equal(answer.len, 2 + 3 + 1024);
    assert_int_equal(otlp_protobuf_partial(1, long_reason, space).len, 3 + 2 + 3 + 1024);
}

static int
tear_down(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_what_its_json_would_be),
        cmocka_unit_test(what_is_said_twice_is_what_was_said_last),
        cmocka_unit_test(unknown_fields_are_passed_over),
        cmocka_unit_test(bytes_that_are_no_text_are_written_out),
        cmocka_unit_test(what_is_no_protobuf_is_told_by_its_place),
        cmocka_unit_test(ten_thousand_levels_are_cut_off),
        cmocka_unit_test(a_tree_that_is_too_large_is_no_fault_of_the_bytes),
        cmocka_unit_test(bytes_cut_and_changed_anywhere_do_no_harm),
        cmocka_unit_test(answers_are_protobuf_too),
    };

    return cmocka_run_group_tests_name("otlp in protobuf", tests, NULL, tear_down);
}
