/* The balance sheet and the allow list's counts, as the store keeps them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "tests/support/store_case.h"

enum { HOUR = 492312, JOURNAL = 7 };

static struct err err;

static void
put(struct store_case *the, uint64_t first, int64_t hour, uint64_t stored, uint64_t not_stored)
{
    const struct store_ledger_row row = { JOURNAL, first, hour, stored, not_stored, 0, 0 };

    if (the->writer->ops->put_ledger(the->writer, &row, 1, &err) != STORE_DONE)
        fail_msg("%s", err.text);
}

static struct ledger
get(struct store_case *the, int64_t from, int64_t to)
{
    struct ledger ledger = { 0 };

    if (the->reader->ops->get_ledger(the->reader, from, to, &ledger, &err) != 0)
        fail_msg("%s", err.text);
    return ledger;
}

static uint64_t
count_of(struct store_case *the, int64_t hour, enum ledger_column column)
{
    struct ledger ledger = get(the, hour, hour + 1);
    const struct ledger_row *row = ledger_find(&ledger, JOURNAL, hour);

    return row == NULL ? 0 : row->counts[column];
}

static void
a_row_that_comes_again_counts_once(void **state)
{
    struct store_case *the = *state;

    store_case_needs_files(the);
    assert_int_equal(get(the, 0, INT64_MAX).count, 0);     /* nothing is there yet */
    put(the, 1, HOUR, 10, 0);
    put(the, 11, HOUR, 5, 1);
    put(the, 1, HOUR, 10, 0);
    put(the, 17, HOUR + 1, 3, 0);
    assert_int_equal(count_of(the, HOUR, LEDGER_STORED), 15);
    assert_int_equal(count_of(the, HOUR, LEDGER_NOT_STORED), 1);
    assert_int_equal(count_of(the, HOUR + 1, LEDGER_STORED), 3);
    assert_int_equal(get(the, HOUR, HOUR + 1).count, 1);
}

static void
keeps_the_sums_when_the_rows_go(void **state)
{
    struct store_case *the = *state;
    int64_t later_us = (int64_t)(HOUR + 100) * CASE_HOUR;
    unsigned deleted;

    store_case_needs_files(the);
    put(the, 1, HOUR, 10, 2);
    put(the, 13, HOUR + 99, 4, 0);
    assert_int_equal(the->writer->ops->retain(the->writer, later_us, &deleted, &err), 0);
    assert_int_equal(the->writer->ops->retain(the->writer, later_us, &deleted, &err), 0);
    assert_int_equal(count_of(the, HOUR, LEDGER_STORED), 10);
    assert_int_equal(count_of(the, HOUR, LEDGER_NOT_STORED), 2);
    assert_int_equal(count_of(the, HOUR + 99, LEDGER_STORED), 4);
    later_us += INT64_C(401) * CASE_DAY;
    assert_int_equal(the->writer->ops->retain(the->writer, later_us, &deleted, &err), 0);
    assert_int_equal(count_of(the, HOUR, LEDGER_STORED), 0);
}

static void
retain(struct store_case *the, int64_t hour)
{
    unsigned deleted;

    if (the->writer->ops->retain(the->writer, hour * CASE_HOUR, &deleted, &err) != 0)
        fail_msg("%s", err.text);
}

/* An indexer that was away for days stores old hours in many pieces. */
static void
an_old_hour_that_comes_in_pieces_is_summed_up_as_a_whole(void **state)
{
    struct store_case *the = *state;

    store_case_needs_files(*state);
    put(the, 1, HOUR, 10, 0);
    retain(the, HOUR + 100);
    put(the, 11, HOUR, 5, 1);
    retain(the, HOUR + 100);
    put(the, 17, HOUR + 1, 5, 0);
    retain(the, HOUR + 100);
    put(the, 22, HOUR, 1, 0);           /* sent again out of order */
    assert_int_equal(count_of(the, HOUR, LEDGER_STORED), 16);
    put(the, 23, HOUR + 99, 7, 0);
    retain(the, HOUR + 100);
    assert_int_equal(count_of(the, HOUR, LEDGER_STORED), 16);
    assert_int_equal(count_of(the, HOUR, LEDGER_NOT_STORED), 1);
    assert_int_equal(count_of(the, HOUR + 1, LEDGER_STORED), 5);
    assert_int_equal(count_of(the, HOUR + 99, LEDGER_STORED), 7);
}

static int
rows_left(const struct store_case *the)
{
    char path[256];
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    int count;

    snprintf(path, sizeof(path), "%s/ledger.db", the->store_dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT count(*) FROM rows", -1, &stmt, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    count = sqlite3_column_int(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return count;
}

static void
the_rows_of_a_journal_that_has_ended_go_after_a_month(void **state)
{
    struct store_case *the = *state;

    store_case_needs_files(*state);
    put(the, 1, HOUR, 10, 0);
    retain(the, HOUR + 700);
    assert_int_equal(rows_left(the), 1);
    retain(the, HOUR + 730);
    assert_int_equal(rows_left(the), 0);
    assert_int_equal(count_of(the, HOUR, LEDGER_STORED), 10);
}

/* A request a millisecond makes a row a millisecond. */
static void
rows_go_within_hours(void **state)
{
    struct store_case *the = *state;

    store_case_needs_files(*state);
    for (unsigned i = 0; i < 48; i++)
        for (unsigned k = 0; k < 10; k++)
            put(the, 1 + 10 * i + k, HOUR + i, 1, 0);
    retain(the, HOUR + 48);
    assert_int_equal(rows_left(the), 60);
    for (unsigned i = 0; i < 48; i++)
        assert_int_equal(count_of(the, HOUR + i, LEDGER_STORED), 10);
}

static void
keeps_what_the_other_stages_have_counted(void **state)
{
    struct store_case *the = *state;
    struct ledger hours = { 0 };

    store_case_needs_files(the);
    ledger_add(&hours, JOURNAL, HOUR, LEDGER_ACCEPTED, 20);
    ledger_add(&hours, JOURNAL, HOUR, LEDGER_REFUSED_FIELD, 3);
    ledger_add(&hours, JOURNAL, HOUR, LEDGER_STORED, 4);
    assert_int_equal(the->writer->ops->put_balance(the->writer, &hours, &err), STORE_DONE);
    put(the, 1, HOUR, 18, 2);
    ledger_add(&hours, JOURNAL, HOUR, LEDGER_ACCEPTED, 2);
    assert_int_equal(the->writer->ops->put_balance(the->writer, &hours, &err), STORE_DONE);
    assert_int_equal(count_of(the, HOUR, LEDGER_ACCEPTED), 22);
    assert_int_equal(count_of(the, HOUR, LEDGER_REFUSED_FIELD), 3);
    /* the rows know more than was kept of them */
    assert_int_equal(count_of(the, HOUR, LEDGER_STORED), 18);
}

/* An event that stands in the journal, stored. */
static void
store_one(struct store_case *the, uint64_t sequence)
{
    store_case_add(the, (struct event_plan){ .sequence = sequence });
    the->events[the->made_count - 1].journal = 0xb0b0;
    the->events[the->made_count - 1].sequence = sequence;
    store_case_put(the);
}

/* The indexer died between the sheet and its acknowledgement, and meanwhile somebody has
 * mended what the event was refused for. */
static void
what_was_set_aside_and_stored_after_all_counts_once(void **state)
{
    struct store_case *the = *state;
    const int64_t hour = CASE_START / CASE_HOUR;
    struct store_ledger_row row = { .journal = 0xb0b0, .first = 1, .hour = hour, .stored = 1,
                                    .not_stored = 1 };
    struct ledger hours = { 0 };
    const struct ledger_row *found;

    store_one(the, 1);
    assert_int_equal(the->writer->ops->put_ledger(the->writer, &row, 1, &err), STORE_DONE);
    ledger_add(&hours, 0xb0b0, hour, LEDGER_ACCEPTED, 2);
    ledger_add(&hours, 0xb0b0, hour, LEDGER_STORED, 1);
    ledger_add(&hours, 0xb0b0, hour, LEDGER_NOT_STORED, 1);
    assert_int_equal(the->writer->ops->put_balance(the->writer, &hours, &err), STORE_DONE);
    store_one(the, 2);
    row.stored = 2;
    row.not_stored = 0;
    row.is_again = 1;
    assert_int_equal(the->writer->ops->put_ledger(the->writer, &row, 1, &err), STORE_DONE);
    for (int looks = 0; looks < 2; looks++) {
        hours = get(the, hour, hour + 1);
        found = ledger_find(&hours, 0xb0b0, hour);
        assert_non_null(found);
        assert_int_equal(found->counts[LEDGER_STORED], 2);
        assert_int_equal(found->counts[LEDGER_NOT_STORED], 0);
        assert_int_equal(the->writer->ops->put_balance(the->writer, &hours, &err), STORE_DONE);
    }
}

static void
a_damaged_sheet_is_begun_anew_and_stops_nobody(void **state)
{
    struct store_case *the = *state;
    char path[256];
    FILE *file;

    store_case_needs_files(the);
    put(the, 1, HOUR, 10, 0);
    store_case_reopen(the);
    snprintf(path, sizeof(path), "%s/ledger.db-wal", the->store_dir);
    unlink(path);
    path[strlen(path) - 4] = '\0';
    file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < 5000; i++)
        fputs("no database ", file);
    fclose(file);
    put(the, 11, HOUR, 7, 0);
    assert_int_equal(count_of(the, HOUR, LEDGER_STORED), 7);
}

static void
fill_rows(struct store_case *the)
{
    struct store_ledger_row rows[1000];

    for (uint64_t i = 0; i < 4000; i++) {
        rows[i % 1000] = (struct store_ledger_row){ .journal = JOURNAL, .first = i + 1,
                                                    .hour = HOUR, .stored = 1 };
        if (i % 1000 == 999)
            assert_int_equal(the->writer->ops->put_ledger(the->writer, rows, 1000, &err),
                             STORE_DONE);
    }
}

/* All but the first page, which is looked at when the file is opened. */
static void
damage(struct store_case *the)
{
    char path[256];
    FILE *file;
    long end;

    store_close(&the->writer);
    store_close(&the->reader);
    snprintf(path, sizeof(path), "%s/ledger.db", the->store_dir);
    file = fopen(path, "r+");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    end = ftell(file);
    assert_true(end > 65536);
    assert_int_equal(fseek(file, 8192, SEEK_SET), 0);
    while (ftell(file) < end)
        fputs("no page!", file);
    fclose(file);
    store_case_reopen(the);
}

/* Or the indexer would die of it again and again, and store no event. */
static void
a_sheet_that_turns_out_to_be_damaged_is_begun_anew(void **state)
{
    const struct store_ledger_row row = { .journal = JOURNAL, .first = 5000, .hour = HOUR,
                                          .stored = 7 };
    struct store_case *the = *state;

    store_case_needs_files(*state);
    fill_rows(the);
    damage(the);
    assert_int_equal(the->writer->ops->put_ledger(the->writer, &row, 1, &err), STORE_RETRY);
    assert_int_equal(the->writer->ops->put_ledger(the->writer, &row, 1, &err), STORE_DONE);
    assert_int_equal(count_of(the, HOUR, LEDGER_STORED), 7);
}

/* Indexer and notifier have it open, and one of them puts it aside. */
static void
a_sheet_that_another_process_has_put_aside_is_left(void **state)
{
    struct store_case *the = *state;
    char path[256], aside[270];

    store_case_needs_files(*state);
    put(the, 1, HOUR, 10, 0);
    snprintf(path, sizeof(path), "%s/ledger.db", the->store_dir);
    snprintf(aside, sizeof(aside), "%s.aside", path);
    assert_int_equal(rename(path, aside), 0);
    put(the, 11, HOUR, 7, 0);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(count_of(the, HOUR, LEDGER_STORED), 7);
}

/* --- the allow list --- */

struct sums {
    char entries[4][32];
    uint64_t events[4];
    size_t count;
};

static int
take(void *ctx, const struct store_allowed *sum)
{
    struct sums *sums = ctx;

    assert_true(sums->count < 4);
    snprintf(sums->entries[sums->count], sizeof(sums->entries[0]), "%s: %s", sum->entry,
             sum->reason);
    sums->events[sums->count++] = sum->events;
    return 0;
}

static struct sums
allowed(struct store_case *the, const char *first, const char *last)
{
    struct sums sums = { .count = 0 };

    if (the->reader->ops->get_allowed(the->reader, first, last, take, &sums, &err) != 0)
        fail_msg("%s", err.text);
    return sums;
}

static void
sums_up_what_each_entry_took_within_the_days(void **state)
{
    static const struct store_allowed rows[] = {
        { "2026-11-20", "scanner", "ours", 5 }, { "2026-11-21", "scanner", "ours", 7 },
        { "2026-11-21", "backup", "nightly", 9 }, { "2026-11-22", "scanner", "ours", 100 },
    };
    struct store_case *the = *state;
    struct sums sums;

    assert_int_equal(allowed(the, "2026-01-01", "2026-12-31").count, 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(the->writer->ops->put_allowed(the->writer, rows, 4, &err), STORE_DONE);
    sums = allowed(the, "2026-11-20", "2026-11-21");
    assert_int_equal(sums.count, 2);
    assert_string_equal(sums.entries[0], "scanner: ours");
    assert_int_equal(sums.events[0], 12);
    assert_int_equal(sums.events[1], 9);
    assert_int_equal(allowed(the, "2026-11-22", "2026-11-22").events[0], 100);
}

/* As a version before there were allow lists left it. */
static void
drop_table(struct store_case *the)
{
    char path[256];
    sqlite3 *db = NULL;

    store_close(&the->writer);
    store_close(&the->reader);
    snprintf(path, sizeof(path), "%s/ledger.db", the->store_dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "DROP TABLE allowed", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    store_case_reopen(the);
}

static void
an_older_file_has_nothing_of_the_allow_list_and_takes_it(void **state)
{
    static const struct store_allowed row = { "2026-11-20", "a", "why", 3 };
    struct store_case *the = *state;

    store_case_needs_files(the);
    put(the, 1, HOUR, 10, 0);
    drop_table(the);
    assert_int_equal(allowed(the, "2026-01-01", "2026-12-31").count, 0);
    assert_int_equal(the->writer->ops->put_allowed(the->writer, &row, 1, &err), STORE_DONE);
    assert_int_equal(allowed(the, "2026-01-01", "2026-12-31").count, 1);
    assert_int_equal(count_of(the, HOUR, LEDGER_STORED), 10);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, store_case_open, store_case_close)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_row_that_comes_again_counts_once),
        TEST(keeps_the_sums_when_the_rows_go),
        TEST(an_old_hour_that_comes_in_pieces_is_summed_up_as_a_whole),
        TEST(the_rows_of_a_journal_that_has_ended_go_after_a_month),
        TEST(rows_go_within_hours),
        TEST(keeps_what_the_other_stages_have_counted),
        TEST(what_was_set_aside_and_stored_after_all_counts_once),
        TEST(a_damaged_sheet_is_begun_anew_and_stops_nobody),
        TEST(a_sheet_that_turns_out_to_be_damaged_is_begun_anew),
        TEST(a_sheet_that_another_process_has_put_aside_is_left),
        TEST(sums_up_what_each_entry_took_within_the_days),
        TEST(an_older_file_has_nothing_of_the_allow_list_and_takes_it),
    };

    return cmocka_run_group_tests_name("store ledger", tests, NULL, NULL);
}
