/*
 * What is wrong with Bongsu itself is an incident, is told once, and once when
 * it is over: whichever process it is, ingest and detector and indexer included.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/chain.h"
#include "tests/support/http_stub.h"

enum { TOLD_MS = 40000 };

static struct chain *chain;
static struct stub *slack;

static int
start(void **state)
{
    (void)state;
    slack = stub_new();
    chain = chain_new(NULL, stub_url(slack));
    chain_set(chain, "BONGSU_WATCH_STAGES", "ingest detector indexer api");
    chain_set(chain, "BONGSU_WATCH_AFTER", "1s");
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
wait_told(const char *text, size_t times)
{
    int64_t deadline = now_ms() + TOLD_MS;

    while (stub_count_containing(slack, text) < times) {
        if (now_ms() > deadline)
            fail_msg("nobody was told: %s", text);
        wait_a_little();
    }
}

/* The only incident there is; the caller releases it. */
static json_t *
only_incident(void)
{
    json_t *all = chain_all_incidents(chain), *inc;

    assert_int_equal(json_array_size(all), 1);
    inc = json_deep_copy(json_array_get(all, 0));
    json_decref(all);
    return inc;
}

static void
check_incident(const char *status, enum process stage)
{
    json_t *inc = only_incident();
    json_t *key = json_object_get(inc, "key");

    assert_string_equal(json_string_value(json_object_get(json_object_get(inc, "rule"), "id")),
                        "bongsu.stage_down");
    assert_string_equal(json_string_value(json_object_get(inc, "status")), status);
    assert_string_equal(json_string_value(json_object_get(key, "stage")), process_names[stage]);
    json_decref(inc);
}

static void
go_down_and_come_back(enum process victim)
{
    char down[64];

    snprintf(down, sizeof(down), "%s is not ready", process_names[victim]);
    chain_kill(chain, victim);
    wait_told(down, 1);
    check_incident("open", victim);
    assert_int_equal(stub_count_containing(slack, "it is over"), 0);
    chain_start(chain, victim, NULL);
    wait_told("it is over", 1);
    check_incident("resolved", victim);
    assert_int_equal(stub_count(slack), 2);
}

static void
an_ingest_that_is_down_is_told_and_that_it_is_over(void **state)
{
    (void)state;
    go_down_and_come_back(INGEST);
}

static void
an_indexer_that_is_down_is_told_and_that_it_is_over(void **state)
{
    (void)state;
    go_down_and_come_back(INDEXER);
}

/* The detector's death, and the notifier's own while that lasts. */
static void
a_notifier_that_dies_meanwhile_goes_on_where_it_was(void **state)
{
    (void)state;
    chain_kill(chain, DETECTOR);
    wait_told("detector is not ready", 1);
    /* and written down: killed before that it rightly tells it once more */
    chain_wait_metric(chain, NOTIFIER, "bongsu_notifier_messages_sent_total", 1, TOLD_MS);
    chain_kill(chain, NOTIFIER);
    chain_start(chain, NOTIFIER, NULL);
    chain_wait_metric(chain, NOTIFIER, "bongsu_http_requests_total{code=\"2xx\"}", 1, TOLD_MS);
    chain_start(chain, DETECTOR, NULL);
    wait_told("it is over", 1);
    check_incident("resolved", DETECTOR);
    assert_int_equal(stub_count_containing(slack, "detector is not ready"), 2);
    assert_int_equal(stub_count(slack), 2);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_ingest_that_is_down_is_told_and_that_it_is_over),
        TEST(an_indexer_that_is_down_is_told_and_that_it_is_over),
        TEST(a_notifier_that_dies_meanwhile_goes_on_where_it_was),
    };

    return cmocka_run_group_tests_name("watched", tests, NULL, NULL);
}
