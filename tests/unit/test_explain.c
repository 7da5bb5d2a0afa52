#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "detector/tool/explain.h"
#include "proto/base/timestamp.h"
#include "tests/support/temp_dir.h"

struct place {
    char dir[256], rules[300], event[300];
    struct tool_options options;
    struct err err;
    int code;
};

static void
write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fputs(text, file) >= 0, 1);
    assert_int_equal(fclose(file), 0);
}

static int
open_place(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    struct err err;

    setenv("TZ", "Asia/Seoul", 1);
    assert_int_equal(timestamp_init(&err), 0);
    temp_dir_make(NULL, place->dir, sizeof(place->dir));
    snprintf(place->rules, sizeof(place->rules), "%s/rules.yml", place->dir);
    snprintf(place->event, sizeof(place->event), "%s/event", place->dir);
    assert_int_equal(tool_options_init(&place->options, 0, NULL, &err), 0);
    *state = place;
    return 0;
}

static int
close_place(void **state)
{
    struct place *place = *state;

    tool_options_release(&place->options);
    temp_dir_remove(place->dir);
    free(place);
    return 0;
}

/* The answer for an event and rules as they stand here; NULL rules: the shipped ones. */
static json_t *
explain(struct place *place, const char *rules, const char *rule, const char *event)
{
    struct explain_call call = { .rules = rules == NULL ? "detector/rules" : place->rules,
                                 .rule = rule, .nearest = 3, .file = place->event };

    if (rules != NULL)
        write_file(place->rules, rules);
    write_file(place->event, event);
    return explain_event(&place->options, &call, &place->code, &place->err);
}

static json_t *
rule_at(json_t *answer, size_t i)
{
    return json_array_get(json_object_get(answer, "rules"), i);
}

/* "selections/1/groups/0/0/holds": a step down is a name or a number. */
static json_t *
get(json_t *from, const char *path)
{
    char copy[200], *rest = copy, *step;

    snprintf(copy, sizeof(copy), "%s", path);
    while ((step = strsep(&rest, "/")) != NULL)
        from = json_is_array(from) ? json_array_get(from, strtoul(step, NULL, 10))
                                   : json_object_get(from, step);
    return from;
}

static void
says(json_t *from, const char *path, const char *expected)
{
    char *text = json_dumps(get(from, path), JSON_ENCODE_ANY | JSON_COMPACT);

    if (text == NULL || strcmp(text, expected) != 0)
        fail_msg("%s is %s, not %s", path, text == NULL ? "not there" : text, expected);
    free(text);
}

#define RULE "title: T\nid: t\nlevel: low\nlogsource: {product: x}\n"

static const char two[] =
    RULE
    "detection:\n"
    "    want:\n"
    "        name|startswith: [adm, ro]\n"
    "        size|gte: 10\n"
    "    not_this:\n"
    "        - from|cidr: 10.0.0.0/8\n"
    "        - from: null\n"
    "    condition: want and not not_this\n";

static void
the_line_that_says_no_is_named_with_what_the_event_has(void **state)
{
    json_t *answer = explain(*state, two, "t", "{\"name\":\"Root\",\"size\":9,\"from\":\"192.0.2.1\"}");
    json_t *rule = rule_at(answer, 0);

    assert_non_null(answer);
    says(rule, "matches", "false");
    says(rule, "missing", "1");
    says(rule, "selections/0/holds", "false");
    says(rule, "selections/0/groups/0/0/line", "\"name|startswith\"");
    says(rule, "selections/0/groups/0/0/holds", "true");
    says(rule, "selections/0/groups/0/0/matched", "[\"ro*\"]");
    says(rule, "selections/0/groups/0/1/line", "\"size|gte\"");
    says(rule, "selections/0/groups/0/1/holds", "false");
    says(rule, "selections/0/groups/0/1/value", "9");
    says(rule, "selections/0/groups/0/1/values", "[10]");
    says(rule, "selections/0/groups/0/1/at", "8");
    says(rule, "selections/1/holds", "false");
    says(rule, "selections/1/groups/0/0/values", "[\"10.0.0.0/8\"]");
    says(rule, "condition/0/kind", "\"and\"");
    says(rule, "condition/0/holds", "false");
    says(rule, "condition/0/of/0/name", "\"want\"");
    says(rule, "condition/0/of/1/kind", "\"not\"");
    says(rule, "condition/0/of/1/holds", "true");
    json_decref(answer);
}

static void
a_field_that_is_not_there_is_told_from_an_empty_one(void **state)
{
    json_t *answer = explain(*state, two, "t", "{\"name\":\"\",\"size\":10}");
    json_t *rule = rule_at(answer, 0);

    says(rule, "selections/0/groups/0/0/present", "true");
    says(rule, "selections/0/groups/0/0/value", "\"\"");
    says(rule, "selections/1/groups/0/0/present", "false");
    says(rule, "selections/1/groups/1/0/matched", "[null]");
    says(rule, "missing", "2");
    json_decref(answer);
}

static void
the_logsource_that_is_another_is_why_a_rule_stays_silent(void **state)
{
    json_t *answer = explain(*state, two, "t",
                             "{\"name\":\"root\",\"size\":10,\"from\":\"192.0.2.1\","
                             "\"logsource.product\":\"windows\"}");
    json_t *rule = rule_at(answer, 0);

    says(rule, "holds", "true");
    says(rule, "matches", "false");
    says(rule, "logsource/applies", "false");
    says(rule, "logsource/differs", "\"product\"");
    says(rule, "logsource/event/product", "[\"windows\"]");
    says(rule, "logsource/rule/product", "\"x\"");
    json_decref(answer);
}

static void
a_correlation_says_its_key_and_what_its_windows_need(void **state)
{
    static const char rules[] =
        "title: S\nid: s\nlogsource: {product: x}\n"
        "detection: {s: {kind: fail}, condition: s}\n---\n"
        "title: C\nid: c\nlevel: low\ncorrelation:\n    type: event_count\n    rules: [s]\n"
        "    group-by: [who]\n    timespan: 5m\n    condition: {gte: 4}\n";
    json_t *answer = explain(*state, rules, "", "{\"kind\":\"fail\",\"who\":\"eve\"}");

    says(rule_at(answer, 0), "id", "\"s\"");
    says(rule_at(answer, 0), "feeds", "[\"c\"]");
    says(rule_at(answer, 1), "id", "\"c\"");
    says(rule_at(answer, 1), "matches", "true");
    says(rule_at(answer, 1), "needs", "\"at least 4 matching events within 5m, of one key\"");
    says(rule_at(answer, 1), "steps/0/key", "{\"who\":\"eve\"}");
    json_decref(answer);
    answer = explain(*state, rules, "c", "{\"kind\":\"fail\"}");
    says(rule_at(answer, 0), "matches", "false");
    says(rule_at(answer, 0), "steps/0/matches", "true");
    says(rule_at(answer, 0), "steps/0/grouped", "false");
    says(rule_at(answer, 0), "steps/0/key", "{\"who\":null}");
    json_decref(answer);
}

static void
the_nearest_rules_come_first_and_those_that_match_before_them(void **state)
{
    static const char rules[] =
        "title: Far\nid: far\nlogsource: {product: x}\n"
        "detection: {s: {a: 1, b: 2, c: 3}, condition: s}\n---\n"
        "title: Near\nid: near\nlogsource: {product: x}\n"
        "detection: {s: {a: 1, b: 2, d: 4}, condition: s}\n---\n"
        "title: Nothing\nid: nothing\nlogsource: {product: x}\n"
        "detection: {s: {z: 1}, condition: s}\n---\n"
        "title: Hit\nid: hit\nlogsource: {product: x}\n"
        "detection: {s: {d: 4}, condition: s}\n";
    json_t *answer = explain(*state, rules, "", "{\"a\":1,\"d\":4}");

    says(rule_at(answer, 0), "id", "\"hit\"");
    says(rule_at(answer, 1), "id", "\"near\"");
    says(rule_at(answer, 2), "id", "\"far\"");
    assert_null(rule_at(answer, 3));
    json_decref(answer);
}

static void
an_entry_of_the_allow_list_is_named(void **state)
{
    struct place *place = *state;
    char path[300];
    json_t *answer;

    snprintf(path, sizeof(path), "%s/allow.yml", place->dir);
    write_file(path, "allow:\n    - source: 192.0.2.0/24\n      reason: our scanner\n");
    place->options.allow_path = path;
    answer = explain(place, two, "t",
                     "{\"name\":\"root\",\"size\":10,\"from\":\"8.8.8.8\",\"source_ip\":\"192.0.2.7\"}");
    says(rule_at(answer, 0), "matches", "true");
    says(rule_at(answer, 0), "allowed/reason", "\"our scanner\"");
    json_decref(answer);
}

static void
a_filter_that_takes_the_event_is_explained_too(void **state)
{
    static const char rules[] =
        RULE "detection: {s: {a: 1}, condition: s}\n---\n"
        "title: Not the scanner\nid: f\nlogsource: {product: x}\n"
        "filter: {rules: [t], scanner: {agent|contains: nessus}, condition: not scanner}\n";
    json_t *answer = explain(*state, rules, "t", "{\"a\":1,\"agent\":\"Nessus 10\"}");

    says(rule_at(answer, 0), "holds", "true");
    says(rule_at(answer, 0), "matches", "false");
    says(rule_at(answer, 0), "filter/id", "\"f\"");
    says(rule_at(answer, 0), "filter/condition/0/holds", "false");
    says(rule_at(answer, 0), "filter/selections/0/groups/0/0/matched", "[\"*nessus*\"]");
    json_decref(answer);
    answer = explain(*state, rules, "t", "{\"a\":1,\"agent\":\"curl\"}");
    says(rule_at(answer, 0), "matches", "true");
    assert_null(get(rule_at(answer, 0), "filter"));
    json_decref(answer);
}

static void
a_condition_below_bongsu_is_explained_beside_the_rules_own(void **state)
{
    static const char rules[] =
        RULE "detection: {s: {a: 1}, condition: s}\n"
        "bongsu: {detection: {w: {v|sqli: true, u|xss: false}, condition: w and s}}\n";
    json_t *answer = explain(*state, rules, "t", "{\"a\":1,\"v\":\"x' OR 1=1 --\"}");

    says(rule_at(answer, 0), "matches", "true");
    says(rule_at(answer, 0), "bongsu_condition/0/holds", "true");
    says(rule_at(answer, 0), "selections/1/groups/0/0/line", "\"v|sqli\"");
    says(rule_at(answer, 0), "selections/1/groups/0/0/matched", "[true]");
    says(rule_at(answer, 0), "selections/1/groups/0/1/line", "\"u|xss|neq\"");
    says(rule_at(answer, 0), "selections/1/groups/0/1/holds", "true");
    json_decref(answer);
    answer = explain(*state, rules, "t", "{\"a\":1,\"v\":\"x\"}");
    says(rule_at(answer, 0), "holds", "false");
    says(rule_at(answer, 0), "missing", "1");
    says(rule_at(answer, 0), "condition/0/holds", "true");
    says(rule_at(answer, 0), "bongsu_condition/0/holds", "false");
    json_decref(answer);
}

/* 18:00 UTC is 03:00 of the next day in Seoul, and 13:00 in New York. */
static void
a_part_of_a_time_is_in_the_rules_zone(void **state)
{
    static const char *const zones[] = { "Asia/Seoul", "America/New_York" };
    char rules[400];

    for (size_t i = 0; i < 2; i++) {
        json_t *answer;

        snprintf(rules, sizeof(rules), RULE "detection: {s: {timestamp|hour: 13}, condition: s}\n"
                 "bongsu: {timezone: %s}\n", zones[i]);
        answer = explain(*state, rules, "t", "{\"timestamp\":\"2026-11-22T18:00:00Z\"}");
        says(rule_at(answer, 0), "matches", i == 1 ? "true" : "false");
        says(rule_at(answer, 0), "selections/0/groups/0/0/holds", i == 1 ? "true" : "false");
        json_decref(answer);
    }
}

static void
what_is_no_event_is_refused_with_the_reason(void **state)
{
    static const struct { const char *event, *why; } wrong[] = {
        { "", "holds no event" }, { " \n", "holds no event" }, { "{\"a\":1", "event" },
        { "{\"a\":1,\"a\":2}", "given twice" }, { "one line\nand another\n", "more than one line" },
        { "[1]\n[2]", "more than one line" },
    };
    struct place *place = *state;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_null(explain(place, two, "", wrong[i].event));
        if (strstr(place->err.text, wrong[i].why) == NULL)
            fail_msg("\"%s\" says: %s", wrong[i].event, place->err.text);
    }
    assert_null(explain(place, two, "no such", "{}"));
    assert_non_null(strstr(place->err.text, "no rule in use"));
}

static void
a_stored_event_has_no_fields_that_its_place_gave_it(void **state)
{
    static const char rule[] = RULE "detection: {s: {id: '*'}, condition: s}\n";
    static const char event[] = "{\"id\":\"0123456789abcdef-01234567-0123456789abcdef\","
                                "\"received_at\":\"2026-11-22T01:00:00Z\",\"a\":1}";
    json_t *answer = explain(*state, rule, "t", event);

    says(rule_at(answer, 0), "matches", "false");
    says(answer, "event/received_at", "\"2026-11-22T01:00:00Z\"");
    json_decref(answer);
}

/* --- the parts and the whole --- */

static int
any_holds(const json_t *list)
{
    json_t *one;
    size_t i;

    json_array_foreach((json_t *)(uintptr_t)list, i, one)
        if (json_is_true(json_object_get(one, "holds")))
            return 1;
    return 0;
}

static int
all_hold(const json_t *list)
{
    json_t *one;
    size_t i;

    json_array_foreach((json_t *)(uintptr_t)list, i, one)
        if (!json_is_true(json_object_get(one, "holds")))
            return 0;
    return 1;
}

/* What the lines say is what the selection says, and what these say is the rule's. */
static void
adds_up(json_t *rule)
{
    json_t *checks = json_object_get(rule, "checks"), *selection, *group;
    json_t *own = json_object_get(rule, "bongsu_condition");
    int holds = any_holds(json_object_get(rule, "condition")) &&
                (own == NULL || any_holds(own)) &&
                (json_array_size(checks) == 0 || any_holds(checks));
    size_t i, g;

    if (holds != json_is_true(json_object_get(rule, "holds")))
        fail_msg("%s: the condition does not say what the rule says",
                 json_string_value(json_object_get(rule, "id")));
    json_array_foreach(json_object_get(rule, "selections"), i, selection) {
        int any = 0;

        json_array_foreach(json_object_get(selection, "groups"), g, group)
            any |= all_hold(group);
        assert_int_equal(any, json_is_true(json_object_get(selection, "holds")));
    }
    if (json_is_true(json_object_get(rule, "holds")))
        says(rule, "missing", "0");
    else
        assert_true(json_integer_value(json_object_get(rule, "missing")) > 0);
}

static void
the_parts_add_up_to_what_the_engine_says(void **state)
{
    static const char *const events[] = {
        "{\"event_type\":\"login_failed\",\"source_ip\":\"203.0.113.9\",\"username\":\"root\",\"count\":2}",
        "{\"event_type\":\"login_success\",\"timestamp\":\"2026-11-22T03:00:00+09:00\",\"username\":\"a\"}",
        "192.0.2.1 - - [22/Nov/2026:10:00:00 +0900] \"GET /a?id=1%27%20OR%201=1-- HTTP/1.1\" 200 1 \"-\" \"sqlmap\"",
        "192.0.2.1 - - [22/Nov/2026:10:00:00 +0900] \"GET /../../etc/passwd HTTP/1.1\" 404 1 \"-\" \"-\"",
        "Nov 22 10:00:00 web sudo: eve : user NOT in sudoers ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/sh",
        "Nov 22 10:00:00 web useradd[7]: new user: name=eve, UID=0, GID=0, home=/root, shell=/bin/bash",
        "{}", "{\"raw_log\":null,\"description\":[\"a\",null,{\"b\":1}]}",
    };
    size_t asked = 0;

    for (size_t e = 0; e < sizeof(events) / sizeof(events[0]); e++) {
        struct explain_call call = { .rules = "detector/rules", .rule = "", .nearest = 1000,
                                     .file = ((struct place *)*state)->event };
        struct place *place = *state;
        json_t *answer, *rule;
        size_t i;

        write_file(place->event, events[e]);
        answer = explain_event(&place->options, &call, &place->code, &place->err);
        assert_non_null(answer);
        json_array_foreach(json_object_get(answer, "rules"), i, rule)
            if (json_object_get(rule, "selections") != NULL) {
                adds_up(rule);
                asked++;
            }
        json_decref(answer);
    }
    assert_true(asked > 30);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_place, close_place)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_line_that_says_no_is_named_with_what_the_event_has),
        TEST(a_field_that_is_not_there_is_told_from_an_empty_one),
        TEST(the_logsource_that_is_another_is_why_a_rule_stays_silent),
        TEST(a_correlation_says_its_key_and_what_its_windows_need),
        TEST(the_nearest_rules_come_first_and_those_that_match_before_them),
        TEST(an_entry_of_the_allow_list_is_named),
        TEST(a_part_of_a_time_is_in_the_rules_zone),
        TEST(a_filter_that_takes_the_event_is_explained_too),
        TEST(a_condition_below_bongsu_is_explained_beside_the_rules_own),
        TEST(what_is_no_event_is_refused_with_the_reason),
        TEST(a_stored_event_has_no_fields_that_its_place_gave_it),
        TEST(the_parts_add_up_to_what_the_engine_says),
    };

    return cmocka_run_group_tests_name("explain", tests, NULL, NULL);
}
