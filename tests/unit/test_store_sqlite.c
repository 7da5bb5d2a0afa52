/* What is the embedded store's own: its files, and what can go wrong with them. */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "proto/base/timestamp.h"
#include "tests/support/store_case.h"

static int
count_visit(void *ctx, const struct event *ev)
{
    ++*(size_t *)ctx;
    return 0;
}

/* Events that this store finds, or fails the test. */
static size_t
events_in(struct store *store)
{
    struct event_query query = { .from_us = INT64_MIN,
                                 .to_us = INT64_MAX,
                                 .limit = 1000 };
    struct event_page page;
    struct err err = { "" };
    size_t count = 0;

    if (store->ops->find_events(store, &query, count_visit, &count, &page, &err) != 0)
        fail_msg("find_events: %s", err.text);
    return count;
}

static void
path_of(const struct store_case *the, int day, const char *end, char *out, size_t size)
{
    char name[TIMESTAMP_LEN];

    timestamp_format_day(20513 + day, name);
    snprintf(out, size, "%s/events-%s.db%s", the->store_dir, name, end);
}

static int
is_there(const struct store_case *the, int day, const char *end)
{
    char path[256];

    path_of(the, day, end, path, sizeof(path));
    return access(path, F_OK) == 0;
}

/* One event on each of `days` storage days. */
static void
put_days(struct store_case *the, int days)
{
    for (int day = 0; day < days; day++)
        store_case_add(the, (struct event_plan){ .sequence = (uint64_t)day + 1,
                                                 .at_s = day * 86400 + 60 });
    store_case_put(the);
}

static size_t
open_descriptors(const char *needle)
{
    DIR *dir = opendir("/proc/self/fd");
    struct dirent *entry;
    size_t count = 0;

    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        char target[512];
        ssize_t len = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);

        target[len < 0 ? 0 : len] = '\0';
        count += strstr(target, needle) != NULL;
    }
    closedir(dir);
    return count;
}

/* ---- files ---- */

static void
a_reader_without_a_folder_answers_and_makes_nothing(void **state)
{
    struct store_case *the = *state;
    char absent[128];
    struct settings settings = { .store_dir = absent };
    struct incident_query incidents = { .to_us = INT64_MAX, .limit = 5, .status = -1 };
    struct incident_change change = { .to = STATUS_RESOLVED };
    const struct count_query minutes = { 0, CASE_HOUR, CASE_HOUR, 5 };
    struct incident **found = NULL;
    struct store *store;
    struct counts counts;
    size_t count = 1;
    int is_more = 1;
    struct err err;

    snprintf(absent, sizeof(absent), "%s/absent/store", the->dir);
    store = store_open(&settings, STORE_READ, &err);
    assert_non_null(store);
    assert_int_equal(events_in(store), 0);
    assert_int_equal(
        store->ops->find_incidents(store, &incidents, &found, &count, &is_more, &err), 0);
    assert_int_equal(count, 0);
    store_free_incidents(&found, count);
    assert_int_equal(store->ops->count(store, &minutes, &counts, &err), 0);
    counts_release(&counts);
    assert_int_equal(store->ops->set_status(store, "x", &change, &err), 0);
    assert_int_equal(access(absent, F_OK), -1);
    store_close(&store);
}

static void
a_reader_opened_before_the_writer_sees_what_comes(void **state)
{
    struct store_case *the = *state;

    assert_int_equal(events_in(the->reader), 0);
    put_days(the, 1);
    assert_int_equal(events_in(the->reader), 1);
    store_case_add(the, (struct event_plan){ .sequence = 100, .at_s = 70 });
    store_case_put(the);
    assert_int_equal(events_in(the->reader), 2);
}

static void
a_reader_may_not_write_events(void **state)
{
    struct store_case *the = *state;
    struct store_written written;
    struct err err;

    store_case_add(the, (struct event_plan){ .sequence = 1, .at_s = 1 });
    assert_int_equal(
        the->reader->ops->put_events(the->reader, the->events, 1, &written, &err),
        STORE_UNCLEAR);
    assert_false(is_there(the, 0, ""));
}

static void
each_storage_day_has_a_file(void **state)
{
    struct store_case *the = *state;

    store_case_add(the, (struct event_plan){ .sequence = 1, .at_s = 5 });
    store_case_add(the, (struct event_plan){
                            .sequence = 2, .at_s = -500 * 86400, .received_s = 86400 });
    store_case_add(the, (struct event_plan){ .at_s = -3 * 86400,
                                             .received_s = 86400,
                                             .key = "its own time decides" });
    store_case_put(the);
    assert_true(is_there(the, 0, ""));
    assert_true(is_there(the, 1, ""));
    assert_true(is_there(the, -3, ""));
    assert_false(is_there(the, -500, ""));
    assert_int_equal(events_in(the->reader), 3);
}

static void
few_files_are_open_however_many_days_there_are(void **state)
{
    struct store_case *the = *state;

    put_days(the, 40);
    assert_int_equal(events_in(the->reader), 40);
    assert_int_equal(events_in(the->writer), 40);
    assert_in_range(open_descriptors(the->store_dir), 1, 2 * 8 * 3);
    put_days(the, 40);
    assert_int_equal(events_in(the->reader), 40);
}

static void
a_file_that_vanishes_and_comes_back_is_taken_as_it_is(void **state)
{
    struct store_case *the = *state;
    char path[256];

    put_days(the, 2);
    assert_int_equal(events_in(the->reader), 2);
    store_close(&the->writer);
    path_of(the, 0, "", path, sizeof(path));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(events_in(the->reader), 1);
    store_case_reopen(the);
    store_case_add(the, (struct event_plan){ .sequence = 50, .at_s = 1 });
    store_case_add(the, (struct event_plan){ .sequence = 51, .at_s = 2 });
    store_case_put(the);
    assert_int_equal(events_in(the->reader), 3);
}

/* ---- what is wrong with a file ---- */

static void
overwrite(const char *path, const char *bytes, size_t len)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static void
a_corrupt_file_is_named_and_not_trusted(void **state)
{
    struct store_case *the = *state;
    struct event_query query = { .to_us = INT64_MAX, .limit = 1 };
    struct store_written written;
    struct event_page page;
    struct err err = { "" };
    char path[256], junk[20000];
    size_t count = 0;

    path_of(the, 0, "", path, sizeof(path));
    memset(junk, 'x', sizeof(junk));
    overwrite(path, junk, sizeof(junk));
    store_case_add(the, (struct event_plan){ .sequence = 1, .at_s = 1 });
    assert_int_equal(
        the->writer->ops->put_events(the->writer, the->events, 1, &written, &err),
        STORE_UNCLEAR);
    assert_non_null(strstr(err.text, path));
    err.text[0] = '\0';
    assert_int_equal(the->reader->ops->find_events(the->reader, &query, count_visit,
                                                   &count, &page, &err),
                     -1);
    assert_non_null(strstr(err.text, path));
}

static void
a_file_cut_off_in_the_middle_is_not_trusted(void **state)
{
    struct store_case *the = *state;
    struct store_written written;
    struct err err = { "" };
    enum store_outcome outcome = STORE_DONE;
    struct stat info;
    char path[256];

    for (int i = 0; i < 3000; i++)
        store_case_add(the, (struct event_plan){ .sequence = (uint64_t)i + 1,
                                                 .at_s = i % 900,
                                                 .raw_log = "some line of a log" });
    store_case_put(the);
    store_close(&the->writer);
    store_close(&the->reader);
    path_of(the, 0, "", path, sizeof(path));
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(truncate(path, info.st_size / 8192 / 2 * 8192), 0);
    store_case_reopen(the);
    for (int i = 0; i < 3000; i++)
        store_case_add(
            the, (struct event_plan){ .sequence = (uint64_t)i + 1, .at_s = i % 900 });
    outcome = the->writer->ops->put_events(the->writer, the->events + 3000, 3000,
                                           &written, &err);
    assert_int_equal(outcome, STORE_UNCLEAR);
    assert_non_null(strstr(err.text, path));
}

static void
another_programs_database_is_refused(void **state)
{
    struct store_case *the = *state;
    struct store_written written;
    struct err err = { "" };
    sqlite3 *db = NULL;
    char path[256];

    path_of(the, 0, "", path, sizeof(path));
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db, "PRAGMA application_id=7; CREATE TABLE t(x)", NULL, NULL, NULL),
        SQLITE_OK);
    sqlite3_close(db);
    store_case_add(the, (struct event_plan){ .sequence = 1, .at_s = 1 });
    assert_int_not_equal(
        the->writer->ops->put_events(the->writer, the->events, 1, &written, &err),
        STORE_DONE);
    assert_non_null(strstr(err.text, path));
}

static void
a_file_says_whose_it_is_and_of_which_version(void **state)
{
    static const struct {
        const char *sql;
        int number;
    } wanted[] = {
        { "PRAGMA application_id", 0x626f6e67 },
        { "PRAGMA user_version", 1 },
        { "PRAGMA page_size", 8192 },
    };
    struct store_case *the = *state;
    sqlite3 *db = NULL;
    char path[256];

    put_days(the, 1);
    path_of(the, 0, "", path, sizeof(path));
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        sqlite3_stmt *stmt = NULL;

        assert_int_equal(sqlite3_prepare_v2(db, wanted[i].sql, -1, &stmt, NULL),
                         SQLITE_OK);
        assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
        assert_int_equal(sqlite3_column_int(stmt, 0), wanted[i].number);
        sqlite3_finalize(stmt);
    }
    sqlite3_close(db);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, store_case_open, store_case_close)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_reader_without_a_folder_answers_and_makes_nothing),
        TEST(a_reader_opened_before_the_writer_sees_what_comes),
        TEST(a_reader_may_not_write_events),
        TEST(each_storage_day_has_a_file),
        TEST(few_files_are_open_however_many_days_there_are),
        TEST(a_file_that_vanishes_and_comes_back_is_taken_as_it_is),
        TEST(a_corrupt_file_is_named_and_not_trusted),
        TEST(a_file_cut_off_in_the_middle_is_not_trusted),
        TEST(another_programs_database_is_refused),
        TEST(a_file_says_whose_it_is_and_of_which_version),
    };

    return cmocka_run_group_tests_name("store sqlite", tests, NULL, NULL);
}
