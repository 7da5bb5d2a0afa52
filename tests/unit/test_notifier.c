/*
 * What the notifier finds in the store at its start: everything that nobody
 * was told of, and only that.
 */
#include "notifier/notifier.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/base/clock.h"
#include "proto/base/timestamp.h"
#include "tests/support/temp_dir.h"

#define HOUR_US (INT64_C(3600) * 1000000)

struct place {
    char dir[64], bus[80], outbox[96];
    struct settings settings;
    struct daemon daemon;
    struct notifier *nt;
    int64_t now_us;
    struct err err;
};

static int
open_place(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    char *args[] = { (char *)"notifier", (char *)"--data-dir", place->dir,
                     (char *)"--bus-dir", place->bus, NULL };
    struct options_call call = { 0 };

    unsetenv("SLACK_WEBHOOK_URL");
    temp_dir_make(NULL, place->dir, sizeof(place->dir));
    if (timestamp_init(&place->err) != 0)
        return -1;
    snprintf(place->bus, sizeof(place->bus), "%s/run", place->dir);
    snprintf(place->outbox, sizeof(place->outbox), "%s/notifier.db", place->dir);
    mkdir(place->bus, 0700);
    place->now_us = clock_real_us();
    *state = place;
    return settings_load(&place->settings, 5, args, &call, &place->err);
}

static int
close_place(void **state)
{
    struct place *place = *state;
    void *self = place->nt;
    int rc;

    notifier_spec.destroy(&self);
    http_server_destroy(&place->daemon.server);
    zloop_destroy(&place->daemon.loop);
    health_destroy(&place->daemon.health);
    metrics_destroy(&place->daemon.metrics);
    settings_release(&place->settings);
    rc = temp_dir_remove(place->dir);
    free(place);
    return rc;
}

static void
start(struct place *place)
{
    const struct http_options options = { .listen = "127.0.0.1:0", .flag = "--x",
                                          .max_connections = 4, .idle_timeout_s = 5 };
    void *self = NULL;
    int code = 0;

    place->daemon = (struct daemon){ .name = "notifier", .settings = &place->settings,
                                     .loop = zloop_new(), .metrics = metrics_new() };
    place->daemon.health = health_new("notifier", place->daemon.metrics);
    place->daemon.server = http_server_new(place->daemon.loop, &options,
                                           place->daemon.metrics, &place->err);
    assert_non_null(place->daemon.server);
    if (notifier_spec.start(&place->daemon, 0, &self, &code, &place->err) != 0)
        fail_msg("%s", place->err.text);
    place->nt = self;
}

/* In the store, as the indexer writes it now. */
static void
store_incident(struct place *place, const char *id, int64_t newest_us)
{
    struct store *store = store_open(&place->settings, STORE_WRITE, &place->err);
    struct incident *inc = incident_new();

    assert_non_null(store);
    snprintf(inc->id, sizeof(inc->id), "%s", id);
    inc->rule_id = strdup("r");
    inc->rule_title = strdup("t");
    inc->rule_level = strdup("high");
    inc->summary = strdup("s");
    inc->severity = SEVERITY_HIGH;
    inc->rev_epoch = inc->rev_counter = 1;
    inc->opened_us = inc->last_seen_us = inc->newest_received_us = newest_us;
    if (store->ops->put_incidents(store, &inc, 1, &place->err) != STORE_DONE)
        fail_msg("%s", place->err.text);
    incident_destroy(&inc);
    store_close(&store);
}

/* An outbox that has read the store up to then. */
static void
have_read_until(struct place *place, int64_t until_us)
{
    struct outbox *outbox = outbox_open(place->outbox, place->now_us, &place->err);

    assert_non_null(outbox);
    assert_int_equal(outbox_set_read_until(outbox, until_us, &place->err), 0);
    outbox_close(&outbox);
}

static void
assert_found(struct place *place, uint64_t found, uint64_t told)
{
    assert_int_equal(*place->nt->found, found);
    for (int i = 0; i < 20; i++) {
        place->nt->pump_at_ms = 0;
        notifier_pump(place->nt);
    }
    assert_int_equal(*place->nt->sent, told);
}

static void
tells_what_was_stored_while_it_was_away(void **state)
{
    struct place *place = *state;

    have_read_until(place, place->now_us - HOUR_US);
    store_incident(place, "00000000000000000000000000000001", place->now_us);
    start(place);
    assert_found(place, 1, 1);
}

static void
a_lost_outbox_tells_what_is_younger_than_24_hours(void **state)
{
    struct place *place = *state;

    store_incident(place, "00000000000000000000000000000001", place->now_us - 25 * HOUR_US);
    store_incident(place, "00000000000000000000000000000002", place->now_us - 23 * HOUR_US);
    start(place);
    assert_found(place, 2, 1);
    assert_int_equal(outbox_is_new(place->nt->outbox), 0);
}

static void
an_outbox_that_was_not_lost_tells_of_old_events_too(void **state)
{
    struct place *place = *state;

    have_read_until(place, place->now_us - HOUR_US);
    store_incident(place, "00000000000000000000000000000001", place->now_us - 50 * HOUR_US);
    start(place);
    assert_found(place, 1, 1);
}

static void
a_clock_that_was_set_back_hides_nothing(void **state)
{
    struct place *place = *state;

    have_read_until(place, place->now_us + 3 * HOUR_US);
    store_incident(place, "00000000000000000000000000000001", place->now_us);
    start(place);
    assert_found(place, 1, 1);
    assert_true(outbox_read_until(place->nt->outbox) < place->now_us + HOUR_US);
}

/* As if that had been told so long ago. */
static void
have_told(struct place *place, const char *id, int64_t at_us)
{
    struct outbox *outbox = outbox_open(place->outbox, place->now_us, &place->err);
    struct incident *inc = incident_new();

    assert_non_null(outbox);
    snprintf(inc->id, sizeof(inc->id), "%s", id);
    inc->severity = SEVERITY_HIGH;
    inc->rule_id = strdup("r");
    inc->rule_title = strdup("t");
    inc->rule_level = strdup("high");
    inc->summary = strdup("s");
    assert_int_equal(outbox_begin(outbox, &place->err), 0);
    assert_int_equal(outbox_add(outbox, inc, SEVERITY_LOW, 1, at_us, &place->err), 1);
    assert_int_equal(outbox_commit(outbox, &place->err), 0);
    incident_destroy(&inc);
    outbox_close(&outbox);
}

static void
forgets_what_was_told_once_the_store_has_deleted_it(void **state)
{
    struct place *place = *state;

    have_read_until(place, place->now_us - HOUR_US);
    have_told(place, "00000000000000000000000000000001", place->now_us - 92 * 24 * HOUR_US);
    have_told(place, "00000000000000000000000000000002", place->now_us - 92 * 24 * HOUR_US);
    have_told(place, "00000000000000000000000000000003", place->now_us - 89 * 24 * HOUR_US);
    store_incident(place, "00000000000000000000000000000002", place->now_us);
    start(place);
    assert_found(place, 0, 0);
    assert_int_equal(*place->nt->pruned, 1);
}

static void
what_is_kept_for_ever_is_never_forgotten(void **state)
{
    struct place *place = *state;

    place->settings.store_retention_ms = 0;
    have_read_until(place, place->now_us - HOUR_US);
    have_told(place, "00000000000000000000000000000001", place->now_us - 9000 * 24 * HOUR_US);
    start(place);
    assert_int_equal(*place->nt->pruned, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_place, close_place)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tells_what_was_stored_while_it_was_away),
        TEST(a_lost_outbox_tells_what_is_younger_than_24_hours),
        TEST(an_outbox_that_was_not_lost_tells_of_old_events_too),
        TEST(a_clock_that_was_set_back_hides_nothing),
        TEST(forgets_what_was_told_once_the_store_has_deleted_it),
        TEST(what_is_kept_for_ever_is_never_forgotten),
    };

    return cmocka_run_group_tests_name("notifier", tests, NULL, NULL);
}
