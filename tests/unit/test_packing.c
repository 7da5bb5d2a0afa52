#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "detector/text/packing.h"

static struct journals journals;
static struct buf out;

static int
tear_down(void **state)
{
    (void)state;
    buf_release(&out);
    journals_release(&journals);
    return 0;
}

static struct unpacker
reader(void)
{
    const unsigned char *at = (const unsigned char *)out.ptr;

    return (struct unpacker){ .at = at, .end = at + out.len, .journals = &journals };
}

static void
numbers_come_back_as_they_were(void **state)
{
    static const int64_t numbers[] = { 0, 1, -1, 63, 64, -64, -65, 127, 128, 300, 1 << 20,
                                       INT64_MAX, INT64_MIN, INT64_MIN + 1 };
    struct packer packer = { .out = &out, .journals = &journals };
    struct unpacker from;

    (void)state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        pack_signed(&packer, numbers[i]);
        pack_number(&packer, (uint64_t)numbers[i]);
        pack_fixed(&packer, (uint64_t)numbers[i], 8);
        pack_byte(&packer, (uint8_t)i);
    }
    assert_false(packer.is_failed);
    from = reader();
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        assert_int_equal(unpack_signed(&from), numbers[i]);
        assert_true(unpack_number(&from) == (uint64_t)numbers[i]);
        assert_true(unpack_fixed(&from, 8) == (uint64_t)numbers[i]);
        assert_int_equal(unpack_byte(&from), i);
    }
    assert_false(from.is_broken);
    assert_ptr_equal(from.at, from.end);
}

static void
small_numbers_of_either_sign_take_a_byte(void **state)
{
    struct packer packer = { .out = &out, .journals = &journals };

    (void)state;
    pack_signed(&packer, -64);
    pack_signed(&packer, 63);
    pack_number(&packer, 127);
    assert_int_equal(out.len, 3);
}

static struct event_id
nth_id(unsigned i)
{
    static const uint64_t sequences[] = { 5, 6, 1, UINT64_MAX, 0 };

    return i % 7 == 3 ? event_id_keyed((struct text){ "a", 1 },
                                       (struct text){ (const char *)&i, sizeof(i) })
                      : event_id_make(i * 31 % 23, i * 17 % 3, sequences[i % 5] + i);
}

/* More pages are needed than there are at a time. */
static void
ids_of_many_journals_come_back_as_they_were(void **state)
{
    struct packer packer = { .out = &out, .journals = &journals };
    struct unpacker from;

    (void)state;
    for (unsigned i = 0; i < 500; i++) {
        struct event_id id = nth_id(i);
        struct short_id brief;
        uint8_t page;

        assert_int_equal(short_id_make(&journals, &id, &brief), 0);
        page = pack_page(&packer, &brief, id.len == 16);
        pack_byte(&packer, page | (i & PACKING_LOW));
        pack_id(&packer, &brief, page);
    }
    from = reader();
    for (unsigned i = 0; i < 500; i++) {
        struct event_id id = nth_id(i), got;
        uint8_t byte = unpack_byte(&from), page = byte & (uint8_t)~PACKING_LOW;
        struct short_id brief = unpack_id(&from, page);

        assert_int_equal(byte & PACKING_LOW, i & PACKING_LOW);
        got = short_id_expand(&journals, &brief, page == PACKING_KEYED);
        assert_true(event_id_equals(&got, &id));
    }
    assert_false(from.is_broken);
    assert_ptr_equal(from.at, from.end);
}

static void
ids_of_one_journal_in_order_take_two_bytes(void **state)
{
    struct packer packer = { .out = &out, .journals = &journals };
    size_t first = 0;

    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        struct event_id id = event_id_make(7, 7, 1000000 + i * 3);
        struct short_id brief;
        uint8_t page;

        assert_int_equal(short_id_make(&journals, &id, &brief), 0);
        page = pack_page(&packer, &brief, 0);
        pack_byte(&packer, page);
        pack_id(&packer, &brief, page);
        first = first == 0 ? out.len : first;
    }
    assert_int_equal(out.len - first, 99 * 2);
}

static void
what_is_cut_short_or_no_number_is_broken_and_reads_as_nothing(void **state)
{
    static const unsigned char endless[] = { 255, 255, 255, 255, 255, 255,
                                             255, 255, 255, 255, 255, 1 };
    static const unsigned char large[] = { 255, 255, 255, 255, 255, 255,
                                           255, 255, 255, 2 };
    struct unpacker from = { .at = endless, .end = endless + sizeof(endless),
                             .journals = &journals };

    (void)state;
    assert_int_equal(unpack_number(&from), 0);
    assert_true(from.is_broken);
    assert_int_equal(unpack_byte(&from), 0);
    from = (struct unpacker){ .at = large, .end = large + sizeof(large) };
    assert_int_equal(unpack_number(&from), 0);
    assert_true(from.is_broken);
    from = (struct unpacker){ .at = large, .end = large + 3 };
    assert_int_equal(unpack_fixed(&from, 8), 0);
    assert_true(from.is_broken);
    for (unsigned page = 0; page < 32; page++) {
        from = (struct unpacker){ .at = large, .end = large + 3, .journals = &journals };
        unpack_id(&from, (uint8_t)(page * 8));
        assert_true(from.is_broken);
    }
    assert_int_equal(journals.count, 0);
}

#define TEST(f) cmocka_unit_test_teardown(f, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(numbers_come_back_as_they_were),
        TEST(small_numbers_of_either_sign_take_a_byte),
        TEST(ids_of_many_journals_come_back_as_they_were),
        TEST(ids_of_one_journal_in_order_take_two_bytes),
        TEST(what_is_cut_short_or_no_number_is_broken_and_reads_as_nothing),
    };

    return cmocka_run_group_tests_name("packing", tests, NULL, NULL);
}
