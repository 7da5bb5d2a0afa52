/*
 * An event that kills whoever reads it: after a few deaths it is set aside,
 * counted and shown; all others are stored and judged, and the process lives.
 *
 * BONGSU_POISON (test builds) makes the process die at such an event.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/rig.h"

#define MAGIC "poison-5f1e0c"

enum { MAX_DEATHS = 12, DONE_MS = 120000, AROUND = 20 };

static struct rig rig;

static int
open_chain(void **state)
{
    (void)state;
    rig_open(&rig, NULL);
    return 0;
}

static int
close_chain(void **state)
{
    (void)state;
    rig_close(&rig);
    return 0;
}

static void
post(const char *body)
{
    assert_int_equal(chain_post(rig.chain, "/logs", "application/x-ndjson", body, strlen(body),
                                NULL), 202);
}

/* The deadly events in the middle of one request, so that they share their row with the
 * harmless ones before and after. */
static void
post_poison(unsigned events)
{
    char body[8192];
    size_t len = 0;

    for (unsigned i = 0; i < 2 * AROUND; i++)
        len += (size_t)snprintf(body + len, sizeof(body) - len,
                                "{\"event_type\":\"note\",\"harmless\":%u}\n%s", i,
                                i == AROUND || (i == AROUND + 5 && events > 1)
                                    ? "{\"event_type\":\"note\",\"description\":\"a " MAGIC "\"}\n"
                                    : "");
    assert_true(len < sizeof(body));
    post(body);
}

/* As `bongsu up` does, until nothing is left to deliver: how often the victim died. */
static unsigned
supervise(enum process victim)
{
    int64_t deadline = now_ms() + DONE_MS;
    unsigned deaths = 0;

    while (chain_backlog(rig.chain) != 0) {
        if (now_ms() > deadline)
            fail_msg("%ld events never get past the deadly one; %u deaths",
                     chain_backlog(rig.chain), deaths);
        if (chain_has_died(rig.chain, victim)) {
            if (++deaths > MAX_DEATHS)
                fail_msg("%s died %u times", process_names[victim], deaths);
            chain_start(rig.chain, victim, NULL);
        }
        wait_a_little();
    }
    return deaths;
}

/* The number that `bongsu status` shows. */
static json_int_t
dead_letters(enum process which)
{
    json_t *status = chain_status(rig.chain, which);
    json_int_t count = json_integer_value(json_object_get(status, "dead_letters"));

    assert_non_null(json_object_get(status, "dead_letters"));
    json_decref(status);
    return count;
}

/* 1 for each of harmless 0 .. 2 * AROUND - 1 that is stored; the deadly ones by the way. */
static unsigned
count_stored(unsigned *ret_deadly)
{
    json_t *events = chain_all_events(rig.chain), *ev;
    unsigned char seen[2 * AROUND] = { 0 };
    unsigned count = 0;
    size_t i;

    *ret_deadly = 0;
    json_array_foreach(events, i, ev) {
        const char *description = json_string_value(json_object_get(ev, "description"));
        json_t *harmless = json_object_get(ev, "harmless");

        *ret_deadly += description != NULL && strstr(description, MAGIC) != NULL;
        if (harmless == NULL)
            continue;
        assert_in_range(json_integer_value(harmless), 0, 2 * AROUND - 1);
        assert_int_equal(seen[json_integer_value(harmless)]++, 0);
        count++;
    }
    json_decref(events);
    return count;
}

/* An attack that came after it is still found, in the process that is up. */
static void
check_works_on(enum process victim)
{
    long pid = chain_pid(rig.chain, victim);
    int64_t deadline = now_ms() + 60000;
    json_t *list = NULL;

    chain_wait_ready(rig.chain, 60000);
    post("{\"event_type\":\"login_failed\",\"source_ip\":\"203.0.113.45\",\"count\":5}\n");
    do {
        json_decref(list);
        list = chain_all_incidents(rig.chain);
        if (now_ms() > deadline)
            fail_msg("nothing is judged any more");
        wait_a_little();
    } while (json_array_size(list) == 0);
    assert_int_equal(json_array_size(list), 1);
    json_decref(list);
    assert_int_equal(supervise(victim), 0);
    assert_int_equal(chain_pid(rig.chain, victim), pid);
}

static void
the_indexer_sets_aside_what_kills_it(void **state)
{
    unsigned deaths, deadly;

    (void)state;
    chain_set(rig.chain, "BONGSU_POISON", "indexer.event:" MAGIC);
    chain_start_all(rig.chain);
    post_poison(1);
    deaths = supervise(INDEXER);
    printf("  %u deaths\n", deaths);
    assert_in_range(deaths, 2, MAX_DEATHS);
    check_works_on(INDEXER);
    assert_int_equal(count_stored(&deadly), 2 * AROUND);
    assert_int_equal(deadly, 0);
    assert_int_equal(dead_letters(INDEXER), 1);
}

static void
retry_all(void)
{
    static const char all[] = "{\"all\":true}";

    assert_int_equal(chain_post_api(rig.chain, "/deadletters/retry", all, strlen(all)), 202);
}

/* The attempts of the one letter that the api shows; -1: there is none. */
static json_int_t
attempts_shown(void)
{
    json_t *page = chain_get(rig.chain, "/deadletters");
    json_t *list = json_object_get(page, "deadletters"), *letter = json_array_get(list, 0);
    json_int_t attempts = letter == NULL ? -1 : json_integer_value(json_object_get(letter, "attempts"));

    assert_true(page == NULL || json_array_size(list) <= 1);
    if (page == NULL)
        attempts = -2;
    else if (letter != NULL)
        assert_string_equal(json_string_value(json_object_get(letter, "reason")),
                            "the indexer died while storing it");
    json_decref(page);
    return attempts;
}

/* As `bongsu up` does, until so many attempts are shown: how often the indexer died. */
static unsigned
supervise_until_attempts(json_int_t attempts)
{
    int64_t deadline = now_ms() + DONE_MS;
    unsigned deaths = 0;

    while (attempts_shown() != attempts) {
        if (now_ms() > deadline || deaths > MAX_DEATHS)
            fail_msg("%u deaths, and no %d attempts", deaths, (int)attempts);
        if (chain_has_died(rig.chain, INDEXER)) {
            deaths++;
            chain_start(rig.chain, INDEXER, NULL);
        }
        wait_a_little();
    }
    return deaths;
}

/* Tried again while it still kills, it is set aside again; once it does no harm any more it
 * is stored, once, and is no letter. The balance sheet has it as not stored all the time. */
static void
a_letter_that_kills_is_tried_again_and_stored_when_it_does_not(void **state)
{
    unsigned deadly;

    (void)state;
    chain_set(rig.chain, "BONGSU_POISON", "indexer.event:" MAGIC);
    chain_start_all(rig.chain);
    post_poison(1);
    supervise(INDEXER);
    assert_int_equal(supervise_until_attempts(0), 0);
    retry_all();
    assert_in_range(supervise_until_attempts(1), 2, MAX_DEATHS);
    assert_int_equal(dead_letters(INDEXER), 1);
    check_works_on(INDEXER);
    assert_int_equal(chain_stop(rig.chain, INDEXER), 0);
    chain_set(rig.chain, "BONGSU_POISON", "");
    chain_start(rig.chain, INDEXER, NULL);
    chain_wait_ready(rig.chain, 60000);
    retry_all();
    assert_int_equal(supervise_until_attempts(-1), 0);
    assert_int_equal(count_stored(&deadly), 2 * AROUND);
    assert_int_equal(deadly, 1);
    assert_int_equal(dead_letters(INDEXER), 0);
    chain_check_balance(rig.chain);
}

/* They are not judged, and stored all the same. Two in one row: the first one's end
 * must not hide the second. */
static void
the_detector_sets_aside_both_that_kill_it(void **state)
{
    unsigned deaths, deadly;

    (void)state;
    chain_set(rig.chain, "BONGSU_POISON", "detector.event:" MAGIC);
    chain_start_all(rig.chain);
    post_poison(2);
    deaths = supervise(DETECTOR);
    printf("  %u deaths\n", deaths);
    assert_in_range(deaths, 2, MAX_DEATHS);
    check_works_on(DETECTOR);
    assert_int_equal(count_stored(&deadly), 2 * AROUND);
    assert_int_equal(deadly, 2);
    assert_int_equal(dead_letters(DETECTOR), 2);
}

/* Killed from outside, again and again, at events that do no harm. */
static void
no_event_is_set_aside_for_a_kill_from_outside(void **state)
{
    (void)state;
    rig.load = load_new(&(struct load_spec){ .chain = rig.chain, .clients = 2, .batch = 20,
                                             .sources = 3, .per_second = is_slow() ? 300 : 2000 });
    chain_start_all(rig.chain);
    load_start(rig.load);
    for (int i = 0; i < 8; i++) {
        load_wait_accepted(rig.load, 100, 60000);
        chain_kill(rig.chain, INDEXER);
        chain_kill(rig.chain, DETECTOR);
        chain_revive(rig.chain);
    }
    load_stop(rig.load);
    load_check_stored(rig.load, 120000);
    load_check_incidents(rig.chain, 60000);
    chain_wait_ready(rig.chain, 60000);
    assert_int_equal(dead_letters(INDEXER), 0);
    assert_int_equal(dead_letters(DETECTOR), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_chain, close_chain)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_indexer_sets_aside_what_kills_it),
        TEST(a_letter_that_kills_is_tried_again_and_stored_when_it_does_not),
        TEST(the_detector_sets_aside_both_that_kill_it),
        TEST(no_event_is_set_aside_for_a_kill_from_outside),
    };

    return cmocka_run_group_tests_name("poisoned", tests, NULL, NULL);
}
