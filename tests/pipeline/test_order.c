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

#include "tests/support/rig.h"

enum { STOPS = 6, READY_MS = 60000, TOLD_MS = 120000 };

static struct rig rig;

static int
open_chain(void **state)
{
    (void)state;
    rig_open(&rig, NULL);
    rig.load = load_new(&(struct load_spec){ .chain = rig.chain, .clients = 2, .batch = 5,
                                             .per_second = 400, .sources = 3 });
    return 0;
}

static int
close_chain(void **state)
{
    (void)state;
    rig_close(&rig);
    return 0;
}

/* Until the process answers at all: it may be not ready, for want of the others. */
static void
wait_alive(enum process which)
{
    int64_t deadline = now_ms() + READY_MS;

    while (chain_metric(rig.chain, which, "process_open_fds") < 0) {
        if (now_ms() > deadline || chain_has_died(rig.chain, which))
            fail_msg("%s does not live without the others", process_names[which]);
        wait_a_little();
    }
}

static void
start_others(enum process except)
{
    for (int i = 0; i < PROCESSES; i++)
        if (i != (int)except)
            chain_start(rig.chain, (enum process)i, NULL);
}

/* It comes before the others; and then all have to do without it for a while. */
static void
start_first_and_miss(enum process which)
{
    chain_start(rig.chain, which, NULL);
    wait_alive(which);
    start_others(which);
    chain_wait_ready(rig.chain, READY_MS);
    load_start(rig.load);
    load_wait_accepted(rig.load, 100, READY_MS);
    assert_int_equal(chain_stop(rig.chain, which), 0);
    pass_ms(1000);
    chain_start(rig.chain, which, NULL);
    chain_wait_ready(rig.chain, READY_MS);
    load_wait_accepted(rig.load, 100, READY_MS);
    rig_check_nothing_lost(&rig, TOLD_MS);
}

/* With the others at work, if ingest is among them. */
static void
start_last(enum process last)
{
    start_others(last);
    for (int i = 0; i < PROCESSES; i++)
        if (i != (int)last)
            wait_alive((enum process)i);
    load_start(rig.load);
    if (last != INGEST)
        load_wait_accepted(rig.load, 200, READY_MS);
    chain_start(rig.chain, last, NULL);
    chain_wait_ready(rig.chain, READY_MS);
    load_wait_accepted(rig.load, 200, READY_MS);
    rig_check_nothing_lost(&rig, TOLD_MS);
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
    struct load_spec spec = { .chain = rig.chain, .clients = 8, .batch = 20, .padding = 500,
                              .sources = 3 };
    unsigned unanswered = 0;

    (void)state;
    load_destroy(&rig.load);
    rig.load = load_new(&spec);
    chain_start_all(rig.chain);
    load_start(rig.load);
    for (int i = 0; i < STOPS; i++) {
        load_wait_accepted(rig.load, 1000, READY_MS);
        assert_int_equal(chain_stop(rig.chain, INGEST), 0);
        chain_start(rig.chain, INGEST, NULL);
    }
    load_wait_accepted(rig.load, 1000, READY_MS);
    load_stop(rig.load);
    unanswered = load_numbers(rig.load).others;
    chain_wait_ready(rig.chain, READY_MS);
    load_check_stored(rig.load, TOLD_MS);
    load_check_incidents(rig.chain, TOLD_MS);
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
