/*
 * Logs sent with `bongsu send` through the real chain: every line is stored
 * once, however often its file is sent and whatever breaks meanwhile, and the
 * attackers in it are found, no others.
 *
 * One real log (loghub's OpenSSH_2k) is not ours to copy: without it, its
 * test is skipped and says so. The others write their logs themselves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/attack_log.h"
#include "tests/support/chain.h"
#include "tests/support/sending.h"

#define CORPUS "../shared/corpora/loghub/OpenSSH_2k.log"

enum { CORPUS_LINES = 2000, CORPUS_ATTACKERS = 11, DAYS = 50, SLOW_DAYS = 6, PATH_LEN = 512,
       KILLS = 4, KEY_LEN = 64 };

static struct chain *chain;

static int
open_chain(void **state)
{
    (void)state;
    chain = chain_new(NULL, NULL);
    chain_start_all(chain);
    return 0;
}

static int
close_chain(void **state)
{
    (void)state;
    chain_destroy(&chain);
    return 0;
}

static void
path_of(char out[PATH_LEN], const char *name)
{
    snprintf(out, PATH_LEN, "%s/%s", chain_dir(chain), name);
}

static void
send_file(const char *path)
{
    send_whole(chain, path, attack_log_lines(path));
}

/* --- what is stored --- */

struct stored {
    size_t count;
    uint64_t sum;
};

static void
add_event(void *ctx, const json_t *ev)
{
    struct stored *stored = ctx;
    const char *raw_log = json_string_value(json_object_get(ev, "raw_log"));

    assert_non_null(raw_log);
    attack_log_add(&stored->sum, raw_log);
    stored->count++;
}

/* The lines of the file, each as often as it is there, and nothing else. */
static void
check_stored(const char *path)
{
    struct stored stored = { 0 };
    uint64_t expected = attack_log_sum(path);

    chain_each_event(chain, add_event, &stored);
    printf("  %zu lines, %zu stored\n", attack_log_lines(path), stored.count);
    assert_int_equal(stored.count, attack_log_lines(path));
    assert_true(stored.sum == expected);
}

/* --- what is found --- */

/* "Dec 10 192.0.2.1" of an incident: by the first line that is its evidence. */
static void
key_of(const json_t *inc, char out[KEY_LEN])
{
    const char *address = json_string_value(
        json_object_get(json_object_get(inc, "key"), "source_address"));
    const char *line = json_string_value(json_object_get(
        json_array_get(json_object_get(inc, "events"), 0), "raw_log"));

    assert_non_null(address);
    assert_non_null(line);
    snprintf(out, KEY_LEN, "%.6s %s", line, address);
}

/* Its evidence is there, and is failed logins of this address. */
static void
check_evidence(const json_t *inc)
{
    const json_t *key = json_object_get(json_object_get(inc, "key"), "source_address"), *ev;
    const json_t *events = json_object_get(inc, "events"), *ids = json_object_get(inc, "evidence");
    size_t i;

    assert_true(json_integer_value(json_object_get(inc, "count")) >= 5);
    assert_in_range(json_array_size(ids), 1, 20);
    assert_int_equal(json_array_size(events), json_array_size(ids));
    json_array_foreach(events, i, ev) {
        assert_string_equal(json_string_value(json_object_get(ev, "event_type")),
                            "login_failed");
        assert_true(json_equal(json_object_get(ev, "source_address"), key));
    }
}

static void
add_incident(json_t *found, const char *key, const json_t *inc)
{
    json_t *of_key = json_object_get(found, key);

    if (of_key == NULL) {
        of_key = json_object();
        json_object_set_new(found, key, of_key);
    }
    json_object_set_new(of_key, json_string_value(json_object_get(inc, "id")),
                        json_pack("{s:O, s:O}", "count", json_object_get(inc, "count"),
                                  "evidence", json_object_get(inc, "evidence")));
}

/* {"<date> <address>": {"<id>": {count, evidence}}} of the brute-force incidents: who
 * comes again after an hour has a second one. */
static json_t *
find_attackers(void)
{
    json_t *list = chain_all_incidents(chain), *found = json_object(), *inc;
    char key[KEY_LEN];
    size_t i;

    json_array_foreach(list, i, inc) {
        const char *title = json_string_value(
            json_object_get(json_object_get(inc, "rule"), "title"));

        /* of a password spray the brute force tells */
        if (strcmp(title, "Brute force") != 0)
            fail_msg("%s: %s", title,
                     json_string_value(json_object_get(inc, "summary")));
        check_evidence(inc);
        key_of(inc, key);
        add_incident(found, key, inc);
    }
    json_decref(list);
    return found;
}

static int
same_keys(const json_t *a, const json_t *b)
{
    const char *key;
    json_t *value;

    if (json_object_size(a) != json_object_size(b))
        return 0;
    json_object_foreach((json_t *)(uintptr_t)a, key, value)
        if (json_object_get(b, key) == NULL)
            return 0;
    return 1;
}

static void
print_keys(const char *word, json_t *object)
{
    const char *key;
    json_t *value;

    json_object_foreach(object, key, value)
        printf("  %s %s\n", word, key);
}

/* The detector has told all that it knows, and it is stored. */
static void
wait_told(void)
{
    int64_t deadline = now_ms() + 60000;
    json_int_t left = 1;

    while (left != 0) {
        json_t *status = chain_status(chain, DETECTOR);

        assert_non_null(json_object_get(status, "incidents_in_flight"));
        left = json_integer_value(json_object_get(status, "incidents_in_flight"));
        json_decref(status);
        if (now_ms() > deadline)
            fail_msg("the detector has %lld incidents on the way for ever", (long long)left);
        wait_a_little();
    }
}

/* The incidents, which must be exactly those that the file calls for. */
static json_t *
check_attackers(const char *path)
{
    json_t *expected = attack_log_attackers(path), *found;

    assert_true(json_object_size(expected) > 0);
    wait_told();
    found = find_attackers();
    if (!same_keys(expected, found)) {
        print_keys("expected", expected);
        print_keys("found", found);
        fail_msg("%zu attackers, not %zu", json_object_size(found), json_object_size(expected));
    }
    printf("  %zu attackers found\n", json_object_size(found));
    json_decref(expected);
    return found;
}

/* Sent, and sent again: nothing more is stored, nothing is counted twice. */
static void
send_twice(const char *path)
{
    json_t *first, *second;
    double before;

    send_file(path);
    check_stored(path);
    first = check_attackers(path);
    before = chain_metric(chain, DETECTOR, "bongsu_detector_events_total");
    send_file(path);
    assert_true(chain_metric(chain, DETECTOR, "bongsu_detector_events_total") >=
                before + (double)attack_log_lines(path));
    check_stored(path);
    second = check_attackers(path);
    assert_true(json_equal(first, second));
    json_decref(first);
    json_decref(second);
}

/* --- tests --- */

static void
a_real_log_is_stored_once_and_its_eleven_attackers_are_found(void **state)
{
    json_t *expected;

    (void)state;
    if (access(CORPUS, R_OK) != 0) {
        print_message("[  SKIPPED ] " CORPUS " is not here\n");
        skip();
    }
    expected = attack_log_attackers(CORPUS);
    assert_int_equal(attack_log_lines(CORPUS), CORPUS_LINES);
    assert_int_equal(json_object_size(expected), CORPUS_ATTACKERS);
    json_decref(expected);
    send_twice(CORPUS);
}

static void
a_log_of_known_attacks_is_stored_once_and_they_are_found(void **state)
{
    char path[PATH_LEN];
    json_t *expected;

    (void)state;
    path_of(path, "attacks.log");
    attack_log_write(path);
    expected = attack_log_attackers(path);
    assert_int_equal(json_object_size(expected), 5);
    json_decref(expected);
    send_twice(path);
}

/* Each day was the same, so each day's incidents have counted the same. */
static void
check_days_alike(json_t *found)
{
    json_t *by_address = json_object(), *incidents, *inc;
    const char *key, *id;

    json_object_foreach(found, key, incidents) {
        json_int_t sum = 0;
        json_t *other = json_object_get(by_address, key + 7);

        json_object_foreach(incidents, id, inc)
            sum += json_integer_value(json_object_get(inc, "count"));
        if (other == NULL)
            json_object_set_new(by_address, key + 7, json_integer(sum));
        else if (json_integer_value(other) != sum)
            fail_msg("%s: counted %lld, on another day %lld", key, (long long)sum,
                     (long long)json_integer_value(other));
    }
    json_decref(by_address);
}

/* Ingest is killed again and again while the file is sent. */
static void
a_long_log_is_stored_once_though_the_connection_breaks(void **state)
{
    char once[PATH_LEN], path[PATH_LEN];
    struct command *send;
    unsigned kills = 0;
    json_t *found;

    (void)state;
    path_of(once, "attacks.log");
    path_of(path, "long.log");
    attack_log_write(once);
    /* either way over ten thousand lines: ingest must not be done before it is killed */
    if (access(CORPUS, R_OK) == 0)
        attack_log_repeat(CORPUS, path, is_slow() ? SLOW_DAYS : DAYS);
    else
        attack_log_repeat(once, path, DAYS);
    send = sending_start(chain, path);
    while (!command_has_ended(send) && kills < KILLS) {
        if (chain_metric(chain, INGEST, "bongsu_ingest_events_accepted_total") < 2000)
            continue;
        chain_kill(chain, INGEST);
        kills++;
        chain_revive(chain);
    }
    sending_end(send, attack_log_lines(path));
    printf("  ingest killed %u times while it was sent\n", kills);
    if (kills == 0 || strstr(command_output(send), "answers again") == NULL)
        fail_msg("void: no connection was broken");
    command_destroy(&send);
    chain_wait_delivered(chain, 120000);
    check_stored(path);
    found = check_attackers(path);
    check_days_alike(found);
    json_decref(found);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_chain, close_chain)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_real_log_is_stored_once_and_its_eleven_attackers_are_found),
        TEST(a_log_of_known_attacks_is_stored_once_and_they_are_found),
        TEST(a_long_log_is_stored_once_though_the_connection_breaks),
    };

    return cmocka_run_group_tests_name("corpus", tests, NULL, NULL);
}
