/*
 * `bongsu rules replay` and `rules explain` beside five real processes
 *
 * The promise is that a preview equals what happens live: what went through the running
 * detector, with keys and without, late and out of order, is judged again from what is
 * stored, and no incident may differ.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "proto/base/buf.h"
#include "proto/base/clock.h"
#include "proto/base/timestamp.h"
#include "tests/support/attack_log.h"
#include "tests/support/chain.h"
#include "tests/support/command.h"
#include "tests/support/sending.h"

#define SECOND INT64_C(1000000)
#define HOUR (3600 * SECOND)

enum { PATIENCE_MS = 60000, MAX_WORDS = 24, PATH_LEN = 512, EVENTS = 4000, BATCH = 100 };

static struct chain *chain;

/* --- events --- */

static uint64_t
next_random(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407U;
    return *seed >> 33;
}

/* One of many sources and users; now and then minutes late, or in front of the others. */
static json_t *
make_event(uint64_t *seed, int64_t at_us)
{
    static const char *const types[] = { "login_failed", "login_failed", "login_success",
                                         "connection", "web_access" };
    static const char *const queries[] = { "id=1%27%20OR%201=1--", "q=shoes", "f=../../etc/passwd",
                                           "x=%3Cscript%3Ealert(1)%3C/script%3E" };
    uint64_t kind = next_random(seed) % 5;
    int64_t jitter_us = (int64_t)(next_random(seed) % 60) * SECOND;
    char when[TIMESTAMP_LEN];
    json_t *event;

    if (next_random(seed) % 20 == 0)
        jitter_us += 9 * 60 * SECOND;
    timestamp_format(at_us - jitter_us, when);
    event = json_pack("{s:s, s:s, s:o, s:o}", "timestamp", when, "event_type", types[kind],
                      "source_ip", json_sprintf("198.51.100.%d", (int)(next_random(seed) % 80)),
                      "username", json_sprintf("user%d", (int)(next_random(seed) % 15)));
    if (next_random(seed) % 4 == 0)
        json_object_set_new(event, "count", json_integer((json_int_t)(next_random(seed) % 3 + 1)));
    if (kind == 4)
        json_object_set_new(event, "url.query", json_string(queries[next_random(seed) % 4]));
    if (next_random(seed) % 3 == 0)
        json_object_set_new(event, "tags", json_pack("[s,{s:i}]", "a", "b", 1));
    return event;
}

static void
post(json_t *batch)
{
    char *text = json_dumps(batch, 0);

    assert_non_null(text);
    assert_int_equal(chain_post(chain, "/logs", "application/json", text, strlen(text), NULL), 202);
    free(text);
    json_decref(batch);
}

static void
post_events(int64_t from_us, int64_t step_us, uint64_t seed)
{
    for (int i = 0; i < EVENTS; i += BATCH) {
        json_t *batch = json_array();

        for (int n = i; n < i + BATCH; n++)
            json_array_append_new(batch, make_event(&seed, from_us + n * step_us));
        post(batch);
    }
}

/* --- the command --- */

/* `bongsu rules` with these words, split at spaces; its output (the caller frees). */
static char *
run(const char *words, int *ret_code)
{
    const char *args[MAX_WORDS] = { "bongsu", "rules" };
    char key[128], data[PATH_LEN + 32], *copy = strdup(words), *rest = copy, *word, *output;
    const char *env[] = { key, data, "TZ=" CHAIN_ZONE, "BONGSU_DETECTOR_RULES=detector/rules",
                          NULL };
    struct command *command;
    size_t count = 2;

    snprintf(key, sizeof(key), "API_KEY=%s", chain_key(chain));
    snprintf(data, sizeof(data), "BONGSU_DATA_DIR=%s", chain_dir(chain));
    while ((word = strsep(&rest, " ")) != NULL) {
        assert_true(count < MAX_WORDS - 1);
        args[count++] = word;
    }
    command = command_start(&(struct command_spec){ .env = env }, args);
    *ret_code = command_wait(command, PATIENCE_MS);
    output = strdup(command_output(command));
    command_destroy(&command);
    free(copy);
    return output;
}

static char *
with_url(const char *words)
{
    struct buf whole = { 0 };

    assert_int_equal(buf_printf(&whole, "%s --url %s", words, chain_api_url(chain)), 0);
    return whole.ptr;
}

static json_t *
replay(const char *words, int *ret_code)
{
    char *whole = with_url(words), *output = run(whole, ret_code);
    json_t *answer = json_loads(output, 0, NULL);

    if (answer == NULL)
        fail_msg("bongsu rules %s: no JSON:\n%s", whole, output);
    free(whole);
    free(output);
    return answer;
}

static json_int_t
number(const json_t *answer, const char *name)
{
    json_t *counts = json_object_get(answer, "counts");
    json_t *value = json_object_get(counts, name) != NULL ? json_object_get(counts, name)
                                                          : json_object_get(answer, name);

    assert_non_null(value);
    return json_integer_value(value);
}

static void
fail_with(const char *words, json_t *answer)
{
    char *text = json_dumps(answer, JSON_INDENT(1));

    fail_msg("bongsu rules %s:\n%.6000s", words, text);
}

/* Until what grew is told too, nothing may differ; then the answer. */
static json_t *
wait_for_no_difference(const char *words)
{
    int64_t deadline = now_ms() + PATIENCE_MS;

    for (;;) {
        int code;
        json_t *answer = replay(words, &code);

        if (code == 0)
            return answer;
        if (code != 1 || now_ms() > deadline)
            fail_with(words, answer);
        json_decref(answer);
        wait_a_little();
    }
}

/* --- tests --- */

static int
open_chain(void **state)
{
    (void)state;
    chain = chain_new(NULL, NULL);
    setenv("TZ", CHAIN_ZONE, 1);
    assert_int_equal(timestamp_init(&(struct err){ "" }), 0);
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
write_file(const char *name, const char *text)
{
    char path[PATH_LEN];
    FILE *file;

    path_of(path, name);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void
what_happened_live_is_what_a_replay_finds(void **state)
{
    char path[PATH_LEN];
    json_t *answer;

    (void)state;
    path_of(path, "attack.log");
    attack_log_write(path);
    send_whole(chain, path, attack_log_lines(path));
    post_events(clock_real_us() - 11 * HOUR, 9 * SECOND, 1);
    send_whole(chain, path, attack_log_lines(path));
    chain_wait_delivered(chain, PATIENCE_MS);
    answer = wait_for_no_difference("replay --json --since 2000-01-01 --until now");
    assert_true(number(answer, "same") > 40);
    assert_true(json_is_true(json_object_get(answer, "whole")));
    assert_int_equal(json_integer_value(json_object_get(json_object_get(answer, "events"),
                                                        "refused")), 0);
    assert_true(json_integer_value(json_object_get(json_object_get(answer, "present"),
                                                   "late")) > 0);
    json_decref(answer);
}

/* Incidents that were there before that time go on after it. */
static void
a_part_of_the_time_is_judged_as_it_was_within_the_whole(void **state)
{
    int64_t now_us = clock_real_us();
    size_t judged = 0;

    (void)state;
    for (int hours = 3; hours <= 9; hours += 2) {
        char words[200], since[TIMESTAMP_LEN];
        json_t *answer;

        timestamp_format(now_us - hours * HOUR, since);
        snprintf(words, sizeof(words), "replay --json --since %s --until now", since);
        answer = wait_for_no_difference(words);
        assert_true(number(answer, "same") > 0);
        judged += (size_t)number(answer, "same");
        assert_false(json_is_true(json_object_get(answer, "whole")));
        json_decref(answer);
    }
    assert_true(judged > 40);
}

/* What came later, about that time too, is in the incidents that are there now. */
static void
of_a_time_that_is_over_only_its_incidents_are_compared(void **state)
{
    char words[200], until[TIMESTAMP_LEN];
    int64_t now_us = clock_real_us();
    json_t *answer = wait_for_no_difference("replay --json --since 2000-01-01 --until now");
    json_int_t same = number(answer, "same");

    (void)state;
    json_decref(answer);
    timestamp_format(now_us - 5 * HOUR, until);
    post_events(now_us - 7 * HOUR, 3 * SECOND, 77);
    chain_wait_delivered(chain, PATIENCE_MS);
    answer = wait_for_no_difference("replay --json --since 2000-01-01 --until now");
    assert_true(number(answer, "same") > same);
    json_decref(answer);
    snprintf(words, sizeof(words), "replay --json --since 2000-01-01 --until %s", until);
    answer = wait_for_no_difference(words);
    assert_true(number(answer, "same") > 40);
    json_decref(answer);
}

static void
new_rules_are_compared_with_the_present_ones(void **state)
{
    static const char rules[] =
        "title: Any login\nid: any_login\nlevel: low\nlogsource: {category: authentication}\n"
        "detection: {s: {event_type: login_success}, condition: s}\nbongsu: {any_source: true}\n";
    char words[PATH_LEN + 100], path[PATH_LEN];
    int code;
    json_t *answer;

    (void)state;
    write_file("new.yml", rules);
    path_of(path, "new.yml");
    snprintf(words, sizeof(words), "replay --json --since 24h --until now --rules %s", path);
    answer = replay(words, &code);
    assert_int_equal(code, 1);
    assert_true(number(answer, "added") > 0);
    assert_true(number(answer, "gone") > 0);
    assert_int_equal(number(answer, "same"), 0);
    json_decref(answer);
    answer = replay("replay --json --since 24h --until now --rules detector/rules", &code);
    assert_int_equal(code, 0);
    assert_true(number(answer, "same") > 0);
    json_decref(answer);
}

static void
an_exported_file_is_judged_as_the_stored_events_are(void **state)
{
    char path[PATH_LEN], words[2 * PATH_LEN];
    int code, same;
    json_t *events = chain_all_events(chain), *event, *answer;
    FILE *file;
    size_t i;

    (void)state;
    answer = replay("replay --json --since 2000-01-01 --until now", &code);
    same = (int)number(answer, "same");
    json_decref(answer);
    path_of(path, "events.ndjson");
    file = fopen(path, "w");
    assert_non_null(file);
    json_array_foreach(events, i, event) {
        json_dumpf(event, file, JSON_COMPACT);
        fputc('\n', file);
    }
    assert_int_equal(fclose(file), 0);
    json_decref(events);
    snprintf(words, sizeof(words), "replay --json --file %s", path);
    answer = replay(words, &code);
    assert_int_equal(code, 1);
    assert_int_equal(number(answer, "added"), same);
    json_decref(answer);
}

static void
what_an_allow_list_would_take_is_gone(void **state)
{
    int code;
    json_t *answer;

    (void)state;
    write_file("allow.yml", "allow:\n    - source: 198.51.100.0/24\n      reason: a drill\n");
    answer = replay("replay --json --since 24h --until now", &code);
    assert_int_equal(code, 1);
    assert_true(number(answer, "gone") > 10);
    assert_int_equal(number(answer, "added"), 0);
    json_decref(answer);
    /* from both sides: what happened has no part in it */
    answer = replay("replay --json --since 24h --until now --rules detector/rules", &code);
    assert_int_equal(code, 0);
    json_decref(answer);
    write_file("allow.yml", "");
}

static void
says(const char *words, int expected, const char *needle)
{
    int code;
    char *output = run(words, &code);

    if (code != expected || strstr(output, needle) == NULL)
        fail_msg("bongsu rules %s: exit %d, no \"%s\" in:\n%s", words, code, needle, output);
    free(output);
}

static void
a_stored_event_is_explained_by_its_id(void **state)
{
    json_t *page = chain_get(chain, "/events?event_type=login_failed&limit=1"), *answer, *rule;
    const char *id = json_string_value(json_object_get(json_array_get(
        json_object_get(page, "events"), 0), "id"));
    char words[200], *whole;
    int code, found = 0;
    size_t i;

    (void)state;
    assert_non_null(id);
    snprintf(words, sizeof(words), "explain --json %s", id);
    answer = replay(words, &code);
    assert_int_equal(code, 0);
    json_array_foreach(json_object_get(answer, "rules"), i, rule)
        found |= json_is_true(json_object_get(rule, "matches"));
    assert_true(found);
    assert_string_equal(json_string_value(json_object_get(json_object_get(answer, "event"), "id")),
                        id);
    json_decref(answer);
    json_decref(page);
    whole = with_url("explain 0123456789abcdef-01234567-0123456789abcdef");
    says(whole, 66, "no such event is stored");
    free(whole);
}

static void
what_cannot_be_found_out_is_an_error_of_its_own(void **state)
{
    char *words;

    (void)state;
    says("replay --url http://127.0.0.1:1", 2, "127.0.0.1:1");
    says("replay --file no/such", 2, "no/such");
    says("replay --since yesterday --until 2000-01-01", 64, "--since");
    says("replay --since never", 64, "never");
    words = with_url("replay --rules no/such");
    says(words, 2, "no/such");
    free(words);
    words = with_url("replay --detector-rules no/such");
    says(words, 2, "no/such");
    free(words);
    says("replay --json --file no/such", 2, "\"error\"");
    says("explain no/such", 66, "no such file");
    says("explain --rule no_such_rule {}", 78, "no_such_rule");
    says("explain --rule Brute|force {}", 78, "no rule in use");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_happened_live_is_what_a_replay_finds),
        cmocka_unit_test(a_part_of_the_time_is_judged_as_it_was_within_the_whole),
        cmocka_unit_test(of_a_time_that_is_over_only_its_incidents_are_compared),
        cmocka_unit_test(new_rules_are_compared_with_the_present_ones),
        cmocka_unit_test(an_exported_file_is_judged_as_the_stored_events_are),
        cmocka_unit_test(what_an_allow_list_would_take_is_gone),
        cmocka_unit_test(a_stored_event_is_explained_by_its_id),
        cmocka_unit_test(what_cannot_be_found_out_is_an_error_of_its_own),
    };

    return cmocka_run_group_tests_name("rules replay", tests, open_chain, close_chain);
}
