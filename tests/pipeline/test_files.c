/*
 * Watched files, for real: writers append numbered lines at a steady rate while
 * their files are renamed, copied and truncated, and ingest is killed again and
 * again, at any moment or at a fault point around its commit. Afterwards every
 * line is stored exactly once.
 *
 * BONGSU_ROUNDS (15) kills, BONGSU_SEED repeats a run.
 */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/chain.h"

enum { RENAMED, TRUNCATED, COPIED, FILES, MAX_LINES = 1 << 20, BURST = 7 };

static struct {
    struct chain *chain;
    char logs[256];
    pthread_mutex_t quiet;              /* held while a file is cut: nobody writes */
    int fds[FILES];                     /* the writer's, as a daemon that logs holds them */
    atomic_uint issued;
    atomic_int is_over;
} run;

/* app: renamed, with app.1 to app.3 outside of the pattern; web: truncated after
 * it was copied to a name that no pattern finds; all: copied to one that is. */
static const char *const names[FILES] = { "app.log", "web.txt", "all.out" };

static const char *
path_of(int file, const char *end)
{
    static _Thread_local char paths[2][512];
    static _Thread_local int turn;

    turn = !turn;
    snprintf(paths[turn], sizeof(paths[turn]), "%s/%s%s", run.logs, names[file], end);
    return paths[turn];
}

static int
open_log(int file)
{
    int fd = open(path_of(file, ""), O_WRONLY | O_APPEND | O_CREAT, 0600);

    assert_true(fd >= 0);
    return fd;
}

/* Lines are written in halves, so that a reader meets unfinished ones. */
static void
write_lines(int file, unsigned first)
{
    char text[BURST * 32];
    int len = 0, half;

    for (unsigned i = 0; i < BURST; i++)
        len += snprintf(text + len, sizeof(text) - (size_t)len, "line %07u of %s\n", first + i,
                        names[file]);
    half = len / 2 + 3;
    assert_int_equal(write(run.fds[file], text, (size_t)half), half);
    assert_int_equal(write(run.fds[file], text + half, (size_t)(len - half)), len - half);
}

static void *
writer(void *arg)
{
    (void)arg;
    while (!atomic_load(&run.is_over)) {
        pthread_mutex_lock(&run.quiet);
        for (int file = 0; file < FILES; file++)
            write_lines(file, atomic_fetch_add(&run.issued, BURST));
        pthread_mutex_unlock(&run.quiet);
        wait_a_little();
    }
    return NULL;
}

static void
copy_file(const char *from, const char *to)
{
    char bytes[65536];
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ssize_t len;

    assert_true(in >= 0 && out >= 0);
    while ((len = read(in, bytes, sizeof(bytes))) > 0)
        assert_int_equal(write(out, bytes, (size_t)len), len);
    close(in);
    close(out);
}

/* As logrotate: the daemon goes on writing to the renamed file for a while. */
static void
rotate_by_renaming(int round)
{
    int fd;

    if (round > 1)
        assert_int_equal(rename(path_of(RENAMED, ".2"), path_of(RENAMED, ".3")), 0);
    if (round > 0)
        assert_int_equal(rename(path_of(RENAMED, ".1"), path_of(RENAMED, ".2")), 0);
    assert_int_equal(rename(path_of(RENAMED, ""), path_of(RENAMED, ".1")), 0);
    for (int i = 0; i < 5; i++)
        wait_a_little();
    fd = open_log(RENAMED);
    pthread_mutex_lock(&run.quiet);
    close(run.fds[RENAMED]);
    run.fds[RENAMED] = fd;
    pthread_mutex_unlock(&run.quiet);
}

static uint64_t
place_in(const json_t *files, const char *path)
{
    json_t *file;
    size_t i;

    json_array_foreach(json_object_get(json_object_get(files, "files"), "read"), i, file)
        if (strcmp(json_string_value(json_object_get(file, "path")), path) == 0 &&
            strcmp(json_string_value(json_object_get(file, "state")), "read") == 0)
            return (uint64_t)json_integer_value(json_object_get(file, "offset"));
    return 0;
}

/* What no copy keeps must be read before it is cut: copytruncate promises no more. */
static void
wait_until_read(int file)
{
    int64_t deadline = now_ms() + 60000;
    struct stat st;
    uint64_t at;

    assert_int_equal(stat(path_of(file, ""), &st), 0);
    for (;;) {
        json_t *status = chain_status(run.chain, INGEST);

        at = place_in(status, path_of(file, ""));
        json_decref(status);
        if (at == (uint64_t)st.st_size)
            return;
        if (now_ms() > deadline)
            fail_msg("%s: %llu of %lld bytes are read", names[file], (unsigned long long)at,
                     (long long)st.st_size);
        wait_a_little();
    }
}

/* Nobody writes meanwhile, as copytruncate loses what is. */
static void
rotate_by_truncating(int file, int round)
{
    char end[32];

    snprintf(end, sizeof(end), file == COPIED ? ".%d" : "-old", round);
    pthread_mutex_lock(&run.quiet);
    copy_file(path_of(file, ""), path_of(file, end));
    if (file == TRUNCATED)
        wait_until_read(file);
    assert_int_equal(truncate(path_of(file, ""), 0), 0);
    pthread_mutex_unlock(&run.quiet);
}

/* At any moment, or around the commit of what was read. */
static void
kill_ingest(int round)
{
    static const char *const points[] = { "ingest.before_commit", "ingest.after_commit",
                                          "ingest.after_segment" };
    int64_t until = now_ms() + random() % 300, deadline = now_ms() + 30000;
    char fault[64];

    if (round % 2 == 0) {
        while (now_ms() < until)
            wait_a_little();
        chain_kill(run.chain, INGEST);
        return;
    }
    chain_kill(run.chain, INGEST);
    snprintf(fault, sizeof(fault), "%s:%ld", points[round / 2 % 3],
             1 + (round / 2 % 3 == 2 ? 0 : random() % 5));
    chain_start(run.chain, INGEST, fault);
    while (!chain_has_died(run.chain, INGEST)) {
        if (now_ms() > deadline)
            fail_msg("%s is never reached", fault);
        wait_a_little();
    }
}

static void
check_event(void *ctx, const json_t *ev)
{
    const char *raw = json_string_value(json_object_get(ev, "raw_log"));
    unsigned char *seen = ctx;
    unsigned number = MAX_LINES;
    char name[16] = "";

    if (raw == NULL || sscanf(raw, "line %7u of %15s", &number, name) != 2 ||
        number >= atomic_load(&run.issued) || strlen(raw) != 16 + strlen(name))
        fail_msg("no line of ours: %s", raw == NULL ? "(none)" : raw);
    if (seen[number]++ != 0)
        fail_msg("line %u is stored twice: %s", number, raw);
    if (strstr(json_string_value(json_object_get(ev, "log.file.path")), name) == NULL)
        fail_msg("line %u is said to be of another file", number);
}

static void
check_all_are_stored_once(void)
{
    int64_t deadline = now_ms() + 120000;
    unsigned issued = atomic_load(&run.issued), lost = 0;
    unsigned char *seen = calloc(1, MAX_LINES);

    for (int file = 0; file < FILES; file++)
        wait_until_read(file);
    for (;;) {
        json_t *status = chain_status(run.chain, INGEST);
        json_int_t lag = json_integer_value(
            json_object_get(json_object_get(status, "files"), "lag_bytes"));

        json_decref(status);
        if (lag == 0 && chain_backlog(run.chain) == 0)
            break;
        if (now_ms() > deadline)
            fail_msg("%lld bytes are never read", (long long)lag);
        wait_a_little();
    }
    chain_each_event(run.chain, check_event, seen);
    for (unsigned i = 0; i < issued; i++)
        if (!seen[i] && lost++ < 20)
            printf("lost: line %u of %s\n", i, names[i / BURST % FILES]);
    printf("written %u lines, lost %u\n", issued, lost);
    assert_int_equal(lost, 0);
    assert_true(issued > 1000);
    free(seen);
}

static void
start(void)
{
    char patterns[1024];

    run.chain = chain_new(NULL, NULL);
    snprintf(run.logs, sizeof(run.logs), "%s/logs", chain_dir(run.chain));
    assert_int_equal(mkdir(run.logs, 0700), 0);
    snprintf(patterns, sizeof(patterns), "%s/*.log,%s/web.txt,%s/all.out*", run.logs, run.logs,
             run.logs);
    chain_set(run.chain, "BONGSU_INGEST_FILES", patterns);
    chain_set(run.chain, "BONGSU_JOURNAL_SEGMENT_BYTES", "64KiB");
    /* there and empty at the start: nobody can follow a file that was never seen */
    for (int file = 0; file < FILES; file++)
        run.fds[file] = open_log(file);
    chain_start_all(run.chain);
}

static unsigned long
number_of(const char *name, unsigned long fallback)
{
    const char *text = getenv(name);

    return text == NULL ? fallback : strtoul(text, NULL, 10);
}

static void
stores_every_line_once_whatever_happens_to_files_and_ingest(void **state)
{
    unsigned long rounds = number_of("BONGSU_ROUNDS", 15);
    unsigned long seed = number_of("BONGSU_SEED",
                                   (unsigned long)time(NULL) ^ (unsigned long)getpid());
    pthread_t thread;

    (void)state;
    printf("BONGSU_SEED=%lu BONGSU_ROUNDS=%lu\n", seed, rounds);
    srandom((unsigned)seed);
    pthread_mutex_init(&run.quiet, NULL);
    start();
    assert_int_equal(pthread_create(&thread, NULL, writer, NULL), 0);
    for (int round = 0; round < (int)rounds; round++) {
        int order = (int)(random() % 3);

        if (order == 0)
            kill_ingest(round);
        rotate_by_renaming(round);
        if (order == 1)
            kill_ingest(round);
        rotate_by_truncating(COPIED, round);
        if (order == 2)
            kill_ingest(round);
        chain_revive(run.chain);
        chain_wait_ready(run.chain, 60000);
        rotate_by_truncating(TRUNCATED, round);
    }
    atomic_store(&run.is_over, 1);
    pthread_join(thread, NULL);
    check_all_are_stored_once();
    for (int file = 0; file < FILES; file++)
        close(run.fds[file]);
    chain_destroy(&run.chain);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stores_every_line_once_whatever_happens_to_files_and_ingest),
    };

    return cmocka_run_group_tests_name("files", tests, NULL, NULL);
}
