/*
 * The indexer's own part: what the store refuses, and what kills it, is set
 * aside before it is acknowledged; all else is stored once.
 */
#include "indexer/indexer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "proto/base/clock.h"
#include "proto/base/timestamp.h"
#include "tests/support/temp_dir.h"

enum { JOURNAL = 77, NONCE = 5, DETECTOR = 9, SECOND = 1000000, DIED = 99 };

#define NOW_US (INT64_C(1795000000) * SECOND)

struct place {
    char dir[64], bus[80];
    struct settings settings;
    struct daemon daemon;
    struct indexer *ix;
    struct buf bodies[8];           /* of the batches given, which borrow them */
    size_t body_count;
    struct err err;
};

static int
open_place(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    char *args[] = { (char *)"indexer", (char *)"--data-dir", place->dir,
                     (char *)"--bus-dir", place->bus, NULL };
    struct options_call call = { 0 };

    setenv("TZ", "Asia/Seoul", 1);
    temp_dir_make(NULL, place->dir, sizeof(place->dir));
    if (timestamp_init(&place->err) != 0)
        return -1;
    snprintf(place->bus, sizeof(place->bus), "%s/run", place->dir);
    mkdir(place->bus, 0700);
    *state = place;
    return settings_load(&place->settings, 5, args, &call, &place->err);
}

static void
start(struct place *place)
{
    int code = 0;
    void *self = NULL;

    place->daemon = (struct daemon){ .name = "indexer", .settings = &place->settings,
                                     .loop = zloop_new(), .metrics = metrics_new() };
    place->daemon.health = health_new("indexer", place->daemon.metrics);
    if (indexer_spec.start(&place->daemon, 0, &self, &code, &place->err) != 0)
        fail_msg("%s", place->err.text);
    place->ix = self;
}

static void
end(struct place *place)
{
    void *self = place->ix;

    if (self != NULL)
        indexer_spec.destroy(&self);
    place->ix = NULL;
    zloop_destroy(&place->daemon.loop);
    health_destroy(&place->daemon.health);
    metrics_destroy(&place->daemon.metrics);
}

static int
close_place(void **state)
{
    struct place *place = *state;
    int rc;

    if (place->daemon.loop != NULL)
        end(place);
    for (size_t i = 0; i < place->body_count; i++)
        buf_release(&place->bodies[i]);
    settings_release(&place->settings);
    rc = temp_dir_remove(place->dir);
    free(place);
    return rc;
}

/* One event; year 0: not keyed, else keyed with a time of that year. */
static void
pack_event(struct buf *out, const char *key, int year)
{
    struct event ev = { 0 };
    char space[TIMESTAMP_LEN];
    struct err err;

    ev.known[EVENT_TYPE] = value_text(text_of("note"));
    if (event_check(&ev, NOW_US, space, &err) != 0)
        fail_msg("%s", err.text);
    if (year != 0) {
        ev.is_keyed = 1;
        ev.id = event_id_keyed(text_of("client"), text_of(key));
        ev.at_us = timestamp_from_local(year, 1, 1, 0, 0, 0);
    }
    assert_int_equal(event_pack(&ev, out), 0);
    event_release(&ev);
}

static struct buf *
new_body(struct place *place, uint32_t count)
{
    struct buf *body = &place->bodies[place->body_count++];

    assert_true(place->body_count < sizeof(place->bodies) / sizeof(place->bodies[0]));
    assert_int_equal(batch_pack_count(count, body), 0);
    return body;
}

static void
give(struct place *place, enum bus_kind kind, uint64_t origin, uint64_t first, uint32_t count,
     const struct buf *body)
{
    struct bus_batch batch = {
        .kind = kind,
        .head = { .origin = origin, .nonce = NONCE, .first = first, .count = count,
                  .received_us = NOW_US },
        .body = { body->ptr, body->len },
    };

    indexer_on_batch(place->ix, NULL, &batch);
}

static void
give_incident(struct place *place, const char *id, uint64_t counter)
{
    struct buf *body = new_body(place, 1);
    struct incident inc = { .rev_epoch = 1, .rev_counter = counter, .count = 5,
                            .rule_id = (char *)"r", .rule_title = (char *)"t",
                            .rule_level = (char *)"high", .summary = (char *)"s",
                            .opened_us = NOW_US, .last_seen_us = NOW_US };

    snprintf(inc.id, sizeof(inc.id), "%s", id);
    assert_int_equal(incident_pack(&inc, body), 0);
    give(place, BUS_INCIDENTS, DETECTOR, counter, 1, body);
}

/* --- what the store refuses --- */

static void
a_refused_event_goes_to_the_dead_letters_and_the_rest_is_stored(void **state)
{
    struct place *place = *state;
    struct buf *body = new_body(place, 3);

    start(place);
    pack_event(body, NULL, 0);
    pack_event(body, "far", -5);            /* a day that no file can be named after */
    pack_event(body, "near", 2026);
    give(place, BUS_EVENTS, JOURNAL, 100, 3, body);
    indexer_write(place->ix);
    assert_int_equal(place->ix->queue_count, 0);
    assert_int_equal(*place->ix->stored, 2);
    assert_int_equal(poison_count(place->ix->poison), 1);
}

static void
a_refused_event_that_comes_again_is_one_dead_letter(void **state)
{
    struct place *place = *state;
    struct buf *body = new_body(place, 2);

    start(place);
    pack_event(body, "far", -5);
    pack_event(body, NULL, 0);
    for (int i = 0; i < 2; i++) {
        give(place, BUS_EVENTS, JOURNAL, 100, 2, body);
        indexer_write(place->ix);
    }
    assert_int_equal(*place->ix->stored, 1);
    assert_int_equal(poison_count(place->ix->poison), 1);
}

/* --- what kills --- */

/* Break what is stored of an incident, so that the next snapshot of it ends
 * the process. */
static void
damage(struct place *place, const char *id)
{
    char path[128], sql[200];
    sqlite3 *db = NULL;

    snprintf(path, sizeof(path), "%s/store/incidents.db", place->dir);
    snprintf(sql, sizeof(sql), "UPDATE incidents SET body = x'c1' WHERE id = '%s'", id);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* A life of the indexer, which locks its folder for as long as it lives: it
 * ends by itself (0: all is stored and acknowledged), or dies at what it is given. */
static int
live_once(struct place *place, void (*give_all)(struct place *place))
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        start(place);
        give_all(place);
        indexer_write(place->ix);
        _exit(place->ix->queue_count == 0 ? (int)poison_count(place->ix->poison) : DIED);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void
give_the_first(struct place *place)
{
    give_incident(place, "00000000000000000000000000000001", 1);
}

static void
give_the_next(struct place *place)
{
    struct buf *body = new_body(place, 1);

    pack_event(body, NULL, 0);
    give(place, BUS_EVENTS, JOURNAL, 500, 1, body);
    give_incident(place, "00000000000000000000000000000001", 11);
    give_incident(place, "00000000000000000000000000000002", 12);
}

static int
is_stored(struct place *place, const char *id)
{
    struct store *store = store_open(&place->settings, STORE_READ, &place->err);
    struct incident *inc = NULL;
    int rc = store->ops->get_incident(store, id, &inc, &place->err);

    incident_destroy(&inc);
    store_close(&store);
    return rc;
}

static void
an_incident_that_kills_again_and_again_is_set_aside_and_the_others_go_on(void **state)
{
    struct place *place = *state;
    int deaths = 0, code;

    assert_int_equal(live_once(place, give_the_first), 0);
    damage(place, "00000000000000000000000000000001");
    while ((code = live_once(place, give_the_next)) == EXIT_IO && deaths < 10)
        deaths++;
    assert_int_equal(code, 1);              /* dead letter */
    assert_in_range(deaths, 2, 6);
    assert_int_equal(is_stored(place, "00000000000000000000000000000002"), 1);
}

/* --- a full queue --- */

static void
a_full_queue_is_written_at_once(void **state)
{
    struct place *place = *state;
    struct buf *body = new_body(place, 1);

    start(place);
    pack_event(body, NULL, 0);
    for (uint64_t i = 1; i <= INDEXER_MAX_QUEUE + 10; i++)
        give(place, BUS_EVENTS, JOURNAL, i, 1, body);
    assert_int_equal(*place->ix->turned_away, 0);
    indexer_write(place->ix);
    assert_int_equal(*place->ix->stored, INDEXER_MAX_QUEUE + 10);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_place, close_place)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_refused_event_goes_to_the_dead_letters_and_the_rest_is_stored),
        TEST(a_refused_event_that_comes_again_is_one_dead_letter),
        TEST(an_incident_that_kills_again_and_again_is_set_aside_and_the_others_go_on),
        TEST(a_full_queue_is_written_at_once),
    };

    return cmocka_run_group_tests_name("indexer", tests, NULL, NULL);
}
