/* The journal: a COMMIT that is under way while the next turn gathers. */
#include "ingest/journal/journal.h"
#include "ingest/journal/journal_inner.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/journal_place.h"

static void
begin(struct journal_place *place)
{
    assert_int_equal(journal_begin_commit(place->journal, &place->err), JOURNAL_DONE);
}

static void
end(struct journal_place *place)
{
    assert_int_equal(journal_end_commit(place->journal, &place->err), JOURNAL_DONE);
}

static void
what_flies_is_seen_by_nobody_before_it_has_landed(void **state)
{
    struct journal_place *place = *state;
    struct batch_head head;
    struct text body;
    uint64_t first = place_append(place, 10), second;

    begin(place);
    assert_true(journal_is_flying(place->journal));
    second = place_append(place, 20);
    assert_int_equal(second, first + 1);
    assert_int_equal(journal_last(place->journal), 0);
    assert_int_equal(place_next(place, 0, &head, &body), 0);
    end(place);
    assert_false(journal_is_flying(place->journal));
    assert_int_equal(journal_last(place->journal), first);
    assert_int_equal(place_next(place, 0, &head, &body), 1);
    assert_int_equal(head.first, first);
    assert_int_equal(place_next(place, first, &head, &body), 0);
    begin(place);
    end(place);
    assert_int_equal(place_next(place, first, &head, &body), 1);
    assert_int_equal(head.previous, first);
    assert_int_equal(journal_last(place->journal), second);
}

static void
the_descriptor_says_when_it_has_landed(void **state)
{
    struct journal_place *place = *state;
    struct pollfd item = { .fd = journal_commit_fd(place->journal, &place->err),
                           .events = POLLIN };
    struct journal_backlog backlog;

    assert_true(item.fd >= 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(poll(&item, 1, 0), 0);
        place_append(place, 10);
        begin(place);
        if (i == 1)                             /* somebody else waits for it first */
            assert_int_equal(journal_backlog(place->journal, 0, &backlog, &place->err), 0);
        assert_int_equal(poll(&item, 1, 60000), 1);
        end(place);
    }
    assert_int_equal(poll(&item, 1, 0), 0);
    assert_int_equal(place_count_rows(place, 0), 3);
}

static void
who_commits_at_once_or_closes_waits_for_what_flies(void **state)
{
    struct journal_place *place = *state;

    place_append(place, 10);
    begin(place);
    place_store(place, 10);
    assert_false(journal_is_flying(place->journal));
    place_append(place, 10);
    begin(place);
    journal_place_reopen(place, journal_place_now_us);
    assert_int_equal(place_count_rows(place, 0), 3);
}

/* What is pending can be taken back without touching what flies. */
static void
a_turn_is_cancelled_beside_one_that_flies(void **state)
{
    struct journal_place *place = *state;
    struct journal_mark mark;
    uint64_t first = place_append(place, 10);

    begin(place);
    mark = journal_mark(place->journal);
    for (int i = 0; i < 5; i++)
        place_append(place, 400 * KIB);
    journal_cancel(place->journal, &mark);
    assert_int_equal(place_append(place, 10), first + 1);
    end(place);
    place_commit(place);
    assert_int_equal(place_count_rows(place, 0), 2);
}

static void
many_turns_in_flight_and_many_kinds_of_readers_lose_nothing(void **state)
{
    struct journal_place *place = *state;
    struct journal_backlog backlog;
    unsigned turns = 600, seen = 0;
    uint64_t after = 0;
    struct batch_head head;
    struct text body;

    for (unsigned i = 0; i < turns; i++) {
        place_append(place, 1 + i * 37 % 5000);
        if (i % 7 == 0)
            assert_int_equal(journal_backlog(place->journal, after, &backlog, &place->err), 0);
        if (i % 3 == 0)
            while (place_next(place, after, &head, &body) == 1) {
                assert_int_equal(head.previous, after);
                after = head.first + head.count - 1;
                seen += head.count;
            }
        assert_int_equal(journal_end_commit(place->journal, &place->err), JOURNAL_DONE);
        journal_tidy(place->journal);
        if (!journal_is_flying(place->journal))
            begin(place);
    }
    end(place);
    place_commit(place);
    journal_place_reopen(place, journal_place_now_us);
    for (; place_next(place, after, &head, &body) == 1; after = head.first + head.count - 1)
        seen += head.count;
    assert_int_equal(seen, turns);
}

/* The COMMIT itself fails: its file may not grow. */
static void
when_a_commit_in_flight_fails_neither_turn_is_kept(void **state)
{
    struct journal_place *place = *state;
    struct rlimit before, tiny = { 0 };
    uint64_t kept = place_store(place, 10);
    enum journal_outcome outcome;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);

    place_append(place, 200 * KIB);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    tiny.rlim_cur = 128 * KIB;
    tiny.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tiny), 0);
    begin(place);
    place_append(place, 10);
    outcome = journal_end_commit(place->journal, &place->err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, handler);

    assert_int_equal(outcome, JOURNAL_UNCLEAR);
    assert_int_equal(journal_pending_bytes(place->journal), 0);
    assert_int_equal(journal_last(place->journal), kept);
    journal_place_reopen(place, 1);
    assert_int_equal(place_count_rows(place, 0), 1);
    assert_int_equal(place_store(place, 10), kept + 1);
}

static void
a_turn_that_does_not_fit_is_refused_at_once_and_the_next_one_is_kept(void **state)
{
    struct journal_place *place = *state;
    sqlite3 *db = journal_newest(place->journal)->db;
    uint64_t kept = place_store(place, 10);

    place_append(place, 400 * KIB);
    assert_int_equal(db_exec(db, "PRAGMA max_page_count=20", NULL), DB_DONE);
    assert_int_equal(journal_begin_commit(place->journal, &place->err), JOURNAL_RETRY);
    assert_false(journal_is_flying(place->journal));
    assert_int_equal(journal_pending_bytes(place->journal), 0);
    assert_int_equal(db_exec(db, "PRAGMA max_page_count=1000000", NULL), DB_DONE);
    assert_int_equal(place_append(place, 10), kept + 1);
    begin(place);
    end(place);
    assert_int_equal(place_count_rows(place, 0), 2);
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, journal_place_set_up, journal_place_tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_flies_is_seen_by_nobody_before_it_has_landed),
        TEST(the_descriptor_says_when_it_has_landed),
        TEST(who_commits_at_once_or_closes_waits_for_what_flies),
        TEST(a_turn_is_cancelled_beside_one_that_flies),
        TEST(many_turns_in_flight_and_many_kinds_of_readers_lose_nothing),
        TEST(when_a_commit_in_flight_fails_neither_turn_is_kept),
        TEST(a_turn_that_does_not_fit_is_refused_at_once_and_the_next_one_is_kept),
    };

    return cmocka_run_group_tests_name("journal_commit", tests, NULL, NULL);
}
