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

#include "detector/engine.h"
#include "detector/ruleset.h"
#include "proto/decode/decode.h"
#include "proto/base/timestamp.h"

#define CORPORA "../shared/corpora"

enum { MAX_KEYS = 64 };

/* What came of a log: incidents of one rule, by distinct key, and of others. */
struct found {
    const char *title;
    char keys[MAX_KEYS][64];
    size_t key_count, incidents, others, events;
};

static int
count_incident(void *ctx, const struct incident *inc)
{
    struct found *found = ctx;
    size_t i = 0;

    if (found->title == NULL || strcmp(found->title, inc->rule_title) != 0) {
        print_message("%s: %s\n", inc->rule_title, inc->summary);
        found->others++;
        return 0;
    }
    found->incidents++;
    found->events += (size_t)inc->count;
    while (i < found->key_count && strcmp(found->keys[i], inc->keys[0].value) != 0)
        i++;
    assert_true(i < MAX_KEYS);
    if (i == found->key_count)
        snprintf(found->keys[found->key_count++], sizeof(found->keys[0]), "%s",
                 inc->keys[0].value);
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

/* Judge a log of so many lines; skips the test when it is not there. */
static void
judge_file(const char *path, uint64_t lines, struct found *found)
{
    const struct engine_options options = { .lateness_us = INT64_C(300) * 1000000,
                                            .max_keys = 10000, .max_entries = 10000 };
    FILE *file = fopen(path, "r");
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
    if (file == NULL)
        print_message("%s is not there\n", path);
    while (file != NULL && (len = getline(&line, &cap, file)) > 0)
        judge_line(engine, text_trim((struct text){ line, (size_t)len }), ++number,
                   now_us);
    assert_int_equal(engine_incidents(engine, count_incident, found), 0);
    engine_destroy(&engine);
    metrics_destroy(&metrics);
    free(line);
    if (file == NULL)
        skip();
    fclose(file);
    assert_int_equal(number, lines);
}

/* Eleven addresses; one of them came twice, hours apart: twelve incidents. */
static void
openssh_log_has_brute_force_from_exactly_eleven_sources(void **state)
{
    struct found found = { .title = "Brute force" };

    (void)state;
    judge_file(CORPORA "/loghub/OpenSSH_2k.log", 2000, &found);
    assert_int_equal(found.key_count, 11);
    assert_int_equal(found.incidents, 12);
    assert_int_equal(found.others, 0);
}

static void
apache_error_log_has_no_incident(void **state)
{
    struct found found = { .title = NULL };

    (void)state;
    judge_file(CORPORA "/loghub/Apache_2k.log", 2000, &found);
    assert_int_equal(found.others, 0);
}

/* 86 sessions that cron opens for cyrus and news are in Linux_2k.log. */
static void
nightly_sessions_of_system_accounts_are_no_escalation(void **state)
{
    struct found found = { .title = "Brute force" };

    (void)state;
    judge_file(CORPORA "/loghub/Linux_2k.log", 2000, &found);
    assert_int_equal(found.others, 0);
}

/* A scan of 6,539 requests; each that holds an injection counts once, whether
 * it is in the query, in the path, or behind an escaped quote. */
static void
a_scan_of_a_web_server_is_one_incident_of_sql_injection(void **state)
{
    struct found found = { .title = "SQL injection in a request" };

    (void)state;
    judge_file(CORPORA "/web-attacks/acunetix.txt", 6539, &found);
    assert_int_equal(found.key_count, 1);
    assert_int_equal(found.incidents, 1);
    assert_int_equal(found.events, 158);
    assert_int_equal(found.others, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(openssh_log_has_brute_force_from_exactly_eleven_sources),
        cmocka_unit_test(apache_error_log_has_no_incident),
        cmocka_unit_test(nightly_sessions_of_system_accounts_are_no_escalation),
        cmocka_unit_test(a_scan_of_a_web_server_is_one_incident_of_sql_injection),
    };
    struct err err = { "" };

    setenv("TZ", "Asia/Seoul", 1);
    if (timestamp_init(&err) != 0) {
        print_error("%s\n", err.text);
        return 1;
    }
    return cmocka_run_group_tests_name("rules_corpus", tests, NULL, NULL);
}
