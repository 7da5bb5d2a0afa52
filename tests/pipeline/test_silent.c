/*
 * A log source that goes silent is one incident, told once, whoever is killed
 * meanwhile; and over when it is heard again. So is one whose clock is off.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "detector/state/checkpoint.h"
#include "detector/engine/engine.h"
#include "detector/ruleset/ruleset.h"
#include "detector/sources/sources.h"
#include "proto/base/clock.h"
#include "proto/base/timestamp.h"
#include "tests/support/chain.h"
#include "tests/support/http_stub.h"

#define SECOND INT64_C(1000000)

enum { TOLD_MS = 60000, EVERY_MS = 300, DAYS_BEFORE = 2, OLD_JOURNAL = 7 };

static struct chain *chain;
static struct stub *slack;

static void
published(void *ctx, const struct incident *inc, const struct batch_head *head, struct text body)
{
    (void)ctx, (void)inc, (void)head, (void)body;
}

/* web1 has sent a line every two seconds, for two days up to now; its clock is so many
 * hours behind. */
static void
live_for_days(struct sources *sources, int hours_behind)
{
    int64_t end_us = clock_real_us();

    for (int64_t at_us = end_us - DAYS_BEFORE * 86400 * SECOND; at_us < end_us;
         at_us += 2 * SECOND) {
        struct extra host = { text_of("host.name"), value_text(text_of("web1")) };
        struct event ev = { .received_us = at_us, .at_us = at_us - hours_behind * 3600 * SECOND,
                            .extras = &host, .extra_count = 1 };

        sources_tick(sources, OLD_JOURNAL, at_us, 0);
        sources_hear(sources, &ev);
    }
}

/* The state file of a detector that has known web1 for these days. */
static void
make_past(int hours_behind)
{
    const struct engine_options options = { .max_keys = 1000, .max_entries = 1000, .slots = 1 };
    const struct sources_options habits = { .silent_after_us = 3600 * SECOND };
    struct metrics *metrics = metrics_new();
    struct sources *sources = sources_new(&habits, metrics);
    struct checkpoint_commit work = { .most_grown = SIZE_MAX, .sources = sources, .published = published };
    struct ruleset *rules;
    struct checkpoint *cp;
    uint64_t refused = 0;
    char path[300];
    struct err err;

    snprintf(path, sizeof(path), "%s/detector-0.db", chain_dir(chain));
    cp = checkpoint_open(path, clock_real_us(), &err);
    assert_non_null(cp);
    rules = ruleset_load("detector/rules", &err);
    work.engine = engine_new(&options, &rules, metrics, &err);
    assert_non_null(work.engine);
    assert_int_equal(checkpoint_restore_sources(cp, sources, &refused, &err), 0);
    live_for_days(sources, hours_behind);
    assert_int_equal(checkpoint_commit(cp, &work, &err), DB_DONE);
    checkpoint_close(&cp);
    engine_destroy(&work.engine);
    sources_destroy(&sources);
    metrics_destroy(&metrics);
}

static int
start(void **state)
{
    struct err err;

    (void)state;
    if (timestamp_init(&err) != 0)
        return -1;
    slack = stub_new();
    chain = chain_new(NULL, stub_url(slack));
    chain_set(chain, "BONGSU_WATCH_STAGES", "detector");
    chain_set(chain, "BONGSU_WATCH_AFTER", "6s");
    chain_set(chain, "BONGSU_SOURCES_SILENT_AFTER", "3s");
    make_past(3);
    chain_start_all(chain);
    return 0;
}

static int
stop(void **state)
{
    (void)state;
    chain_destroy(&chain);
    stub_destroy(&slack);
    return 0;
}

static void
say_something(void)
{
    static const char body[] = "{\"event_type\": \"http_access\", \"host.name\": \"web1\"}";

    assert_int_equal(chain_post(chain, "/log", "application/json", body, sizeof(body) - 1, NULL),
                     202);
}

/* Until Slack has the text; web1 sends meanwhile, or not. */
static void
wait_told(const char *text, int is_sending)
{
    int64_t deadline = now_ms() + TOLD_MS, next = now_ms();

    while (stub_count_containing(slack, text) == 0) {
        if (now_ms() > deadline)
            fail_msg("nobody was told: %s", text);
        if (is_sending && now_ms() >= next) {
            say_something();
            next = now_ms() + EVERY_MS;
        }
        wait_a_little();
    }
}

/* How many incidents of the rule there are, each for web1 and in this status. */
static size_t
incidents_of(const char *rule, const char *status)
{
    json_t *all = chain_all_incidents(chain), *inc;
    size_t i, count = 0;

    json_array_foreach(all, i, inc) {
        const json_t *key = json_object_get(inc, "key");

        if (strcmp(json_string_value(json_object_get(json_object_get(inc, "rule"), "id")),
                   rule) != 0)
            continue;
        assert_string_equal(json_string_value(json_object_get(key, "source")), "web1");
        assert_string_equal(json_string_value(json_object_get(inc, "status")), status);
        count++;
    }
    json_decref(all);
    return count;
}

static void
a_source_that_goes_silent_is_one_incident_and_over_when_it_is_heard(void **state)
{
    (void)state;
    wait_told("web1 sent nothing for", 0);
    assert_int_equal(incidents_of("bongsu.source_silent", "open"), 1);
    chain_kill(chain, DETECTOR);
    chain_start(chain, DETECTOR, NULL);
    chain_wait_ready(chain, TOLD_MS);
    wait_told("A log source went silent* (it is over)", 1);
    assert_int_equal(incidents_of("bongsu.source_silent", "resolved"), 1);
}

static void
a_source_whose_clock_is_off_is_one_incident_and_over_when_it_is_right(void **state)
{
    (void)state;
    wait_told("web1's clock is exactly 3 hours behind", 0);
    assert_int_equal(incidents_of("bongsu.clock_off", "open"), 1);
    assert_int_equal(chain_stop(chain, DETECTOR), 0);
    make_past(0);
    chain_start(chain, DETECTOR, NULL);
    wait_told("A log source's clock is off* (it is over)", 0);
    assert_int_equal(incidents_of("bongsu.clock_off", "resolved"), 1);
    assert_int_equal(stub_count_containing(slack, "] A log source's clock is off*"), 2);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_source_that_goes_silent_is_one_incident_and_over_when_it_is_heard),
        TEST(a_source_whose_clock_is_off_is_one_incident_and_over_when_it_is_right),
    };

    return cmocka_run_group_tests_name("silent", tests, NULL, NULL);
}
