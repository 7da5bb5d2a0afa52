#include "ingest/journal.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/base/buf.h"
#include "proto/base/fault.h"

enum { KIB = 1024, MIB = 1024 * 1024 };

static const int64_t now_us = INT64_C(1800000000000000);

struct place {
    char dir[64];
    struct journal_options options;
    struct journal *journal;
    struct err err;
};

/* --- helpers --- */

static void
open_at(struct place *place, int64_t at_us)
{
    place->options.dir = place->dir;
    place->journal = journal_open(&place->options, at_us, &place->err);
    if (place->journal == NULL)
        print_error("%s\n", place->err.text);
    assert_non_null(place->journal);
}

static void
reopen(struct place *place, int64_t at_us)
{
    journal_close(&place->journal);
    open_at(place, at_us);
}

static int
set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    assert_non_null(place);
    snprintf(place->dir, sizeof(place->dir), "/tmp/bongsu-journal-XXXXXX");
    assert_non_null(mkdtemp(place->dir));
    place->options = (struct journal_options){ .segment_bytes = 64 * MIB,
                                               .max_bytes = INT64_C(1) << 30, .slots = 1 };
    open_at(place, now_us);
    *state = place;
    return 0;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static int
tear_down(void **state)
{
    struct place *place = *state;

    journal_close(&place->journal);
    nftw(place->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(place);
    return 0;
}

/* An encoded event of len bytes: what is in it is no business of the journal's. */
static enum journal_outcome
append_bytes(struct place *place, size_t len, uint64_t *ret_sequence)
{
    char *bytes = calloc(1, len);
    enum journal_outcome outcome;

    assert_non_null(bytes);
    outcome = journal_append(place->journal, (struct text){ bytes, len }, now_us + 5,
                             ret_sequence, &place->err);
    free(bytes);
    return outcome;
}

static uint64_t
append(struct place *place, size_t len)
{
    uint64_t sequence = 0;

    assert_int_equal(append_bytes(place, len, &sequence), JOURNAL_DONE);
    return sequence;
}

static void
commit(struct place *place)
{
    assert_int_equal(journal_commit(place->journal, &place->err), JOURNAL_DONE);
    journal_tidy(place->journal);
}

static uint64_t
store(struct place *place, size_t len)
{
    uint64_t sequence = append(place, len);

    commit(place);
    return sequence;
}

static int
next(struct place *place, uint64_t after, struct batch_head *head, struct text *body)
{
    int rc = journal_next(place->journal, after, head, body, &place->err);

    assert_true(rc >= 0);
    return rc;
}

/* Walk all rows above after, checking that each names its predecessor. */
static unsigned
count_rows(struct place *place, uint64_t after)
{
    struct batch_head head;
    struct text body;
    uint64_t last = 0;
    unsigned rows = 0;

    while (next(place, after, &head, &body) == 1) {
        assert_true(head.first > after);
        if (rows > 0)
            assert_int_equal(head.previous, last);
        last = head.first + head.count - 1;
        after = head.first;
        rows++;
    }
    return rows;
}

static unsigned
count_files(const struct place *place, const char *end)
{
    DIR *folder = opendir(place->dir);
    struct dirent *entry;
    unsigned files = 0;

    assert_non_null(folder);
    while ((entry = readdir(folder)) != NULL)
        files += (unsigned)text_ends_with(text_of(entry->d_name), end);
    closedir(folder);
    return files;
}

static void
all_are_past(struct place *place, uint64_t position)
{
    for (size_t i = 0; i < journal_consumer_count(place->journal); i++)
        journal_set_cursor(place->journal, i, position);
    journal_trim(place->journal);
}

/* --- rows --- */

static void
gives_back_a_committed_row(void **state)
{
    static const char event[] = { (char)0x81, 'a', 'b' };
    struct place *place = *state;
    struct batch_head head;
    struct text body;
    uint64_t first = 0, second = 0;

    assert_int_equal(journal_append(place->journal, (struct text){ event, 3 }, now_us + 5,
                                    &first, &place->err), JOURNAL_DONE);
    assert_int_equal(journal_append(place->journal, (struct text){ event, 3 }, now_us + 5,
                                    &second, &place->err), JOURNAL_DONE);
    assert_int_equal(next(place, 0, &head, &body), 0);      /* not before its commit */
    commit(place);

    for (int from_file = 0; from_file < 2; from_file++) {
        assert_int_equal(next(place, 0, &head, &body), 1);
        assert_int_equal(head.first, first);
        assert_int_equal(head.count, 2);
        assert_int_equal(head.previous, 0);
        assert_int_equal(head.oldest, first);
        assert_int_equal(head.received_us, now_us + 5);
        assert_true(head.origin == journal_id(place->journal));
        assert_int_equal(body.len, 7);
        assert_memory_equal(body.ptr, "\x92\x81" "ab\x81" "ab", 7);
        if (!from_file)
            reopen(place, now_us);
    }
    assert_int_equal(second, first + 1);
}

static void
names_the_predecessor_of_each_row(void **state)
{
    struct place *place = *state;

    for (int i = 0; i < 300; i++)           /* more than are kept in memory */
        store(place, 100);
    assert_int_equal(count_rows(place, 0), 300);
}

static void
closes_a_row_at_one_mebibyte(void **state)
{
    struct place *place = *state;
    struct batch_head head;
    struct text body;
    uint64_t after = 0;

    for (int i = 0; i < 5; i++)
        append(place, 500 * KIB);
    commit(place);
    for (uint32_t count = 2; next(place, after, &head, &body) == 1; after = head.first) {
        assert_true(body.len <= BATCH_MAX_BYTES + 5);
        assert_true(head.count <= count);
    }
    assert_int_equal(count_rows(place, 0), 3);
}

static void
takes_back_what_was_cancelled(void **state)
{
    struct place *place = *state;
    struct batch_head head;
    struct text body;
    struct journal_mark mark;
    uint64_t kept, next_one;

    kept = append(place, 10);
    mark = journal_mark(place->journal);
    for (int i = 0; i < 30; i++)
        append(place, 400 * KIB);
    journal_cancel(place->journal, &mark);
    next_one = append(place, 20);
    assert_int_equal(next_one, kept + 1);
    commit(place);

    assert_int_equal(next(place, 0, &head, &body), 1);
    assert_int_equal(head.count, 2);
    assert_int_equal(body.len, 31);
    assert_int_equal(next(place, head.first, &head, &body), 0);
    assert_int_equal(journal_last(place->journal), next_one);
}

static void
cancelling_all_leaves_nothing(void **state)
{
    struct place *place = *state;
    struct journal_mark mark = journal_mark(place->journal);
    uint64_t first = append(place, 10);

    journal_cancel(place->journal, &mark);
    commit(place);
    assert_int_equal(count_rows(place, 0), 0);
    assert_int_equal(store(place, 10), first);
    assert_int_equal(count_rows(place, 0), 1);
}

static void
bounds_what_waits_for_one_commit(void **state)
{
    struct place *place = *state;
    enum journal_outcome outcome;
    uint64_t sequence;

    do
        outcome = append_bytes(place, 400 * KIB, &sequence);
    while (outcome == JOURNAL_DONE);
    assert_int_equal(outcome, JOURNAL_TURN_FULL);
    assert_true(journal_pending_bytes(place->journal) <= JOURNAL_MAX_PENDING);
    assert_true(journal_pending_bytes(place->journal) > JOURNAL_MAX_PENDING - 400 * KIB);
    commit(place);
    assert_true(count_rows(place, 0) > 1);
    store(place, 400 * KIB);
}

/* --- openings --- */

static void
keeps_its_id_and_takes_a_new_nonce(void **state)
{
    struct place *place = *state;
    uint64_t id = journal_id(place->journal);
    uint32_t nonce = journal_nonce(place->journal);

    reopen(place, now_us);
    assert_true(journal_id(place->journal) == id && id != 0);
    assert_true(journal_nonce(place->journal) != nonce);
}

static void
starts_at_the_wall_clock_or_after_the_last(void **state)
{
    struct place *place = *state;
    struct batch_head head;
    struct text body;
    uint64_t first = store(place, 10), second, third;

    assert_int_equal(first, now_us);
    reopen(place, now_us + 1000000);
    second = store(place, 10);
    assert_int_equal(second, now_us + 1000000);
    reopen(place, now_us - 5000000);        /* the clock was set back */
    third = store(place, 10);
    assert_int_equal(third, second + 1);
    assert_int_equal(next(place, second, &head, &body), 1);
    assert_int_equal(head.previous, second);
    assert_int_equal(count_rows(place, 0), 3);
}

static void
remembers_the_last_sequence_when_all_rows_are_gone(void **state)
{
    struct place *place = *state;
    struct batch_head head;
    struct text body;
    uint64_t last;

    place->options.segment_bytes = 1;       /* its least, 64 KiB */
    reopen(place, now_us);
    last = store(place, 200 * KIB);
    all_are_past(place, last);
    assert_int_equal(count_rows(place, 0), 0);
    assert_int_equal(journal_oldest(place->journal), last + 1);

    reopen(place, 1);
    assert_int_equal(store(place, 10), last + 1);
    assert_int_equal(next(place, 0, &head, &body), 1);
    assert_int_equal(head.previous, last);
    assert_int_equal(head.oldest, head.first);
}

static void
goes_on_after_a_file_that_was_left_blank(void **state)
{
    struct place *place = *state;
    uint64_t id = journal_id(place->journal), last = store(place, 10);
    char path[128];
    int fd;

    journal_close(&place->journal);
    snprintf(path, sizeof(path), "%s/0000000002.db", place->dir);
    fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    close(fd);
    snprintf(path, sizeof(path), "%s/0000000009.db-wal", place->dir);
    fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    close(fd);

    open_at(place, 1);
    assert_true(journal_id(place->journal) == id);
    assert_int_equal(journal_last(place->journal), last);
    assert_int_equal(store(place, 10), last + 1);
    assert_int_equal(count_rows(place, 0), 2);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void
refuses_a_file_of_another_journal(void **state)
{
    struct place *place = *state;
    char other[64], from[128], to[128];

    store(place, 10);
    journal_close(&place->journal);
    snprintf(other, sizeof(other), "/tmp/bongsu-journal-XXXXXX");
    assert_non_null(mkdtemp(other));
    place->options.dir = other;
    place->journal = journal_open(&place->options, now_us, &place->err);
    assert_non_null(place->journal);
    store(place, 10);
    journal_close(&place->journal);
    snprintf(from, sizeof(from), "%s/0000000001.db", other);
    snprintf(to, sizeof(to), "%s/0000000002.db", place->dir);
    assert_int_equal(rename(from, to), 0);
    nftw(other, remove_one, 8, FTW_DEPTH | FTW_PHYS);

    place->options.dir = place->dir;
    assert_null(journal_open(&place->options, now_us, &place->err));
    assert_non_null(strstr(place->err.text, "another journal"));
}

/* --- segments and cursors --- */

static void
deletes_a_file_only_when_every_consumer_is_past_it(void **state)
{
    struct place *place = *state;
    uint64_t last[4];

    place->options.segment_bytes = 1;
    reopen(place, now_us);
    for (int i = 0; i < 4; i++)
        last[i] = store(place, 200 * KIB);
    assert_int_equal(count_files(place, ".db"), 5);

    journal_set_cursor(place->journal, 0, last[3]);
    journal_trim(place->journal);
    assert_int_equal(count_files(place, ".db"), 5);         /* detect/0 is behind */
    journal_set_cursor(place->journal, 1, last[1]);
    journal_trim(place->journal);
    assert_int_equal(count_files(place, ".db"), 3);
    assert_int_equal(count_rows(place, 0), 2);
    journal_set_cursor(place->journal, 1, last[3]);
    journal_trim(place->journal);
    assert_int_equal(count_files(place, ".db"), 1);         /* the newest stays */
    assert_int_equal(count_files(place, "1.db-wal"), 0);
}

static void
reads_on_from_one_file_into_the_next(void **state)
{
    struct place *place = *state;

    place->options.segment_bytes = 1;
    reopen(place, now_us);
    for (int i = 0; i < 40; i++) {
        append(place, 500 * KIB);
        append(place, 500 * KIB);
        append(place, 500 * KIB);
        commit(place);
    }
    assert_true(count_files(place, ".db") >= 40);
    assert_int_equal(count_rows(place, 0), 80);
    assert_int_equal(count_files(place, ".db-wal"), 1);     /* sealed files have none */
    reopen(place, now_us);
    assert_int_equal(count_rows(place, 0), 80);
}

static void
keeps_cursors_with_the_next_commit_and_at_a_clean_end(void **state)
{
    struct place *place = *state;
    uint64_t first = store(place, 10), second = store(place, 10);

    journal_set_cursor(place->journal, 0, first);
    store(place, 10);
    journal_set_cursor(place->journal, 1, second);
    reopen(place, now_us);
    assert_int_equal(journal_cursor(place->journal, 0), first);
    assert_int_equal(journal_cursor(place->journal, 1), second);
}

static void
a_new_slot_starts_where_the_others_are(void **state)
{
    struct place *place = *state;
    uint64_t first = store(place, 10);

    store(place, 10);
    journal_set_cursor(place->journal, 1, first);
    place->options.slots = 3;
    reopen(place, now_us);
    assert_int_equal(journal_consumer_count(place->journal), 4);
    assert_string_equal(journal_consumer_name(place->journal, 3), "detect/2");
    assert_int_equal(journal_cursor(place->journal, 3), first);
    place->options.slots = 1;
    reopen(place, now_us);
    assert_int_equal(journal_consumer_count(place->journal), 2);
    assert_int_equal(journal_cursor(place->journal, 1), first);
}

static void
counts_what_a_consumer_has_not_acknowledged(void **state)
{
    struct place *place = *state;
    struct journal_backlog backlog;
    uint64_t first;

    place->options.segment_bytes = 1;
    reopen(place, now_us);
    first = store(place, 100 * KIB);
    append(place, 100 * KIB);
    store(place, 100 * KIB);
    store(place, 100 * KIB);
    assert_int_equal(journal_backlog(place->journal, 0, &backlog, &place->err), 0);
    assert_int_equal(backlog.rows, 3);
    assert_int_equal(backlog.events, 4);
    assert_int_equal(backlog.oldest_received_us, now_us + 5);
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
    struct place *place = *state;
    enum journal_outcome outcome;
    uint64_t sequence = 0;
    unsigned rows = 0;

    place->options.max_bytes = 4 * MIB;
    reopen(place, now_us);
    while ((outcome = append_bytes(place, 200 * KIB, &sequence)) == JOURNAL_DONE) {
        commit(place);
        assert_true(++rows < 100);
    }
    assert_int_equal(outcome, JOURNAL_OVER_QUOTA);
    assert_true(place->err.text[0] != '\0');
    assert_true(rows >= 8);
    assert_true(journal_space(place->journal).bytes <= 6 * MIB);
    assert_int_equal(count_rows(place, 0), rows);           /* nothing was lost */

    all_are_past(place, journal_last(place->journal));
    assert_int_equal(journal_check(place->journal, &place->err), JOURNAL_DONE);
    store(place, 200 * KIB);
}

/* A quota that one file fills: with everything consumed it must not stay shut. */
static void
gives_up_a_newest_file_that_nobody_needs_when_it_fills_the_quota(void **state)
{
    struct place *place = *state;
    enum journal_outcome outcome;
    uint64_t sequence = 0;

    place->options.max_bytes = 300 * KIB;
    reopen(place, now_us);
    while ((outcome = append_bytes(place, 20 * KIB, &sequence)) == JOURNAL_DONE)
        assert_int_equal(journal_commit(place->journal, &place->err), JOURNAL_DONE);
    assert_int_equal(outcome, JOURNAL_OVER_QUOTA);
    assert_int_equal(count_files(place, ".db"), 1);
    all_are_past(place, journal_last(place->journal));
    store(place, 20 * KIB);
}

static void
refuses_below_the_floor_of_free_space(void **state)
{
    struct place *place = *state;
    uint64_t sequence = 0;

    place->options.min_free = INT64_C(1) << 60;
    reopen(place, now_us);
    assert_int_equal(append_bytes(place, 10, &sequence), JOURNAL_NO_SPACE);
    assert_non_null(strstr(place->err.text, "journal.min_free"));
    place->options.min_free = 0;
    reopen(place, now_us);
    store(place, 10);
}

static void
says_unclear_when_the_disk_fails_and_keeps_what_it_had(void **state)
{
    struct place *place = *state;
    struct rlimit before, tiny = { 0 };
    enum journal_outcome outcome;
    uint64_t kept = store(place, 10), lost = append(place, 400 * KIB);
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
    reopen(place, 1);
    assert_int_equal(count_rows(place, 0), 1);
    assert_int_equal(store(place, 10), lost);
}

/* --- death at every point: this program, run again as the victim --- */

static int
be_the_victim(const char *dir)
{
    struct place place = { .options = { .segment_bytes = 1, .max_bytes = INT64_C(1) << 30,
                                        .slots = 1 } };

    snprintf(place.dir, sizeof(place.dir), "%s", dir);
    open_at(&place, now_us);
    for (int i = 0; i < 3; i++) {
        uint64_t last = store(&place, 200 * KIB);

        printf("%" PRIu64 "\n", last);
        fflush(stdout);
        if (i > 0)
            all_are_past(&place, last - 1);
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
    struct place *place = *state;

    for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
        uint64_t told = 0, last;

        journal_close(&place->journal);
        nftw(place->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
        assert_int_equal(mkdir(place->dir, 0700), 0);
        let_die_at(place->dir, points[i], &told);
        open_at(place, 1);
        assert_true(journal_last(place->journal) >= told);
        last = journal_last(place->journal);
        if (told > 0)
            assert_true(count_rows(place, told - 1) >= 1);
        assert_int_equal(store(place, 10), last + 1);
    }
}

#endif

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(gives_back_a_committed_row),
        TEST(names_the_predecessor_of_each_row),
        TEST(closes_a_row_at_one_mebibyte),
        TEST(takes_back_what_was_cancelled),
        TEST(cancelling_all_leaves_nothing),
        TEST(bounds_what_waits_for_one_commit),
        TEST(keeps_its_id_and_takes_a_new_nonce),
        TEST(starts_at_the_wall_clock_or_after_the_last),
        TEST(remembers_the_last_sequence_when_all_rows_are_gone),
        TEST(goes_on_after_a_file_that_was_left_blank),
        TEST(refuses_a_file_of_another_journal),
        TEST(deletes_a_file_only_when_every_consumer_is_past_it),
        TEST(reads_on_from_one_file_into_the_next),
        TEST(keeps_cursors_with_the_next_commit_and_at_a_clean_end),
        TEST(a_new_slot_starts_where_the_others_are),
        TEST(counts_what_a_consumer_has_not_acknowledged),
        TEST(refuses_beyond_its_quota_and_goes_on_when_there_is_room),
        TEST(gives_up_a_newest_file_that_nobody_needs_when_it_fills_the_quota),
        TEST(refuses_below_the_floor_of_free_space),
        TEST(says_unclear_when_the_disk_fails_and_keeps_what_it_had),
#ifdef BONGSU_FAULTS
        TEST(loses_nothing_that_was_told_whatever_the_moment_of_death),
#endif
    };

    if (argc == 3 && strcmp(argv[1], "--victim") == 0)
        return be_the_victim(argv[2]);
    return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
