#include "notifier/notifier.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "proto/base/clock.h"
#include "tests/support/http_stub.h"
#include "tests/support/loop_client.h"
#include "tests/support/temp_dir.h"

/* The notifier's sending half: a real outbox, a real client, a fake Slack. */
struct desk {
    char dir[64], path[128];
    struct notifier nt;
    struct daemon daemon;
    struct settings settings;
    struct stub *slack;
    struct outbox_counts wanted;
    uint64_t numbers[8];
    unsigned made;
};

static int
open_desk(void **state)
{
    struct desk *desk = calloc(1, sizeof(*desk));
    uint64_t **numbers[] = { &desk->nt.sent, &desk->nt.digests, &desk->nt.retries,
                             &desk->nt.failed, &desk->nt.broken,
                             &desk->nt.outbox_failures };
    struct err err = { "" };

    temp_dir_make(NULL, desk->dir, sizeof(desk->dir));
    snprintf(desk->path, sizeof(desk->path), "%s/notifier.db", desk->dir);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        *numbers[i] = &desk->numbers[i];
    desk->slack = stub_new();
    desk->settings.slack_digest_over = 20;
    desk->daemon = (struct daemon){ .settings = &desk->settings, .loop = zloop_new(),
                                    .metrics = metrics_new() };
    desk->daemon.health = health_new("notifier", desk->daemon.metrics);
    desk->nt.daemon = &desk->daemon;
    desk->nt.channel = &channel_slack;
    desk->nt.url = stub_url(desk->slack);
    desk->nt.client = http_client_new(desk->daemon.loop, &err);
    desk->nt.outbox = outbox_open(desk->path, clock_real_us(), &err);
    *state = desk;
    return desk->nt.client == NULL || desk->nt.outbox == NULL || desk->slack == NULL;
}

static int
close_desk(void **state)
{
    struct desk *desk = *state;
    int rc;

    http_client_destroy(&desk->nt.client);
    notifier_release_deliveries(&desk->nt);
    outbox_close(&desk->nt.outbox);
    stub_destroy(&desk->slack);
    zloop_destroy(&desk->daemon.loop);
    health_destroy(&desk->daemon.health);
    metrics_destroy(&desk->daemon.metrics);
    rc = temp_dir_remove(desk->dir);
    free(desk);
    return rc;
}

static void
add_incidents(struct desk *desk, unsigned count)
{
    struct err err = { "" };

    assert_int_equal(outbox_begin(desk->nt.outbox, &err), 0);
    for (unsigned i = 0; i < count; i++) {
        struct incident *inc = incident_new();

        snprintf(inc->id, sizeof(inc->id), "%032u", ++desk->made);
        inc->rule_id = strdup("brute-force");
        inc->rule_title = strdup("Brute force");
        inc->rule_level = strdup("high");
        inc->summary = strdup("five");
        inc->severity = SEVERITY_HIGH;
        assert_int_equal(outbox_add(desk->nt.outbox, inc, 0, 0, clock_real_us(), &err), 1);
        incident_destroy(&inc);
    }
    assert_int_equal(outbox_commit(desk->nt.outbox, &err), 0);
}

static int
has_counts(void *ctx)
{
    struct desk *desk = ctx;
    struct outbox_counts counts;

    return outbox_counts(desk->nt.outbox, &counts, NULL) == 0 &&
           counts.sent == desk->wanted.sent && counts.failed == desk->wanted.failed;
}

static void
wait_for_counts(struct desk *desk, uint64_t sent, uint64_t failed)
{
    struct outbox_counts counts;

    desk->wanted = (struct outbox_counts){ .sent = sent, .failed = failed };
    if (!loop_until(desk->daemon.loop, has_counts, desk, 10000)) {
        outbox_counts(desk->nt.outbox, &counts, NULL);
        fail_msg("waiting %d failed %d sent %d, %d requests", (int)counts.waiting,
                 (int)counts.failed, (int)counts.sent, (int)stub_count(desk->slack));
    }
}

/* Let the loop run for a while: what should not come has its chance. */
static int
never(void *ctx)
{
    (void)ctx;
    return 0;
}

static void
each_incident_is_one_message(void **state)
{
    struct desk *desk = *state;

    add_incidents(desk, 5);
    notifier_pump(&desk->nt);
    wait_for_counts(desk, 5, 0);
    assert_int_equal(stub_count(desk->slack), 5);
    assert_int_equal(stub_most_at_once(desk->slack), 1);
    assert_int_equal(*desk->nt.sent, 5);
    assert_int_equal(stub_count_containing(desk->slack, "[HIGH] Brute force"), 5);
}

static void
over_the_rate_all_that_is_due_is_one_digest(void **state)
{
    struct desk *desk = *state;

    add_incidents(desk, 100);
    notifier_pump(&desk->nt);
    wait_for_counts(desk, 100, 0);
    assert_int_equal(stub_count(desk->slack), 1);
    assert_int_equal(stub_count_containing(desk->slack, "*100 more incidents*"), 1);
    assert_int_equal(*desk->nt.digests, 1);
    /* what comes then is gathered for the next minute */
    add_incidents(desk, 3);
    notifier_pump(&desk->nt);
    loop_until(desk->daemon.loop, never, NULL, 200);
    assert_int_equal(stub_count(desk->slack), 1);
    desk->nt.digest_ms -= 60000;
    memset(desk->nt.rate, 0, sizeof(desk->nt.rate));
    notifier_pump(&desk->nt);
    wait_for_counts(desk, 103, 0);
    assert_int_equal(stub_count(desk->slack), 4);
}

static void
a_steady_stream_over_the_rate_does_not_pass_one_by_one(void **state)
{
    struct desk *desk = *state;

    for (int i = 0; i < 25; i++) {
        add_incidents(desk, 1);
        notifier_pump(&desk->nt);
        if (i < 21)
            wait_for_counts(desk, (uint64_t)i + 1, 0);
    }
    loop_until(desk->daemon.loop, never, NULL, 200);
    /* twenty, and the one that opened the gathering */
    assert_int_equal(stub_count(desk->slack), 21);
    desk->nt.digest_ms -= 60000;
    notifier_pump(&desk->nt);
    wait_for_counts(desk, 25, 0);
    assert_int_equal(stub_count(desk->slack), 22);
    assert_int_equal(stub_count_containing(desk->slack, "*4 more incidents*"), 1);
}

static void
a_high_rate_is_allowed_when_it_is_asked_for(void **state)
{
    struct desk *desk = *state;

    desk->settings.slack_digest_over = 150;
    add_incidents(desk, 150);
    notifier_pump(&desk->nt);
    wait_for_counts(desk, 150, 0);
    assert_int_equal(stub_count(desk->slack), 150);
    assert_int_equal(*desk->nt.digests, 0);
    add_incidents(desk, 2);
    notifier_pump(&desk->nt);
    wait_for_counts(desk, 152, 0);
    assert_int_equal(*desk->nt.digests, 1);
}

static void
a_429_holds_all_messages_as_long_as_it_says(void **state)
{
    const struct stub_answer busy = { .status = 429, .headers = "Retry-After: 1\r\n" };
    struct desk *desk = *state;

    stub_script(desk->slack, &busy, 1);
    add_incidents(desk, 3);
    notifier_pump(&desk->nt);
    wait_for_counts(desk, 3, 0);
    assert_int_equal(stub_count(desk->slack), 4);
    assert_true(stub_request(desk->slack, 1)->at_ms - stub_request(desk->slack, 0)->at_ms >= 1000);
    assert_int_equal(*desk->nt.retries, 1);
}

static void
a_503_is_tried_again_with_back_off(void **state)
{
    const struct stub_answer down[2] = { { .status = 503 }, { .status = 500 } };
    struct desk *desk = *state;

    stub_script(desk->slack, down, 2);
    add_incidents(desk, 1);
    notifier_pump(&desk->nt);
    wait_for_counts(desk, 1, 0);
    assert_int_equal(stub_count(desk->slack), 3);
    assert_true(stub_request(desk->slack, 1)->at_ms - stub_request(desk->slack, 0)->at_ms >= 500);
    assert_true(stub_request(desk->slack, 2)->at_ms - stub_request(desk->slack, 1)->at_ms >= 1000);
    assert_int_equal(desk->nt.failures, 0);
}

static void
a_403_is_failed_for_good_and_the_next_goes_on(void **state)
{
    const struct stub_answer refused = { .status = 403, .body = "no_permission" };
    struct desk *desk = *state;

    stub_script(desk->slack, &refused, 1);
    add_incidents(desk, 2);
    notifier_pump(&desk->nt);
    wait_for_counts(desk, 1, 1);
    assert_int_equal(stub_count(desk->slack), 2);
    assert_int_equal(*desk->nt.failed, 1);
}

static void
one_that_cannot_be_read_does_not_block_the_others(void **state)
{
    struct desk *desk = *state;
    sqlite3 *db = NULL;

    add_incidents(desk, 3);
    assert_int_equal(sqlite3_open(desk->path, &db), SQLITE_OK);
    sqlite3_exec(db, "UPDATE delivery SET body = x'ff' WHERE number = 1", NULL, NULL, NULL);
    sqlite3_close(db);
    notifier_pump(&desk->nt);
    wait_for_counts(desk, 2, 1);
    assert_int_equal(stub_count(desk->slack), 2);
    assert_int_equal(*desk->nt.broken, 1);
}

static void
an_outbox_that_cannot_be_written_makes_no_storm(void **state)
{
    struct desk *desk = *state;
    sqlite3 *db = NULL;

    add_incidents(desk, 2);
    assert_int_equal(sqlite3_open(desk->path, &db), SQLITE_OK);
    sqlite3_exec(db, "CREATE TRIGGER full BEFORE UPDATE ON delivery"
                     " BEGIN SELECT RAISE(ABORT, 'full'); END", NULL, NULL, NULL);
    notifier_pump(&desk->nt);
    loop_until(desk->daemon.loop, never, NULL, 300);
    for (int i = 0; i < 20; i++) {
        notifier_pump(&desk->nt);
        loop_until(desk->daemon.loop, never, NULL, 10);
    }
    assert_int_equal(stub_count(desk->slack), 1);
    sqlite3_exec(db, "DROP TRIGGER full", NULL, NULL, NULL);
    sqlite3_close(db);
    wait_for_counts(desk, 2, 0);
    /* each told once, though marking the first took a while */
    assert_int_equal(stub_count(desk->slack), 2);
}

static void
without_a_webhook_the_log_takes_it(void **state)
{
    struct desk *desk = *state;

    desk->nt.url = NULL;
    add_incidents(desk, 3);
    notifier_pump(&desk->nt);
    wait_for_counts(desk, 3, 0);
    assert_int_equal(stub_count(desk->slack), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_desk, close_desk)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_incident_is_one_message),
        TEST(over_the_rate_all_that_is_due_is_one_digest),
        TEST(a_steady_stream_over_the_rate_does_not_pass_one_by_one),
        TEST(a_high_rate_is_allowed_when_it_is_asked_for),
        TEST(a_429_holds_all_messages_as_long_as_it_says),
        TEST(a_503_is_tried_again_with_back_off),
        TEST(a_403_is_failed_for_good_and_the_next_goes_on),
        TEST(one_that_cannot_be_read_does_not_block_the_others),
        TEST(an_outbox_that_cannot_be_written_makes_no_storm),
        TEST(without_a_webhook_the_log_takes_it),
    };

    return cmocka_run_group_tests_name("deliver", tests, NULL, NULL);
}
