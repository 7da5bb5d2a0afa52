/* Items taken one by one are what msgpack-c makes of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/wire.h"

static msgpack_unpacked whole, part;
static struct err err;

/* Packed, for one NaN does not equal another. */
static void
assert_same(const msgpack_object *a, const msgpack_object *b)
{
    static struct buf packed[2];
    const msgpack_object *both[] = { a, b };

    for (int i = 0; i < 2; i++) {
        msgpack_packer packer;

        buf_release(&packed[i]);
        wire_packer_init(&packer, &packed[i]);
        assert_int_equal(msgpack_pack_object(&packer, *both[i]), 0);
    }
    assert_int_equal(packed[0].len, packed[1].len);
    assert_memory_equal(packed[0].ptr, packed[1].ptr, packed[0].len);
    buf_release(&packed[0]);
    buf_release(&packed[1]);
}

/* Both ways, for bytes of which what measures as whole is looked at. 1: it was. */
static int
compare(const unsigned char *bytes, size_t len)
{
    const msgpack_object *object;
    msgpack_object space;
    size_t used, taken;

    if (wire_measure(bytes, len, &used, &err) != 0)
        return 0;
    /* msgpack-c takes 0xc1 for broken too, inside as well */
    if (wire_decode(bytes, used, &whole, &err) != 0)
        fail_msg("%s", err.text);
    taken = wire_take(bytes, used, &part, &space, &object);
    assert_int_equal(taken, used);
    assert_int_equal(object->type, whole.data.type);
    assert_same(object, &whole.data);
    if (part.zone != NULL)
        msgpack_zone_clear(part.zone);
    return 1;
}

/* Each first byte, with zeros, ones and small lengths after it. */
static void
every_kind_is_taken_as_msgpack_takes_it(void **state)
{
    static const unsigned char fills[] = { 0x00, 0x01, 0x7F, 0x80, 0xA1, 0xFF };
    unsigned char bytes[400];
    int seen = 0;

    (void)state;
    for (int first = 0; first < 256; first++)
        for (size_t fill = 0; fill < sizeof(fills); fill++)
            for (int second = 0; second < 256; second += 5) {
                memset(bytes, fills[fill], sizeof(bytes));
                bytes[0] = (unsigned char)first;
                bytes[1] = (unsigned char)second;
                seen += compare(bytes, sizeof(bytes));
            }
    assert_true(seen > 10000);
}

static void
what_is_cut_short_is_not_measured(void **state)
{
    static const struct { const char *bytes; size_t len; } rows[] = {
        { "", 0 }, { "\xa3" "ab", 3 }, { "\xd9\x05" "abc", 5 }, { "\xcd\x01", 2 },
        { "\x82\x01\x02\x03", 4 }, { "\x92\x01", 2 }, { "\xc4\x09" "a", 3 }, { "\xc1", 1 },
    };
    size_t used;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(wire_measure(rows[i].bytes, rows[i].len, &used, &err), -1);
}

/* An event's nested values live until the event is done with, several of them. */
static void
nested_values_stand_beside_each_other(void **state)
{
    static const char bytes[] = "\x92\x01\x02" "\x81\xa1" "a" "\x03";
    const msgpack_object *array, *map;
    msgpack_object space;
    size_t first;

    (void)state;
    first = wire_take(bytes, sizeof(bytes) - 1, &part, &space, &array);
    assert_int_equal(first, 3);
    assert_int_equal(wire_take(bytes + first, sizeof(bytes) - 1 - first, &part, &space, &map), 4);
    assert_int_equal(array->type, MSGPACK_OBJECT_ARRAY);
    assert_int_equal(array->via.array.ptr[1].via.u64, 2);
    assert_int_equal(map->type, MSGPACK_OBJECT_MAP);
    assert_int_equal(map->via.map.ptr[0].val.via.u64, 3);
}

static void
only_a_map_has_a_map_head(void **state)
{
    uint32_t count = 0;

    (void)state;
    assert_int_equal(wire_map_head("\x82\x01\x02\x03\x04", 5, &count), 1);
    assert_int_equal(count, 2);
    assert_int_equal(wire_map_head("\xde\x00\x01\x03\x04", 5, &count), 3);
    assert_int_equal(count, 1);
    assert_int_equal(wire_map_head("\x92\x01\x02", 3, &count), 0);
    assert_int_equal(wire_map_head("\xc0", 1, &count), 0);
    assert_int_equal(wire_map_head("", 0, &count), 0);
}

static int
release(void **state)
{
    (void)state;
    msgpack_unpacked_destroy(&whole);
    msgpack_unpacked_destroy(&part);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_is_taken_as_msgpack_takes_it),
        cmocka_unit_test(what_is_cut_short_is_not_measured),
        cmocka_unit_test(nested_values_stand_beside_each_other),
        cmocka_unit_test(only_a_map_has_a_map_head),
    };

    msgpack_unpacked_init(&whole);
    msgpack_unpacked_init(&part);
    return cmocka_run_group_tests_name("wire", tests, NULL, release);
}
