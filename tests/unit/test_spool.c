#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "detector/tool/spool.h"

enum { EVENTS = 5000, SMALL_RUN = 4096 };

static uint64_t
next_random(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407U;
    return *seed >> 33;
}

static void
put(struct spool *spool, int64_t received_us, uint64_t sequence, int64_t at_us,
    const char *bytes)
{
    struct err err;

    if (spool_add(spool, &(struct spool_place){ received_us, sequence, at_us, 0 },
                  text_of(bytes), &err) != 0)
        fail_msg("%s", err.text);
}

static void
expect(struct spool *spool, const char *bytes)
{
    struct spool_place place;
    struct text found;
    struct err err;

    assert_int_equal(spool_next(spool, &place, &found, &err), 1);
    assert_true(text_is(found, bytes));
}

static void
what_was_received_first_comes_first_whatever_its_own_time(void **state)
{
    struct spool *spool = spool_new(0);
    struct spool_place place;
    struct text found;
    struct err err;

    (void)state;
    put(spool, 20, 1, 1, "second");
    put(spool, 10, 9, 90, "first");
    put(spool, 30, 3, 0, "fourth");
    put(spool, 30, 2, 5, "third");
    assert_int_equal(spool_rewind(spool, &err), 0);
    expect(spool, "first");
    expect(spool, "second");
    expect(spool, "third");
    expect(spool, "fourth");
    assert_int_equal(spool_next(spool, &place, &found, &err), 0);
    assert_int_equal(spool_next(spool, &place, &found, &err), 0);
    spool_destroy(&spool);
}

static void
keyed_events_of_one_row_come_by_their_time_and_then_as_added(void **state)
{
    struct spool *spool = spool_new(0);
    struct err err;

    (void)state;
    put(spool, 10, 0, 7, "b");
    put(spool, 10, 0, 7, "c");
    put(spool, 10, 0, 6, "a");
    put(spool, 10, 1, 1, "numbered");
    assert_int_equal(spool_rewind(spool, &err), 0);
    expect(spool, "a");
    expect(spool, "b");
    expect(spool, "c");
    expect(spool, "numbered");
    spool_destroy(&spool);
}

/* So many runs that each is read in pieces, of events longer than a piece now and then. */
static void
many_runs_are_merged_and_no_byte_is_lost(void **state)
{
    struct spool *spool = spool_new(SMALL_RUN);
    uint64_t seed = 7, sum = 0, found_sum = 0, count = 0;
    struct spool_place place, before = { INT64_MIN, 0, 0, 0 };
    char *bytes = malloc(200000);
    struct text found;
    struct err err;

    (void)state;
    for (int i = 0; i < EVENTS; i++) {
        size_t len = i % 1000 == 999 ? 150000 : next_random(&seed) % 90;
        struct spool_place at = { (int64_t)(next_random(&seed) % 700), next_random(&seed) % 5,
                                  0, 0 };

        memset(bytes, (int)('a' + at.received_us % 26), len);
        sum += len * 3 + (uint64_t)at.received_us;
        if (spool_add(spool, &at, (struct text){ bytes, len }, &err) != 0)
            fail_msg("%s", err.text);
    }
    assert_int_equal(spool_count(spool), EVENTS);
    assert_int_equal(spool_rewind(spool, &err), 0);
    while (spool_next(spool, &place, &found, &err) == 1) {
        assert_true(place.received_us > before.received_us ||
                    (place.received_us == before.received_us &&
                     (place.sequence > before.sequence ||
                      (place.sequence == before.sequence && place.number > before.number))) ||
                    count == 0);
        for (size_t i = 0; i < found.len; i++)
            assert_int_equal(found.ptr[i], 'a' + place.received_us % 26);
        found_sum += found.len * 3 + (uint64_t)place.received_us;
        before = place;
        count++;
    }
    assert_int_equal(count, EVENTS);
    assert_int_equal(found_sum, sum);
    free(bytes);
    spool_destroy(&spool);
}

static void
an_empty_one_ends_at_once(void **state)
{
    struct spool *spool = spool_new(0);
    struct spool_place place;
    struct text found;
    struct err err;

    (void)state;
    assert_int_equal(spool_rewind(spool, &err), 0);
    assert_int_equal(spool_next(spool, &place, &found, &err), 0);
    spool_destroy(&spool);
}

static void
a_folder_that_takes_nothing_is_a_reason(void **state)
{
    char *kept = getenv("TMPDIR") == NULL ? NULL : strdup(getenv("TMPDIR"));
    struct spool *spool = spool_new(SMALL_RUN);
    struct err err = { "" };

    (void)state;
    setenv("TMPDIR", "/no/such/folder", 1);
    put(spool, 1, 1, 1, "a");
    assert_int_equal(spool_rewind(spool, &err), -1);
    assert_non_null(strstr(err.text, "/no/such/folder"));
    spool_destroy(&spool);
    if (kept != NULL)
        setenv("TMPDIR", kept, 1);
    else
        unsetenv("TMPDIR");
    free(kept);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_received_first_comes_first_whatever_its_own_time),
        cmocka_unit_test(keyed_events_of_one_row_come_by_their_time_and_then_as_added),
        cmocka_unit_test(many_runs_are_merged_and_no_byte_is_lost),
        cmocka_unit_test(an_empty_one_ends_at_once),
        cmocka_unit_test(a_folder_that_takes_nothing_is_a_reason),
    };

    return cmocka_run_group_tests_name("spool", tests, NULL, NULL);
}
