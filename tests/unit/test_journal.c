#include "ingest/journal/journal.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/journal_place.h"
#include "tests/support/temp_dir.h"

/* --- rows --- */

static void
gives_back_a_committed_row(void **state)
{
    static const char event[] = { (char)0x81, 'a', 'b' };
    struct journal_place *place = *state;
    struct batch_head head;
    struct text body;
    uint64_t first = 0, second = 0;

    assert_int_equal(journal_append(place->journal, (struct text){ event, 3 }, journal_place_now_us + 5,
                                    &first, &place->err), JOURNAL_DONE);
    assert_int_equal(journal_append(place->journal, (struct text){ event, 3 }, journal_place_now_us + 5,
                                    &second, &place->err), JOURNAL_DONE);
    assert_int_equal(place_next(place, 0, &head, &body), 0);      /* not before its commit */
    place_commit(place);

    for (int from_file = 0; from_file < 2; from_file++) {
        assert_int_equal(place_next(place, 0, &head, &body), 1);
        assert_int_equal(head.first, first);
        assert_int_equal(head.count, 2);
        assert_int_equal(head.previous, 0);
        assert_int_equal(head.oldest, first);
        assert_int_equal(head.received_us, journal_place_now_us + 5);
        assert_true(head.origin == journal_id(place->journal));
        assert_int_equal(body.len, 7);
        assert_memory_equal(body.ptr, "\x92\x81" "ab\x81" "ab", 7);
        if (!from_file)
            journal_place_reopen(place, journal_place_now_us);
    }
    assert_int_equal(second, first + 1);
}

static void
names_the_predecessor_of_each_row(void **state)
{
    struct journal_place *place = *state;

    for (int i = 0; i < 300; i++)           /* more than are kept in memory */
        place_store(place, 100);
    assert_int_equal(place_count_rows(place, 0), 300);
}

static void
closes_a_row_at_one_mebibyte(void **state)
{
    struct journal_place *place = *state;
    struct batch_head head;
    struct text body;
    uint64_t after = 0;

    for (int i = 0; i < 5; i++)
        place_append(place, 500 * KIB);
    place_commit(place);
    for (uint32_t count = 2; place_next(place, after, &head, &body) == 1; after = head.first) {
        assert_true(body.len <= BATCH_MAX_BYTES + 5);
        assert_true(head.count <= count);
    }
    assert_int_equal(place_count_rows(place, 0), 3);
}

static void
takes_back_what_was_cancelled(void **state)
{
    struct journal_place *place = *state;
    struct batch_head head;
    struct text body;
    struct journal_mark mark;
    uint64_t kept, next_one;

    kept = place_append(place, 10);
    mark = journal_mark(place->journal);
    for (int i = 0; i < 30; i++)
        place_append(place, 400 * KIB);
    journal_cancel(place->journal, &mark);
    next_one = place_append(place, 20);
    assert_int_equal(next_one, kept + 1);
    place_commit(place);

    assert_int_equal(place_next(place, 0, &head, &body), 1);
    assert_int_equal(head.count, 2);
    assert_int_equal(body.len, 31);
    assert_int_equal(place_next(place, head.first, &head, &body), 0);
    assert_int_equal(journal_last(place->journal), next_one);
}

static void
cancelling_all_leaves_nothing(void **state)
{
    struct journal_place *place = *state;
    struct journal_mark mark = journal_mark(place->journal);
    uint64_t first = place_append(place, 10);

    journal_cancel(place->journal, &mark);
    place_commit(place);
    assert_int_equal(place_count_rows(place, 0), 0);
    assert_int_equal(place_store(place, 10), first);
    assert_int_equal(place_count_rows(place, 0), 1);
}

static void
bounds_what_waits_for_one_commit(void **state)
{
    struct journal_place *place = *state;
    enum journal_outcome outcome;
    uint64_t sequence;

    do
        outcome = place_append_bytes(place, 400 * KIB, &sequence);
    while (outcome == JOURNAL_DONE);
    assert_int_equal(outcome, JOURNAL_TURN_FULL);
    assert_true(journal_pending_bytes(place->journal) <= JOURNAL_MAX_PENDING);
    assert_true(journal_pending_bytes(place->journal) > JOURNAL_MAX_PENDING - 400 * KIB);
    place_commit(place);
    assert_true(place_count_rows(place, 0) > 1);
    place_store(place, 400 * KIB);
}

/* --- openings --- */

static void
keeps_its_id_and_takes_a_new_nonce(void **state)
{
    struct journal_place *place = *state;
    uint64_t id = journal_id(place->journal);
    uint32_t nonce = journal_nonce(place->journal);

    journal_place_reopen(place, journal_place_now_us);
    assert_true(journal_id(place->journal) == id && id != 0);
    assert_true(journal_nonce(place->journal) != nonce);
}

static void
starts_at_the_wall_clock_or_after_the_last(void **state)
{
    struct journal_place *place = *state;
    struct batch_head head;
    struct text body;
    uint64_t first = place_store(place, 10), second, third;

    assert_int_equal(first, journal_place_now_us);
    journal_place_reopen(place, journal_place_now_us + 1000000);
    second = place_store(place, 10);
    assert_int_equal(second, journal_place_now_us + 1000000);
    journal_place_reopen(place, journal_place_now_us - 5000000);        /* the clock was set back */
    third = place_store(place, 10);
    assert_int_equal(third, second + 1);
    assert_int_equal(place_next(place, second, &head, &body), 1);
    assert_int_equal(head.previous, second);
    assert_int_equal(place_count_rows(place, 0), 3);
}

static void
remembers_the_last_sequence_when_all_rows_are_gone(void **state)
{
    struct journal_place *place = *state;
    struct batch_head head;
    struct text body;
    uint64_t last;

    place->options.segment_bytes = 1;       /* its least, 64 KiB */
    journal_place_reopen(place, journal_place_now_us);
    last = place_store(place, 200 * KIB);
    place_all_are_past(place, last);
    assert_int_equal(place_count_rows(place, 0), 0);
    assert_int_equal(journal_oldest(place->journal), last + 1);

    journal_place_reopen(place, 1);
    assert_int_equal(place_store(place, 10), last + 1);
    assert_int_equal(place_next(place, 0, &head, &body), 1);
    assert_int_equal(head.previous, last);
    assert_int_equal(head.oldest, head.first);
}

static void
goes_on_after_a_file_that_was_left_blank(void **state)
{
    struct journal_place *place = *state;
    uint64_t id = journal_id(place->journal), last = place_store(place, 10);
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

    journal_place_open(place, 1);
    assert_true(journal_id(place->journal) == id);
    assert_int_equal(journal_last(place->journal), last);
    assert_int_equal(place_store(place, 10), last + 1);
    assert_int_equal(place_count_rows(place, 0), 2);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void
refuses_a_file_of_another_journal(void **state)
{
    struct journal_place *place = *state;
    char other[64], from[128], to[128];

    place_store(place, 10);
    journal_close(&place->journal);
    temp_dir_make(NULL, other, sizeof(other));
    place->options.dir = other;
    place->journal = journal_open(&place->options, journal_place_now_us, &place->err);
    assert_non_null(place->journal);
    place_store(place, 10);
    journal_close(&place->journal);
    snprintf(from, sizeof(from), "%s/0000000001.db", other);
    snprintf(to, sizeof(to), "%s/0000000002.db", place->dir);
    assert_int_equal(rename(from, to), 0);
    temp_dir_remove(other);

    place->options.dir = place->dir;
    assert_null(journal_open(&place->options, journal_place_now_us, &place->err));
    assert_non_null(strstr(place->err.text, "another journal"));
}

/* --- the balance sheet --- */

static uint64_t
counted(const struct journal_place *place, enum ledger_column column)
{
    const struct ledger_row *row = ledger_find(journal_ledger(place->journal),
                                               journal_id(place->journal),
                                               ledger_hour(journal_place_now_us));

    return row == NULL ? 0 : row->counts[column];
}

static void
counts_what_was_committed_and_nothing_that_was_dropped(void **state)
{
    struct journal_place *place = *state;

    place_append(place, 100);
    place_append(place, 100);
    assert_int_equal(counted(place, LEDGER_ACCEPTED), 0);
    place_commit(place);
    assert_int_equal(counted(place, LEDGER_ACCEPTED), 2);
    place_append(place, 100);
    journal_place_reopen(place, journal_place_now_us);     /* not committed */
    assert_int_equal(counted(place, LEDGER_ACCEPTED), 2);
}

static void
keeps_the_counts_through_new_files_and_openings(void **state)
{
    struct journal_place *place = *state;
    uint64_t last = 0;

    journal_count_refused(place->journal, LEDGER_REFUSED_FIELD, journal_place_now_us);
    journal_flush_ledger(place->journal);
    for (int i = 0; i < 40; i++) {
        last = place_store(place, 10 * KIB);
        journal_tidy(place->journal);
    }
    place_all_are_past(place, last);
    journal_count_refused(place->journal, LEDGER_REFUSED_JSON, journal_place_now_us);
    journal_trim(place->journal);
    journal_place_reopen(place, journal_place_now_us);
    assert_int_equal(counted(place, LEDGER_ACCEPTED), 40);
    assert_int_equal(counted(place, LEDGER_REFUSED_FIELD), 1);
    assert_int_equal(counted(place, LEDGER_REFUSED_JSON), 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, journal_place_set_up, \
                                                journal_place_tear_down)

int
main(void)
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
        TEST(counts_what_was_committed_and_nothing_that_was_dropped),
        TEST(keeps_the_counts_through_new_files_and_openings),
    };

    return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
