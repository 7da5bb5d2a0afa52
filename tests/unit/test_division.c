/*
 * test_division.c - the number of detectors changes, and no incident does
 *
 * Slots with real state files take a generated stream, each as far as it
 * happens to come; then all stop and their state is divided among another
 * number. What they find together is what one finds alone.
 */
#include "detector/state/division.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "detector/sources/sources.h"
#include "detector/state/checkpoint.h"
#include "proto/base/timestamp.h"
#include "tests/support/temp_dir.h"

enum { EVENTS = 900, JOURNALS = 2, MOST = 4, PATH_LEN = 200, SOURCES = 7 };

#define NOW_US (INT64_C(1795300000) * 1000000)

/* One process: a slot of so many. */
struct slot {
    struct checkpoint *cp;
    struct engine *engine;
    struct sources *sources;
    struct share share;
};

struct world {
    char dir[64];
    struct slot slots[MOST];
    unsigned count;
    struct metrics *metrics;
    json_t *found;              /* by id: the newest snapshot */
    struct { struct event ev; uint64_t origin, number; char source[32], user[16], host[16];
             char space[TIMESTAMP_LEN]; } stream[EVENTS];
    uint64_t upto[MOST][JOURNALS];
    int64_t now_us;
};

static uint64_t seed;

static uint64_t
random_number(uint64_t below)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (seed >> 33) % below;
}

/* Two journals, in turns; each address's events come through one of them. */
static void
make_stream(struct world *world)
{
    static const char *const types[] = { "login_failed", "login_failed", "login_failed",
                                         "login_success", "sudo", "shell" };
    int64_t at_us = NOW_US;
    struct err err;

    for (uint64_t i = 0; i < EVENTS; i++) {
        uint64_t who = random_number(SOURCES);
        struct event *ev = &world->stream[i].ev;

        at_us += (int64_t)random_number(20) * 1000000;
        world->stream[i].origin = 71 + who % JOURNALS;
        world->stream[i].number = i + 1;
        snprintf(world->stream[i].source, 32, "192.0.2.%d", (int)who);
        snprintf(world->stream[i].user, 16, "u%d", (int)random_number(9));
        snprintf(world->stream[i].host, 16, "10.0.0.%d", (int)who);
        *ev = (struct event){ .id = event_id_make(world->stream[i].origin, 1, i + 1) };
        ev->received_us = at_us;
        ev->known[EVENT_TYPE] = value_text(text_of(types[random_number(6)]));
        ev->known[EVENT_SOURCE_IP] = value_text(text_of(world->stream[i].source));
        ev->known[EVENT_USERNAME] = value_text(text_of(world->stream[i].user));
        ev->known[EVENT_RECEIVED_FROM] = value_text(text_of(world->stream[i].host));
        if (event_check(ev, ev->received_us, world->stream[i].space, &err) != 0)
            fail_msg("%s", err.text);
        ev->at_us = ev->received_us;
    }
}

static void
hear_snapshot(void *ctx, const struct incident *inc, const struct batch_head *head,
              struct text body)
{
    struct world *world = ctx;
    json_t *evidence = json_array(), *known = json_object_get(world->found, inc->id);
    json_int_t epoch = json_integer_value(json_object_get(known, "epoch"));
    json_int_t counter = json_integer_value(json_object_get(known, "counter"));

    (void)head, (void)body;
    for (size_t i = 0; i < inc->evidence_count; i++) {
        char id[EVENT_ID_TEXT_LEN];

        event_id_format(&inc->evidence[i].id, id);
        json_array_append_new(evidence, json_string(id));
    }
    assert_true(known == NULL || inc->rev_epoch > epoch ||
                (inc->rev_epoch == epoch && (json_int_t)inc->rev_counter > counter));
    json_object_set_new(world->found, inc->id,
                        json_pack("{s:s, s:I, s:o, s:I, s:I, s:b}", "rule", inc->rule_id,
                                  "count", (json_int_t)inc->count,
                                  "evidence", evidence, "epoch", (json_int_t)inc->rev_epoch,
                                  "counter", (json_int_t)inc->rev_counter, "incomplete",
                                  inc->is_incomplete));
}

static void
commit(struct world *world, struct slot *slot)
{
    const struct checkpoint_commit work = { .most_grown = SIZE_MAX, .engine = slot->engine, .sources = slot->sources,
                                            .published = hear_snapshot, .ctx = world };
    struct err err;

    sources_hasten(slot->sources);
    if (checkpoint_commit(slot->cp, &work, &err) != DB_DONE)
        fail_msg("%s", err.text);
}

static void
start(struct world *world, unsigned number, unsigned count)
{
    const struct engine_options options = { .lateness_us = 300000000, .max_keys = 10000,
                                            .max_entries = 500, .slots = count,
                                            .slot = number };
    const struct sources_options some = { .max = SOURCES_MAX };
    struct slot *slot = &world->slots[number];
    struct ruleset *rules;
    uint64_t refused = 0;
    char path[PATH_LEN];
    struct err err = { "" };

    slot->share = (struct share){ .slots = count, .slot = number };
    snprintf(path, sizeof(path), "%s/detector-%u.db", world->dir, number);
    slot->cp = checkpoint_open(path, world->now_us, &err);
    rules = ruleset_load("detector/rules", &err);
    if (slot->cp == NULL || rules == NULL ||
        checkpoint_set_slots(slot->cp, count, &err) != 0)
        fail_msg("%s", err.text);
    slot->engine = engine_new(&options, &rules, world->metrics, &err);
    slot->sources = sources_new(&some, world->metrics);
    sources_set_share(slot->sources, &slot->share);
    if (checkpoint_restore(slot->cp, slot->engine, &refused, &err) != 0 ||
        checkpoint_restore_sources(slot->cp, slot->sources, &refused, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(refused, 0);
    engine_settle(slot->engine);
}

static void
stop(struct slot *slot)
{
    engine_destroy(&slot->engine);
    sources_destroy(&slot->sources);
    checkpoint_close(&slot->cp);
}

/* The next event of the stream that this slot has not judged, of a journal: 1 if any. */
static int
judge_next(struct world *world, struct slot *slot, uint64_t origin, uint64_t until)
{
    struct position *pos = checkpoint_position(slot->cp, origin);
    struct err err;

    for (uint64_t i = 0; i < until; i++) {
        if (world->stream[i].origin != origin || world->stream[i].number <= pos->last)
            continue;
        if (checkpoint_share(slot->cp, origin, world->stream[i].number, &slot->share)) {
            engine_set_share(slot->engine, &slot->share);
            sources_set_share(slot->sources, &slot->share);
        }
        sources_tick(slot->sources, origin, world->stream[i].ev.received_us, 0);
        if (engine_judge(slot->engine, &world->stream[i].ev, origin, &err) != 0)
            fail_msg("%s", err.text);
        sources_hear(slot->sources, &world->stream[i].ev);
        pos->last = world->stream[i].number;
        return 1;
    }
    return 0;
}

/* All slots take what there is up to there, each in its own pace and up to where it
 * comes: with is_all to the end. Some are killed on the way. Order between journals is the
 * stream's, or incidents of keys that both feed would differ by that. */
static void
go_on(struct world *world, uint64_t until, int is_all)
{
    for (unsigned s = 0; s < world->count; s++) {
        struct slot *slot = &world->slots[s];
        uint64_t end = is_all ? until : until - random_number(until / 4 + 1);

        for (uint64_t i = 0; i < end; i++) {
            while (judge_next(world, slot, world->stream[i].origin, i + 1))
                if (random_number(15) == 0)
                    commit(world, slot);
            if (random_number(60) == 0) {       /* killed: what was not committed is gone */
                stop(slot);
                start(world, s, world->count);
            }
        }
        commit(world, slot);
    }
}

static void
start_all(struct world *world, unsigned count)
{
    world->count = count;
    world->now_us += 1000000;
    for (unsigned s = 0; s < count; s++)
        start(world, s, count);
}

static void
stop_all(struct world *world)
{
    for (unsigned s = 0; s < world->count; s++)
        stop(&world->slots[s]);
}

/* Divide; is_cut: the process that does it dies between its two halves. */
static void
divide(struct world *world, unsigned count, int is_cut)
{
    struct division division = { world->dir, count, NULL, world->now_us };
    struct err err = { "" };
    struct ruleset *rules = ruleset_load("detector/rules", &err);
    unsigned old = 99;
    int rc;

    division.rules = rules;
    if (division_find(world->dir, &old, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(old, world->count);
    rc = is_cut ? division_prepare(&division, old, &err) : division_make(&division, old, &err);
    if (rc != 0 || division_find(world->dir, &old, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(old, count);
    ruleset_destroy(&rules);
}

static struct world *
world_new(void)
{
    struct world *world = calloc(1, sizeof(*world));
    struct err err;

    setenv("TZ", "Asia/Seoul", 1);
    assert_int_equal(timestamp_init(&err), 0);
    snprintf(world->dir, sizeof(world->dir), "/tmp/bongsu-division-XXXXXX");
    assert_non_null(mkdtemp(world->dir));
    world->metrics = metrics_new();
    world->found = json_object();
    world->now_us = NOW_US;
    make_stream(world);
    return world;
}

static void
world_destroy(struct world *world)
{
    stop_all(world);
    metrics_destroy(&world->metrics);
    json_decref(world->found);
    assert_int_equal(temp_dir_remove(world->dir), 0);
    free(world);
}

static void
strip_revs(json_t *found)
{
    const char *id;
    json_t *inc;

    json_object_foreach(found, id, inc) {
        json_object_del(inc, "epoch");
        json_object_del(inc, "counter");
    }
}

static json_t *
run_alone(uint64_t stream)
{
    struct world *world;
    json_t *found;

    seed = stream;
    world = world_new();
    start_all(world, 1);
    for (uint64_t i = 0; i < EVENTS; i++)
        judge_next(world, &world->slots[0], world->stream[i].origin, i + 1);
    commit(world, &world->slots[0]);
    found = json_incref(world->found);
    world_destroy(world);
    strip_revs(found);
    return found;
}

static void
expect_same(json_t *expected, json_t *found, int round)
{
    const char *id;
    json_t *inc;

    strip_revs(found);
    json_object_foreach(expected, id, inc)
        if (!json_equal(inc, json_object_get(found, id))) {
            char *left = json_dumps(inc, JSON_SORT_KEYS);
            char *right = json_dumps(json_object_get(found, id), JSON_SORT_KEYS);

            print_error("%s\nexpected %s\nfound    %s\n", id, left, right);
            free(left);
            free(right);
        }
    if (!json_equal(expected, found))
        fail_msg("round %d: %d incidents expected, %d found", round,
                 (int)json_object_size(expected), (int)json_object_size(found));
}

static void
incidents_are_those_of_one_while_the_slots_change(void **state)
{
    static const unsigned counts[] = { 2, 3, 1, 4, 2 };
    size_t found = 0;

    (void)state;
    for (int round = 1; round <= 12; round++) {
        uint64_t stream = (uint64_t)round * UINT64_C(0x9E3779B97F4A7C15);
        json_t *expected = run_alone(stream);
        struct world *world;

        seed = stream;
        world = world_new();
        start_all(world, 1);
        for (unsigned turn = 0; turn < 5; turn++) {
            go_on(world, EVENTS / 6 * (turn + 1), 0);
            stop_all(world);
            divide(world, counts[turn], round % 2);
            start_all(world, counts[turn]);
        }
        go_on(world, EVENTS, 1);
        found += json_object_size(expected);
        expect_same(expected, world->found, round);
        world_destroy(world);
        json_decref(expected);
    }
    assert_true(found > 12 * 10);
}

/* In the files of all slots; numbers below are clocks. */
static int
count_sources(const struct world *world, unsigned count)
{
    int found = 0;

    for (unsigned s = 0; s < count; s++) {
        char path[PATH_LEN];
        sqlite3_stmt *stmt = NULL;
        struct err err = { "" };
        sqlite3 *db;

        snprintf(path, sizeof(path), "%s/detector-%u.db", world->dir, s);
        db = db_open(path, NULL, 1, NULL, &err);
        if (db == NULL || db_prepare(db, &stmt, "SELECT count(*) FROM source WHERE number >= 64",
                                     &err) != 0 || sqlite3_step(stmt) != SQLITE_ROW)
            fail_msg("%s", err.text);
        found += sqlite3_column_int(stmt, 0);
        sqlite3_finalize(stmt);
        db_close(&db);
    }
    return found;
}

static void
each_log_source_is_known_to_one_slot(void **state)
{
    struct world *world;

    (void)state;
    seed = 5;
    world = world_new();
    start_all(world, 1);
    go_on(world, EVENTS, 1);
    stop_all(world);
    for (unsigned count = 3; count > 0; count--) {
        divide(world, count, 0);
        assert_int_equal(count_sources(world, count), SOURCES);
        start_all(world, count);
        go_on(world, EVENTS, 1);
        stop_all(world);
        assert_int_equal(count_sources(world, count), SOURCES);
        world->count = count;
    }
    world->count = 0;
    world_destroy(world);
}

static void
division_that_was_not_noted_leaves_all_as_it_was(void **state)
{
    struct world *world;
    char path[PATH_LEN];
    unsigned old = 0;
    struct err err = { "" };
    FILE *file;

    (void)state;
    seed = 6;
    world = world_new();
    start_all(world, 2);
    go_on(world, EVENTS, 1);
    stop_all(world);
    world->count = 0;
    snprintf(path, sizeof(path), "%s/detector-0.new.db", world->dir);
    file = fopen(path, "we");
    assert_non_null(file);
    fputs("half a file", file);
    fclose(file);
    assert_int_equal(division_find(world->dir, &old, &err), 0);
    assert_int_equal(old, 2);
    assert_int_not_equal(access(path, F_OK), 0);
    world_destroy(world);
}

static void
slot_whose_state_is_lost_begins_anew_and_the_others_go_on(void **state)
{
    struct world *world;
    char path[PATH_LEN];
    json_t *expected = run_alone(7);

    (void)state;
    seed = 7;
    world = world_new();
    start_all(world, 2);
    go_on(world, EVENTS / 2, 1);
    stop_all(world);
    snprintf(path, sizeof(path), "%s/detector-1.db", world->dir);
    assert_int_equal(unlink(path), 0);
    divide(world, 3, 0);
    start_all(world, 3);
    go_on(world, EVENTS, 1);
    expect_same(expected, world->found, 0);
    world_destroy(world);
    json_decref(expected);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(incidents_are_those_of_one_while_the_slots_change),
        cmocka_unit_test(each_log_source_is_known_to_one_slot),
        cmocka_unit_test(division_that_was_not_noted_leaves_all_as_it_was),
        cmocka_unit_test(slot_whose_state_is_lost_begins_anew_and_the_others_go_on),
    };

    return cmocka_run_group_tests_name("division", tests, NULL, NULL);
}
