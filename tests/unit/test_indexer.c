/*
 * The indexer's own part: what the store refuses, and what kills it, is set
 * aside before it is acknowledged; all else is stored once.
 */
#include "indexer/indexer.h"

#include <poll.h>
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

#include "indexer/letters.h"
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

/* --- dead letters --- */

static int
keep_letter(void *ctx, const struct dead_letter *letter)
{
    assert_int_equal(dead_letters_add(ctx, letter), 0);
    return 0;
}

/* As the api sees them; the caller releases. */
static struct dead_letters
letters_of(struct place *place)
{
    struct store *store = store_open(&place->settings, STORE_READ, &place->err);
    struct dead_letters all = { 0 };
    struct dead_page page;

    if (store->ops->dead->find(store, &(struct dead_query){ .limit = 100 }, keep_letter, &all,
                               &page, &place->err) != 0)
        fail_msg("%s", place->err.text);
    store_close(&store);
    return all;
}

static void
want_all(struct place *place)
{
    struct store *store = store_open(&place->settings, STORE_READ, &place->err);
    struct dead_wish wish = { .keys = NULL };

    if (store->ops->dead->want(store, &wish, &place->err) != 0)
        fail_msg("%s", place->err.text);
    store_close(&store);
}

static int
keep_received(void *ctx, const struct event *ev)
{
    *(int64_t *)ctx = ev->received_us;
    return 0;
}

/* 1 when the event is stored in the day of its receipt, as it was received. */
static int
is_event_stored(struct place *place, uint64_t sequence)
{
    struct store *store = store_open(&place->settings, STORE_READ, &place->err);
    struct event_id id = event_id_make(JOURNAL, NONCE, sequence);
    int64_t received_us = 0;
    int rc = store->ops->get_event(store, &id, (int32_t)(NOW_US / SECOND / 86400), keep_received,
                                   &received_us, &place->err);

    store_close(&store);
    return rc == 1 && received_us == NOW_US;
}

/* A letter about an event that can be stored. */
static void
set_good_aside(struct place *place, uint64_t sequence)
{
    struct buf *body = &place->bodies[place->body_count++];

    pack_event(body, NULL, 0);
    assert_int_equal(indexer_set_aside(place->ix, &(struct dead_letter){
        .key.id = event_id_make(JOURNAL, NONCE, sequence), .received_us = NOW_US,
        .reason = text_of("was no good"), .encoded = buf_text(body) }), 0);
}

static void
a_dead_letter_is_carried_over_into_the_store(void **state)
{
    struct place *place = *state;
    struct buf *body = new_body(place, 1);
    struct dead_letters all;

    start(place);
    pack_event(body, "far", -5);
    give(place, BUS_EVENTS, JOURNAL, 100, 1, body);
    indexer_write(place->ix);
    letters_work(place->ix->letters);
    assert_int_equal(poison_count(place->ix->poison), 0);
    assert_int_equal(letters_in_store(place->ix->letters), 1);
    all = letters_of(place);
    assert_int_equal(all.count, 1);
    assert_true(text_is(all.letters[0].by, "indexer"));
    assert_true(text_starts_with(all.letters[0].reason, "not stored: its day"));
    assert_int_equal(all.letters[0].received_us, NOW_US);
    assert_int_equal(all.letters[0].attempts, 0);
    dead_letters_release(&all);
}

/* The store takes none now: it stays in our file, and goes over when it does. */
static void
a_dead_letter_waits_for_a_store_that_does_not_take_it(void **state)
{
    struct place *place = *state;
    char path[128];

    start(place);
    set_good_aside(place, 7);
    snprintf(path, sizeof(path), "%s/store", place->dir);
    mkdir(path, 0700);
    snprintf(path, sizeof(path), "%s/store/dead.db", place->dir);
    mkdir(path, 0700);                          /* no file can be there */
    letters_work(place->ix->letters);
    assert_int_equal(poison_count(place->ix->poison), 1);
    rmdir(path);
    letters_work(place->ix->letters);
    assert_int_equal(poison_count(place->ix->poison), 0);
    assert_int_equal(letters_in_store(place->ix->letters), 1);
}

/* A store that takes its time to say no. */
static int slow_puts;

static int
put_slowly(struct store *store, const struct dead_letter *letters, size_t count,
           struct err *err)
{
    (void)store, (void)letters, (void)count;
    slow_puts++;
    poll(NULL, 0, 300);
    err_set(err, "no answer in time");
    return -1;
}

static void
a_store_that_does_not_answer_is_not_waited_for_once_a_letter(void **state)
{
    struct place *place = *state;
    struct store_dead_ops dead;
    struct store_ops slow;
    struct store silent = { &slow }, *store;

    start(place);
    store = place->ix->store;
    slow = *store->ops;
    dead = *slow.dead;
    dead.put = put_slowly;
    slow.dead = &dead;
    for (uint64_t i = 0; i < 8; i++)
        set_good_aside(place, 7 + i);
    place->ix->store = &silent;
    slow_puts = 0;
    letters_work(place->ix->letters);
    assert_in_range(slow_puts, 1, 3);           /* of nine */
    letters_work(place->ix->letters);
    assert_in_range(slow_puts, 2, 6);
    assert_int_equal(poison_count(place->ix->poison), 8);
    place->ix->store = store;
    letters_work(place->ix->letters);
    assert_int_equal(poison_count(place->ix->poison), 0);
    assert_int_equal(letters_in_store(place->ix->letters), 8);
}

/* It had set it aside when it was the one that writes; now another does. */
static void
a_dead_letter_of_one_that_stands_by_is_carried_over_too(void **state)
{
    struct place *place = *state;
    struct dead_letters all;
    char lock[128];
    int fd;

    snprintf(lock, sizeof(lock), "%s/indexer.lock", place->dir);
    fd = daemon_lock(lock, &place->err);
    assert_true(fd >= 0);
    start(place);
    assert_null(place->ix->events);
    set_good_aside(place, 7);
    letters_work(place->ix->letters);
    assert_int_equal(poison_count(place->ix->poison), 0);
    want_all(place);
    letters_work(place->ix->letters);           /* the other one does that */
    all = letters_of(place);
    assert_int_equal(all.count, 1);
    assert_true(all.letters[0].is_wanted);
    dead_letters_release(&all);
    close(fd);
}

static void
a_letter_that_nobody_wants_is_not_tried(void **state)
{
    struct place *place = *state;

    start(place);
    set_good_aside(place, 7);
    letters_work(place->ix->letters);
    letters_work(place->ix->letters);
    assert_int_equal(letters_in_store(place->ix->letters), 1);
    assert_int_equal(is_event_stored(place, 7), 0);
}

static void
a_wanted_letter_is_stored_once_and_dropped(void **state)
{
    struct place *place = *state;

    start(place);
    for (uint64_t i = 0; i < 3; i++)
        set_good_aside(place, 7 + i);
    letters_work(place->ix->letters);
    want_all(place);
    letters_work(place->ix->letters);
    assert_int_equal(letters_in_store(place->ix->letters), 0);
    for (uint64_t i = 0; i < 3; i++)
        assert_int_equal(is_event_stored(place, 7 + i), 1);
    assert_int_equal(*place->ix->stored, 3);
    set_good_aside(place, 7);                   /* its place in the journal came again */
    letters_work(place->ix->letters);
    want_all(place);
    letters_work(place->ix->letters);
    assert_int_equal(letters_in_store(place->ix->letters), 0);
    assert_int_equal(*place->ix->stored, 3);
    assert_int_equal(*place->ix->repeated, 1);
}

/* Among good ones, one that is refused again and one that is no event at all. */
static void
a_letter_that_is_refused_again_says_why_and_waits(void **state)
{
    struct place *place = *state;
    struct buf *body = new_body(place, 1);
    struct dead_letters all;

    start(place);
    set_good_aside(place, 7);
    pack_event(body, "far", -5);
    give(place, BUS_EVENTS, JOURNAL, 100, 1, body);
    indexer_write(place->ix);
    assert_int_equal(indexer_set_aside(place->ix, &(struct dead_letter){
        .key.id = event_id_make(JOURNAL, NONCE, 200), .received_us = NOW_US,
        .reason = text_of("rest of a row"), .encoded = { "\xc1", 1 } }), 0);
    set_good_aside(place, 8);
    letters_work(place->ix->letters);
    for (unsigned round = 1; round < 3; round++) {
        want_all(place);
        letters_work(place->ix->letters);
        all = letters_of(place);
        assert_int_equal(all.count, 2);
        for (size_t i = 0; i < 2; i++) {
            assert_int_equal(all.letters[i].attempts, round);
            assert_false(all.letters[i].is_wanted);
            assert_true(all.letters[i].tried_us > 0);
        }
        assert_true(text_starts_with(all.letters[0].reason, "event: msgpack"));
        assert_true(text_starts_with(all.letters[1].reason, "not stored: its day"));
        dead_letters_release(&all);
    }
    assert_int_equal(is_event_stored(place, 7), 1);
    assert_int_equal(is_event_stored(place, 8), 1);
}

/* Bytes of another event under a letter's name would be stored as what they are not. */
static void
a_letter_whose_event_has_another_id_is_refused(void **state)
{
    struct place *place = *state;
    struct buf *body = &place->bodies[place->body_count++];
    struct dead_letters all;

    start(place);
    pack_event(body, "key", 2026);
    assert_int_equal(indexer_set_aside(place->ix, &(struct dead_letter){
        .key = { event_id_keyed(text_of("client"), text_of("other")), 20500 },
        .received_us = NOW_US, .reason = text_of("no"), .encoded = buf_text(body) }), 0);
    letters_work(place->ix->letters);
    want_all(place);
    letters_work(place->ix->letters);
    all = letters_of(place);
    assert_int_equal(all.count, 1);
    assert_int_equal(all.letters[0].attempts, 1);
    dead_letters_release(&all);
    assert_int_equal(*place->ix->stored, 0);
}

static void
more_letters_than_a_page_all_come_over_and_all_are_tried(void **state)
{
    enum { MANY = 230 };
    struct place *place = *state;
    struct buf *body = &place->bodies[place->body_count++];

    start(place);
    pack_event(body, NULL, 0);
    for (uint64_t i = 0; i < MANY; i++)
        assert_int_equal(poison_set_aside(place->ix->poison, &(struct dead_letter){
            .key.id = event_id_make(JOURNAL, NONCE, i), .at_us = NOW_US + (int64_t)i,
            .received_us = NOW_US, .encoded = buf_text(body) }, &place->err), 0);
    for (int i = 0; i < 3; i++)
        letters_work(place->ix->letters);
    assert_int_equal(letters_in_store(place->ix->letters), MANY);
    want_all(place);
    for (int i = 0; i < 3; i++)
        letters_work(place->ix->letters);
    assert_int_equal(letters_in_store(place->ix->letters), 0);
    assert_int_equal(*place->ix->stored, MANY);
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
        TEST(a_dead_letter_is_carried_over_into_the_store),
        TEST(a_dead_letter_waits_for_a_store_that_does_not_take_it),
        TEST(a_store_that_does_not_answer_is_not_waited_for_once_a_letter),
        TEST(a_dead_letter_of_one_that_stands_by_is_carried_over_too),
        TEST(a_letter_that_nobody_wants_is_not_tried),
        TEST(a_wanted_letter_is_stored_once_and_dropped),
        TEST(a_letter_that_is_refused_again_says_why_and_waits),
        TEST(a_letter_whose_event_has_another_id_is_refused),
        TEST(more_letters_than_a_page_all_come_over_and_all_are_tried),
        TEST(an_incident_that_kills_again_and_again_is_set_aside_and_the_others_go_on),
        TEST(a_full_queue_is_written_at_once),
    };

    return cmocka_run_group_tests_name("indexer", tests, NULL, NULL);
}
