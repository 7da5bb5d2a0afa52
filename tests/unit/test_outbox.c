#include "notifier/outbox.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "tests/support/temp_dir.h"

#define NOW_US (INT64_C(1795000000) * 1000000)

enum { MAX = 64 };

struct place {
    char dir[64], path[128];
    struct outbox *outbox;
    struct incident *inc;
    struct delivery due[MAX];
    size_t count, total;
    struct attempt attempt;
    struct err err;
};

static void
must_open(struct place *place)
{
    place->outbox = outbox_open(place->path, NOW_US, &place->err);
    if (place->outbox == NULL)
        fail_msg("%s", place->err.text);
}

static int
open_place(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    temp_dir_make(NULL, place->dir, sizeof(place->dir));
    snprintf(place->path, sizeof(place->path), "%s/notifier.db", place->dir);
    place->inc = incident_new();
    memset(place->inc->id, 'a', INCIDENT_ID_HEX - 1);
    place->inc->severity = SEVERITY_MEDIUM;
    place->inc->rule_id = strdup("brute-force");
    place->inc->rule_title = strdup("Brute force");
    place->inc->rule_level = strdup("medium");
    place->inc->summary = strdup("five");
    must_open(place);
    *state = place;
    return 0;
}

static void
forget_due(struct place *place)
{
    while (place->count > 0)
        delivery_release(&place->due[--place->count]);
}

static int
close_place(void **state)
{
    struct place *place = *state;
    int rc;

    forget_due(place);
    incident_destroy(&place->inc);
    outbox_close(&place->outbox);
    rc = temp_dir_remove(place->dir);
    free(place);
    return rc;
}

static int
add_as(struct place *place, int min_severity, int is_old, int64_t now_us)
{
    int made;

    assert_int_equal(outbox_begin(place->outbox, &place->err), 0);
    made = outbox_add(place->outbox, place->inc, min_severity, is_old, now_us, &place->err);
    assert_int_equal(outbox_commit(place->outbox, &place->err), 0);
    return made;
}

static int
add(struct place *place)
{
    return add_as(place, SEVERITY_LOW, 0, NOW_US);
}

/* Incident n, otherwise the same. */
static void
be(struct place *place, unsigned n)
{
    snprintf(place->inc->id, sizeof(place->inc->id), "%032u", n);
}

static size_t
look_at(struct place *place, int64_t now_us)
{
    forget_due(place);
    if (outbox_due(place->outbox, now_us, MAX, place->due, &place->count, &place->total,
                   &place->attempt, &place->err) != 0)
        fail_msg("%s", place->err.text);
    return place->total;
}

static void
end_one(struct place *place, enum outbox_end how, int64_t next_us)
{
    struct attempt one = place->attempt;

    one.last = place->due[0].number;
    assert_int_equal(outbox_end(place->outbox, &one, how, NOW_US, next_us, "200 ok",
                                &place->err), 0);
}

static void
assert_counts(struct place *place, uint64_t waiting, uint64_t failed, uint64_t sent)
{
    struct outbox_counts counts;

    assert_int_equal(outbox_counts(place->outbox, &counts, &place->err), 0);
    assert_int_equal(counts.waiting, waiting);
    assert_int_equal(counts.failed, failed);
    assert_int_equal(counts.sent, sent);
}

static void
raw_exec(struct place *place, const char *sql)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(place->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* --- what calls for a message --- */

static void
a_new_incident_is_told_once(void **state)
{
    struct place *place = *state;

    assert_int_equal(add(place), 1);
    assert_int_equal(add(place), 0);
    place->inc->count = 99;
    assert_int_equal(add(place), 0);
    assert_int_equal(look_at(place, NOW_US), 1);
    assert_string_equal(place->due[0].what, "opened");
    assert_string_equal(place->due[0].inc->summary, "five");
    assert_int_equal(place->due[0].inc->severity, SEVERITY_MEDIUM);
    assert_int_equal(place->due[0].attempts, 0);
}

static void
nothing_is_told_below_the_least_severity_until_it_rises(void **state)
{
    struct place *place = *state;

    assert_int_equal(add_as(place, SEVERITY_HIGH, 0, NOW_US), 0);
    assert_int_equal(look_at(place, NOW_US), 0);
    place->inc->severity = SEVERITY_HIGH;
    assert_int_equal(add_as(place, SEVERITY_HIGH, 0, NOW_US), 1);
    look_at(place, NOW_US);
    assert_string_equal(place->due[0].what, "opened");
}

static void
each_rise_of_the_severity_is_told_once(void **state)
{
    struct place *place = *state;

    add(place);
    place->inc->severity = SEVERITY_HIGH;
    assert_int_equal(add(place), 1);
    assert_int_equal(add(place), 0);
    place->inc->severity = SEVERITY_LOW;
    assert_int_equal(add(place), 0);
    place->inc->severity = SEVERITY_HIGH;
    assert_int_equal(add(place), 0);
    place->inc->severity = SEVERITY_CRITICAL;
    assert_int_equal(add(place), 1);
    assert_int_equal(look_at(place, NOW_US), 3);
    assert_string_equal(place->due[1].what, "severity:high");
    assert_string_equal(place->due[2].what, "severity:critical");
}

static void
each_reopening_is_told_once(void **state)
{
    struct place *place = *state;

    add(place);
    place->inc->reopened = 1;
    assert_int_equal(add(place), 1);
    assert_int_equal(add(place), 0);
    /* the detector's snapshots know nothing of it */
    place->inc->reopened = 0;
    assert_int_equal(add(place), 0);
    place->inc->reopened = 2;
    assert_int_equal(add(place), 1);
    assert_int_equal(look_at(place, NOW_US), 3);
    assert_string_equal(place->due[1].what, "reopened:1");
    assert_string_equal(place->due[2].what, "reopened:2");
}

static void
what_is_old_counts_as_told(void **state)
{
    struct place *place = *state;

    assert_int_equal(add_as(place, SEVERITY_LOW, 1, NOW_US), 1);
    assert_int_equal(look_at(place, NOW_US), 0);
    assert_counts(place, 0, 0, 1);
    assert_int_equal(add(place), 0);
    place->inc->severity = SEVERITY_CRITICAL;
    assert_int_equal(add(place), 1);
}

static void
incidents_do_not_mix(void **state)
{
    struct place *place = *state;

    add(place);
    be(place, 1);
    assert_int_equal(add(place), 1);
    assert_int_equal(look_at(place, NOW_US), 2);
}

/* --- how it ends --- */

static void
what_was_sent_is_never_due_again(void **state)
{
    struct place *place = *state;

    add(place);
    look_at(place, NOW_US);
    end_one(place, OUTBOX_SENT, NOW_US);
    assert_int_equal(look_at(place, INT64_MAX), 0);
    assert_int_equal(outbox_next_due(place->outbox, NOW_US), INT64_MAX);
    assert_counts(place, 0, 0, 1);
    outbox_close(&place->outbox);
    must_open(place);
    assert_int_equal(add(place), 0);
    assert_counts(place, 0, 0, 1);
}

static void
what_failed_for_good_is_counted_and_never_due_again(void **state)
{
    struct place *place = *state;

    add(place);
    look_at(place, NOW_US);
    end_one(place, OUTBOX_FAILED, NOW_US);
    assert_int_equal(look_at(place, INT64_MAX), 0);
    assert_counts(place, 0, 1, 0);
}

static void
what_is_tried_again_is_due_at_its_time_with_its_attempts(void **state)
{
    struct place *place = *state;

    add(place);
    look_at(place, NOW_US);
    end_one(place, OUTBOX_AGAIN, NOW_US + 5000000);
    assert_int_equal(look_at(place, NOW_US + 4999999), 0);
    assert_int_equal(outbox_next_due(place->outbox, NOW_US), NOW_US + 5000000);
    assert_int_equal(look_at(place, NOW_US + 5000000), 1);
    assert_int_equal(place->due[0].attempts, 1);
    assert_string_equal(place->due[0].inc->summary, "five");
    end_one(place, OUTBOX_AGAIN, NOW_US);
    look_at(place, NOW_US);
    assert_int_equal(place->due[0].attempts, 2);
    assert_counts(place, 1, 0, 0);
}

static void
a_clock_that_was_set_back_delays_nothing(void **state)
{
    struct place *place = *state;
    int64_t earlier = NOW_US - INT64_C(7) * 86400 * 1000000;

    add(place);
    assert_int_equal(look_at(place, earlier), 1);       /* never tried */
    assert_int_equal(outbox_next_due(place->outbox, earlier), earlier);
    end_one(place, OUTBOX_AGAIN, NOW_US + 5000000);
    assert_int_equal(look_at(place, earlier), 1);       /* nobody asks for a week */
    assert_int_equal(outbox_next_due(place->outbox, earlier), earlier);
    assert_int_equal(look_at(place, NOW_US), 0);
    assert_int_equal(look_at(place, NOW_US + INT64_C(5000000) - INT64_C(86400) * 1000000), 0);
}

static void
refusals_are_the_last_word_until_one_is_sent(void **state)
{
    struct place *place = *state;
    struct outbox_counts counts;

    for (unsigned n = 0; n < 3; n++) {
        be(place, n);
        add(place);
        look_at(place, NOW_US);
        assert_int_equal(outbox_end(place->outbox, &place->attempt,
                                    n < 2 ? OUTBOX_FAILED : OUTBOX_SENT, NOW_US + n, NOW_US, "",
                                    &place->err), 0);
        assert_int_equal(outbox_counts(place->outbox, &counts, &place->err), 0);
        assert_int_equal(counts.refused_last, n < 2 ? n + 1 : 0);
    }
    assert_int_equal(counts.failed, 2);
}

static void
the_oldest_is_first(void **state)
{
    struct place *place = *state;

    for (unsigned n = 0; n < 5; n++) {
        be(place, n);
        add_as(place, SEVERITY_LOW, 0, NOW_US - n);
    }
    look_at(place, NOW_US);
    assert_int_equal(place->count, 5);
    for (size_t i = 1; i < 5; i++)
        assert_true(place->due[i].number > place->due[i - 1].number);
}

static void
a_digest_ends_exactly_what_was_due(void **state)
{
    struct place *place = *state;
    struct attempt digest;

    be(place, 1000);
    add(place);
    look_at(place, NOW_US);
    end_one(place, OUTBOX_AGAIN, NOW_US + 1);           /* not yet due */
    for (unsigned n = 0; n < 100; n++) {
        be(place, n);
        add(place);
    }
    assert_int_equal(look_at(place, NOW_US), 100);
    assert_int_equal(place->count, MAX);
    digest = place->attempt;
    digest.is_digest = 1;
    be(place, 2000);
    add(place);                                         /* due, but came later */
    assert_int_equal(outbox_end(place->outbox, &digest, OUTBOX_SENT, NOW_US, NOW_US, "200 ok",
                                &place->err), 0);
    assert_counts(place, 2, 0, 100);
    assert_int_equal(look_at(place, NOW_US), 1);
    assert_string_equal(place->due[0].inc->id, place->inc->id);
    assert_int_equal(look_at(place, NOW_US + 1), 2);
}

static void
a_digest_that_is_tried_again_is_due_again_as_a_whole(void **state)
{
    struct place *place = *state;
    struct attempt digest;

    for (unsigned n = 0; n < 30; n++) {
        be(place, n);
        add(place);
    }
    look_at(place, NOW_US);
    digest = place->attempt;
    digest.is_digest = 1;
    outbox_end(place->outbox, &digest, OUTBOX_AGAIN, NOW_US, NOW_US + 10, "503", &place->err);
    assert_int_equal(look_at(place, NOW_US + 9), 0);
    assert_int_equal(look_at(place, NOW_US + 10), 30);
    assert_int_equal(place->due[29].attempts, 1);
}

/* --- crashes and damage --- */

static void
a_crash_before_the_commit_leaves_nothing(void **state)
{
    struct place *place = *state;
    pid_t child;
    int status;

    outbox_close(&place->outbox);
    child = fork();
    if (child == 0) {
        must_open(place);
        outbox_begin(place->outbox, NULL);
        if (outbox_add(place->outbox, place->inc, 0, 0, NOW_US, NULL) == 1)
            kill(getpid(), SIGKILL);
        _exit(1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    must_open(place);
    assert_counts(place, 0, 0, 0);
    assert_int_equal(add(place), 1);
}

static void
a_crash_after_the_commit_loses_nothing(void **state)
{
    struct place *place = *state;
    pid_t child;
    int status;

    outbox_close(&place->outbox);
    child = fork();
    if (child == 0) {
        must_open(place);
        if (add(place) == 1)
            kill(getpid(), SIGKILL);
        _exit(1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    must_open(place);
    assert_int_equal(look_at(place, NOW_US), 1);
}

static void
a_rollback_leaves_nothing_and_lets_the_next_begin(void **state)
{
    struct place *place = *state;

    assert_int_equal(outbox_begin(place->outbox, &place->err), 0);
    assert_int_equal(outbox_add(place->outbox, place->inc, 0, 0, NOW_US, &place->err), 1);
    outbox_rollback(place->outbox);
    assert_counts(place, 0, 0, 0);
    assert_int_equal(add(place), 1);
}

static void
one_that_cannot_be_read_fails_and_lets_the_others_pass(void **state)
{
    struct place *place = *state;

    for (unsigned n = 0; n < 10; n++) {
        be(place, n);
        add(place);
    }
    raw_exec(place, "UPDATE delivery SET body = x'c1ff' WHERE number IN (1, 5, 10)");
    raw_exec(place, "UPDATE delivery SET body = NULL WHERE number = 6");
    assert_int_equal(look_at(place, NOW_US), 6);
    assert_int_equal(place->count, 6);
    assert_int_equal(place->due[0].number, 2);
    assert_int_equal(place->attempt.last, 9);
    assert_counts(place, 6, 4, 0);
    assert_int_equal(outbox_broken(place->outbox), 4);
}

static void
what_was_read_of_the_store_is_remembered(void **state)
{
    struct place *place = *state;

    assert_int_equal(outbox_is_new(place->outbox), 1);
    assert_int_equal(outbox_read_until(place->outbox), 0);
    assert_int_equal(outbox_set_read_until(place->outbox, NOW_US, &place->err), 0);
    assert_int_equal(outbox_is_new(place->outbox), 0);
    outbox_close(&place->outbox);
    must_open(place);
    assert_int_equal(outbox_is_new(place->outbox), 0);
    assert_int_equal(outbox_read_until(place->outbox), NOW_US);
}

static void
a_file_that_is_no_database_is_set_aside(void **state)
{
    struct place *place = *state;
    char kept[200];
    FILE *file;

    outbox_close(&place->outbox);
    file = fopen(place->path, "w");
    for (int i = 0; i < 1000; i++)
        fputs("not a database ", file);
    fclose(file);
    must_open(place);
    assert_int_equal(outbox_is_new(place->outbox), 1);
    assert_int_equal(add(place), 1);
    snprintf(kept, sizeof(kept), "%s.corrupt-1795000000", place->path);
    assert_int_equal(access(kept, F_OK), 0);
}

/* --- what is forgotten --- */

#define DAY_US (INT64_C(86400) * 1000000)
#define OLD_US (NOW_US + 100 * DAY_US)

/* The store: it has every incident whose id ends in a digit of `stored`. */
struct fake_store {
    const char *stored;
    int asked, is_broken;
};

static int
is_gone(void *ctx, const char *incident, struct err *err)
{
    struct fake_store *store = ctx;

    store->asked++;
    if (store->is_broken) {
        err_set(err, "no store");
        return -1;
    }
    return strchr(store->stored, incident[strlen(incident) - 1]) == NULL;
}

static uint64_t
prune(struct place *place, struct fake_store *store, int64_t before_us, size_t max)
{
    uint64_t rows = 0;

    if (outbox_prune(place->outbox, before_us, max, is_gone, store, &rows, &place->err) != 0)
        fail_msg("%s", place->err.text);
    return rows;
}

static void
tell(struct place *place, unsigned n)
{
    be(place, n);
    assert_int_equal(add(place), 1);
    look_at(place, NOW_US);
    end_one(place, OUTBOX_SENT, NOW_US);
}

static void
what_is_past_the_retention_and_gone_from_the_store_is_forgotten(void **state)
{
    struct place *place = *state;
    struct fake_store store = { .stored = "" };

    tell(place, 1);
    assert_int_equal(prune(place, &store, NOW_US, 10), 0);      /* too young */
    assert_int_equal(prune(place, &store, OLD_US, 10), 1);
    assert_counts(place, 0, 0, 0);
}

static void
what_the_store_still_has_is_never_told_again(void **state)
{
    struct place *place = *state;
    struct fake_store store = { .stored = "1" };

    tell(place, 1);
    for (int i = 0; i < 5; i++)
        assert_int_equal(prune(place, &store, OLD_US, 10), 0);
    assert_int_equal(store.asked, 5);
    assert_int_equal(add_as(place, SEVERITY_LOW, 0, OLD_US), 0);
}

/* The store may have lost it, or never had it: the detector goes on with it. */
static void
what_is_still_heard_of_is_never_told_again(void **state)
{
    struct place *place = *state;
    struct fake_store store = { .stored = "" };

    tell(place, 1);
    for (int day = 1; day <= 200; day++) {
        int64_t now_us = NOW_US + day * DAY_US;

        assert_int_equal(add_as(place, SEVERITY_LOW, 0, now_us), 0);
        assert_int_equal(prune(place, &store, now_us - 2 * DAY_US, 10), 0);
    }
}

static void
what_waits_is_never_forgotten_nor_what_was_told_of_it(void **state)
{
    struct place *place = *state;
    struct fake_store store = { .stored = "" };

    tell(place, 1);
    place->inc->severity = SEVERITY_HIGH;
    assert_int_equal(add(place), 1);
    assert_int_equal(prune(place, &store, OLD_US, 10), 0);
    assert_counts(place, 1, 0, 1);
    look_at(place, NOW_US);
    end_one(place, OUTBOX_FAILED, NOW_US);
    assert_int_equal(prune(place, &store, OLD_US, 10), 2);
    assert_counts(place, 0, 0, 0);
}

static void
a_store_that_cannot_be_read_makes_nothing_forgotten(void **state)
{
    struct place *place = *state;
    struct fake_store store = { .stored = "", .is_broken = 1 };
    uint64_t rows = 0;

    tell(place, 1);
    assert_int_equal(outbox_prune(place->outbox, OLD_US, 10, is_gone, &store, &rows,
                                  &place->err), -1);
    assert_string_equal(place->err.text, "no store");
    assert_counts(place, 0, 0, 1);
    tell(place, 2);             /* no transaction was left open */
}

static void
few_rows_a_call_come_to_all_of_them(void **state)
{
    struct place *place = *state;
    struct fake_store store = { .stored = "3579" };

    for (unsigned n = 1; n <= 20; n++)
        tell(place, n);
    for (int i = 0; i < 20; i++)
        prune(place, &store, OLD_US, 3);
    assert_counts(place, 0, 0, 8);
    for (unsigned n = 1; n <= 20; n++) {
        be(place, n);
        assert_int_equal(add(place), strchr("3579", (int)('0' + n % 10)) == NULL);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_place, close_place)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_incident_is_told_once),
        TEST(nothing_is_told_below_the_least_severity_until_it_rises),
        TEST(each_rise_of_the_severity_is_told_once),
        TEST(each_reopening_is_told_once),
        TEST(what_is_old_counts_as_told),
        TEST(incidents_do_not_mix),
        TEST(what_was_sent_is_never_due_again),
        TEST(what_failed_for_good_is_counted_and_never_due_again),
        TEST(what_is_tried_again_is_due_at_its_time_with_its_attempts),
        TEST(a_clock_that_was_set_back_delays_nothing),
        TEST(refusals_are_the_last_word_until_one_is_sent),
        TEST(the_oldest_is_first),
        TEST(a_digest_ends_exactly_what_was_due),
        TEST(a_digest_that_is_tried_again_is_due_again_as_a_whole),
        TEST(a_crash_before_the_commit_leaves_nothing),
        TEST(a_crash_after_the_commit_loses_nothing),
        TEST(a_rollback_leaves_nothing_and_lets_the_next_begin),
        TEST(one_that_cannot_be_read_fails_and_lets_the_others_pass),
        TEST(what_was_read_of_the_store_is_remembered),
        TEST(a_file_that_is_no_database_is_set_aside),
        TEST(what_is_past_the_retention_and_gone_from_the_store_is_forgotten),
        TEST(what_the_store_still_has_is_never_told_again),
        TEST(what_is_still_heard_of_is_never_told_again),
        TEST(what_waits_is_never_forgotten_nor_what_was_told_of_it),
        TEST(a_store_that_cannot_be_read_makes_nothing_forgotten),
        TEST(few_rows_a_call_come_to_all_of_them),
    };

    return cmocka_run_group_tests_name("outbox", tests, NULL, NULL);
}
