#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/codec_msgpack.h"
#include "proto/wire.h"

static const struct batch_head head_of_two = {
    .origin = 0xfeed, .nonce = 7, .first = 100, .count = 2, .received_us = 1234,
};

static void
event_login(struct event *ev, const char *user)
{
    memset(ev, 0, sizeof(*ev));
    ev->at_us = -5;
    ev->known[EVENT_TYPE] = value_text(text_of("login_failed"));
    ev->known[EVENT_SEVERITY] = value_text(text_of("high"));
    ev->known[EVENT_USERNAME] = value_text(text_of(user));
    ev->known[EVENT_COUNT] = value_int(3);
}

static void
body_of_two(struct buf *body)
{
    struct event ev;

    assert_int_equal(batch_pack_count(2, body), 0);
    event_login(&ev, "root");
    assert_int_equal(event_pack(&ev, body), 0);
    event_login(&ev, "alice");
    ev.is_keyed = 1;
    ev.id = event_id_keyed(text_of("key"), text_of("n1"));
    assert_int_equal(event_pack(&ev, body), 0);
}

static void
unpacks_what_it_packed(void **state)
{
    struct buf body = { 0 };
    struct batch_reader reader;
    struct event ev = { 0 };
    struct event_id first = event_id_make(0xfeed, 7, 100);
    struct event_id keyed = event_id_keyed(text_of("key"), text_of("n1"));

    body_of_two(&body);
    assert_int_equal(
        batch_reader_init(&reader, &head_of_two, body.ptr, body.len, NULL), 0);
    assert_int_equal(batch_reader_next(&reader, &ev, NULL), 1);
    assert_true(event_id_equals(&ev.id, &first));
    assert_true(ev.received_us == 1234 && ev.at_us == -5 && !ev.is_keyed);
    assert_true(text_is(value_get_text(&ev.known[EVENT_USERNAME]), "root"));
    assert_int_equal(ev.known[EVENT_COUNT].as.integer, 3);
    assert_int_equal(batch_reader_next(&reader, &ev, NULL), 1);
    assert_true(ev.is_keyed && event_id_equals(&ev.id, &keyed));
    assert_ptr_equal(reader.encoded.ptr + reader.encoded.len, body.ptr + body.len);
    assert_int_equal(batch_reader_next(&reader, &ev, NULL), 0);
    batch_reader_release(&reader);
    event_release(&ev);
    buf_release(&body);
}

/* Every cut, and every byte changed to each of a few: no crash, no read past
 * the end (the copy is exactly as long, for ASan). Cut ones are refused. */
static void
survives_every_cut_and_changed_byte(void **state)
{
    static const unsigned char evil[] = { 0x00, 0xC1, 0xDD, 0xDF,
                                          0xDB, 0xC6, 0xC9, 0xFF };
    struct buf body = { 0 };
    struct batch_reader reader;
    struct event ev = { 0 };

    body_of_two(&body);
    for (size_t len = 0; len < body.len; len++) {
        char *copy = malloc(len + 1);
        int rc;

        memcpy(copy, body.ptr, len);
        rc = batch_reader_init(&reader, &head_of_two, copy, len, NULL);
        while (rc >= 0 && (rc = batch_reader_next(&reader, &ev, NULL)) == 1)
            ;
        assert_int_equal(rc, -1);
        batch_reader_release(&reader);
        free(copy);
    }
    for (size_t i = 0; i < body.len * sizeof(evil); i++) {
        char *copy = malloc(body.len);
        size_t steps = 0;

        memcpy(copy, body.ptr, body.len);
        copy[i / sizeof(evil)] = (char)evil[i % sizeof(evil)];
        if (batch_reader_init(&reader, &head_of_two, copy, body.len, NULL) == 0)
            while (batch_reader_next(&reader, &ev, NULL) == 1)
                steps++;
        assert_true(steps <= 2);
        batch_reader_release(&reader);
        free(copy);
    }
    event_release(&ev);
    buf_release(&body);
}

static void
refuses_five_bytes_that_ask_for_96_gigabytes(void **state)
{
    static const char *const hostile[] = {
        "\xDD\xFF\xFF\xFF\xFF", "\xDF\xFF\xFF\xFF\xFF", "\xDB\xFF\xFF\xFF\xFF",
        "\xC6\xFF\xFF\xFF\xFF", "\xC9\xFF\xFF\xFF\xFF",
    };
    struct event ev = { 0 };
    msgpack_unpacked unpacked;
    struct err err = { "" };

    msgpack_unpacked_init(&unpacked);
    for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
        assert_int_equal(event_unpack(hostile[i], 5, &unpacked, &ev, &err), -1);
        assert_non_null(strstr(err.text, "event: msgpack: "));
        assert_null(unpacked.zone);         /* nothing was allocated for it */
    }
    msgpack_unpacked_destroy(&unpacked);
}

/* depth arrays around a 1, as the value of a map's only entry. */
static int
nested_unpack(size_t depth, struct err *err)
{
    struct event ev = { 0 };
    msgpack_unpacked unpacked;
    char bytes[128] = "\x81\xA1x";
    int rc;

    memset(bytes + 3, 0x91, depth);
    bytes[3 + depth] = 1;
    msgpack_unpacked_init(&unpacked);
    rc = event_unpack(bytes, 4 + depth, &unpacked, &ev, err);
    msgpack_unpacked_destroy(&unpacked);
    event_release(&ev);
    return rc;
}

static void
takes_nesting_up_to_32_deep(void **state)
{
    struct err err = { "" };

    assert_int_equal(nested_unpack(WIRE_MAX_DEPTH - 1, &err), 0);
    assert_int_equal(nested_unpack(WIRE_MAX_DEPTH, &err), -1);
    assert_non_null(strstr(err.text, "nested deeper than 32"));
}

static void
refuses_more_items_than_the_memory_for_them(void **state)
{
    size_t len = WIRE_MAX_ITEMS + 16, used;
    unsigned char *bytes = calloc(1, len);
    uint32_t count = WIRE_MAX_ITEMS + 1;

    bytes[0] = 0xDD;
    for (int i = 0; i < 4; i++)
        bytes[1 + i] = (unsigned char)(count >> (24 - 8 * i));
    assert_int_equal(wire_measure(bytes, len, &used, NULL), -1);
    free(bytes);
}

struct crafted {
    const char *bytes;
    size_t len;
    const char *reason;     /* NULL: taken */
};

#define CRAFTED(s, reason) { s, sizeof(s) - 1, reason }

static void
takes_known_fields_of_the_right_kind_only(void **state)
{
    static const struct crafted cases[] = {
        CRAFTED("\x81\x01\x05", "field event_type has a wrong type"),
        CRAFTED("\x81\x07\xA1" "5", "field count has a wrong type"),
        CRAFTED("\x81\x07\x00", "field count has a wrong type"),
        CRAFTED("\x81\x02\xA3low", NULL),
        CRAFTED("\x81\x02\xA3lox", "field severity has a wrong type"),
        CRAFTED("\x82\x01\xA1" "a\x01\xA1" "b", "field event_type twice"),
        CRAFTED("\x81\x01\xA2" "a\x00", "field event_type has a wrong type"),
        CRAFTED("\x81\x64\xA1" "a", "its time is no integer"),
        CRAFTED("\x81\x65\xC4\x01" "a", "client-keyed id"),
        CRAFTED("\x81\x32\xC0", NULL),                  /* number 50: newer */
        CRAFTED("\x81\x0A\xA1x", NULL),                 /* source_address: derived */
        CRAFTED("\x81\xA0\x01", "neither a number nor a name"),
        CRAFTED("\x81\xFF\x01", "neither a number nor a name"),
        CRAFTED("\x81\xA1x\xC4\x01" "a", "wrong type"),
        CRAFTED("\x81\xA1x\xD4\x01" "a", "wrong type"),
        CRAFTED("\x91\x01", "no msgpack map"),
        CRAFTED("\x80\x80", "1 bytes after its map"),
        CRAFTED("\x80", NULL),
    };
    struct event ev = { 0 };
    msgpack_unpacked unpacked;

    msgpack_unpacked_init(&unpacked);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct err err = { "" };
        int rc = event_unpack(cases[i].bytes, cases[i].len, &unpacked, &ev, &err);

        assert_int_equal(rc, cases[i].reason == NULL ? 0 : -1);
        if (cases[i].reason != NULL && strstr(err.text, cases[i].reason) == NULL)
            fail_msg("case %zu: \"%s\"", i, err.text);
        assert_int_equal(ev.known[EVENT_SOURCE_ADDRESS].kind, VALUE_ABSENT);
    }
    msgpack_unpacked_destroy(&unpacked);
    event_release(&ev);
}

static void
keeps_every_kind_of_extra_value(void **state)
{
    static const char packed[] =
        "\x82\xA1" "a\x92\x01\xCB\x3F\xF8\0\0\0\0\0\0\xA1" "b\xC0";
    const struct value values[] = {
        { VALUE_NULL, .as.integer = 0 },
        { VALUE_BOOL, .as.boolean = 1 },
        { VALUE_INT, .as.integer = INT64_MIN },
        { VALUE_UINT, .as.natural = UINT64_MAX },
        { VALUE_REAL, .as.real = 0.1 },
        { VALUE_TEXT, .as.text = { "x", 1 } },
        { VALUE_PACKED, .as.text = { packed, sizeof(packed) - 1 } },
    };
    struct buf first = { 0 }, again = { 0 };
    struct event ev = { 0 }, back = { 0 };
    msgpack_unpacked unpacked;

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        assert_int_equal(event_add_extra(&ev, text_of(&"abcdefgh"[i]), values[i]), 0);
    assert_int_equal(event_pack(&ev, &first), 0);
    msgpack_unpacked_init(&unpacked);
    assert_int_equal(event_unpack(first.ptr, first.len, &unpacked, &back, NULL), 0);
    assert_int_equal(back.extras[6].value.kind, VALUE_OBJECT);
    assert_int_equal(back.extras[0].value.kind, VALUE_NULL);
    assert_int_equal(event_pack(&back, &again), 0);
    assert_true(text_equals(buf_text(&first), buf_text(&again)));
    msgpack_unpacked_destroy(&unpacked);
    event_release(&ev);
    event_release(&back);
    buf_release(&first);
    buf_release(&again);
}

static void
reader_refuses_a_body_that_its_head_does_not_describe(void **state)
{
    struct batch_head head = head_of_two;
    struct buf body = { 0 };
    struct batch_reader reader;
    struct event ev = { 0 };

    body_of_two(&body);
    head.count = 3;
    assert_int_equal(batch_reader_init(&reader, &head, body.ptr, body.len, NULL), -1);
    head = head_of_two;
    head.first = UINT64_MAX;
    assert_int_equal(batch_reader_init(&reader, &head, body.ptr, body.len, NULL), -1);
    assert_int_equal(batch_reader_init(&reader, &head_of_two, "\x80", 1, NULL), -1);
    assert_int_equal(batch_reader_init(&reader, &head_of_two, "", 0, NULL), -1);

    assert_int_equal(buf_append_char(&body, '\0'), 0);      /* one byte too many */
    assert_int_equal(
        batch_reader_init(&reader, &head_of_two, body.ptr, body.len, NULL), 0);
    assert_int_equal(batch_reader_next(&reader, &ev, NULL), 1);
    assert_int_equal(batch_reader_next(&reader, &ev, NULL), 1);
    assert_int_equal(batch_reader_next(&reader, &ev, NULL), -1);
    batch_reader_release(&reader);
    event_release(&ev);
    buf_release(&body);
}

static void
an_empty_batch_has_no_events(void **state)
{
    struct batch_head head = { .origin = 1 };
    struct batch_reader reader;
    struct event ev = { 0 };

    assert_int_equal(batch_reader_init(&reader, &head, NULL, 0, NULL), 0);
    assert_int_equal(batch_reader_next(&reader, &ev, NULL), 0);
    assert_int_equal(batch_reader_init(&reader, &head, "\x90", 1, NULL), 0);
    assert_int_equal(batch_reader_next(&reader, &ev, NULL), 0);
    batch_reader_release(&reader);
}

static void
refuses_an_event_larger_than_the_limit(void **state)
{
    struct event ev = { 0 }, back = { 0 };
    size_t len = EVENT_MAX_BYTES;
    char *bytes = malloc(len);
    struct buf out = { 0 };
    msgpack_unpacked unpacked;

    memset(bytes, 'a', len);
    ev.known[EVENT_RAW_LOG] = value_text((struct text){ bytes, len });
    assert_int_equal(event_pack(&ev, &out), 0);
    msgpack_unpacked_init(&unpacked);
    assert_int_equal(event_unpack(out.ptr, out.len, &unpacked, &back, NULL), -1);
    msgpack_unpacked_destroy(&unpacked);
    buf_release(&out);
    free(bytes);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unpacks_what_it_packed),
        cmocka_unit_test(survives_every_cut_and_changed_byte),
        cmocka_unit_test(refuses_five_bytes_that_ask_for_96_gigabytes),
        cmocka_unit_test(takes_nesting_up_to_32_deep),
        cmocka_unit_test(refuses_more_items_than_the_memory_for_them),
        cmocka_unit_test(takes_known_fields_of_the_right_kind_only),
        cmocka_unit_test(keeps_every_kind_of_extra_value),
        cmocka_unit_test(reader_refuses_a_body_that_its_head_does_not_describe),
        cmocka_unit_test(an_empty_batch_has_no_events),
        cmocka_unit_test(refuses_an_event_larger_than_the_limit),
    };

    return cmocka_run_group_tests_name("codec_msgpack", tests, NULL, NULL);
}
