/* Log sources in the state file: in the commit of the places they belong to. */
#include "detector/state/checkpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "detector/state/checkpoint_inner.h"
#include "detector/ruleset/ruleset.h"
#include "proto/base/timestamp.h"
#include "tests/support/temp_dir.h"

#define SECOND INT64_C(1000000)
#define START (INT64_C(1795000000) * SECOND)

enum { JOURNAL = 7 };

struct place {
    char dir[64], path[128];
    struct checkpoint *cp;
    struct engine *engine;
    struct sources *sources;
    struct metrics *metrics;
    int64_t now_us;
    uint64_t refused;
    struct err err;
};

static void
start(struct place *place)
{
    const struct engine_options options = { .max_keys = 1000, .max_entries = 1000, .slots = 1 };
    const struct sources_options sources = { .silent_after_us = 3600 * SECOND };
    struct ruleset *rules = ruleset_load("detector/rules", &place->err);

    assert_non_null(rules);
    place->metrics = metrics_new();
    place->engine = engine_new(&options, &rules, place->metrics, &place->err);
    place->sources = sources_new(&sources, place->metrics);
    place->cp = checkpoint_open(place->path, place->now_us, &place->err);
    assert_non_null(place->cp);
    place->refused = 0;
    assert_int_equal(checkpoint_restore_sources(place->cp, place->sources, &place->refused,
                                                &place->err), 0);
}

static void
end(struct place *place)
{
    engine_destroy(&place->engine);
    sources_destroy(&place->sources);
    checkpoint_close(&place->cp);
    metrics_destroy(&place->metrics);
}

static int
open_place(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    setenv("TZ", "Asia/Seoul", 1);
    temp_dir_make(NULL, place->dir, sizeof(place->dir));
    if (timestamp_init(&place->err) != 0)
        return -1;
    snprintf(place->path, sizeof(place->path), "%s/detector-0.db", place->dir);
    place->now_us = START;
    *state = place;
    start(place);
    return 0;
}

static int
close_place(void **state)
{
    struct place *place = *state;
    int rc;

    end(place);
    rc = temp_dir_remove(place->dir);
    free(place);
    return rc;
}

static void
hear(struct place *place, const char *name)
{
    struct event ev = { .known[EVENT_RECEIVED_FROM] = value_text(text_of(name)) };

    ev.received_us = ev.at_us = place->now_us += SECOND;
    sources_tick(place->sources, JOURNAL, place->now_us, 0);
    sources_hear(place->sources, &ev);
    checkpoint_position(place->cp, JOURNAL)->last++;
}

static void
published(void *ctx, const struct incident *inc, const struct batch_head *head, struct text body)
{
    (void)ctx, (void)inc, (void)head, (void)body;
}

static enum db_outcome
commit(struct place *place)
{
    const struct checkpoint_commit work = { .most_grown = SIZE_MAX, .engine = place->engine, .sources = place->sources,
                                            .published = published };

    return checkpoint_commit(place->cp, &work, &place->err);
}

static uint64_t
known(struct place *place)
{
    return *metrics_number(place->metrics, METRIC_GAUGE, "bongsu_detector_sources", "", "");
}

static int64_t
rows(struct place *place)
{
    sqlite3_stmt *stmt = NULL;
    int64_t count;

    assert_int_equal(db_prepare(place->cp->db, &stmt, "SELECT count(*) FROM source",
                                &place->err), 0);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    count = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return count;
}

static void
sources_and_places_are_of_one_commit(void **state)
{
    struct place *place = *state;

    hear(place, "web1");
    assert_int_equal(commit(place), DB_DONE);
    hear(place, "web2");
    sources_hasten(place->sources);
    end(place);                 /* without a commit: neither is there */
    start(place);
    assert_int_equal(place->refused, 0);
    assert_int_equal(known(place), 1);
    assert_int_equal(checkpoint_position(place->cp, JOURNAL)->last, 1);
}

static void
between_two_saves_only_places_are_written(void **state)
{
    struct place *place = *state;

    hear(place, "web1");
    assert_int_equal(commit(place), DB_DONE);
    assert_int_equal(rows(place), 1 + 1);
    hear(place, "web2");
    assert_int_equal(commit(place), DB_DONE);
    assert_int_equal(rows(place), 1 + 1);
    for (int i = 0; i < 60; i++)
        hear(place, "web2");
    assert_int_equal(commit(place), DB_DONE);
    assert_int_equal(rows(place), 1 + 2);
}

static void
a_commit_that_failed_writes_them_the_next_time(void **state)
{
    struct place *place = *state;
    sqlite3 *other = NULL;

    hear(place, "web1");
    sqlite3_busy_timeout(place->cp->db, 1);
    assert_int_equal(sqlite3_open(place->path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(commit(place), DB_RETRY);
    assert_true(sources_is_due(place->sources));
    sqlite3_exec(other, "COMMIT", NULL, NULL, NULL);
    sqlite3_close(other);
    assert_int_equal(commit(place), DB_DONE);
    end(place);
    start(place);
    assert_int_equal(known(place), 1);
}

static void
rows_that_make_no_sense_are_counted_and_written_over(void **state)
{
    struct place *place = *state;

    hear(place, "web1");
    hear(place, "web2");
    assert_int_equal(commit(place), DB_DONE);
    assert_int_equal(sqlite3_exec(place->cp->db, "UPDATE source SET bytes = x'93c0' WHERE number"
                                  " = (SELECT min(number) FROM source WHERE number > 63)",
                                  NULL, NULL, NULL), SQLITE_OK);
    end(place);
    start(place);
    assert_int_equal(place->refused, 1);
    assert_int_equal(known(place), 1);
    hear(place, "web3");
    sources_hasten(place->sources);
    assert_int_equal(commit(place), DB_DONE);
    end(place);
    start(place);
    assert_int_equal(place->refused, 0);
    assert_int_equal(known(place), 2);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_place, close_place)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sources_and_places_are_of_one_commit),
        TEST(between_two_saves_only_places_are_written),
        TEST(a_commit_that_failed_writes_them_the_next_time),
        TEST(rows_that_make_no_sense_are_counted_and_written_over),
    };

    return cmocka_run_group_tests_name("checkpoint_sources", tests, NULL, NULL);
}
