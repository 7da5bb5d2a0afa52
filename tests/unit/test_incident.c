#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/incident.h"
#include "proto/incident_rows.h"

#define ID "0123456789abcdef0123456789abcdef"

static void
fill_tags(struct incident *inc)
{
    inc->rule_tags = calloc(2, sizeof(*inc->rule_tags));
    inc->rule_tags[0] = strdup("attack.t1110");
    inc->rule_tags[1] = strdup("attack.credential-access");
    inc->rule_tag_count = 2;
}

static void
fill_keys(struct incident *inc)
{
    for (int i = 0; i < INCIDENT_MAX_KEYS; i++) {
        char field[32];

        snprintf(field, sizeof(field), "field%d", i);
        inc->keys[i] = (struct incident_key){ strdup(field), strdup("value") };
    }
    inc->key_count = INCIDENT_MAX_KEYS;
}

static void
fill_evidence(struct incident *inc)
{
    for (unsigned i = 0; i < INCIDENT_MAX_EVIDENCE; i++) {
        inc->evidence[i].id = i % 2 ? event_id_make(i, i, i)
                                    : event_id_keyed(text_of("k"), text_of("n"));
        inc->evidence[i].day = (int32_t)i - 1;
    }
    inc->evidence_count = INCIDENT_MAX_EVIDENCE;
}

/* Each row gets a value that is not zero and differs from row to row. */
static void
fill_row(struct incident *inc, const struct incident_row *row)
{
    void *at = (char *)inc + row->offset;

    switch (row->type) {
    case ROW_ID:
        memcpy(at, ID, sizeof(ID));
        break;
    case ROW_INT64:
        *(int64_t *)at = -1000000 * row->number;
        break;
    case ROW_UINT64:
        *(uint64_t *)at = UINT64_MAX - (uint64_t)row->number;
        break;
    case ROW_SEVERITY:
        *(int *)at = SEVERITY_CRITICAL;
        break;
    case ROW_FLAG:
        *(int *)at = 1;
        break;
    case ROW_STRING:
        *(char **)at = strdup(row->name);
        break;
    case ROW_TAGS:
        fill_tags(inc);
        break;
    case ROW_KEYS:
        fill_keys(inc);
        break;
    case ROW_EVIDENCE:
        fill_evidence(inc);
        break;
    }
}

static struct incident *
incident_full(void)
{
    struct incident *inc = incident_new();

    for (size_t i = 0; i < incident_row_count; i++)
        fill_row(inc, &incident_rows[i]);
    return inc;
}

/* Packed bytes say everything that a row holds. */
static void
assert_same_rows(const struct incident *a, const struct incident *b)
{
    struct buf first = { 0 }, second = { 0 };

    assert_int_equal(incident_pack(a, &first), 0);
    assert_int_equal(incident_pack(b, &second), 0);
    assert_true(text_equals(buf_text(&first), buf_text(&second)));
    buf_release(&first);
    buf_release(&second);
}

static void
every_field_survives_msgpack(void **state)
{
    struct incident *inc = incident_full(), *back = NULL;
    struct buf out = { 0 };

    assert_int_equal(incident_pack(inc, &out), 0);
    assert_int_equal(incident_unpack(out.ptr, out.len, &back, NULL), 0);
    assert_same_rows(inc, back);
    assert_string_equal(back->id, ID);
    assert_string_equal(back->rule_level, "rule_level");
    assert_string_equal(back->rule_tags[1], "attack.credential-access");
    assert_string_equal(back->keys[7].field, "field7");
    assert_int_equal(back->evidence[0].day, -1);
    assert_int_equal(back->evidence[19].id.len, 20);
    assert_true(back->is_incomplete && back->severity == SEVERITY_CRITICAL);
    assert_int_equal(back->status, STATUS_OPEN);
    incident_destroy(&inc);
    incident_destroy(&back);
    buf_release(&out);
}

static void
every_row_has_its_own_number_and_place(void **state)
{
    for (size_t i = 0; i < incident_row_count; i++) {
        for (size_t k = 0; k < i; k++) {
            assert_int_not_equal(incident_rows[i].number, incident_rows[k].number);
            assert_int_not_equal(incident_rows[i].offset, incident_rows[k].offset);
        }
    }
}

static void
a_copy_is_deep_and_whole(void **state)
{
    struct incident *inc = incident_full(), *copy;

    inc->status = STATUS_RESOLVED;
    inc->reopened = 3;
    assert_int_equal(incident_add_history(inc, 1, "kim", 0, 3, "done"), 0);
    copy = incident_copy(inc);
    assert_same_rows(inc, copy);
    assert_ptr_not_equal(copy->summary, inc->summary);
    assert_ptr_not_equal(copy->keys[0].value, inc->keys[0].value);
    incident_destroy(&inc);
    assert_null(inc);
    assert_string_equal(copy->history[0].note, "done");
    assert_string_equal(copy->rule_tags[0], "attack.t1110");
    assert_int_equal(copy->status, STATUS_RESOLVED);
    assert_int_equal(copy->reopened, 3);
    incident_destroy(&copy);
    incident_destroy(&copy);
}

static void
a_newer_snapshot_has_a_higher_epoch_or_counter(void **state)
{
    struct incident a = { .rev_epoch = 2, .rev_counter = 1 };
    struct incident b = { .rev_epoch = 1, .rev_counter = 9 };

    assert_true(incident_is_newer(&a, &b));
    assert_false(incident_is_newer(&b, &a));
    assert_false(incident_is_newer(&a, &a));
    b.rev_epoch = 2;
    assert_true(incident_is_newer(&b, &a));
}

static void
status_goes_to_text_and_back(void **state)
{
    for (int i = 0; i < STATUS_COUNT; i++)
        assert_int_equal(status_parse(text_of(status_name(i))), i);
    assert_int_equal(status_parse(text_of("closed")), -1);
    assert_string_equal(status_name(STATUS_COUNT), "unknown");
}

static void
history_survives_msgpack(void **state)
{
    struct incident *inc = incident_new(), *back = incident_new();
    struct buf out = { 0 };

    assert_int_equal(incident_add_history(inc, 5, "kim", 0, 1, "seen"), 0);
    assert_int_equal(incident_add_history(inc, -6, NULL, 1, 4, NULL), 0);
    assert_int_equal(incident_pack_history(inc, &out), 0);
    assert_int_equal(incident_unpack_history(out.ptr, out.len, back, NULL), 0);
    assert_int_equal(back->history_count, 2);
    assert_string_equal(back->history[0].by, "kim");
    assert_string_equal(back->history[0].note, "seen");
    assert_null(back->history[1].by);
    assert_int_equal(back->history[1].at_us, -6);
    assert_int_equal(back->history[1].to, STATUS_FALSE_POSITIVE);
    incident_destroy(&inc);
    incident_destroy(&back);
    buf_release(&out);
}

static void
refuses_a_broken_history(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
    } cases[] = {
        { "\x80", 1 }, { "\x91\x05", 2 }, { "\x91\x94\x00\xC0\x00\x00", 6 },
        { "\x91\x95\x00\xC0\x00\x05\xC0", 7 },          /* status 5 */
        { "\x91\x95\x00\x01\x00\x01\xC0", 7 },          /* by is a number */
        { "\xDD\xFF\xFF\xFF\xFF", 5 },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct incident *inc = incident_new();

        assert_int_equal(
            incident_unpack_history(cases[i].bytes, cases[i].len, inc, NULL), -1);
        incident_destroy(&inc);
    }
}

/* No crash, no leak, no read past the end, whatever byte is changed or cut. */
static void
survives_every_cut_and_changed_byte(void **state)
{
    static const unsigned char evil[] = { 0x00, 0x7F, 0xC0, 0xDD,
                                          0xDF, 0xDB, 0xC6, 0xFF };
    struct incident *inc = incident_full(), *back = NULL;
    struct buf out = { 0 };

    assert_int_equal(incident_pack(inc, &out), 0);
    for (size_t len = 0; len < out.len; len++) {
        char *copy = malloc(len + 1);

        memcpy(copy, out.ptr, len);
        assert_int_equal(incident_unpack(copy, len, &back, NULL), -1);
        free(copy);
    }
    for (size_t i = 0; i < out.len * sizeof(evil); i++) {
        char *copy = malloc(out.len);

        memcpy(copy, out.ptr, out.len);
        copy[i / sizeof(evil)] = (char)evil[i % sizeof(evil)];
        if (incident_unpack(copy, out.len, &back, NULL) == 0) {
            assert_in_range(back->severity, SEVERITY_LOW, SEVERITY_CRITICAL);
            assert_int_equal(strlen(back->id), INCIDENT_ID_HEX - 1);
            assert_non_null(back->rule_id);
            incident_destroy(&back);
        }
        free(copy);
    }
    incident_destroy(&inc);
    buf_release(&out);
}

static void
names_the_field_that_is_missing_or_broken(void **state)
{
    struct incident *inc = incident_full(), *back = NULL;
    struct buf out = { 0 };
    struct err err;

    inc->severity = 4;
    assert_int_equal(incident_pack(inc, &out), 0);
    assert_int_equal(incident_unpack(out.ptr, out.len, &back, &err), -1);
    assert_non_null(strstr(err.text, "incident: severity is broken"));
    assert_int_equal(incident_unpack("\x80", 1, &back, &err), -1);
    assert_string_equal(err.text, "incident: id is missing");
    assert_null(back);
    incident_destroy(&inc);
    buf_release(&out);
}

static void
skips_a_number_that_it_does_not_know(void **state)
{
    struct incident *inc = incident_full(), *back = NULL;
    struct buf out = { 0 };

    assert_int_equal(incident_pack(inc, &out), 0);
    assert_int_equal((unsigned char)out.ptr[0], 0xDE);      /* map 16 */
    out.ptr[2]++;
    assert_int_equal(buf_append(&out, "\xCC\xC8\x91\xC3", 4), 0);   /* 200: [true] */
    assert_int_equal(incident_unpack(out.ptr, out.len, &back, NULL), 0);
    assert_same_rows(inc, back);
    incident_destroy(&inc);
    incident_destroy(&back);
    buf_release(&out);
}

static const char shown[] =
    "{\"id\":\"" ID "\",\"rev\":\"17-4\",\"rule\":{\"id\":\"bf\",\"title\":"
    "\"Brute force\",\"level\":null,\"tags\":[\"a\"],\"author\":\"Kim\",\"references\":"
    "[\"https://a.example/1\",\"b\"]},\"severity\":\"high\","
    "\"status\":\"acknowledged\",\"summary\":\"5 failures\",\"key\":"
    "{\"source_address\":\"192.0.2.1\"},\"opened_at\":\"2026-11-22T10:00:00Z\","
    "\"last_seen\":\"2026-11-22T10:00:01Z\",\"count\":5,\"evidence\":"
    "[\"0000000000000001-00000002-0000000000000003\"],\"history\":[{\"at\":"
    "\"2026-11-22T10:00:02Z\",\"by\":\"kim\",\"from\":\"open\",\"to\":"
    "\"acknowledged\",\"note\":null}],\"reopened\":2}";

static void
shows_the_json_of_the_design(void **state)
{
    struct incident *inc = incident_new();
    json_t *json;
    char *text;

    memcpy(inc->id, ID, sizeof(ID));
    inc->rev_epoch = 17;
    inc->rev_counter = 4;
    inc->rule_id = strdup("bf");
    inc->rule_title = strdup("Brute force");
    inc->rule_author = strdup("Kim");
    inc->rule_references = strdup("https://a.example/1\nb");
    inc->rule_tags = calloc(1, sizeof(char *));
    inc->rule_tags[inc->rule_tag_count++] = strdup("a");
    inc->severity = SEVERITY_HIGH;
    inc->status = STATUS_ACKNOWLEDGED;
    inc->summary = strdup("5 failures");
    inc->keys[inc->key_count++] =
        (struct incident_key){ strdup("source_address"), strdup("192.0.2.1") };
    inc->opened_us = INT64_C(1795341600000000);
    inc->last_seen_us = inc->opened_us + 1000000;
    inc->count = 5;
    inc->evidence[inc->evidence_count++].id = event_id_make(1, 2, 3);
    inc->reopened = 2;
    incident_add_history(inc, inc->opened_us + 2000000, "kim", 0, 1, NULL);
    json = incident_to_json(inc);
    text = json_dumps(json, JSON_COMPACT);
    assert_string_equal(text, shown);
    free(text);
    json_decref(json);

    inc->is_incomplete = 1;
    json = incident_to_json(inc);
    assert_true(json_is_true(json_object_get(json, "incomplete")));
    json_decref(json);
    incident_destroy(&inc);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_survives_msgpack),
        cmocka_unit_test(every_row_has_its_own_number_and_place),
        cmocka_unit_test(a_copy_is_deep_and_whole),
        cmocka_unit_test(a_newer_snapshot_has_a_higher_epoch_or_counter),
        cmocka_unit_test(status_goes_to_text_and_back),
        cmocka_unit_test(history_survives_msgpack),
        cmocka_unit_test(refuses_a_broken_history),
        cmocka_unit_test(survives_every_cut_and_changed_byte),
        cmocka_unit_test(names_the_field_that_is_missing_or_broken),
        cmocka_unit_test(skips_a_number_that_it_does_not_know),
        cmocka_unit_test(shows_the_json_of_the_design),
    };

    return cmocka_run_group_tests_name("incident", tests, NULL, NULL);
}
