/*
 * test_rule_tests.c - rules that are held to their own bongsu.tests when they are loaded
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "detector/cases/rule_tests.h"
#include "proto/base/timestamp.h"
#include "tests/support/temp_dir.h"

#define RULE(id, rest) \
    "title: Rule " id "\nid: " id "\nlogsource: {product: x}\n" \
    "detection: {s: {a: '" id "'}, condition: s}\nbongsu:\n  any_source: true\n" rest
#define MATCHES "  tests:\n    - events: [{event_type: t, a: one}]\n      incidents: [{count: 1}]\n"
#define SILENT "  tests:\n    - events: [{event_type: t, a: one}]\n      incidents: []\n"
#define THREE \
    "---\ntitle: Three\nid: three\nlevel: high\n" \
    "correlation: {type: event_count, rules: one, group-by: [source_ip], timespan: 5m,\n" \
    "  condition: {gte: 3}}\nbongsu:\n  tests:\n"

/* Files of these texts, up to NULL, named a.yml, b.yml and so on. */
static struct ruleset *
load(const char *const *files)
{
    struct ruleset *rules = ruleset_new();
    struct err err = { "" };
    char name[] = "a.yml";

    assert_non_null(rules);
    ruleset_try(rules, rule_tests_try);
    for (; *files != NULL; files++, name[0]++)
        assert_int_equal(ruleset_add(rules, name, *files, strlen(*files)), 0);
    if (ruleset_link(rules, &err) != 0)
        fail_msg("%s", err.text);
    return rules;
}

#define LOAD(...) load((const char *const[]){ __VA_ARGS__, NULL })

static void
accepts(const char *text)
{
    struct ruleset *rules = LOAD(text);

    if (ruleset_refused_count(rules) > 0)
        fail_msg("%s", ruleset_refused(rules, 0));
    ruleset_destroy(&rules);
}

static void
refuses(const char *text, const char *reason)
{
    struct ruleset *rules = LOAD(text);

    if (ruleset_refused_count(rules) == 0)
        fail_msg("not refused: %s", reason);
    if (strncmp(ruleset_refused(rules, 0), reason, strlen(reason)) != 0)
        fail_msg("\"%s\" is not \"%s\"", ruleset_refused(rules, 0), reason);
    ruleset_destroy(&rules);
}

static void
a_rule_whose_tests_hold_is_loaded(void **state)
{
    (void)state;
    accepts(RULE("one", MATCHES));
    accepts(RULE("two", SILENT));
}

static void
a_rule_whose_test_fails_is_refused_with_line_and_reason(void **state)
{
    (void)state;
    refuses(RULE("two", MATCHES),
            "a.yml:8: the rule's test fails: missing: {\"count\": 1}");
    refuses(RULE("one", SILENT), "a.yml:8: the rule's test fails: not expected: {\"count\": 1, ");
    refuses(RULE("one", MATCHES "    - events: [{event_type: t, a: two}]\n"
                 "      incidents: [{count: 1}]\n"),
            "a.yml:10: the rule's test fails: missing: ");
    refuses(RULE("one", "  tests:\n    - events: [{a: one}]\n      incidents: []\n"),
            "a.yml:8: the rule's test fails: event_type: ");
}

static void
the_others_of_its_file_are_unharmed(void **state)
{
    struct ruleset *rules = LOAD(RULE("one", SILENT) "---\n" RULE("two", SILENT));

    (void)state;
    assert_int_equal(ruleset_refused_count(rules), 1);
    assert_int_equal(ruleset_count(rules), 1);
    assert_string_equal(ruleset_rule(rules, 0)->sigma.id, "two");
    ruleset_destroy(&rules);
}

static void
what_needs_a_rule_whose_test_fails_goes_with_it(void **state)
{
    static const char wants[] =
        "    - events: [{event_type: t, a: one, source_ip: 192.0.2.1, repeat: 3}]\n"
        "      incidents: [{count: 3}]\n";
    char text[1500];
    struct ruleset *rules;

    (void)state;
    snprintf(text, sizeof(text), "%s%s%s", RULE("one", SILENT), THREE, wants);
    rules = LOAD(text, RULE("two", SILENT));
    assert_int_equal(ruleset_refused_count(rules), 2);
    assert_int_equal(ruleset_count(rules), 1);
    ruleset_destroy(&rules);
}

/* Neither a filter, nor a rule that refers to it, nor one that yields. */
static void
a_rule_is_tried_without_what_others_do_to_it(void **state)
{
    static const char filter[] =
        "title: F\nid: f\nlogsource: {}\nfilter: {rules: any, s: {a: one}, condition: not s}\n";
    static const char uses[] =
        "title: Uses\nid: uses\ncorrelation: {type: event_count, rules: one, group-by: [a], "
        "timespan: 5m, condition: {gte: 2}}\n";
    struct ruleset *rules = LOAD(filter, RULE("one", MATCHES), uses);

    (void)state;
    assert_int_equal(ruleset_refused_count(rules), 0);
    assert_int_equal(ruleset_count(rules), 2);
    assert_int_equal(ruleset_filter_count(rules), 1);
    ruleset_destroy(&rules);
}

static void
windows_are_tried_at_both_of_their_ends(void **state)
{
    static const struct { const char *every; const char *incidents, *reason; } rows[] = {
        { "150s", "[{rule: Three, key: {source_ip: 192.0.2.1}, count: 3, severity: high}]", NULL },
        { "151s", "[]", NULL },
        { "150s", "[]", "a.yml:15: the rule's test fails: not expected: " },
        { "151s", "[{count: 3}]", "a.yml:15: the rule's test fails: missing: " },
    };
    char text[1500];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(text, sizeof(text), "%s%s    - events: [{event_type: t, a: one, "
                 "source_ip: 192.0.2.1, repeat: 3, every: %s}]\n      incidents: %s\n",
                 RULE("one", ""), THREE, rows[i].every, rows[i].incidents);
        if (rows[i].reason == NULL)
            accepts(text);
        else
            refuses(text, rows[i].reason);
    }
}

/* Else the second event would be the third of its source. */
static void
a_test_knows_nothing_of_the_one_before(void **state)
{
    static const char two[] =
        "    - events: [{event_type: t, a: one, source_ip: 192.0.2.1, repeat: 2}]\n"
        "      incidents: []\n";
    char text[1500];

    (void)state;
    snprintf(text, sizeof(text), "%s%s%s%s", RULE("one", ""), THREE, two, two);
    accepts(text);
}

/* They share the fields of events: what one had must not be found in another's. */
static void
a_rules_tests_know_nothing_of_another_rules(void **state)
{
    static const char has[] =
        "title: Has\nid: has\nlogsource: {product: x}\n"
        "detection: {s: {b: secret}, condition: s}\nbongsu:\n  any_source: true\n  tests:\n"
        "    - events: [{event_type: t, b: secret, c: x}]\n      incidents: [{count: 1}]\n";
    static const char never[] =
        "---\ntitle: Has it too\nid: too\nlogsource: {product: x}\n"
        "detection: {s: {b: secret}, condition: s}\nbongsu:\n  any_source: true\n  tests:\n"
        "    - events: [{event_type: t, c: x}]\n      incidents: []\n";
    static const char has_not[] =
        "---\ntitle: Has not\nid: not\nlogsource: {product: x}\n"
        "detection: {s: {b: null, c|exists: false}, condition: s}\nbongsu:\n"
        "  any_source: true\n  tests:\n"
        "    - events: [{event_type: t}]\n      incidents: [{count: 1}]\n";
    char text[1500];

    (void)state;
    snprintf(text, sizeof(text), "%s%s%s", has, never, has_not);
    accepts(text);
}

static void
times_without_a_zone_are_the_sites(void **state)
{
    static const char *const zones[] = { "Asia/Seoul", "UTC", "America/St_Johns" };

    (void)state;
    for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++) {
        setenv("TZ", zones[i], 1);
        assert_int_equal(timestamp_init(NULL), 0);
        accepts("title: Night\nid: n\nlogsource: {product: x}\n"
                "detection: {s: {timestamp|hour: 3}, condition: s}\nbongsu:\n"
                "  any_source: true\n  tests:\n"
                "    - start: 2026-11-22T03:59:59\n      events: [{event_type: t}]\n"
                "      incidents: [{count: 1}]\n"
                "    - start: 2026-11-22 04:00:00\n      events: [{event_type: t}]\n"
                "      incidents: []\n"
                "    - events: [{event_type: t}]\n      incidents: []\n");
    }
    setenv("TZ", "Asia/Seoul", 1);
    assert_int_equal(timestamp_init(NULL), 0);
}

static void
tests_that_are_wrong_are_refused_with_their_line(void **state)
{
    static const struct { const char *tests, *reason; } rows[] = {
        { "  tests: []\n", "a.yml:7: must be a list of 1 to 50" },
        { "  tests: x\n", "a.yml:7: must be a list" },
        { "  tests: [x]\n", "a.yml:7: a test must be a map" },
        { "  tests:\n    - incidents: []\n", "a.yml:8: a test needs \"events\"" },
        { "  tests:\n    - events: [{event_type: t}]\n", "a.yml:8: a test needs \"incidents\"" },
        { "  tests:\n    - events: []\n      incidents: []\n", "a.yml:8: \"events\" must be" },
        { "  tests:\n    - events: [x]\n      incidents: []\n", "a.yml:8: an event must be" },
        { "  tests:\n    - events: [{event_type: t}]\n      incident: []\n      incidents: []\n",
          "a.yml:9: unknown key \"incident\" of a test" },
        { "  tests:\n    - events: [{event_type: t}]\n      incidents: [{cuont: 1}]\n",
          "a.yml:9: unknown key \"cuont\" of an incident" },
        { "  tests:\n    - events: [{event_type: t}]\n      incidents: [{count: '1'}]\n",
          "a.yml:9: must be a number" },
        { "  tests:\n    - events: [{event_type: t}]\n      incidents: [{key: a}]\n",
          "a.yml:9: \"key\" must be a map" },
        { "  tests:\n    - events: [{event_type: t}]\n      incidents: {}\n",
          "a.yml:9: \"incidents\" must be a list" },
        { "  tests:\n    - start: soon\n      events: [{event_type: t}]\n      incidents: []\n",
          "a.yml:8: \"start\" must be a time" },
        { "  tests:\n    - events: [{event_type: t, at: 5}]\n      incidents: []\n",
          "a.yml:8: \"at\" must be a time" },
        { "  tests:\n    - events: [{event_type: t, every: 5x}]\n      incidents: []\n",
          "a.yml:8: \"every\" must be a time" },
        { "  tests:\n    - events: [{event_type: t, timestamp: 2026-11-22}]\n      incidents: []\n",
          "a.yml:8: an event's time is its \"at\"" },
        { "  tests:\n    - events: [{line: x, username: y}]\n      incidents: []\n",
          "a.yml:8: \"username\" beside \"line\"" },
        { "  tests:\n    - events: [{line: 5}]\n      incidents: []\n",
          "a.yml:8: \"line\" must be a text" },
        { "  tests:\n    - events: [{event_type: t, repeat: 1001}]\n      incidents: []\n",
          "a.yml:8: \"repeat\" must be a number from 1 to 1000" },
        { "  tests:\n    - events: [{event_type: t, repeat: 0}]\n      incidents: []\n",
          "a.yml:8: \"repeat\" must be" },
        { "  tests:\n    - events:\n        - {event_type: t, repeat: 1000}\n"
          "        - {event_type: t}\n      incidents: []\n",
          "a.yml:10: a test may send at most 1000 events" },
    };
    char text[1500];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(text, sizeof(text), "%s%s", RULE("two", ""), rows[i].tests);
        refuses(text, rows[i].reason);
    }
}

static void
fifty_tests_are_enough(void **state)
{
    static const char one[] = "    - {events: [{event_type: t}], incidents: []}\n";
    char text[51 * sizeof(one) + 300];

    (void)state;
    for (size_t count = 50; count <= 51; count++) {
        size_t len = (size_t)snprintf(text, sizeof(text), "%s  tests:\n", RULE("two", ""));

        for (size_t i = 0; i < count; i++)
            len += (size_t)snprintf(text + len, sizeof(text) - len, "%s", one);
        if (count == 50)
            accepts(text);
        else
            refuses(text, "a.yml:7: must be a list of 1 to 50 tests");
    }
}

/* The detector's own way: the new file is bad, so the one that was good stays. */
static void
a_file_whose_tests_fail_now_stays_as_it_was(void **state)
{
    static const char good[] = RULE("one", MATCHES);
    static const char bad[] = RULE("two", MATCHES);
    struct rule_files files = { .try_rule = rule_tests_try };
    struct rule_file file = { .path = (char *)(uintptr_t)"a.yml", .name = "a.yml" };
    struct ruleset *rules;
    struct err err = { "" };

    (void)state;
    assert_int_equal(buf_append(&file.bytes, bad, strlen(bad)), 0);
    assert_int_equal(buf_append(&file.last_good, good, strlen(good)), 0);
    files.files = &file;
    files.count = 1;
    rules = ruleset_build(&files, &err);
    assert_non_null(rules);
    assert_int_equal(file.is_kept, 1);
    assert_int_equal(ruleset_count(rules), 1);
    assert_string_equal(ruleset_rule(rules, 0)->sigma.id, "one");
    assert_non_null(strstr(ruleset_refused(rules, 0), "a.yml:8: the rule's test fails"));
    ruleset_destroy(&rules);
    buf_release(&file.bytes);
    buf_release(&file.last_good);
    free(file.refusals->reason);
    free(file.refusals);
}

static void
a_folder_is_loaded_without_what_fails(void **state)
{
    static const struct { const char *name, *text; } rows[] = {
        { "good.yml", RULE("one", MATCHES) }, { "bad.yml", RULE("two", MATCHES) },
    };
    char dir[200];
    struct err err = { "" };
    struct ruleset *rules;

    (void)state;
    temp_dir_make(NULL, dir, sizeof(dir));
    for (size_t i = 0; i < 2; i++) {
        char path[300];
        FILE *file;

        snprintf(path, sizeof(path), "%s/%s", dir, rows[i].name);
        file = fopen(path, "w");
        assert_non_null(file);
        fputs(rows[i].text, file);
        assert_int_equal(fclose(file), 0);
    }
    rules = rule_tests_load(dir, NULL, NULL, &err);
    assert_non_null(rules);
    assert_int_equal(ruleset_count(rules), 1);
    assert_int_equal(ruleset_refused_count(rules), 1);
    assert_non_null(strstr(ruleset_refused(rules, 0), "/bad.yml:8: the rule's test fails"));
    ruleset_destroy(&rules);
    assert_int_equal(temp_dir_remove(dir), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_whose_tests_hold_is_loaded),
        cmocka_unit_test(a_rule_whose_test_fails_is_refused_with_line_and_reason),
        cmocka_unit_test(the_others_of_its_file_are_unharmed),
        cmocka_unit_test(what_needs_a_rule_whose_test_fails_goes_with_it),
        cmocka_unit_test(a_rule_is_tried_without_what_others_do_to_it),
        cmocka_unit_test(windows_are_tried_at_both_of_their_ends),
        cmocka_unit_test(a_test_knows_nothing_of_the_one_before),
        cmocka_unit_test(a_rules_tests_know_nothing_of_another_rules),
        cmocka_unit_test(times_without_a_zone_are_the_sites),
        cmocka_unit_test(tests_that_are_wrong_are_refused_with_their_line),
        cmocka_unit_test(fifty_tests_are_enough),
        cmocka_unit_test(a_file_whose_tests_fail_now_stays_as_it_was),
        cmocka_unit_test(a_folder_is_loaded_without_what_fails),
    };

    setenv("TZ", "Asia/Seoul", 1);
    assert_int_equal(timestamp_init(NULL), 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
