#include "proto/run/poison.h"
#include "tests/support/temp_dir.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

/* A process that dies is a child that kills itself with the file open. */
struct place {
    char dir[64];
    char path[128];
};

enum { ORIGIN = 7 };

static int
open_place(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    temp_dir_make(NULL, place->dir, sizeof(place->dir));
    snprintf(place->path, sizeof(place->path), "%s/poison.db", place->dir);
    *state = place;
    return 0;
}

static int
close_place(void **state)
{
    static const char *const endings[] = { "", "-wal", "-shm" };
    struct place *place = *state;
    char path[256];

    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "%s%s", place->path, endings[i]);
        unlink(path);
    }
    rmdir(place->dir);
    free(place);
    return 0;
}

static struct poison *
must_open(const struct place *place, int64_t now_ms)
{
    struct err err = { "" };
    struct poison *poison = poison_open(place->path, now_ms, &err);

    if (poison == NULL)
        print_message("%s\n", err.text);
    assert_non_null(poison);
    return poison;
}

/* Run work in a process that dies in the middle of it. What it returns must
 * be `expected`. */
static void
die_during(const struct place *place, int (*work)(struct poison *poison), int expected)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        struct poison *poison = poison_open(place->path, 0, NULL);

        if (poison == NULL || work(poison) != expected)
            _exit(1);
        kill(getpid(), SIGKILL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static int
do_nothing(struct poison *poison)
{
    return 0;
}

static int
attempt_100(struct poison *poison)
{
    return (int)poison_attempt(poison, ORIGIN, 100, NULL);
}

static int
work_on_105(struct poison *poison)
{
    poison_attempt(poison, ORIGIN, 100, NULL);
    if (poison_begin_event(poison, ORIGIN, 104, NULL) != 0)
        return -1;
    return poison_begin_event(poison, ORIGIN, 105, NULL);
}

/* --- careful or not --- */

static void
is_not_careful_on_a_new_file_or_after_a_clean_end(void **state)
{
    struct poison *poison = must_open(*state, 1000);

    assert_false(poison_is_careful(poison, 1000));
    poison_close(&poison);
    assert_null(poison);
    poison_close(&poison);
    poison = must_open(*state, 2000);
    assert_false(poison_is_careful(poison, 2000));
    poison_close(&poison);
}

static void
is_careful_for_a_minute_after_an_unclean_end(void **state)
{
    struct poison *poison;

    die_during(*state, do_nothing, 0);
    poison = must_open(*state, 1000);
    assert_true(poison_is_careful(poison, 1000));
    assert_true(poison_is_careful(poison, 60999));
    assert_false(poison_is_careful(poison, 61000));
    poison_close(&poison);
}

/* --- attempts --- */

static void
counts_attempts_over_deaths(void **state)
{
    struct poison *poison;

    die_during(*state, attempt_100, 1);
    die_during(*state, attempt_100, 2);
    poison = must_open(*state, 0);
    assert_int_equal(poison_attempt(poison, ORIGIN, 100, NULL), 3);
    poison_close(&poison);
}

static void
counts_each_batch_of_each_origin_for_itself(void **state)
{
    struct poison *poison = must_open(*state, 0);

    assert_int_equal(poison_attempt(poison, ORIGIN, 100, NULL), 1);
    assert_int_equal(poison_attempt(poison, ORIGIN, 101, NULL), 1);
    assert_int_equal(poison_attempt(poison, UINT64_MAX, 100, NULL), 1);
    assert_int_equal(poison_attempt(poison, UINT64_MAX, 100, NULL), 2);
    assert_int_equal(poison_attempt(poison, UINT64_MAX, UINT64_MAX, NULL), 1);
    poison_close(&poison);
}

static void
forgets_the_attempts_of_a_batch_that_is_done(void **state)
{
    struct poison *poison;

    die_during(*state, attempt_100, 1);
    poison = must_open(*state, 0);
    assert_int_equal(poison_attempt(poison, ORIGIN, 100, NULL), 2);
    assert_int_equal(poison_done(poison, ORIGIN, 100, NULL), 0);
    assert_int_equal(poison_attempt(poison, ORIGIN, 100, NULL), 1);
    poison_close(&poison);
}

static void
a_clean_end_takes_its_attempts_back(void **state)
{
    struct poison *poison = must_open(*state, 0);

    assert_int_equal(poison_attempt(poison, ORIGIN, 100, NULL), 1);
    poison_close(&poison);
    poison = must_open(*state, 0);
    assert_int_equal(poison_attempt(poison, ORIGIN, 100, NULL), 1);
    poison_close(&poison);
}

/* --- event by event --- */

static void
does_not_skip_an_event_at_which_only_one_process_died(void **state)
{
    struct poison *poison;

    die_during(*state, work_on_105, 0);
    poison = must_open(*state, 0);
    assert_int_equal(poison_begin_event(poison, ORIGIN, 105, NULL), 0);
    poison_close(&poison);
}

static void
skips_only_the_event_at_which_two_processes_died(void **state)
{
    struct poison *poison;

    die_during(*state, work_on_105, 0);
    die_during(*state, work_on_105, 0);
    poison = must_open(*state, 0);
    assert_int_equal(poison_begin_event(poison, ORIGIN, 103, NULL), 0);
    assert_int_equal(poison_begin_event(poison, ORIGIN, 104, NULL), 0);
    assert_int_equal(poison_begin_event(poison, ORIGIN, 105, NULL), 1);
    assert_int_equal(poison_begin_event(poison, ORIGIN, 106, NULL), 0);
    assert_int_equal(poison_begin_event(poison, ORIGIN + 1, 105, NULL), 0);
    poison_close(&poison);
}

static void
ones_own_event_is_not_skipped_when_it_comes_again(void **state)
{
    struct poison *poison = must_open(*state, 0);

    assert_int_equal(poison_begin_event(poison, ORIGIN, 105, NULL), 0);
    assert_int_equal(poison_begin_event(poison, ORIGIN, 105, NULL), 0);
    poison_close(&poison);
}

static void
skips_it_again_when_the_next_process_dies_before_it_is_set_aside(void **state)
{
    struct poison *poison;

    die_during(*state, work_on_105, 0);
    die_during(*state, work_on_105, 0);
    die_during(*state, work_on_105, 1);
    poison = must_open(*state, 0);
    assert_int_equal(poison_begin_event(poison, ORIGIN, 105, NULL), 1);
    poison_close(&poison);
}

static void
a_finished_batch_takes_its_notes_along_and_no_others(void **state)
{
    struct poison *poison;

    die_during(*state, work_on_105, 0);
    die_during(*state, work_on_105, 0);
    poison = must_open(*state, 0);
    poison_attempt(poison, ORIGIN, 50, NULL);
    assert_int_equal(poison_done(poison, ORIGIN, 50, NULL), 0);
    assert_int_equal(poison_begin_event(poison, ORIGIN, 105, NULL), 1);
    assert_int_equal(poison_done(poison, ORIGIN, 100, NULL), 0);
    assert_int_equal(poison_begin_event(poison, ORIGIN, 105, NULL), 0);
    poison_close(&poison);
}

/* --- dead letters --- */

static int
set_aside(struct poison *poison, struct event_id id, int64_t at_us, const char *reason,
          struct text encoded)
{
    const struct dead_letter letter = { .key.id = id, .at_us = at_us, .received_us = at_us - 5,
                                        .reason = text_of(reason), .encoded = encoded };

    return poison_set_aside(poison, &letter, NULL);
}

static void
keeps_what_is_set_aside_once_with_reason_and_bytes(void **state)
{
    const struct place *place = *state;
    const struct event_id id = { 20, { 1, 2, 3 } }, other = { 16, { 1, 2, 3 } };
    const struct text encoded = { "\x81\0\xff", 3 }, nothing = { NULL, 0 };
    struct poison *poison = must_open(place, 0);
    sqlite3_stmt *stmt = NULL;
    sqlite3 *db = NULL;

    assert_int_equal(set_aside(poison, id, 55, "it kills", encoded), 0);
    assert_int_equal(set_aside(poison, id, 66, "again", encoded), 0);
    assert_int_equal(poison_count(poison), 1);
    assert_int_equal(set_aside(poison, other, 77, "", nothing), 0);
    poison_close(&poison);
    poison = must_open(place, 0);
    assert_int_equal(poison_count(poison), 2);
    poison_close(&poison);

    assert_int_equal(sqlite3_open(place->path, &db), SQLITE_OK);
    sqlite3_prepare_v2(db, "SELECT at, reason, encoded FROM letters ORDER BY at", -1, &stmt,
                       NULL);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int64(stmt, 0), 55);
    assert_string_equal((const char *)sqlite3_column_text(stmt, 1), "it kills");
    assert_int_equal(sqlite3_column_bytes(stmt, 2), 3);
    assert_memory_equal(sqlite3_column_blob(stmt, 2), encoded.ptr, 3);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
}

/* A client's key names one event a day: the second day's is another. */
static void
keeps_one_letter_for_each_day_of_a_clients_key(void **state)
{
    struct poison *poison = must_open(*state, 0);
    struct dead_letter letter = { .key = { { 16, { 7 } }, 20000 }, .reason = text_of("no") };

    assert_int_equal(poison_set_aside(poison, &letter, NULL), 0);
    assert_int_equal(poison_set_aside(poison, &letter, NULL), 0);
    letter.key.day++;
    assert_int_equal(poison_set_aside(poison, &letter, NULL), 0);
    assert_int_equal(poison_count(poison), 2);
    poison_close(&poison);
}

static void
gives_the_letters_set_aside_first_and_forgets_those_that_another_keeps(void **state)
{
    struct poison *poison = must_open(*state, 0);
    struct dead_letters some = { 0 }, rest = { 0 };
    struct err err;

    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(set_aside(poison, (struct event_id){ 20, { 1, (uint8_t)i } },
                                   100 - (int64_t)i, "no", (struct text){ "\x81\0\xff", 3 }), 0);
    assert_int_equal(poison_letters(poison, 3, 1000, &some, &err), 0);
    assert_int_equal(some.count, 3);
    assert_int_equal(some.bytes, 9);
    assert_int_equal(some.letters[0].at_us, 100);
    assert_int_equal(some.letters[0].received_us, 95);
    assert_int_equal(some.letters[0].key.id.bytes[1], 0);
    assert_true(text_is(some.letters[0].reason, "no"));
    assert_memory_equal(some.letters[0].encoded.ptr, "\x81\0\xff", 3);
    assert_int_equal(poison_forget(poison, some.letters, some.count, &err), 0);
    assert_int_equal(poison_forget(poison, some.letters, some.count, &err), 0);
    assert_int_equal(poison_count(poison), 2);
    assert_int_equal(poison_letters(poison, 100, 1, &rest, &err), 0);
    assert_int_equal(rest.count, 1);        /* one is more than a byte */
    assert_int_equal(rest.letters[0].at_us, 97);
    dead_letters_release(&some);
    dead_letters_release(&rest);
    poison_close(&poison);
}

/* As files were made before letters had a receipt. */
static void
takes_over_the_letters_of_an_older_file(void **state)
{
    const struct place *place = *state;
    struct poison *poison = must_open(place, 0);
    struct dead_letters all = { 0 };
    sqlite3 *db = NULL;
    struct err err;

    poison_close(&poison);
    assert_int_equal(sqlite3_open(place->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
        "DROP TABLE letters; CREATE TABLE dead(id BLOB PRIMARY KEY, at INTEGER NOT NULL,"
        " reason TEXT NOT NULL, encoded BLOB NOT NULL);"
        "INSERT INTO dead VALUES(zeroblob(20), 55, 'it kills', x'8100ff')", NULL, NULL, NULL),
        SQLITE_OK);
    sqlite3_close(db);
    for (int i = 0; i < 2; i++) {
        poison = must_open(place, 0);
        assert_int_equal(poison_count(poison), 1);
        poison_close(&poison);
    }
    poison = must_open(place, 0);
    assert_int_equal(poison_letters(poison, 10, 1000, &all, &err), 0);
    assert_int_equal(all.letters[0].received_us, 55);
    assert_int_equal(all.letters[0].encoded.len, 3);
    dead_letters_release(&all);
    poison_close(&poison);
}

/* --- a disk that takes no more --- */

/* A file size limit fails writes as a full disk does. */
static void
limit_file_size(rlim_t bytes)
{
    struct rlimit limit;

    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes == 0 ? limit.rlim_max : bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* One wait for the disk, and all of them or none. */
static void
sets_many_aside_together(void **state)
{
    enum { MANY = 500 };
    struct poison *poison = must_open(*state, 0);
    static struct dead_letter letters[MANY];
    static char large[256 * 1024];
    struct err err = { "" };

    for (size_t i = 0; i < MANY; i++)
        letters[i] = (struct dead_letter){ .key.id = { 20, { (unsigned char)(i % 256),
                                                             (unsigned char)(i / 256) } },
                                           .reason = text_of("no"), .encoded = { "\x80", 1 } };
    letters[MANY - 1].encoded = (struct text){ large, sizeof(large) };
    limit_file_size(128 * 1024);
    assert_int_equal(poison_set_all_aside(poison, letters, MANY, &err), -1);
    limit_file_size(0);
    assert_string_not_equal(err.text, "");
    assert_int_equal(poison_count(poison), 0);
    assert_int_equal(poison_set_all_aside(poison, letters, MANY, &err), 0);
    assert_int_equal(poison_count(poison), MANY);
    assert_int_equal(poison_set_all_aside(poison, letters, MANY, &err), 0);
    assert_int_equal(poison_count(poison), MANY);
    poison_close(&poison);
    poison = must_open(*state, 0);
    assert_int_equal(poison_count(poison), MANY);
    poison_close(&poison);
}

static void
says_why_when_the_disk_is_full_and_goes_on_when_it_is_not(void **state)
{
    struct poison *poison = must_open(*state, 0);
    const struct event_id id = { 20, { 1 } };
    struct err err = { "" }, err2 = { "" };
    static char large[256 * 1024];
    unsigned count = 1;
    int rc;

    limit_file_size(64 * 1024);
    for (uint64_t key = 1; key < 1000 && count != 0; key++)
        count = poison_attempt(poison, ORIGIN, key, &err);
    rc = poison_set_aside(poison, &(struct dead_letter){
        .key.id = id, .reason = text_of("large"), .encoded = { large, sizeof(large) } }, &err2);
    limit_file_size(0);
    assert_int_equal(count, 0);
    assert_string_not_equal(err.text, "");
    assert_int_equal(rc, -1);
    assert_string_not_equal(err2.text, "");
    assert_int_equal(poison_count(poison), 0);

    assert_int_equal(poison_attempt(poison, ORIGIN, 1, &err), 2);
    assert_int_equal(poison_begin_event(poison, ORIGIN, 1, NULL), 0);
    assert_int_equal(poison_done(poison, ORIGIN, 1, NULL), 0);
    poison_close(&poison);
}

static void
refuses_a_file_that_is_no_database(void **state)
{
    const struct place *place = *state;
    FILE *file = fopen(place->path, "w");
    struct err err = { "" };

    for (int i = 0; i < 1000; i++)
        fputs("not a database ", file);
    fclose(file);
    assert_null(poison_open(place->path, 0, &err));
    assert_non_null(strstr(err.text, "poison.db"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_place, close_place)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(is_not_careful_on_a_new_file_or_after_a_clean_end),
        TEST(is_careful_for_a_minute_after_an_unclean_end),
        TEST(counts_attempts_over_deaths),
        TEST(counts_each_batch_of_each_origin_for_itself),
        TEST(forgets_the_attempts_of_a_batch_that_is_done),
        TEST(a_clean_end_takes_its_attempts_back),
        TEST(does_not_skip_an_event_at_which_only_one_process_died),
        TEST(skips_only_the_event_at_which_two_processes_died),
        TEST(ones_own_event_is_not_skipped_when_it_comes_again),
        TEST(skips_it_again_when_the_next_process_dies_before_it_is_set_aside),
        TEST(a_finished_batch_takes_its_notes_along_and_no_others),
        TEST(keeps_what_is_set_aside_once_with_reason_and_bytes),
        TEST(keeps_one_letter_for_each_day_of_a_clients_key),
        TEST(sets_many_aside_together),
        TEST(gives_the_letters_set_aside_first_and_forgets_those_that_another_keeps),
        TEST(takes_over_the_letters_of_an_older_file),
        TEST(says_why_when_the_disk_is_full_and_goes_on_when_it_is_not),
        TEST(refuses_a_file_that_is_no_database),
    };

    return cmocka_run_group_tests_name("poison", tests, NULL, NULL);
}
