/*
 * test_rules_corpus.c - the shipped rules over real logs, where these are
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "detector/engine/engine.h"
#include "detector/ruleset/ruleset.h"
#include "proto/decode/decode.h"
#include "proto/base/timestamp.h"

#define CORPORA "../shared/corpora"

enum { MAX_KEYS = 64, MAX_EXPECTED = 8 };

/* What came of a log: incidents of one rule, by distinct key, and of others. */
struct expected {
    const char *title;
    size_t incidents, keys, events;     /* events 0: not said */
};

struct found {
    const struct expected *expected;
    size_t expected_count;
    struct {
        char keys[MAX_KEYS][64];
        size_t key_count, incidents, events;
    } of[MAX_EXPECTED];
    size_t others;
};

static int
count_incident(void *ctx, const struct incident *inc)
{
    struct found *found = ctx;
    size_t at = 0, i = 0;

    while (at < found->expected_count &&
           strcmp(found->expected[at].title, inc->rule_title) != 0)
        at++;
    print_message("  %s: %s\n", inc->rule_title, inc->summary);
    if (at == found->expected_count) {
        found->others++;
        return 0;
    }
    found->of[at].incidents++;
    found->of[at].events += (size_t)inc->count;
    while (i < found->of[at].key_count &&
           strcmp(found->of[at].keys[i], inc->keys[0].value) != 0)
        i++;
    assert_true(i < MAX_KEYS);
    if (i == found->of[at].key_count)
        snprintf(found->of[at].keys[found->of[at].key_count++], sizeof(found->of[at].keys[0]),
                 "%s", inc->keys[0].value);
    assert_true(inc->evidence_count > 0);
    return 0;
}

static void
judge_line(struct engine *engine, struct text line, uint64_t number, int64_t now_us)
{
    struct event ev = { 0 };
    struct arena arena = { 0 };
    char space[TIMESTAMP_LEN];
    struct err err = { "" };

    assert_string_not_equal(decode_line(line, now_us, &arena, &ev), "none");
    if (event_check(&ev, now_us, space, &err) != 0)
        fail_msg("%s", err.text);
    ev.id = event_id_make(1, 1, number);
    ev.received_us = now_us;
    assert_int_equal(engine_judge(engine, &ev, 1, &err), 0);
    event_release(&ev);
    arena_release(&arena);
}

/* Judge a log as one of so many that share the work. How many lines it has. */
static uint64_t
judge_share(FILE *file, unsigned slots, unsigned slot, struct found *found)
{
    const struct engine_options options = { .lateness_us = INT64_C(300) * 1000000,
                                            .max_keys = 10000, .max_entries = 10000,
                                            .slots = slots, .slot = slot };
    struct metrics *metrics = metrics_new();
    struct err err = { "" };
    struct ruleset *rules = ruleset_load("detector/rules", &err);
    struct engine *engine = engine_new(&options, &rules, metrics, &err);
    char *line = NULL;
    size_t cap = 0;
    uint64_t number = 0;
    int64_t now_us;
    ssize_t len;

    assert_non_null(engine);
    assert_int_equal(timestamp_parse(text_of("2026-11-22T09:00:00Z"), &now_us, &err), 0);
    rewind(file);
    while ((len = getline(&line, &cap, file)) > 0)
        judge_line(engine, text_trim((struct text){ line, (size_t)len }), ++number,
                   now_us);
    assert_int_equal(engine_incidents(engine, SIZE_MAX, count_incident, found), 0);
    engine_destroy(&engine);
    metrics_destroy(&metrics);
    free(line);
    return number;
}

/* Judge a log of so many lines, by one, two and three detectors; skips the test when it is
 * not there. */
static void
judge_file(const char *path, uint64_t lines, const struct expected *expected, size_t count)
{
    FILE *file = fopen(path, "r");

    if (file == NULL) {
        print_message("%s is not there\n", path);
        skip();
    }
    for (unsigned slots = 1; slots <= 3; slots++) {
        struct found all = { .expected = expected, .expected_count = count };

        for (unsigned slot = 0; slot < slots; slot++)
            assert_int_equal(judge_share(file, slots, slot, &all), lines);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(all.of[i].incidents, expected[i].incidents);
            assert_int_equal(all.of[i].key_count, expected[i].keys);
            if (expected[i].events > 0)
                assert_int_equal(all.of[i].events, expected[i].events);
        }
        assert_int_equal(all.others, 0);
    }
    fclose(file);
}

/* Each table is one of tests/rules/README.md. */

#define JUDGE(path, lines, expected) \
    judge_file(CORPORA path, lines, expected, sizeof(expected) / sizeof((expected)[0]))

/* Eleven addresses; one of them came twice, hours apart: twelve incidents. */
static void
openssh_log_has_brute_force_from_exactly_eleven_sources(void **state)
{
    static const struct expected expected[] = {
        { "Brute force", 12, 11, 0 },
    };

    (void)state;
    JUDGE("/loghub/OpenSSH_2k.log", 2000, expected);
}

static void
apache_error_log_has_no_incident(void **state)
{
    (void)state;
    judge_file(CORPORA "/loghub/Apache_2k.log", 2000, NULL, 0);
}

/* 86 sessions that cron opens for cyrus and news are no escalation. */
static void
linux_log_has_brute_force_from_exactly_39_sources(void **state)
{
    static const struct expected expected[] = { { "Brute force", 41, 39, 0 } };

    (void)state;
    JUDGE("/loghub/Linux_2k.log", 2000, expected);
}

/* 6,539 requests; each that holds an injection counts once, whether it is in the
 * query, in the path, or behind an escaped quote. */
static void
a_scan_of_a_web_server_is_a_handful_of_incidents(void **state)
{
    static const struct expected expected[] = {
        { "SQL injection in a request", 1, 1, 150 },
        { "Cross-site scripting in a request", 1, 1, 76 },
        { "Path traversal in a request", 1, 1, 169 },
        { "Command injection in a request", 1, 1, 56 },
        { "Web scanner", 1, 1, 0 }, { "Scanner by its own name", 1, 1, 2 },
    };

    (void)state;
    JUDGE("/web-attacks/acunetix.txt", 6539, expected);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(openssh_log_has_brute_force_from_exactly_eleven_sources),
        cmocka_unit_test(apache_error_log_has_no_incident),
        cmocka_unit_test(linux_log_has_brute_force_from_exactly_39_sources),
        cmocka_unit_test(a_scan_of_a_web_server_is_a_handful_of_incidents),
    };
    struct err err = { "" };

    setenv("TZ", "Asia/Seoul", 1);
    if (timestamp_init(&err) != 0) {
        print_error("%s\n", err.text);
        return 1;
    }
    return cmocka_run_group_tests_name("rules_corpus", tests, NULL, NULL);
}
