/*
 * The embedded store when the disk fails, another process holds the lock, or
 * it is killed at each of its fault points: nothing that was said to be
 * stored is lost, and nothing is stored or counted twice.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "tests/support/store_case.h"

/* ---- a disk that fails when told: SQLite's own layer with two holes ---- */

static int write_fails, sync_fails; /* SQLite's code to fail with, or 0 */
static const sqlite3_io_methods *real_main, *real_other; /* a log locks nothing */
static sqlite3_io_methods main_methods, other_methods;
static sqlite3_vfs *real_vfs, vfs;

static const sqlite3_io_methods *
real_of(const sqlite3_file *file)
{
    return file->pMethods == &main_methods ? real_main : real_other;
}

static int
failing_write(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 offset)
{
    return write_fails ? write_fails : real_of(file)->xWrite(file, bytes, count, offset);
}

static int
failing_sync(sqlite3_file *file, int flags)
{
    return sync_fails ? sync_fails : real_of(file)->xSync(file, flags);
}

static int
failing_open(sqlite3_vfs *self, const char *name, sqlite3_file *file, int flags,
             int *ret_flags)
{
    int code = real_vfs->xOpen(real_vfs, name, file, flags, ret_flags);
    int is_main = (flags & SQLITE_OPEN_MAIN_DB) != 0;
    sqlite3_io_methods *methods = is_main ? &main_methods : &other_methods;

    if (file->pMethods == NULL)
        return code;
    *(is_main ? &real_main : &real_other) = file->pMethods;
    *methods = *file->pMethods;
    methods->xWrite = failing_write;
    methods->xSync = failing_sync;
    file->pMethods = methods;
    return code;
}

static int
install_disk(void **state)
{
    real_vfs = sqlite3_vfs_find(NULL);
    vfs = *real_vfs;
    vfs.zName = "failing";
    vfs.xOpen = failing_open;
    return sqlite3_vfs_register(&vfs, 1);
}

static int
close_case(void **state)
{
    write_fails = sync_fails = 0;
    return store_case_close(state);
}

static void
add_some(struct store_case *the)
{
    for (int i = 0; i < 30; i++)
        store_case_add(the, (struct event_plan){ .sequence = (uint64_t)i + 1,
                                                 .at_s = i % 3 * 86400,
                                                 .username = "root" });
}

static int
put(struct store_case *the, struct err *err)
{
    struct store_written written;

    return the->writer->ops->put_events(the->writer, the->events, the->made_count,
                                        &written, err);
}

static uint64_t
counted(struct store_case *the)
{
    const struct count_query query = { CASE_START, CASE_START + 3 * CASE_DAY, CASE_DAY,
                                       5 };
    struct counts counts;
    struct err err = { "" };
    uint64_t total;

    if (the->reader->ops->count(the->reader, &query, &counts, &err) != 0)
        fail_msg("count: %s", err.text);
    total = counts.total;
    if (total > 0)
        assert_int_equal(counts.rows[COUNT_USER][0].events, total);
    counts_release(&counts);
    return total;
}

static void
a_full_disk_is_a_wait_and_nothing_is_half_written(void **state)
{
    struct store_case *the = *state;
    struct err err = { "" };

    add_some(the);
    store_case_put(the);
    the->first = 0;
    for (int i = 30; i < 60; i++)
        store_case_add(the, (struct event_plan){ .sequence = (uint64_t)i + 1,
                                                 .at_s = 5,
                                                 .username = "root" });
    write_fails = SQLITE_FULL;
    assert_int_equal(put(the, &err), STORE_RETRY);
    assert_non_null(strstr(err.text, "full"));
    write_fails = 0;
    assert_int_equal(counted(the), 30);
    assert_int_equal(put(the, &err), STORE_DONE);
    assert_int_equal(counted(the), 60);
}

static void
a_disk_that_is_full_from_the_start_is_a_wait(void **state)
{
    struct store_case *the = *state;
    struct err err = { "" };

    add_some(the);
    write_fails = SQLITE_FULL;
    assert_int_equal(put(the, &err), STORE_RETRY);
    write_fails = 0;
    assert_int_equal(put(the, &err), STORE_DONE);
    assert_int_equal(counted(the), 30);
}

static void
a_commit_that_cannot_be_synced_is_unclear(void **state)
{
    struct store_case *the = *state;
    struct err err = { "" };

    add_some(the);
    store_case_put(the);
    store_case_add(the,
                   (struct event_plan){ .sequence = 99, .at_s = 1, .username = "root" });
    sync_fails = SQLITE_IOERR_FSYNC;
    errno = EIO;
    assert_int_equal(put(the, &err), STORE_UNCLEAR);
    sync_fails = 0;
    store_case_reopen(the);
    assert_int_equal(put(the, &err), STORE_DONE);
    assert_int_equal(counted(the), 31);
}

static void
a_lock_held_by_another_is_a_wait(void **state)
{
    struct store_case *the = *state;
    struct err err = { "" };
    sqlite3 *other = NULL;
    char path[128];

    add_some(the);
    store_case_put(the);
    snprintf(path, sizeof(path), "%s/events-2026-03-01.db", the->store_dir);
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    store_case_add(the,
                   (struct event_plan){ .sequence = 99, .at_s = 1, .username = "root" });
    assert_int_equal(put(the, &err), STORE_RETRY);
    assert_int_equal(counted(the), 30); /* and readers do not wait for it */
    sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL);
    sqlite3_close(other);
    assert_int_equal(put(the, &err), STORE_DONE);
    assert_int_equal(counted(the), 31);
}

/* ---- killed ---- */

#ifdef BONGSU_FAULTS

static int
act_put(struct store_case *the)
{
    add_some(the);
    return put(the, NULL);
}

static int
act_put_incident(struct store_case *the)
{
    struct incident *inc = store_case_incident(7, 1, "192.0.2.1");
    int rc = the->writer->ops->put_incidents(the->writer, &inc, 1, NULL);

    incident_destroy(&inc);
    return rc;
}

static int
act_resolve(struct store_case *the)
{
    struct incident_change change = { .to = STATUS_RESOLVED, .at_us = CASE_START };
    char id[INCIDENT_ID_HEX];

    store_case_incident_id(7, id);
    return the->reader->ops->set_status(the->reader, id, &change, NULL);
}

static const struct {
    const char *name;
    int (*act)(struct store_case *the);
} acts[] = {
    { "put", act_put },
    { "put_incident", act_put_incident },
    { "resolve", act_resolve },
};

/* This program once more, as the process that is killed: a fault point reads
 * its setting once in a process. 3: the point was not met. */
static int
act_once(const char *name, char *store_dir)
{
    struct store_case *the = calloc(1, sizeof(*the));

    if (the == NULL)
        return 4;
    the->made = calloc(CASE_EVENTS, sizeof(*the->made));
    the->events = calloc(CASE_EVENTS, sizeof(*the->events));
    the->settings.store_dir = store_dir;
    store_case_reopen(the);
    for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
        if (strcmp(acts[i].name, name) == 0)
            acts[i].act(the);
    return 3;
}

static void
killed_at(struct store_case *the, const char *point, const char *act)
{
    int status = 0;
    pid_t child;

    store_close(&the->writer);
    store_close(&the->reader);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        setenv("BONGSU_FAULT", point, 1);
        execl("/proc/self/exe", "test_store_faults", act, the->store_dir, (char *)NULL);
        _exit(4);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
    store_case_reopen(the);
}

static void
killed_while_writing_it_stores_each_event_once(void **state)
{
    static const struct {
        const char *point;
        uint64_t kept;
    } cases[] = {
        { "indexer.before_commit:1", 0 },  { "indexer.before_commit:2", 10 },
        { "indexer.after_commit:1", 10 },  { "indexer.after_commit:3", 30 },
        { "indexer.between_files:1", 10 }, { "indexer.between_files:2", 20 },
    };

    store_case_close(state);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct store_case *the;
        struct store_written written;

        assert_int_equal(store_case_open(state), 0);
        the = *state;
        killed_at(the, cases[i].point, "put");
        assert_int_equal(counted(the), cases[i].kept);
        add_some(the);
        written = store_case_put(the);
        assert_int_equal(written.repeated, cases[i].kept);
        assert_int_equal(written.inserted, 30 - cases[i].kept);
        assert_int_equal(counted(the), 30);
        if (i + 1 < sizeof(cases) / sizeof(cases[0]))
            store_case_close(state);
    }
}

static void
killed_after_an_incident_was_committed_it_has_it(void **state)
{
    struct store_case *the = *state;
    struct incident *inc;

    killed_at(the, "indexer.incidents_committed:1", "put_incident");
    inc = store_case_get_incident(the, 7);
    assert_int_equal(inc->count, 1);
    incident_destroy(&inc);
}

static void
killed_around_a_status_it_is_changed_wholly_or_not_at_all(void **state)
{
    struct store_case *the = *state;
    struct incident *inc;

    act_put_incident(the);
    killed_at(the, "api.before_status:1", "resolve");
    inc = store_case_get_incident(the, 7);
    assert_int_equal(inc->status, STATUS_OPEN);
    assert_int_equal(inc->history_count, 0);
    incident_destroy(&inc);
    killed_at(the, "api.after_status:1", "resolve");
    inc = store_case_get_incident(the, 7);
    assert_int_equal(inc->status, STATUS_RESOLVED);
    assert_int_equal(inc->history_count, 1);
    incident_destroy(&inc);
}

#endif

#define TEST(f) cmocka_unit_test_setup_teardown(f, store_case_open, close_case)

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(a_full_disk_is_a_wait_and_nothing_is_half_written),
        TEST(a_disk_that_is_full_from_the_start_is_a_wait),
        TEST(a_commit_that_cannot_be_synced_is_unclear),
        TEST(a_lock_held_by_another_is_a_wait),
#ifdef BONGSU_FAULTS
        TEST(killed_while_writing_it_stores_each_event_once),
        TEST(killed_after_an_incident_was_committed_it_has_it),
        TEST(killed_around_a_status_it_is_changed_wholly_or_not_at_all),
#endif
    };

#ifdef BONGSU_FAULTS
    if (argc == 3)
        return act_once(argv[1], argv[2]);
#endif
    return cmocka_run_group_tests_name("store faults", tests, install_disk, NULL);
}
