/*
 * The order in which the five start and stop does not matter: each is
 * started first, and last, and is missing for a while, and whatever was
 * answered 2xx is stored, judged and told. SIGTERM of ingest with requests in
 * flight loses nothing that was answered.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/chain.h"
#include "tests/support/load.h"

enum { STOPS = 6 };

struct fixture {
    struct stub *slack;
    struct chain *chain;
    struct load *load;
};

static struct fixture fix;

static int
open_chain(void **state)
{
    (void)state;
    fix.slack = stub_new();
    fix.chain = chain_new(NULL, stub_url(fix.slack));
    chain_set(fix.chain, "BONGSU_PUBLIC_URL", "http://bongsu.example");
    chain_set(fix.chain, "BONGSU_SLACK_DIGEST_OVER", "10000");
    fix.load = load_new(&(struct load_spec){ .chain = fix.chain, .clients = 2, .batch = 5,
                                             .per_second = 400, .sources = 3 });
    return 0;
}

static int
close_chain(void **state)
{
    (void)state;
    load_destroy(&fix.load);
    chain_destroy(&fix.chain);
    stub_destroy(&fix.slack);
    return 0;
}

/* Until the process answers at all: it may be not ready, for want of the others. */
static void
wait_alive(enum process which)
{
    int64_t deadline = now_ms() + 15000;

    while (chain_metric(fix.chain, which, "process_open_fds") < 0) {
        if (now_ms() > deadline || chain_has_died(fix.chain, which))
            fail_msg("%s does not live without the others", process_names[which]);
        wait_a_little();
    }
}

static void
start_others(enum process except)
{
    for (int i = 0; i < PROCESSES; i++)
        if (i != (int)except)
            chain_start(fix.chain, (enum process)i, NULL);
}

static void
check_all(void)
{
    load_stop(fix.load);
    load_check_stored(fix.load, 30000);
    load_check_incidents(fix.chain, 20000);
    load_check_told(fix.chain, fix.slack, 0, 75000);
}

/* It comes before the others; and then all have to do without it for a while. */
static void
start_first_and_miss(enum process which)
{
    int64_t until;

    chain_start(fix.chain, which, NULL);
    wait_alive(which);
    start_others(which);
    chain_wait_ready(fix.chain, 20000);
    load_start(fix.load);
    load_wait_accepted(fix.load, 100, 20000);
    assert_int_equal(chain_stop(fix.chain, which), 0);
    for (until = now_ms() + 1000; now_ms() < until;)
        wait_a_little();
    chain_start(fix.chain, which, NULL);
    chain_wait_ready(fix.chain, 20000);
    load_wait_accepted(fix.load, 100, 20000);
    check_all();
}

/* With the others at work, if ingest is among them. */
static void
start_last(enum process last)
{
    start_others(last);
    for (int i = 0; i < PROCESSES; i++)
        if (i != (int)last)
            wait_alive((enum process)i);
    load_start(fix.load);
    if (last != INGEST)
        load_wait_accepted(fix.load, 200, 20000);
    chain_start(fix.chain, last, NULL);
    chain_wait_ready(fix.chain, 20000);
    load_wait_accepted(fix.load, 200, 20000);
    check_all();
}

#define ORDER(word, which, process)          \
    static void                              \
    word##_##which(void **state)             \
    {                                        \
        (void)state;                         \
        word(process);                       \
    }

ORDER(start_first_and_miss, ingest, INGEST)
ORDER(start_first_and_miss, detector, DETECTOR)
ORDER(start_first_and_miss, indexer, INDEXER)
ORDER(start_first_and_miss, notifier, NOTIFIER)
ORDER(start_first_and_miss, api, API)
ORDER(start_last, ingest, INGEST)
ORDER(start_last, detector, DETECTOR)
ORDER(start_last, indexer, INDEXER)
ORDER(start_last, notifier, NOTIFIER)
ORDER(start_last, api, API)

/* Each answer that a client has seen was on disk, though many more were asked for. */
static void
sigterm_of_ingest_loses_nothing_that_was_answered(void **state)
{
    struct load_spec spec = { .chain = fix.chain, .clients = 8, .batch = 20, .padding = 500,
                              .sources = 3 };
    unsigned unanswered = 0;

    (void)state;
    load_destroy(&fix.load);
    fix.load = load_new(&spec);
    chain_start_all(fix.chain);
    load_start(fix.load);
    for (int i = 0; i < STOPS; i++) {
        load_wait_accepted(fix.load, 1000, 20000);
        assert_int_equal(chain_stop(fix.chain, INGEST), 0);
        chain_start(fix.chain, INGEST, NULL);
    }
    load_wait_accepted(fix.load, 1000, 20000);
    load_stop(fix.load);
    unanswered = load_numbers(fix.load).others;
    chain_wait_ready(fix.chain, 20000);
    load_check_stored(fix.load, 60000);
    load_check_incidents(fix.chain, 30000);
    if (unanswered == 0)
        fail_msg("void: ingest was never stopped with requests in flight");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_chain, close_chain)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(start_first_and_miss_ingest), TEST(start_first_and_miss_detector),
        TEST(start_first_and_miss_indexer), TEST(start_first_and_miss_notifier),
        TEST(start_first_and_miss_api),
        TEST(start_last_ingest), TEST(start_last_detector), TEST(start_last_indexer),
        TEST(start_last_notifier), TEST(start_last_api),
        TEST(sigterm_of_ingest_loses_nothing_that_was_answered),
    };

    return cmocka_run_group_tests_name("order", tests, NULL, NULL);
}
