#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "proto/base/clock.h"
#include "proto/base/hash.h"

/* The expected values are on users' disks: a change here is a change of format.
 * Both were computed apart from this code (Python: hashlib, and SipHash-2-4
 * written out from its paper). */
static void
hash64_stays_what_it_was(void **state)
{
    assert_true(hash64("", 0) == UINT64_C(0x90a8a0462c2c7954));
    assert_true(hash64(NULL, 0) == hash64("", 0));
    assert_true(hash64("203.0.113.7", 11) == UINT64_C(0xbc01f332b246a9f9));
}

static void
hash_id_stays_what_it_was(void **state)
{
    const struct text parts[] = { text_of("key"), text_of("client-1") };
    unsigned char id[HASH_ID_LEN];
    char hex[2 * HASH_ID_LEN + 1];

    hash_id(parts, 2, id);
    hash_to_hex(id, sizeof(id), hex);
    assert_string_equal(hex, "aaef27acbdfa1eef841027483a5d4ad4");
}

static void
hash_id_tells_where_a_part_ends(void **state)
{
    const struct text first[] = { text_of("ab"), text_of("c") };
    const struct text second[] = { text_of("a"), text_of("bc") };
    const struct text third[] = { text_of("ab"), text_of("c"), text_of(NULL) };
    unsigned char ids[3][HASH_ID_LEN];

    hash_id(first, 2, ids[0]);
    hash_id(second, 2, ids[1]);
    hash_id(third, 3, ids[2]);
    assert_memory_not_equal(ids[0], ids[1], HASH_ID_LEN);
    assert_memory_not_equal(ids[0], ids[2], HASH_ID_LEN);
}

static void
random_numbers_differ(void **state)
{
    uint64_t first = hash_random64(), second = hash_random64();
    unsigned char bytes[32] = { 0 }, zeros[32] = { 0 };

    assert_true(first != 0 && second != 0 && first != second);
    hash_random(bytes, sizeof(bytes));
    assert_memory_not_equal(bytes, zeros, sizeof(bytes));
}

static void
hex_goes_there_and_back(void **state)
{
    const unsigned char bytes[] = { 0x00, 0x7f, 0x80, 0xff, 0xab };
    unsigned char back[sizeof(bytes)];
    char hex[2 * sizeof(bytes) + 1];

    hash_to_hex(bytes, sizeof(bytes), hex);
    assert_string_equal(hex, "007f80ffab");
    assert_int_equal(hash_from_hex(text_of("007F80ffAB"), back, sizeof(back)), 0);
    assert_memory_equal(back, bytes, sizeof(bytes));
}

static void
bad_hex_is_refused_and_writes_nothing(void **state)
{
    static const char *const bad[] = { "",
                                       "ab",
                                       "abc",
                                       "abcde",
                                       "abcdef",
                                       "abg0",
                                       "ab 0",
                                       "0xab",
                                       "ab\xc1"
                                       "1",
                                       "ab/0",
                                       "ab:0",
                                       "ab`0" };
    unsigned char out[2] = { 1, 2 };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(hash_from_hex(text_of(bad[i]), out, 2), -1);
    assert_int_equal(out[0], 1);
    assert_int_equal(out[1], 2);
}

static void
clocks_run_forward_in_their_units(void **state)
{
    int64_t start_ms = clock_steady_ms();

    assert_true(clock_real_us() > INT64_C(1700000000000000));   /* after 2023 */
    assert_true(clock_real_us() < INT64_C(10000000000000000));
    assert_true(clock_steady_ms() >= start_ms);
    assert_true(clock_steady_ms() - start_ms < 60000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hash64_stays_what_it_was),
        cmocka_unit_test(hash_id_stays_what_it_was),
        cmocka_unit_test(hash_id_tells_where_a_part_ends),
        cmocka_unit_test(random_numbers_differ),
        cmocka_unit_test(hex_goes_there_and_back),
        cmocka_unit_test(bad_hex_is_refused_and_writes_nothing),
        cmocka_unit_test(clocks_run_forward_in_their_units),
    };

    return cmocka_run_group_tests_name("hash", tests, NULL, NULL);
}
