/*
 * A flood of a million addresses with room for 2,000: the address under attack is found
 * all the same, memory stays flat, and nobody need guess what was forgotten.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/buf.h"
#include "tests/support/chain.h"
#include "tests/support/wait.h"

#define ATTACKER "203.0.113.66"

/* One in 500 is the attacker's, so he is seen four times while the others come and go once. */
/*
 * Half a million rows would be a quarter of a gigabyte. Buffers and the state file's cache
 * have their size after the flood's first half; how large that is, the machine's pace says.
 */
enum { ROUNDS = 100, LINES = 10000, EVERY = 500, MAX_GROWTH_KIB = 24 * 1024, PATIENCE_MS = 120000 };

static struct chain *chain;

static int
start_with(const char *share)
{
    chain = chain_new(NULL, NULL);
    chain_set(chain, "BONGSU_DETECTOR_MAX_KEYS", "2000");
    chain_set(chain, "BONGSU_DETECTOR_MAX_RULE_SHARE", share);
    chain_start_all(chain);
    chain_wait_ready(chain, PATIENCE_MS);
    return 0;
}

static int
start(void **state)
{
    (void)state;
    return start_with("80");
}

static int
start_of_small_shares(void **state)
{
    (void)state;
    return start_with("30");
}

static int
stop(void **state)
{
    (void)state;
    chain_destroy(&chain);
    return 0;
}

/* A round of failures, each from an address that never comes again. */
static void
flood(unsigned round)
{
    struct buf body = { 0 };

    for (unsigned i = 0; i < LINES; i++) {
        unsigned n = round * LINES + i;
        char source[32];

        snprintf(source, sizeof(source), "10.%u.%u.%u", n >> 16 & 255, n >> 8 & 255, n & 255);
        assert_int_equal(buf_printf(&body, "{\"event_type\":\"login_failed\",\"severity\":\"low\","
                                    "\"username\":\"u\",\"source_ip\":\"%s\"}\n",
                                    i % EVERY == 0 ? ATTACKER : source), 0);
    }
    assert_int_equal(chain_post(chain, "/logs", "application/x-ndjson", body.ptr, body.len, NULL), 202);
    buf_release(&body);
}

static int
has_incident_of_attacker(void)
{
    json_t *incidents = chain_all_incidents(chain);
    const json_t *incident;
    int has = 0;
    size_t i;

    json_array_foreach(incidents, i, incident) {
        char *text = json_dumps(incident, 0);

        assert_non_null(text);
        has |= strstr(text, ATTACKER) != NULL;
        free(text);
    }
    json_decref(incidents);
    return has;
}

static void
wait_incident_of_attacker(void)
{
    int64_t deadline = now_ms() + PATIENCE_MS / 8;

    while (!has_incident_of_attacker() && now_ms() < deadline)
        wait_a_little();
    assert_true(has_incident_of_attacker());
}

/* The detector's status once it warns of this. */
static json_t *
wait_warned(const char *text)
{
    int64_t deadline = now_ms() + PATIENCE_MS;

    for (;;) {
        json_t *status = chain_status(chain, DETECTOR), *warnings = json_object_get(status, "warnings");
        const char *said = json_string_value(json_array_get(warnings, json_array_size(warnings) - 1));

        if (said != NULL && strstr(said, text) != NULL)
            return status;
        if (now_ms() > deadline)
            fail_msg("the last warning is \"%s\", and never \"%s\"", said == NULL ? "" : said, text);
        json_decref(status);
        wait_a_little();
    }
}

static void
flood_of_addresses_hides_no_attack_and_is_told(void **state)
{
    json_t *status, *rules;
    long before = 0;

    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        flood(round);
        if (round == ROUNDS / 2) {
            chain_wait_delivered(chain, PATIENCE_MS);
            before = chain_resident_kib(chain, DETECTOR);
        }
    }
    chain_wait_delivered(chain, PATIENCE_MS);
    chain_wait_metric(chain, DETECTOR, "bongsu_detector_keys_evicted_total",
                      ROUNDS * (LINES - LINES / EVERY) - 4000, PATIENCE_MS);
    if (!is_slow())             /* ASan keeps what is freed */
        assert_true(chain_resident_kib(chain, DETECTOR) - before < MAX_GROWTH_KIB);
    assert_true(chain_metric(chain, DETECTOR, "bongsu_detector_keys") <= 2000);
    wait_incident_of_attacker();
    status = wait_warned("windows forget early (detector.max_keys)");
    rules = json_object_get(status, "rules_that_forget");
    assert_true(json_array_size(rules) > 0);
    assert_true(json_integer_value(json_object_get(json_array_get(rules, 0), "keys")) > 100000);
    assert_true(json_is_true(json_object_get(status, "ready")));
    json_decref(status);
}

/* One that has its share, while there is room for others. */
static void
rule_that_has_its_share_is_told(void **state)
{
    (void)state;
    flood(0);
    chain_wait_delivered(chain, PATIENCE_MS);
    chain_wait_metric(chain, DETECTOR, "bongsu_detector_rule_keys_evicted_total", 9000,
                      PATIENCE_MS);
    assert_in_range(chain_metric(chain, DETECTOR, "bongsu_detector_keys"), 10, 1900);
    wait_incident_of_attacker();
    json_decref(wait_warned("windows forget early (detector.max_rule_share)"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(flood_of_addresses_hides_no_attack_and_is_told, start,
                                        stop),
        cmocka_unit_test_setup_teardown(rule_that_has_its_share_is_told, start_of_small_shares,
                                        stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
