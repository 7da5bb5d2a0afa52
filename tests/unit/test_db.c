#include "proto/base/db.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/temp_dir.h"

static const char schema[] = "CREATE TABLE t (a TEXT, b BLOB)";

enum { FILES_MADE = 100, GIVE_UP_S = 60 };

struct place {
    char dir[64], path[128];
    sqlite3 *db;
    struct err err;
};

static int
open_place(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    temp_dir_make(NULL, place->dir, sizeof(place->dir));
    snprintf(place->path, sizeof(place->path), "%s/one.db", place->dir);
    *state = place;
    return 0;
}

static int
close_place(void **state)
{
    struct place *place = *state;
    int rc;

    db_close(&place->db);
    rc = temp_dir_remove(place->dir);
    free(place);
    return rc;
}

static void
must_open(struct place *place)
{
    place->db = db_open(place->path, schema, 2, NULL, &place->err);
    if (place->db == NULL)
        fail_msg("%s", place->err.text);
}

static int
number_of(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    int number = -1;

    assert_int_equal(db_prepare(db, &stmt, sql, NULL), 0);
    if (sqlite3_step(stmt) == SQLITE_ROW)
        number = sqlite3_column_int(stmt, 0);
    sqlite3_finalize(stmt);
    return number;
}

static void
write_file(const char *path, const char *bytes, size_t times)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    for (size_t i = 0; i < times; i++)
        fputs(bytes, file);
    fclose(file);
}

static void
raw_exec(const char *path, const char *sql)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void
makes_a_file_in_wal_that_syncs_and_finds_it_again(void **state)
{
    struct place *place = *state;

    must_open(place);
    assert_int_equal(number_of(place->db, "PRAGMA synchronous"), 2);
    assert_int_equal(db_exec(place->db, "INSERT INTO t VALUES ('x', NULL)", NULL), DB_DONE);
    db_close(&place->db);
    assert_null(place->db);
    must_open(place);
    assert_int_equal(number_of(place->db, "SELECT count(*) FROM t"), 1);
    assert_int_equal(number_of(place->db, "SELECT journal_mode = 'wal' FROM pragma_journal_mode"),
                     1);
}

static void
opens_for_reading_only_what_is_there(void **state)
{
    struct place *place = *state;
    int is_corrupt = -1;

    assert_null(db_open(place->path, NULL, 2, &is_corrupt, &place->err));
    assert_int_equal(is_corrupt, 0);
    assert_non_null(strstr(place->err.text, "one.db"));
    assert_int_not_equal(access(place->path, F_OK), 0);
    must_open(place);
    db_close(&place->db);
    place->db = db_open(place->path, NULL, 2, NULL, &place->err);
    assert_non_null(place->db);
    assert_int_equal(db_exec(place->db, "INSERT INTO t VALUES ('x', NULL)", &place->err),
                     DB_UNCLEAR);
}

static void
takes_an_empty_file_for_a_new_one(void **state)
{
    struct place *place = *state;

    write_file(place->path, "", 0);
    place->db = db_open(place->path, NULL, 2, NULL, &place->err);
    assert_non_null(place->db);
    db_close(&place->db);
    must_open(place);
    assert_int_equal(number_of(place->db, "SELECT count(*) FROM t"), 0);
}

static void
refuses_a_database_of_another_program(void **state)
{
    struct place *place = *state;
    int is_corrupt = -1;

    raw_exec(place->path, "PRAGMA application_id = 77; CREATE TABLE t (a)");
    assert_null(db_open(place->path, schema, 2, &is_corrupt, &place->err));
    assert_non_null(strstr(place->err.text, "another program"));
    assert_int_equal(is_corrupt, 0);
}

static void
refuses_a_database_with_tables_and_no_owner(void **state)
{
    struct place *place = *state;

    raw_exec(place->path, "CREATE TABLE theirs (a)");
    assert_null(db_open(place->path, schema, 2, NULL, &place->err));
    assert_non_null(strstr(place->err.text, "another program"));
    assert_null(db_open(place->path, NULL, 2, NULL, &place->err));
}

static void
refuses_a_newer_version_and_takes_an_older(void **state)
{
    struct place *place = *state;

    must_open(place);
    db_close(&place->db);
    assert_null(db_open(place->path, schema, 1, NULL, &place->err));
    assert_non_null(strstr(place->err.text, "newer version"));
    place->db = db_open(place->path, schema, 3, NULL, &place->err);
    assert_non_null(place->db);
}

static void
says_that_a_file_is_no_database(void **state)
{
    struct place *place = *state;
    int is_corrupt = 0;

    write_file(place->path, "this is no database. ", 500);
    assert_null(db_open(place->path, schema, 2, &is_corrupt, &place->err));
    assert_int_equal(is_corrupt, 1);
    is_corrupt = 0;
    assert_null(db_open(place->path, NULL, 2, &is_corrupt, &place->err));
    assert_int_equal(is_corrupt, 1);
}

static void
sets_a_file_and_its_wal_aside(void **state)
{
    struct place *place = *state;
    char kept[DB_PATH_LEN], wal[300];

    write_file(place->path, "x", 1);
    snprintf(wal, sizeof(wal), "%s-wal", place->path);
    write_file(wal, "y", 1);
    assert_int_equal(db_set_aside(place->path, INT64_C(1234000000), kept, &place->err), 0);
    assert_int_equal(access(kept, F_OK), 0);
    assert_non_null(strstr(kept, "one.db.corrupt-1234"));
    assert_int_not_equal(access(place->path, F_OK), 0);
    assert_int_not_equal(access(wal, F_OK), 0);
    must_open(place);
}

static void
says_that_a_full_database_passes(void **state)
{
    struct place *place = *state;
    enum db_outcome outcome = DB_DONE;

    must_open(place);
    assert_int_equal(db_exec(place->db, "PRAGMA max_page_count = 4", NULL), DB_DONE);
    for (int i = 0; i < 100 && outcome == DB_DONE; i++)
        outcome = db_exec(place->db, "INSERT INTO t VALUES ('x', zeroblob(2000))", &place->err);
    assert_int_equal(outcome, DB_RETRY);
    assert_non_null(strstr(place->err.text, "one.db"));
}

static void
limit_file_size(rlim_t bytes)
{
    struct rlimit limit;

    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes == 0 ? limit.rlim_max : bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void
keeps_what_was_there_when_a_file_may_not_grow(void **state)
{
    struct place *place = *state;
    enum db_outcome outcome = DB_DONE;
    int rows;

    must_open(place);
    limit_file_size(64 * 1024);
    for (int i = 0; i < 100 && outcome == DB_DONE; i++)
        outcome = db_exec(place->db, "INSERT INTO t VALUES ('x', zeroblob(8000))", &place->err);
    limit_file_size(0);
    /* no errno says why it failed, so that it may be anything */
    assert_int_equal(outcome, DB_UNCLEAR);
    assert_non_null(strstr(place->err.text, "one.db"));
    rows = number_of(place->db, "SELECT count(*) FROM t");
    assert_true(rows > 0 && rows < 100);
    assert_int_equal(db_exec(place->db, "INSERT INTO t VALUES ('x', NULL)", &place->err), DB_DONE);
    assert_int_equal(number_of(place->db, "SELECT count(*) FROM t"), rows + 1);
}

static void
says_that_a_lock_passes(void **state)
{
    struct place *place = *state;
    sqlite3 *other;

    must_open(place);
    other = db_open(place->path, schema, 2, NULL, &place->err);
    sqlite3_busy_timeout(other, 1);
    assert_int_equal(db_exec(place->db, "BEGIN IMMEDIATE", NULL), DB_DONE);
    assert_int_equal(db_exec(other, "BEGIN IMMEDIATE", &place->err), DB_RETRY);
    db_close(&other);
}

static void
takes_a_broken_statement_for_unclear(void **state)
{
    struct place *place = *state;
    sqlite3_stmt *stmt = NULL;

    must_open(place);
    assert_int_equal(db_exec(place->db, "SELECT nonsense", &place->err), DB_UNCLEAR);
    assert_int_equal(db_prepare(place->db, &stmt, "SELEKT", &place->err), -1);
    assert_non_null(strstr(place->err.text, "SELEKT"));
}

static void
binds_and_reads_bytes_as_they_are(void **state)
{
    struct place *place = *state;
    const struct text bytes = { "a\0\xff", 3 }, none = { NULL, 0 };
    sqlite3_stmt *stmt = NULL;

    must_open(place);
    db_prepare(place->db, &stmt, "INSERT INTO t VALUES (?1, ?2)", NULL);
    db_bind_text(stmt, 1, none);
    db_bind_blob(stmt, 2, bytes);
    assert_int_equal(db_step(stmt, &place->err), DB_DONE);
    /* the bindings are gone after a step */
    assert_int_equal(db_step(stmt, &place->err), DB_DONE);
    sqlite3_finalize(stmt);
    assert_int_equal(number_of(place->db, "SELECT count(*) FROM t WHERE a IS NULL"), 2);
    assert_int_equal(number_of(place->db, "SELECT count(*) FROM t WHERE b IS NULL"), 1);
    db_prepare(place->db, &stmt, "SELECT b FROM t WHERE b IS NOT NULL", NULL);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    assert_true(text_equals(db_column(stmt, 0), bytes));
    sqlite3_finalize(stmt);
}

/* --- what a killed process left --- */

static char last_synced[256];

/* In place of the C library's, for this program: notes the name, and syncs. */
int
fsync(int fd)
{
    char link[64];
    ssize_t len;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    len = readlink(link, last_synced, sizeof(last_synced) - 1);
    last_synced[len > 0 ? len : 0] = '\0';
    return fdatasync(fd);
}

static void
write_and_die(const char *path)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        sqlite3 *db = db_open(path, schema, 2, NULL, NULL);

        db_exec(db, "INSERT INTO t VALUES ('kept', NULL)", NULL);
        kill(getpid(), SIGKILL);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
}

static void
puts_what_a_killed_process_left_in_the_log_on_the_disk_first(void **state)
{
    struct place *place = *state;

    write_and_die(place->path);
    last_synced[0] = '\0';
    must_open(place);
    assert_string_equal(last_synced + strlen(last_synced) - strlen("one.db-wal"), "one.db-wal");
    assert_int_equal(number_of(place->db, "SELECT count(*) FROM t"), 1);
}

/* Another process that reads, as the API does while the indexer makes a file. */
static void
open_until_there(const char *path)
{
    struct err err = { "" };

    alarm(GIVE_UP_S);
    for (;;) {
        sqlite3 *db = db_open(path, NULL, 2, NULL, &err);
        int tables = db == NULL ? 0 : number_of(db, "SELECT count(*) FROM sqlite_schema");

        db_close(&db);
        if (strstr(err.text, "another program") != NULL)
            _exit(1);
        if (tables > 0)
            _exit(0);
    }
}

static void
is_never_another_programs_while_it_is_being_made(void **state)
{
    struct place *place = *state;

    for (int i = 0; i < FILES_MADE; i++) {
        int status;
        pid_t pid;

        snprintf(place->path, sizeof(place->path), "%s/%d.db", place->dir, i);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
            open_until_there(place->path);
        must_open(place);
        db_close(&place->db);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_place, close_place)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(makes_a_file_in_wal_that_syncs_and_finds_it_again),
        TEST(opens_for_reading_only_what_is_there),
        TEST(takes_an_empty_file_for_a_new_one),
        TEST(refuses_a_database_of_another_program),
        TEST(refuses_a_database_with_tables_and_no_owner),
        TEST(refuses_a_newer_version_and_takes_an_older),
        TEST(says_that_a_file_is_no_database),
        TEST(is_never_another_programs_while_it_is_being_made),
        TEST(sets_a_file_and_its_wal_aside),
        TEST(says_that_a_full_database_passes),
        TEST(keeps_what_was_there_when_a_file_may_not_grow),
        TEST(says_that_a_lock_passes),
        TEST(takes_a_broken_statement_for_unclear),
        TEST(binds_and_reads_bytes_as_they_are),
        TEST(puts_what_a_killed_process_left_in_the_log_on_the_disk_first),
    };

    return cmocka_run_group_tests_name("db", tests, NULL, NULL);
}
