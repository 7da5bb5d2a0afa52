#include "ingest/journal/journal.h"

#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "ingest/journal/journal_inner.h"
#include "proto/base/fault.h"
#include "tests/support/journal_place.h"
#include "tests/support/temp_dir.h"

/* --- segments and cursors --- */

static void
deletes_a_file_only_when_every_consumer_is_past_it(void **state)
{
    struct journal_place *place = *state;
    uint64_t last[4];

    place->options.segment_bytes = 1;
    journal_place_reopen(place, journal_place_now_us);
    for (int i = 0; i < 4; i++)
        last[i] = place_store(place, 200 * KIB);
    assert_int_equal(place_count_files(place, ".db"), 5);

    journal_set_cursor(place->journal, 0, last[3]);
    journal_trim(place->journal);
    assert_int_equal(place_count_files(place, ".db"), 5);         /* detect/0 is behind */
    journal_set_cursor(place->journal, 1, last[1]);
    journal_trim(place->journal);
    assert_int_equal(place_count_files(place, ".db"), 3);
    assert_int_equal(place_count_rows(place, 0), 2);
    journal_set_cursor(place->journal, 1, last[3]);
    journal_trim(place->journal);
    assert_int_equal(place_count_files(place, ".db"), 1);         /* the newest stays */
    assert_int_equal(place_count_files(place, "1.db-wal"), 0);
}

static void
reads_on_from_one_file_into_the_next(void **state)
{
    struct journal_place *place = *state;

    place->options.segment_bytes = 1;
    journal_place_reopen(place, journal_place_now_us);
    for (int i = 0; i < 40; i++) {
        place_append(place, 500 * KIB);
        place_append(place, 500 * KIB);
        place_append(place, 500 * KIB);
        place_commit(place);
    }
    assert_true(place_count_files(place, ".db") >= 40);
    assert_int_equal(place_count_rows(place, 0), 80);
    assert_int_equal(place_count_files(place, ".db-wal"), 1);     /* sealed files have none */
    journal_place_reopen(place, journal_place_now_us);
    assert_int_equal(place_count_rows(place, 0), 80);
}

/* What a process leaves that is killed while SQLite changes the file's header
 * to seal it: a rollback journal that only a writer can undo. */
static void
leave_half_sealed(const char *path)
{
    char beside[256], kept[256];
    sqlite3 *db = NULL;

    snprintf(beside, sizeof(beside), "%s-journal", path);
    snprintf(kept, sizeof(kept), "%s-kept", path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    /* without syncs the journal is valid from its first page on */
    assert_int_equal(sqlite3_exec(db, "PRAGMA synchronous=OFF; BEGIN IMMEDIATE;"
                                  "UPDATE meta SET base=base+1", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(link(beside, kept), 0);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);     /* takes the name away, not the file */
    if (access(beside, F_OK) != 0)
        assert_int_equal(rename(kept, beside), 0);
}

static void
opens_with_a_file_that_was_being_sealed(void **state)
{
    struct journal_place *place = *state;
    char path[128];

    place->options.segment_bytes = 1;
    journal_place_reopen(place, journal_place_now_us);
    for (int i = 0; i < 3; i++)
        place_store(place, 200 * KIB);
    journal_close(&place->journal);
    snprintf(path, sizeof(path), "%s/0000000002.db", place->dir);
    leave_half_sealed(path);
    assert_int_equal(place_count_files(place, ".db-journal"), 1);
    journal_place_open(place, journal_place_now_us);
    assert_int_equal(place_count_rows(place, 0), 3);
    assert_int_equal(place_count_files(place, ".db-journal"), 0);
}

static void
keeps_cursors_with_the_next_commit_and_at_a_clean_end(void **state)
{
    struct journal_place *place = *state;
    uint64_t first = place_store(place, 10), second = place_store(place, 10);

    journal_set_cursor(place->journal, 0, first);
    place_store(place, 10);
    journal_set_cursor(place->journal, 1, second);
    journal_place_reopen(place, journal_place_now_us);
    assert_int_equal(journal_cursor(place->journal, 0), first);
    assert_int_equal(journal_cursor(place->journal, 1), second);
}

static void
a_new_slot_starts_where_the_others_are(void **state)
{
    struct journal_place *place = *state;
    uint64_t first = place_store(place, 10);

    place_store(place, 10);
    journal_set_cursor(place->journal, 1, first);
    place->options.slots = 3;
    journal_place_reopen(place, journal_place_now_us);
    assert_int_equal(journal_consumer_count(place->journal), 4);
    assert_string_equal(journal_consumer_name(place->journal, 3), "detect/2");
    assert_int_equal(journal_cursor(place->journal, 3), first);
    /* whoever has a key then may need what the slot that is behind has not judged */
    journal_set_cursor(place->journal, 1, journal_last(place->journal));
    journal_set_cursor(place->journal, 2, journal_last(place->journal));
    place->options.slots = 2;
    journal_place_reopen(place, journal_place_now_us);
    assert_int_equal(journal_cursor(place->journal, 1), first);
    assert_int_equal(journal_cursor(place->journal, 2), first);
    place->options.slots = 1;
    journal_place_reopen(place, journal_place_now_us);
    assert_int_equal(journal_consumer_count(place->journal), 2);
    assert_int_equal(journal_cursor(place->journal, 1), first);
}

static void
counts_what_a_consumer_has_not_acknowledged(void **state)
{
    struct journal_place *place = *state;
    struct journal_backlog backlog;
    uint64_t first;

    place->options.segment_bytes = 1;
    journal_place_reopen(place, journal_place_now_us);
    first = place_store(place, 100 * KIB);
    place_append(place, 100 * KIB);
    place_store(place, 100 * KIB);
    place_store(place, 100 * KIB);
    assert_int_equal(journal_backlog(place->journal, 0, &backlog, &place->err), 0);
    assert_int_equal(backlog.rows, 3);
    assert_int_equal(backlog.events, 4);
    assert_int_equal(backlog.oldest_received_us, journal_place_now_us + 5);
    assert_int_equal(journal_backlog(place->journal, first, &backlog, &place->err), 0);
    assert_int_equal(backlog.rows, 2);
    assert_int_equal(backlog.events, 3);
    assert_true(backlog.bytes >= 300 * KIB && backlog.bytes < 301 * KIB);
    assert_int_equal(journal_backlog(place->journal, journal_last(place->journal), &backlog,
                                     &place->err), 0);
    assert_int_equal(backlog.rows, 0);
    assert_int_equal(backlog.oldest_received_us, 0);
}

/* --- limits --- */

static void
refuses_beyond_its_quota_and_goes_on_when_there_is_room(void **state)
{
    struct journal_place *place = *state;
    enum journal_outcome outcome;
    uint64_t sequence = 0;
    unsigned rows = 0;

    place->options.max_bytes = 4 * MIB;
    journal_place_reopen(place, journal_place_now_us);
    while ((outcome = place_append_bytes(place, 200 * KIB, &sequence)) == JOURNAL_DONE) {
        place_commit(place);
        assert_true(++rows < 100);
    }
    assert_int_equal(outcome, JOURNAL_OVER_QUOTA);
    assert_true(place->err.text[0] != '\0');
    assert_true(rows >= 8);
    assert_true(journal_space(place->journal).bytes <= 6 * MIB);
    assert_int_equal(place_count_rows(place, 0), rows);           /* nothing was lost */

    place_all_are_past(place, journal_last(place->journal));
    assert_int_equal(journal_check(place->journal, &place->err), JOURNAL_DONE);
    place_store(place, 200 * KIB);
}

/* A quota that one file fills: with everything consumed it must not stay shut. */
static void
gives_up_a_newest_file_that_nobody_needs_when_it_fills_the_quota(void **state)
{
    struct journal_place *place = *state;
    enum journal_outcome outcome;
    uint64_t sequence = 0;

    place->options.max_bytes = 300 * KIB;
    journal_place_reopen(place, journal_place_now_us);
    while ((outcome = place_append_bytes(place, 20 * KIB, &sequence)) == JOURNAL_DONE)
        assert_int_equal(journal_commit(place->journal, &place->err), JOURNAL_DONE);
    assert_int_equal(outcome, JOURNAL_OVER_QUOTA);
    assert_int_equal(place_count_files(place, ".db"), 1);
    place_all_are_past(place, journal_last(place->journal));
    place_store(place, 20 * KIB);
}

static void
refuses_below_the_floor_of_free_space(void **state)
{
    struct journal_place *place = *state;
    uint64_t sequence = 0;

    place->options.min_free = INT64_C(1) << 60;
    journal_place_reopen(place, journal_place_now_us);
    assert_int_equal(place_append_bytes(place, 10, &sequence), JOURNAL_NO_SPACE);
    assert_non_null(strstr(place->err.text, "journal.min_free"));
    place->options.min_free = 0;
    journal_place_reopen(place, journal_place_now_us);
    place_store(place, 10);
}

static void
drops_the_turn_when_the_disk_is_full_and_goes_on_later(void **state)
{
    struct journal_place *place = *state;
    sqlite3 *db = journal_newest(place->journal)->db;
    uint64_t kept = place_store(place, 10), dropped = place_append(place, 400 * KIB);

    place_append(place, 400 * KIB);
    assert_int_equal(db_exec(db, "PRAGMA max_page_count=20", NULL), DB_DONE);
    assert_int_equal(journal_commit(place->journal, &place->err), JOURNAL_RETRY);
    assert_non_null(strstr(place->err.text, "full"));
    assert_int_equal(journal_pending_bytes(place->journal), 0);
    assert_int_equal(place_count_rows(place, 0), 1);
    assert_int_equal(db_exec(db, "PRAGMA max_page_count=1000000", NULL), DB_DONE);
    assert_int_equal(place_store(place, 400 * KIB), dropped);
    assert_int_equal(dropped, kept + 1);
    journal_place_reopen(place, 1);
    assert_int_equal(place_count_rows(place, 0), 2);
}

static void
says_unclear_when_the_disk_fails_and_keeps_what_it_had(void **state)
{
    struct journal_place *place = *state;
    struct rlimit before, tiny = { 0 };
    enum journal_outcome outcome;
    uint64_t kept = place_store(place, 10), lost = place_append(place, 400 * KIB);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    tiny.rlim_cur = 128 * KIB;
    tiny.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tiny), 0);
    outcome = journal_commit(place->journal, &place->err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, handler);

    assert_int_equal(outcome, JOURNAL_UNCLEAR);
    assert_int_equal(journal_last(place->journal), kept);
    journal_place_reopen(place, 1);
    assert_int_equal(place_count_rows(place, 0), 1);
    assert_int_equal(place_store(place, 10), lost);
}

/* --- death at every point: this program, run again as the victim --- */

static int
be_the_victim(const char *dir)
{
    struct journal_place place = { .options = { .segment_bytes = 1, .max_bytes = INT64_C(1) << 30,
                                        .slots = 1 } };

    snprintf(place.dir, sizeof(place.dir), "%s", dir);
    journal_place_open(&place, journal_place_now_us);
    for (int i = 0; i < 3; i++) {
        uint64_t last = place_store(&place, 200 * KIB);

        printf("%" PRIu64 "\n", last);
        fflush(stdout);
        if (i > 0)
            place_all_are_past(&place, last - 1);
    }
    journal_close(&place.journal);
    return 0;
}

#ifdef BONGSU_FAULTS

/* Runs the victim until it dies at the point; *ret_told is the last sequence
 * that it told us was stored. */
static void
let_die_at(const char *dir, const char *point, uint64_t *ret_told)
{
    char line[64], self[] = "/proc/self/exe";
    int pipe_ends[2], status;
    FILE *told;
    pid_t child;

    assert_int_equal(pipe(pipe_ends), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(pipe_ends[1], STDOUT_FILENO);
        setenv("BONGSU_FAULT", point, 1);
        execl(self, self, "--victim", dir, (char *)NULL);
        _exit(127);
    }
    close(pipe_ends[1]);
    told = fdopen(pipe_ends[0], "r");
    assert_non_null(told);
    while (fgets(line, sizeof(line), told) != NULL)
        *ret_told = strtoull(line, NULL, 10);
    fclose(told);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void
loses_nothing_that_was_told_whatever_the_moment_of_death(void **state)
{
    static const char *const points[] = {
        "ingest.before_commit:1", "ingest.before_commit:3", "ingest.after_commit:1",
        "ingest.after_commit:2",  "ingest.after_segment:1", "ingest.after_segment:2",
        "ingest.before_unlink:1", "ingest.after_unlink:1",
    };
    struct journal_place *place = *state;

    for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
        uint64_t told = 0, last;

        journal_close(&place->journal);
        temp_dir_remove(place->dir);
        assert_int_equal(mkdir(place->dir, 0700), 0);
        let_die_at(place->dir, points[i], &told);
        journal_place_open(place, 1);
        assert_true(journal_last(place->journal) >= told);
        last = journal_last(place->journal);
        if (told > 0)
            assert_true(place_count_rows(place, told - 1) >= 1);
        assert_int_equal(place_store(place, 10), last + 1);
    }
}

#endif

#define TEST(f) cmocka_unit_test_setup_teardown(f, journal_place_set_up, \
                                                journal_place_tear_down)

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(deletes_a_file_only_when_every_consumer_is_past_it),
        TEST(reads_on_from_one_file_into_the_next),
        TEST(opens_with_a_file_that_was_being_sealed),
        TEST(keeps_cursors_with_the_next_commit_and_at_a_clean_end),
        TEST(a_new_slot_starts_where_the_others_are),
        TEST(counts_what_a_consumer_has_not_acknowledged),
        TEST(refuses_beyond_its_quota_and_goes_on_when_there_is_room),
        TEST(gives_up_a_newest_file_that_nobody_needs_when_it_fills_the_quota),
        TEST(refuses_below_the_floor_of_free_space),
        TEST(drops_the_turn_when_the_disk_is_full_and_goes_on_later),
        TEST(says_unclear_when_the_disk_fails_and_keeps_what_it_had),
#ifdef BONGSU_FAULTS
        TEST(loses_nothing_that_was_told_whatever_the_moment_of_death),
#endif
    };

    if (argc == 3 && strcmp(argv[1], "--victim") == 0)
        return be_the_victim(argv[2]);
    return cmocka_run_group_tests_name("journal_files", tests, NULL, NULL);
}
