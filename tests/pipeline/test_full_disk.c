/*
 * A disk that runs full, under each SQLite file in turn, while clients post:
 * 503 with Retry-After from ingest, or patience of the others; nothing that
 * was answered 2xx is lost, and all goes on by itself once there is room.
 *
 * The disk is a tmpfs of a mount namespace of our own; where that is not
 * permitted the tests are skipped and say so.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/chain.h"
#include "tests/support/command.h"
#include "tests/support/load.h"

enum { RESUME_MS = 10000, FULL_FOR_MS = 2000, PATH_LEN = 512 };

struct fixture {
    struct stub *slack;
    struct chain *chain;
    struct load *load;
    char folder[64];                /* of the disk, when the chain is on it; else "" */
    char disk[PATH_LEN];            /* "": nothing is mounted */
};

static struct fixture fix;

/* --- the disk --- */

static int
write_line(const char *path, const char *line)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    ssize_t len = (ssize_t)strlen(line), written = fd < 0 ? -1 : write(fd, line, (size_t)len);

    if (fd >= 0)
        close(fd);
    return written == len ? 0 : -1;
}

/* A mount namespace of our own, of a user namespace when we are not root: 0 or -1. */
static int
may_mount(void)
{
    char line[64];
    int uid = (int)getuid();

    if (uid == 0)
        return unshare(CLONE_NEWNS);
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
        return -1;
    snprintf(line, sizeof(line), "%d %d 1", uid, uid);
    return write_line("/proc/self/uid_map", line);
}

static int
prepare(void **state)
{
    (void)state;
    if (may_mount() != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        print_message("a file system cannot be mounted here: %s\n", strerror(errno));
    return 0;
}

static void
mount_disk(const char *folder, const char *size)
{
    char options[64];

    snprintf(fix.disk, sizeof(fix.disk), "%s/disk", folder);
    snprintf(options, sizeof(options), "mode=0700,size=%s", size);
    assert_int_equal(mkdir(fix.disk, 0700), 0);
    if (mount("bongsu-test", fix.disk, "tmpfs", 0, options) == 0)
        return;
    print_message("[  SKIPPED ] no disk to fill: %s\n", strerror(errno));
    fix.disk[0] = '\0';
    skip();
}

/* To the last byte. */
static void
fill_disk(void)
{
    static char block[64 * 1024];
    char path[PATH_LEN + 16];
    size_t size = sizeof(block);
    int fd;

    snprintf(path, sizeof(path), "%s/filler", fix.disk);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    memset(block, 'f', sizeof(block));
    while (size > 0)
        if (write(fd, block, size) <= 0)
            size /= 2;
    close(fd);
}

static void
empty_disk(void)
{
    char path[PATH_LEN + 16];

    snprintf(path, sizeof(path), "%s/filler", fix.disk);
    assert_int_equal(unlink(path), 0);
}

/* --- the chain on it --- */

static void
make_chain(const char *parent)
{
    fix.chain = chain_new(parent, stub_url(fix.slack));
    chain_set(fix.chain, "BONGSU_PUBLIC_URL", "http://bongsu.example");
    chain_set(fix.chain, "BONGSU_SLACK_DIGEST_OVER", "10000");
}

static int
open_chain(void **state)
{
    (void)state;
    fix = (struct fixture){ .slack = stub_new() };
    make_chain(NULL);
    return 0;
}

static int
close_chain(void **state)
{
    (void)state;
    load_destroy(&fix.load);
    for (int i = 0; fix.chain != NULL && i < PROCESSES; i++)
        chain_kill(fix.chain, (enum process)i);
    if (fix.disk[0] != '\0')
        umount2(fix.disk, MNT_DETACH);
    chain_destroy(&fix.chain);
    if (fix.folder[0] != '\0')
        command_remove_folder(fix.folder);
    unsetenv("BONGSU_STORE_DIR");
    stub_destroy(&fix.slack);
    return 0;
}

/* Every 20 events there is a new attacker, until there are 50: slowly enough
 * that incidents come into being while the disk is full. */
static void
start_load(unsigned per_second)
{
    fix.load = load_new(&(struct load_spec){ .chain = fix.chain, .clients = 3, .batch = 10,
                                             .padding = 300, .sources = 50,
                                             .per_second = per_second });
    chain_start_all(fix.chain);
    load_start(fix.load);
    load_wait_accepted(fix.load, 100, 30000);
}

static void
pass_ms(int64_t ms)
{
    int64_t until = now_ms() + ms;

    while (now_ms() < until)
        wait_a_little();
}

/* Nobody has gone and come back. */
static void
check_all_live(void)
{
    for (int i = 0; i < PROCESSES; i++)
        if (chain_has_died(fix.chain, (enum process)i))
            fail_msg("%s ended when the disk was full", process_names[i]);
}

static void
check_nothing_lost(void)
{
    load_stop(fix.load);
    load_check_stored(fix.load, 60000);
    load_check_incidents(fix.chain, 30000);
    load_check_told(fix.chain, fix.slack, 0, is_slow() ? 60000 : RESUME_MS);
    check_all_live();
}

/* Fill the disk until `metric` of a process shows that it has noticed. */
static void
fill_until_noticed(enum process which, const char *metric)
{
    double before = chain_metric(fix.chain, which, metric);

    fill_disk();
    chain_wait_metric(fix.chain, which, metric, before + 1, 30000);
    pass_ms(FULL_FOR_MS);
    check_all_live();
}

/* Room again: all five are ready within ten seconds, and what waited moves. */
static void
make_room_and_resume(void)
{
    int64_t started;

    empty_disk();
    started = now_ms();
    chain_wait_ready(fix.chain, is_slow() ? 3 * RESUME_MS : RESUME_MS);
    load_wait_accepted(fix.load, 100, is_slow() ? 3 * RESUME_MS : RESUME_MS);
    printf("  ready again after %lld ms\n", (long long)(now_ms() - started));
}

static void
ingest_answers_503_while_the_journals_disk_is_full(void **state)
{
    struct load_numbers numbers;

    (void)state;
    mount_disk(chain_dir(fix.chain), "24m");
    chain_set(fix.chain, "BONGSU_JOURNAL_DIR", fix.disk);
    chain_set(fix.chain, "BONGSU_JOURNAL_SEGMENT_BYTES", "1MiB");
    start_load(200);
    fill_until_noticed(INGEST, "bongsu_ingest_requests_unavailable_total");
    numbers = load_numbers(fix.load);
    assert_true(numbers.unavailable > 0);
    assert_int_equal(numbers.without_retry, 0);
    assert_int_equal(numbers.others, 0);
    make_room_and_resume();
    check_nothing_lost();
}

static void
ingest_answers_while_the_stores_disk_is_full(void **state)
{
    (void)state;
    mount_disk(chain_dir(fix.chain), "24m");
    chain_set(fix.chain, "BONGSU_STORE_DIR", fix.disk);
    setenv("BONGSU_STORE_DIR", fix.disk, 1);    /* for the replay, which reads it */
    start_load(200);
    fill_until_noticed(INDEXER, "bongsu_indexer_retries_total");
    load_wait_accepted(fix.load, 200, 10000);
    make_room_and_resume();
    assert_int_equal(load_numbers(fix.load).unavailable, 0);
    check_nothing_lost();
}

/* One file of the data folder alone on the small disk. SQLite keeps its log
 * beside the file that the link leads to. */
static void
put_on_disk(const char *name)
{
    char link[PATH_LEN], target[PATH_LEN + 64];

    snprintf(link, sizeof(link), "%s/%s", chain_dir(fix.chain), name);
    snprintf(target, sizeof(target), "%s/%s", fix.disk, name);
    assert_int_equal(symlink(target, link), 0);
}

static void
the_detector_waits_while_its_disk_is_full(void **state)
{
    (void)state;
    mount_disk(chain_dir(fix.chain), "4m");
    put_on_disk("detector-0.db");
    start_load(200);
    fill_until_noticed(DETECTOR, "bongsu_detector_commits_failed_total");
    load_wait_accepted(fix.load, 200, 10000);
    make_room_and_resume();
    assert_int_equal(load_numbers(fix.load).unavailable, 0);
    check_nothing_lost();
}

static void
the_notifier_waits_while_its_disk_is_full(void **state)
{
    (void)state;
    mount_disk(chain_dir(fix.chain), "4m");
    put_on_disk("notifier.db");
    start_load(200);
    fill_until_noticed(NOTIFIER, "bongsu_notifier_outbox_failures_total");
    load_wait_accepted(fix.load, 200, 10000);
    make_room_and_resume();
    assert_int_equal(load_numbers(fix.load).unavailable, 0);
    check_nothing_lost();
}

/* As most people have it. */
static void
all_go_on_after_their_one_disk_was_full(void **state)
{
    struct load_numbers numbers;

    (void)state;
    chain_destroy(&fix.chain);
    command_make_folder(fix.folder, sizeof(fix.folder));
    mount_disk(fix.folder, "48m");
    make_chain(fix.disk);
    chain_set(fix.chain, "BONGSU_JOURNAL_SEGMENT_BYTES", "1MiB");
    start_load(200);
    fill_until_noticed(INGEST, "bongsu_ingest_requests_unavailable_total");
    numbers = load_numbers(fix.load);
    assert_int_equal(numbers.without_retry, 0);
    assert_int_equal(numbers.others, 0);
    make_room_and_resume();
    check_nothing_lost();
}

/* Without a disk of its own: the quota, while the indexer takes nothing. */
static void
ingest_answers_503_at_the_journals_quota(void **state)
{
    struct load_numbers numbers;
    int64_t deadline;

    (void)state;
    chain_set(fix.chain, "BONGSU_JOURNAL_MAX_BYTES", "6MiB");
    chain_set(fix.chain, "BONGSU_JOURNAL_SEGMENT_BYTES", "256KiB");
    start_load(is_slow() ? 400 : 2000);
    chain_signal(fix.chain, INDEXER, SIGSTOP);
    for (deadline = now_ms() + 60000; load_numbers(fix.load).unavailable < 20;) {
        if (now_ms() > deadline)
            fail_msg("the quota is never reached");
        wait_a_little();
    }
    numbers = load_numbers(fix.load);
    assert_int_equal(numbers.without_retry, 0);
    assert_int_equal(numbers.others, 0);
    chain_signal(fix.chain, INDEXER, SIGCONT);
    load_wait_accepted(fix.load, 100, is_slow() ? 3 * RESUME_MS : RESUME_MS);
    check_nothing_lost();
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_chain, close_chain)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ingest_answers_503_while_the_journals_disk_is_full),
        TEST(ingest_answers_while_the_stores_disk_is_full),
        TEST(the_detector_waits_while_its_disk_is_full),
        TEST(the_notifier_waits_while_its_disk_is_full),
        TEST(all_go_on_after_their_one_disk_was_full),
        TEST(ingest_answers_503_at_the_journals_quota),
    };

    return cmocka_run_group_tests_name("full_disk", tests, prepare, NULL);
}
