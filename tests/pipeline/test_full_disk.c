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

#include "tests/support/command.h"
#include "tests/support/rig.h"

enum { RESUME_MS = 10000, FULL_FOR_MS = 2000, TOLD_MS = 60000, PATH_LEN = 512 };

static struct rig rig;
static char folder_of_disk[96];     /* when the chain is on the disk; else "" */
static char disk[PATH_LEN];         /* "": nothing is mounted */

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

    snprintf(disk, sizeof(disk), "%s/disk", folder);
    snprintf(options, sizeof(options), "mode=0700,size=%s", size);
    assert_int_equal(mkdir(disk, 0700), 0);
    if (mount("bongsu-test", disk, "tmpfs", 0, options) == 0)
        return;
    print_message("[  SKIPPED ] no disk to fill: %s\n", strerror(errno));
    disk[0] = '\0';
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

    snprintf(path, sizeof(path), "%s/filler", disk);
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

    snprintf(path, sizeof(path), "%s/filler", disk);
    assert_int_equal(unlink(path), 0);
}

/* --- the chain on it --- */

static int
open_chain(void **state)
{
    (void)state;
    rig_open(&rig, NULL);
    return 0;
}

static int
close_chain(void **state)
{
    (void)state;
    load_destroy(&rig.load);
    for (int i = 0; rig.chain != NULL && i < PROCESSES; i++)
        chain_kill(rig.chain, (enum process)i);
    if (disk[0] != '\0')
        umount2(disk, MNT_DETACH);
    rig_close(&rig);
    if (folder_of_disk[0] != '\0')
        command_remove_folder(folder_of_disk);
    disk[0] = folder_of_disk[0] = '\0';
    unsetenv("BONGSU_STORE_DIR");
    return 0;
}

/* Every 20 events there is a new attacker, until there are 50: slowly enough
 * that incidents come into being while the disk is full. */
static void
start_load(unsigned per_second)
{
    rig.load = load_new(&(struct load_spec){ .chain = rig.chain, .clients = 3, .batch = 10,
                                             .padding = 300, .sources = 50,
                                             .per_second = per_second });
    chain_start_all(rig.chain);
    load_start(rig.load);
    load_wait_accepted(rig.load, 100, 60000);
}

/* Nobody has gone and come back. */
static void
check_all_live(void)
{
    for (int i = 0; i < PROCESSES; i++)
        if (chain_has_died(rig.chain, (enum process)i))
            fail_msg("%s ended when the disk was full", process_names[i]);
}

static void
check_nothing_lost(void)
{
    rig_check_nothing_lost(&rig, is_slow() ? TOLD_MS : RESUME_MS);
    check_all_live();
}

/* Fill the disk until `metric` of a process shows that it has noticed. */
static void
fill_until_noticed(enum process which, const char *metric)
{
    double before = chain_metric(rig.chain, which, metric);

    fill_disk();
    chain_wait_metric(rig.chain, which, metric, before + 1, 60000);
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
    chain_wait_ready(rig.chain, is_slow() ? 3 * RESUME_MS : RESUME_MS);
    load_wait_accepted(rig.load, 100, is_slow() ? 3 * RESUME_MS : RESUME_MS);
    printf("  ready again after %lld ms\n", (long long)(now_ms() - started));
}

static void
ingest_answers_503_while_the_journals_disk_is_full(void **state)
{
    struct load_numbers numbers;

    (void)state;
    mount_disk(chain_dir(rig.chain), "24m");
    chain_set(rig.chain, "BONGSU_JOURNAL_DIR", disk);
    chain_set(rig.chain, "BONGSU_JOURNAL_SEGMENT_BYTES", "1MiB");
    start_load(200);
    fill_until_noticed(INGEST, "bongsu_ingest_requests_unavailable_total");
    numbers = load_numbers(rig.load);
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
    mount_disk(chain_dir(rig.chain), "24m");
    chain_set(rig.chain, "BONGSU_STORE_DIR", disk);
    setenv("BONGSU_STORE_DIR", disk, 1);    /* for the replay, which reads it */
    start_load(200);
    fill_until_noticed(INDEXER, "bongsu_indexer_retries_total");
    load_wait_accepted(rig.load, 200, 60000);
    make_room_and_resume();
    assert_int_equal(load_numbers(rig.load).unavailable, 0);
    check_nothing_lost();
}

/* One file of the data folder alone on the small disk. SQLite keeps its log
 * beside the file that the link leads to. */
static void
put_on_disk(const char *name)
{
    char link[PATH_LEN], target[PATH_LEN + 64];

    snprintf(link, sizeof(link), "%s/%s", chain_dir(rig.chain), name);
    snprintf(target, sizeof(target), "%s/%s", disk, name);
    assert_int_equal(symlink(target, link), 0);
}

static void
the_detector_waits_while_its_disk_is_full(void **state)
{
    (void)state;
    mount_disk(chain_dir(rig.chain), "4m");
    put_on_disk("detector-0.db");
    start_load(200);
    fill_until_noticed(DETECTOR, "bongsu_detector_commits_failed_total");
    load_wait_accepted(rig.load, 200, 60000);
    make_room_and_resume();
    assert_int_equal(load_numbers(rig.load).unavailable, 0);
    check_nothing_lost();
}

static void
the_notifier_waits_while_its_disk_is_full(void **state)
{
    (void)state;
    mount_disk(chain_dir(rig.chain), "4m");
    put_on_disk("notifier.db");
    start_load(200);
    fill_until_noticed(NOTIFIER, "bongsu_notifier_outbox_failures_total");
    load_wait_accepted(rig.load, 200, 60000);
    make_room_and_resume();
    assert_int_equal(load_numbers(rig.load).unavailable, 0);
    check_nothing_lost();
}

/* As most people have it. */
static void
all_go_on_after_their_one_disk_was_full(void **state)
{
    struct load_numbers numbers;

    (void)state;
    rig_close(&rig);
    command_make_folder(folder_of_disk, sizeof(folder_of_disk));
    mount_disk(folder_of_disk, "48m");
    rig_open(&rig, disk);
    chain_set(rig.chain, "BONGSU_JOURNAL_SEGMENT_BYTES", "1MiB");
    start_load(200);
    fill_until_noticed(INGEST, "bongsu_ingest_requests_unavailable_total");
    numbers = load_numbers(rig.load);
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
    chain_set(rig.chain, "BONGSU_JOURNAL_MAX_BYTES", "6MiB");
    chain_set(rig.chain, "BONGSU_JOURNAL_SEGMENT_BYTES", "256KiB");
    start_load(is_slow() ? 400 : 2000);
    chain_signal(rig.chain, INDEXER, SIGSTOP);
    for (deadline = now_ms() + 60000; load_numbers(rig.load).unavailable < 20;) {
        if (now_ms() > deadline)
            fail_msg("the quota is never reached");
        wait_a_little();
    }
    numbers = load_numbers(rig.load);
    assert_int_equal(numbers.without_retry, 0);
    assert_int_equal(numbers.others, 0);
    chain_signal(rig.chain, INDEXER, SIGCONT);
    load_wait_accepted(rig.load, 100, is_slow() ? 3 * RESUME_MS : RESUME_MS);
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
