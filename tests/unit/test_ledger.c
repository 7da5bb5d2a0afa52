/* The balance sheet's hours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/ledger.h"

static struct ledger ledger;

static int
setup(void **state)
{
    (void)state;
    memset(&ledger, 0, sizeof(ledger));
    return 0;
}

static void
an_hour_begins_at_its_first_microsecond_also_before_1970(void **state)
{
    (void)state;
    assert_int_equal(ledger_hour(0), 0);
    assert_int_equal(ledger_hour(INT64_C(3600000000) - 1), 0);
    assert_int_equal(ledger_hour(INT64_C(3600000000)), 1);
    assert_int_equal(ledger_hour(-1), -1);
    assert_int_equal(ledger_hour(INT64_C(-3600000000)), -1);
    assert_int_equal(ledger_hour(INT64_C(-3600000001)), -2);
}

static void
counts_by_journal_and_hour_in_any_order(void **state)
{
    (void)state;
    ledger_add(&ledger, 2, 10, LEDGER_ACCEPTED, 5);
    ledger_add(&ledger, 1, 12, LEDGER_ACCEPTED, 1);
    ledger_add(&ledger, 1, 10, LEDGER_STORED, 7);
    ledger_add(&ledger, 2, 10, LEDGER_ACCEPTED, 2);
    assert_int_equal(ledger.count, 3);
    assert_int_equal(ledger_find(&ledger, 2, 10)->counts[LEDGER_ACCEPTED], 7);
    assert_int_equal(ledger_find(&ledger, 1, 10)->counts[LEDGER_STORED], 7);
    assert_int_equal(ledger_find(&ledger, 1, 12)->counts[LEDGER_ACCEPTED], 1);
    assert_null(ledger_find(&ledger, 1, 11));
    assert_null(ledger_find(&ledger, 3, 10));
}

static void
takes_back_what_was_not_committed(void **state)
{
    (void)state;
    ledger_add(&ledger, 1, 10, LEDGER_ACCEPTED, 5);
    ledger_add(&ledger, 1, 10, LEDGER_ACCEPTED, -5);
    assert_int_equal(ledger_find(&ledger, 1, 10)->counts[LEDGER_ACCEPTED], 0);
}

static void
names_each_number_that_changed_until_it_is_settled(void **state)
{
    const struct ledger_row *row;
    enum ledger_column column;
    size_t at = 0;

    (void)state;
    ledger_add(&ledger, 1, 10, LEDGER_ACCEPTED, 5);
    ledger_settle(&ledger);
    ledger_add(&ledger, 1, 11, LEDGER_STORED, 2);
    ledger_add(&ledger, 1, 11, LEDGER_ACCEPTED, 3);
    assert_int_equal(ledger_next_changed(&ledger, &at, &row, &column), 1);
    assert_int_equal(row->hour, 11);
    assert_int_equal(column, LEDGER_ACCEPTED);
    assert_int_equal(ledger_next_changed(&ledger, &at, &row, &column), 1);
    assert_int_equal(column, LEDGER_STORED);
    assert_int_equal(ledger_next_changed(&ledger, &at, &row, &column), 0);
    ledger_settle(&ledger);
    at = 0;
    assert_int_equal(ledger_next_changed(&ledger, &at, &row, &column), 0);
}

static void
keeps_the_newest_hours(void **state)
{
    (void)state;
    for (int i = 0; i < 2 * LEDGER_MAX_ROWS; i++)
        ledger_add(&ledger, 1, i, LEDGER_ACCEPTED, i + 1);
    assert_int_equal(ledger.count, LEDGER_MAX_ROWS);
    assert_null(ledger_find(&ledger, 1, LEDGER_MAX_ROWS - 1));
    for (int i = LEDGER_MAX_ROWS; i < 2 * LEDGER_MAX_ROWS; i++)
        assert_int_equal(ledger_find(&ledger, 1, i)->counts[LEDGER_ACCEPTED], i + 1);
    ledger_add(&ledger, 1, 3, LEDGER_ACCEPTED, 1);
    assert_null(ledger_find(&ledger, 1, 3));
    ledger_add(&ledger, 0, LEDGER_MAX_ROWS + 5, LEDGER_ACCEPTED, 9);
    assert_int_equal(ledger.count, LEDGER_MAX_ROWS);
    assert_int_equal(ledger_find(&ledger, 0, LEDGER_MAX_ROWS + 5)->counts[LEDGER_ACCEPTED], 9);
    assert_null(ledger_find(&ledger, 1, LEDGER_MAX_ROWS));
}

static void
goes_to_json_and_back(void **state)
{
    struct ledger other = { 0 };
    json_t *list;

    (void)state;
    for (int i = 0; i < LEDGER_COLUMNS; i++)
        ledger_add(&ledger, UINT64_C(0xfedcba9876543210), 498700 + i, (enum ledger_column)i, i + 1);
    list = ledger_to_json(&ledger, 498701);
    assert_int_equal(json_array_size(list), LEDGER_COLUMNS - 1);
    assert_int_equal(ledger_from_json(&other, list), 0);
    assert_int_equal(ledger_from_json(&other, list), 0);
    for (int i = 1; i < LEDGER_COLUMNS; i++)
        assert_int_equal(ledger_find(&other, UINT64_C(0xfedcba9876543210), 498700 + i)->counts[i],
                         i + 1);
    json_decref(list);
}

static void
counts_entries_that_make_no_sense(void **state)
{
    json_t *list = json_loads("[1, {}, {\"journal\":\"xyz\",\"hour\":1},"
                              "{\"journal\":\"00000000000000ff\",\"hour\":9000000000000},"
                              "{\"journal\":\"00000000000000ff\",\"hour\":5,\"stored\":-1}]", 0, NULL);

    (void)state;
    assert_non_null(list);
    assert_int_equal(ledger_from_json(&ledger, list), 4);
    assert_int_equal(ledger_find(&ledger, 255, 5)->counts[LEDGER_STORED], 0);
    json_decref(list);
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_hour_begins_at_its_first_microsecond_also_before_1970),
        TEST(counts_by_journal_and_hour_in_any_order),
        TEST(takes_back_what_was_not_committed),
        TEST(names_each_number_that_changed_until_it_is_settled),
        TEST(keeps_the_newest_hours),
        TEST(goes_to_json_and_back),
        TEST(counts_entries_that_make_no_sense),
    };

    return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
