/*
 * A process that is stopped (SIGSTOP) for ten seconds under load takes
 * nobody with it: ingest goes on answering, its memory stays flat, because
 * what waits is on disk; and all arrives afterwards.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/rig.h"

/* In ten seconds 70 MB come in: far more than ingest may hold in memory (16 MiB
 * on the way to a consumer, 4 MiB of the newest rows). */
enum { STOPPED_MS = 10000, PER_SECOND = 2300, PADDING = 3000, AT_LEAST_PER_SECOND = 2000,
       MAX_GROWTH_KIB = 40 * 1024, MAX_FLAT_KIB = 6 * 1024, TOLD_MS = 120000 };

static struct rig rig;

static int
open_chain(void **state)
{
    (void)state;
    rig_open(&rig, NULL);
    chain_start_all(rig.chain);
    return 0;
}

static int
close_chain(void **state)
{
    (void)state;
    rig_close(&rig);
    return 0;
}

/* What of ingest's memory the stop costs: in its first half, and then in its second. */
struct growth {
    long first_kib, second_kib;
};

static struct growth
stop_for_ten_seconds(enum process victim)
{
    long before = chain_resident_kib(rig.chain, INGEST), middle;
    struct growth growth;

    chain_signal(rig.chain, victim, SIGSTOP);
    pass_ms(STOPPED_MS / 2);
    middle = chain_resident_kib(rig.chain, INGEST);
    pass_ms(STOPPED_MS / 2);
    growth.first_kib = middle - before;
    growth.second_kib = chain_resident_kib(rig.chain, INGEST) - middle;
    printf("  %s stopped: ingest's memory %ld KiB, then %+ld, then %+ld\n",
           process_names[victim], before, growth.first_kib, growth.second_kib);
    return growth;
}

/* Ingest has answered all the time, at the pace that was asked for. */
static void
check_answers(unsigned accepted)
{
    struct load_numbers numbers = load_numbers(rig.load);

    printf("  %u events accepted meanwhile, slowest answer %lld ms\n", accepted,
           (long long)numbers.slowest_ms);
    assert_int_equal(numbers.unavailable, 0);
    assert_int_equal(numbers.others, 0);
    assert_true(accepted > 0);
    if (is_slow())
        return;
    assert_true(accepted >= AT_LEAST_PER_SECOND * (STOPPED_MS / 1000));
    assert_true(numbers.slowest_ms < 2000);
}

static void
stop_under_load(enum process victim)
{
    unsigned before;
    struct growth growth;
    int64_t went_on_ms;

    rig.load = load_new(&(struct load_spec){
        .chain = rig.chain, .clients = 3, .batch = 50, .padding = PADDING, .sources = 20,
        .per_second = is_slow() ? PER_SECOND / 10 : PER_SECOND });
    load_start(rig.load);
    load_wait_accepted(rig.load, is_slow() ? 500 : 3000, 60000);
    before = load_numbers(rig.load).accepted;
    growth = stop_for_ten_seconds(victim);
    check_answers(load_numbers(rig.load).accepted - before);
    chain_signal(rig.chain, victim, SIGCONT);
    load_stop(rig.load);
    went_on_ms = now_ms();
    load_check_stored(rig.load, TOLD_MS);
    load_check_incidents(rig.chain, TOLD_MS);
    printf("  all was there %lld ms later\n", (long long)(now_ms() - went_on_ms));
    if (is_slow())
        return;
    assert_true(growth.first_kib < MAX_GROWTH_KIB);
    assert_true(growth.second_kib < MAX_FLAT_KIB);
}

/* The notifier is stopped all the time, in which the incidents come into
 * being, and tells them afterwards. */
static void
all_arrives_after_indexer_and_notifier_were_stopped(void **state)
{
    (void)state;
    chain_signal(rig.chain, NOTIFIER, SIGSTOP);
    stop_under_load(INDEXER);
    assert_int_equal(stub_count(rig.slack), 0);
    chain_signal(rig.chain, NOTIFIER, SIGCONT);
    load_check_told(rig.chain, rig.slack, 0, TOLD_MS);
}

static void
all_arrives_after_the_detector_was_stopped(void **state)
{
    (void)state;
    stop_under_load(DETECTOR);
    load_check_told(rig.chain, rig.slack, 0, TOLD_MS);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_chain, close_chain)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_arrives_after_indexer_and_notifier_were_stopped),
        TEST(all_arrives_after_the_detector_was_stopped),
    };

    return cmocka_run_group_tests_name("stopped", tests, NULL, NULL);
}
