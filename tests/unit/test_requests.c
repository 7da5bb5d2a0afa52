/* Turns and their commits: who waits for one is told once, however it goes. */
#include "ingest/requests.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/journal_place.h"

struct place {
    struct journal_place *journal;
    struct metrics *metrics;
    struct intake *intake;
    struct requests *requests;
    unsigned commits;
};

/* What an over was told, and how often. */
struct told {
    unsigned times;
    enum journal_outcome outcome;
};

static void
tell(void *self, enum journal_outcome outcome, const char *reason)
{
    struct told *told = self;

    (void)reason;
    told->times++;
    told->outcome = outcome;
}

static void
on_commit(void *self)
{
    ((struct place *)self)->commits++;
}

static void
on_unclear(void *self, const char *reason)
{
    (void)self;
    fail_msg("%s", reason);
}

static int
open_place(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    struct requests_spec spec = { .on_commit = on_commit, .on_unclear = on_unclear,
                                  .self = place };
    void *journal;

    if (place == NULL || journal_place_set_up(&journal) != 0)
        return -1;
    place->journal = journal;
    place->metrics = spec.metrics = metrics_new();
    place->intake = spec.intake = intake_new(place->journal->journal, place->metrics);
    place->requests = requests_new(&spec);
    *state = place;
    return place->requests == NULL ? -1 : 0;
}

static int
close_place(void **state)
{
    struct place *place = *state;
    void *journal = place->journal;

    requests_destroy(&place->requests);
    intake_destroy(&place->intake);
    metrics_destroy(&place->metrics);
    free(place);
    return journal_place_tear_down(&journal);
}

static void
commit_then(struct place *place, struct told *told)
{
    requests_commit_then(place->requests, &(const struct requests_over){ tell, told });
}

/* As the loop does it, until nothing is under way. */
static void
run(struct place *place)
{
    struct journal *journal = place->journal->journal;
    struct pollfd item = { .fd = journal_commit_fd(journal, &place->journal->err),
                           .events = POLLIN };

    while (journal_is_flying(journal)) {
        assert_int_equal(poll(&item, 1, 60000), 1);
        requests_on_disk(place->requests);
    }
}

/* Enough for a checkpoint behind its commit. */
static void
append_much(struct place *place)
{
    for (int i = 0; i < 12; i++)
        place_append(place->journal, 400 * KIB);
}

static void
who_waits_for_a_turn_of_nothing_is_told(void **state)
{
    struct place *place = *state;
    struct told first = { 0 }, second = { 0 };

    commit_then(place, &first);
    assert_int_equal(first.times, 1);
    append_much(place);
    commit_then(place, &first);
    commit_then(place, &second);            /* a checkpoint is under way now, and no turn */
    run(place);
    assert_int_equal(first.times, 2);
    assert_int_equal(second.times, 1);
    assert_int_equal(second.outcome, JOURNAL_DONE);
    assert_int_equal(place->commits, 1);
}

/* At the end of the process nobody comes again. */
static void
who_waits_behind_a_checkpoint_is_told_by_a_commit_of_nothing(void **state)
{
    struct place *place = *state;
    struct told first = { 0 }, second = { 0 };

    append_much(place);
    commit_then(place, &first);
    commit_then(place, &second);
    assert_int_equal(first.times, 1);
    assert_int_equal(requests_commit(place->requests, &place->journal->err), JOURNAL_DONE);
    assert_int_equal(second.times, 1);
    run(place);
    assert_int_equal(first.times, 1);
    assert_int_equal(second.times, 1);
}

static void
who_waits_for_a_turn_behind_a_checkpoint_is_told_when_it_is_on_disk(void **state)
{
    struct place *place = *state;
    struct told first = { 0 }, second = { 0 };
    uint64_t last;

    append_much(place);
    commit_then(place, &first);
    last = place_append(place->journal, 10);
    commit_then(place, &second);
    assert_int_equal(first.times, 1);
    run(place);
    assert_int_equal(second.times, 1);
    assert_int_equal(journal_last(place->journal->journal), last);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_place, close_place)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_waits_for_a_turn_of_nothing_is_told),
        TEST(who_waits_behind_a_checkpoint_is_told_by_a_commit_of_nothing),
        TEST(who_waits_for_a_turn_behind_a_checkpoint_is_told_when_it_is_on_disk),
    };

    return cmocka_run_group_tests_name("requests", tests, NULL, NULL);
}
