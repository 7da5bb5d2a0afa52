/* The bodies of Splunk's collector and of OpenTelemetry, as documents; and as one may send them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "ingest/wire/hec_reader.h"
#include "ingest/wire/otlp_record.h"
#include "proto/event.h"

static uint64_t left_out;
static struct flat_document flat = { .left_out = &left_out };
static struct err err;

static const char hec_body[] =
    "{\"time\":1763773200.125,\"host\":\"h\",\"event\":\"a \\\"}{ line\",\"fields\":{\"a\":[1,{\"b\":2}]}}\n"
    "{\"time\":\"1763773200\",\"event\":{\"x\":{\"y\":\"\\u0000\"},\"z\":null}}[{\"event\":true},{\"event\":1.5}]";

static const char otlp_record[] =
    "{\"timeUnixNano\":\"1763773200123456789\",\"severityNumber\":24,\"body\":{\"kvlistValue\":{\"values\":"
    "[{\"key\":\"a\",\"value\":{\"intValue\":\"-5\"}},{\"key\":\"b\",\"value\":{\"arrayValue\":{\"values\":"
    "[{\"boolValue\":false},{\"bytesValue\":\"AQI=\"},{\"kvlistValue\":{\"values\":[{\"key\":\"c\",\"value\":{}}]}}]}}}]}},"
    "\"attributes\":[{\"key\":\"a\",\"value\":{\"stringValue\":\"second\"}},{\"key\":\"d\",\"value\":{\"doubleValue\":\"NaN\"}}]}";

static const struct hec_origin nowhere;

static const char *
written(void)
{
    struct text text = flat_write(&flat);

    assert_non_null(text.ptr);
    return text.ptr;
}

static enum hec_fault
read_hec(const char *event, const struct hec_origin *origin)
{
    left_out = 0;
    assert_int_equal(flat_clear(&flat), 0);
    return hec_read(text_of(event), origin, &flat, &err);
}

static int
read_otlp(struct text json)
{
    yyjson_doc *doc = yyjson_read(json.ptr, json.len, 0);
    const struct otlp_place place = { .scope = NULL };
    int rc = -1;

    left_out = 0;
    assert_int_equal(flat_clear(&flat), 0);
    if (doc != NULL)
        rc = otlp_record_read(yyjson_doc_get_root(doc), &place, &flat, &err);
    yyjson_doc_free(doc);
    return rc;
}

static void
objects_follow_each_other_in_any_way(void **state)
{
    struct text rest = text_of(hec_body), object;
    int count = 0;

    (void)state;
    while (hec_next(&rest, &object) == 1) {
        assert_int_equal(flat_clear(&flat), 0);
        assert_int_equal(hec_read(object, &nowhere, &flat, &err), HEC_FINE);
        count++;
    }
    assert_int_equal(rest.len, 0);
    assert_int_equal(count, 4);
}

static void
an_event_goes_before_its_metadata_and_that_before_the_query(void **state)
{
    const struct hec_origin origin = { .host = text_of("query"), .source = text_of("s") };

    (void)state;
    assert_int_equal(read_hec("{\"event\":{\"host\":{\"name\":\"own\"},\"@timestamp\":\"t\"},\"host\":\"meta\","
                              "\"time\":1}", &origin), HEC_FINE);
    assert_string_equal(written(), "{\"host.name\":\"own\",\"@timestamp\":\"t\",\"splunk.source\":\"s\"}");
    assert_int_equal(read_hec("{\"event\":\"x\",\"host\":\"meta\",\"time\":1763773200.125}", &origin), HEC_FINE);
    assert_string_equal(written(), "{\"message\":\"x\",\"host.name\":\"meta\",\"splunk.source\":\"s\","
                                   "\"@timestamp\":\"2025-11-22T01:00:00.125Z\"}");
}

static void
what_is_no_event_is_told_by_its_fault(void **state)
{
    static const struct { const char *event; enum hec_fault fault; } rows[] = {
        { "{}", HEC_NO_EVENT }, { "{\"event\":null}", HEC_NO_EVENT },
        { "{\"event\":\"\"}", HEC_BLANK_EVENT }, { "{\"event\":{}}", HEC_BLANK_EVENT },
        { "{\"event\":1,\"fields\":[]}", HEC_BAD_FORMAT }, { "{\"event\":1,\"fields\":{\"\":1}}", HEC_UNFIT },
        { "{\"event\":{\"\":1},\"time\":-1}", HEC_BAD_FORMAT },
        { "{\"event\":1,\"time\":-1}", HEC_BAD_FORMAT }, { "{\"event\":1,\"time\":1e300}", HEC_BAD_FORMAT },
        { "{\"event\":1,\"time\":\"nan\"}", HEC_BAD_FORMAT }, { "{\"event\":1,\"time\":\"\"}", HEC_BAD_FORMAT },
        { "{\"event\":1,\"time\":\"0x10\"}", HEC_BAD_FORMAT }, { "{\"event\":1,\"time\":{}}", HEC_BAD_FORMAT },
        { "{\"event\":1,}", HEC_BAD_FORMAT }, { "{\"event\":1]", HEC_BAD_FORMAT },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (read_hec(rows[i].event, &nowhere) != rows[i].fault)
            fail_msg("%s: another fault", rows[i].event);
}

static void
a_time_may_be_in_thousandths_and_less(void **state)
{
    static const char *const times[] = { "1763773200125", "1763773200125000",
                                         "\"1763773200125000000\"", "\"1763773200.125\"" };
    char event[128];

    (void)state;
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        snprintf(event, sizeof(event), "{\"event\":1,\"time\":%s}", times[i]);
        assert_int_equal(read_hec(event, &nowhere), HEC_FINE);
        assert_string_equal(written(), "{\"splunk.event\":1,\"@timestamp\":\"2025-11-22T01:00:00.125Z\"}");
    }
}

static void
what_a_container_wrote_is_the_line(void **state)
{
    (void)state;
    assert_int_equal(read_hec("{\"event\":{\"line\":\"a line\",\"source\":\"stderr\",\"tag\":\"8a9f\","
                              "\"attrs\":{\"a\":\"b\"}},\"host\":\"h\"}", &nowhere), HEC_FINE);
    assert_string_equal(written(), "{\"message\":\"a line\",\"log.iostream\":\"stderr\",\"tag\":\"8a9f\","
                                   "\"attrs.a\":\"b\",\"host.name\":\"h\"}");
    assert_int_equal(read_hec("{\"event\":{\"line\":{\"x\":1},\"source\":\"stdout\"}}", &nowhere), HEC_FINE);
    assert_string_equal(written(), "{\"message\":\"{\\\"x\\\":1}\",\"log.iostream\":\"stdout\"}");
    assert_int_equal(read_hec("{\"event\":{\"line\":7,\"source\":\"elsewhere\"}}", &nowhere), HEC_FINE);
    assert_string_equal(written(), "{\"line\":7,\"source\":\"elsewhere\"}");
}

static void
what_a_decoder_reads_is_its_line(void **state)
{
    static const char *const events[] = {
        "{\"eventSource\":\"s\",\"eventName\":\"n\",\"eventTime\":\"t\"}",
        "{\"event_type\":\"alert\",\"timestamp\":\"t\",\"flow_id\":1}",
        "{\"auditID\":\"1\",\"apiVersion\":\"v\",\"stage\":\"s\"}",
        "{\"EventID\":1,\"SourceName\":\"s\",\"EventTime\":\"t\"}",
    };
    char event[256];
    yyjson_doc *doc;

    (void)state;
    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
        snprintf(event, sizeof(event), "{\"event\":%s}", events[i]);
        assert_int_equal(read_hec(event, &nowhere), HEC_FINE);
        doc = yyjson_read(written(), strlen(written()), 0);
        assert_string_equal(yyjson_get_str(yyjson_obj_get(yyjson_doc_get_root(doc), "message")), events[i]);
        yyjson_doc_free(doc);
    }
}

static void
a_record_says_its_own_things_first(void **state)
{
    (void)state;
    assert_int_equal(read_otlp(text_of(otlp_record)), 0);
    assert_string_equal(written(),
        "{\"@timestamp\":\"2025-11-22T01:00:00.123456Z\",\"log.level\":\"FATAL\",\"event.original_severity\":24,"
        "\"a\":-5,\"b\":[false,\"AQI=\",{\"c\":null}],\"d\":\"NaN\"}");
    assert_int_equal(left_out, 1);
}

static void
values_that_otlp_has_not_are_refused(void **state)
{
    static const char *const records[] = {
        "7", "[]", "{\"body\":{\"x\":1}}", "{\"body\":7}", "{\"attributes\":[7]}",
        "{\"attributes\":[{\"key\":\"a\",\"value\":{\"intValue\":\"1.5\"}}]}",
        "{\"attributes\":[{\"key\":\"a\",\"value\":{\"intValue\":\"99999999999999999999\"}}]}",
        "{\"attributes\":[{\"key\":\"\",\"value\":{\"intValue\":1}}]}",
        "{\"attributes\":[{\"key\":\"a\",\"value\":{\"boolValue\":\"true\"}}]}",
        "{\"timeUnixNano\":-1}", "{\"timeUnixNano\":1.5}", "{\"timeUnixNano\":{}}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++)
        if (read_otlp(text_of(records[i])) == 0)
            fail_msg("%s was taken", records[i]);
}

/* start, then piece as often as fits into len, then end: whole, or cut off. */
static char *
grow(const char *start, const char *piece, const char *end, size_t len)
{
    char *text = malloc(len + strlen(start) + strlen(end) + 1);
    size_t n = strlen(start), step = strlen(piece);

    assert_non_null(text);
    memcpy(text, start, n);
    for (; n + step <= len; n += step)
        memcpy(text + n, piece, step);
    memcpy(text + n, end, strlen(end) + 1);
    return text;
}

static void
many_names_and_no_end_are_read_in_time(void **state)
{
    char *many = grow("{\"event\":{\"a\":1", ",\"k\":1", "}}", 500000);
    char *open = grow("", "{\"a\":[", "", 500000);
    struct text rest = text_of(open), object;
    clock_t before = clock();

    (void)state;
    assert_int_equal(read_hec(many, &nowhere), HEC_FINE);        /* one name, again and again */
    assert_int_equal(left_out, 500000 / 6 - 4);
    assert_int_equal(hec_next(&rest, &object), -1);
    assert_true(clock() - before < 2 * CLOCKS_PER_SEC);
    free(many);
    free(open);
}

/* The least of three: others may be at work on this machine. */
static clock_t
time_of(const char *event)
{
    clock_t least = 0;

    for (int i = 0; i < 3; i++) {
        clock_t before = clock(), took;

        assert_int_equal(read_hec(event, &nowhere), HEC_FINE);
        took = clock() - before;
        least = i == 0 || took < least ? took : least;
    }
    return least;
}

static void
a_name_is_found_as_fast_among_a_thousand_as_alone(void **state)
{
    char names[16384] = "{\"event\":{\"k999\":1";
    size_t n = strlen(names);
    char *among, *alone;

    (void)state;
    alone = grow(names, ",\"k999\":1", "}}", 900000);
    for (int i = 1; i < 1000; i++)
        n += (size_t)snprintf(names + n, sizeof(names) - n, ",\"n%d\":1", i);
    among = grow(names, ",\"n999\":1", "}}", 900000);
    assert_true(time_of(among) < 6 * time_of(alone));
    free(alone);
    free(among);
}

/* So many levels, all closed. */
static char *
nest(const char *start, const char *open, const char *leaf, const char *shut, int levels)
{
    char *text = malloc(16384);
    size_t n = (size_t)snprintf(text, 16384, "%s", start);

    assert_non_null(text);
    for (int i = 0; i < levels; i++)
        n += (size_t)snprintf(text + n, 16384 - n, "%s", open);
    n += (size_t)snprintf(text + n, 16384 - n, "%s", leaf);
    for (int i = 0; i < levels; i++)
        n += (size_t)snprintf(text + n, 16384 - n, "%s", shut);
    assert_true(n < 16000);
    return text;
}

static void
what_is_too_deep_is_refused(void **state)
{
    static const struct { const char *open, *shut; } kinds[] = {
        { "{\"arrayValue\":{\"values\":[", "]}}" },
        { "{\"kvlistValue\":{\"values\":[{\"key\":\"a\",\"value\":", "}]}}" },
    };

    (void)state;
    for (int levels = 2; levels < 60; levels += 38)
        for (int i = 0; i < 3; i++) {
            char *text = i == 2 ? nest("{\"event\":", "{\"a\":", "1", "}", levels)
                                : nest("{\"body\":", kinds[i].open, "{\"intValue\":1}",
                                       kinds[i].shut, levels);
            char *whole = malloc(strlen(text) + 2);

            snprintf(whole, strlen(text) + 2, "%s}", text);
            if (i == 2)
                assert_int_equal(read_hec(whole, &nowhere),
                                 levels == 2 ? HEC_FINE : HEC_UNFIT);
            else
                assert_int_equal(read_otlp(text_of(whole)), levels == 2 ? 0 : -1);
            free(whole);
            free(text);
        }
}

/* Cut at every byte and with every byte another, alone in memory for the sanitizer. */
static void
read_all(const char *bytes, size_t len)
{
    char *copy = malloc(len > 0 ? len : 1);
    struct text rest = { copy, len }, object;

    assert_non_null(copy);
    memcpy(copy, bytes, len);
    (void)read_otlp(rest);
    (void)flat_write(&flat);
    while (hec_next(&rest, &object) == 1) {
        assert_int_equal(flat_clear(&flat), 0);
        if (hec_read(object, &nowhere, &flat, &err) == HEC_FINE)
            assert_non_null(flat_write(&flat).ptr);
    }
    free(copy);
}

static void
bodies_cut_and_changed_anywhere_do_no_harm(void **state)
{
    static const char *const bodies[] = { hec_body, otlp_record };
    static const char others[] = "\"\\{}[],:0\xff";

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        size_t len = strlen(bodies[i]);
        char copy[1024];

        assert_true(len < sizeof(copy));
        for (size_t cut = 0; cut <= len; cut++)
            read_all(bodies[i], cut);
        for (size_t at = 0; at < len; at++)
            for (size_t k = 0; k < sizeof(others); k++) {       /* the NUL too */
                memcpy(copy, bodies[i], len);
                copy[at] = others[k];
                read_all(copy, len);
            }
    }
}

static int
tear_down(void **state)
{
    (void)state;
    flat_release(&flat);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_follow_each_other_in_any_way),
        cmocka_unit_test(an_event_goes_before_its_metadata_and_that_before_the_query),
        cmocka_unit_test(what_is_no_event_is_told_by_its_fault),
        cmocka_unit_test(a_time_may_be_in_thousandths_and_less),
        cmocka_unit_test(what_a_container_wrote_is_the_line),
        cmocka_unit_test(what_a_decoder_reads_is_its_line),
        cmocka_unit_test(a_record_says_its_own_things_first),
        cmocka_unit_test(values_that_otlp_has_not_are_refused),
        cmocka_unit_test(many_names_and_no_end_are_read_in_time),
        cmocka_unit_test(a_name_is_found_as_fast_among_a_thousand_as_alone),
        cmocka_unit_test(what_is_too_deep_is_refused),
        cmocka_unit_test(bodies_cut_and_changed_anywhere_do_no_harm),
    };

    return cmocka_run_group_tests_name("hec and otlp", tests, NULL, tear_down);
}
