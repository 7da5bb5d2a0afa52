/*
 * Ids that were there lately are known, and strangers almost never.
 */
#include "detector/engine/id_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* As evenly spread as the hash that an id is. */
static uint64_t
mix(uint64_t n)
{
    n = (n ^ (n >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    n = (n ^ (n >> 27)) * UINT64_C(0x94D049BB133111EB);
    return n ^ (n >> 31);
}

static int
add(struct id_memory *memory, unsigned n)
{
    const uint64_t halves[2] = { mix(n * UINT64_C(0x9E3779B97F4A7C15) + 1), mix(n + 77) };
    uint8_t id[HASH_ID_LEN];

    memcpy(id, halves, sizeof(id));
    return id_memory_add(memory, id);
}

static void
an_id_is_new_once(void **state)
{
    struct id_memory memory = { 0 };

    (void)state;
    for (unsigned n = 0; n < 1000; n++)
        assert_int_equal(add(&memory, n), 0);
    for (unsigned n = 0; n < 1000; n++)
        assert_int_equal(add(&memory, n), 1);
    id_memory_release(&memory);
    assert_int_equal(add(&memory, 1), 0);
    id_memory_release(&memory);
}

static void
strangers_are_almost_never_taken_for_known(void **state)
{
    struct id_memory memory = { 0 };
    unsigned known = 0;

    (void)state;
    for (unsigned n = 0; n < 2 * ID_MEMORY_SHARE; n++)
        known += add(&memory, n) != 0;
    assert_true(known < 2 * ID_MEMORY_SHARE / 500);
    id_memory_release(&memory);
}

static void
the_last_million_are_known_and_what_was_long_before_is_not(void **state)
{
    struct id_memory memory = { 0 };
    unsigned known = 0, first = 2 * ID_MEMORY_SHARE + 5000;

    (void)state;
    for (unsigned n = 0; n < first; n++)
        (void)add(&memory, n);
    for (unsigned n = first - 1000; n < first; n++)
        assert_int_equal(add(&memory, n), 1);
    for (unsigned n = 0; n < 1000; n++)
        known += add(&memory, n) != 0;
    assert_true(known < 20);
    id_memory_release(&memory);
}

static void
what_comes_again_stays_known(void **state)
{
    struct id_memory memory = { 0 };

    (void)state;
    (void)add(&memory, 7);
    for (unsigned n = 100; n < 100 + 3 * ID_MEMORY_SHARE; n++) {
        (void)add(&memory, n);
        if (n % 100000 == 0)
            assert_int_equal(add(&memory, 7), 1);
    }
    id_memory_release(&memory);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_is_new_once),
        cmocka_unit_test(strangers_are_almost_never_taken_for_known),
        cmocka_unit_test(the_last_million_are_known_and_what_was_long_before_is_not),
        cmocka_unit_test(what_comes_again_stays_known),
    };

    return cmocka_run_group_tests_name("id_memory", tests, NULL, NULL);
}
