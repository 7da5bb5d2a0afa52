/*
 * test_matcher_rules.c - whole rules: conditions, the index, limits, checks
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/timestamp.h"
#include "tests/support/match_case.h"

static void
one_of_several_conditions_is_enough(void **state)
{
    struct ruleset *rules =
        match_case_load("{a: {x: 1}, b: {x: 2}, condition: [a, b and not a]}");

    (void)state;
    assert_int_equal(match_case_count(rules, "{\"event_type\":\"t\",\"x\":1}"), 1);
    assert_int_equal(match_case_count(rules, "{\"event_type\":\"t\",\"x\":2}"), 1);
    assert_int_equal(match_case_count(rules, "{\"event_type\":\"t\",\"x\":3}"), 0);
    ruleset_destroy(&rules);
}

/* The index by event type must never change an answer. */
static void
index_by_event_type_loses_no_match(void **state)
{
    static const struct { const char *detection, *type; int matches; } rows[] = {
        { "{s: {event_type: Login}, condition: s}", "lOGIN", 1 },
        { "{s: {event_type: Login}, condition: s}", "logins", 0 },
        { "{s: {event_type: [a, b]}, condition: s}", "b", 1 },
        { "{s: {event_type: 'log*'}, condition: s}", "login", 1 },
        { "{s: {event_type|startswith: log}, condition: s}", "login", 1 },
        { "{s: {event_type|cased: Login}, condition: s}", "Login", 1 },
        { "{s: {event_type: a}, t: {event_type: b}, condition: s or t}", "b", 1 },
        { "{s: {event_type: a}, t: {x: 1}, condition: s or t}", "c", 1 },
        { "{s: {event_type: a}, condition: not s}", "b", 1 },
        { "{s: {event_type: a}, t: {x: 1}, condition: t and s}", "a", 1 },
        { "{s: {event_type: a}, t: {event_type: b}, condition: s and t}", "a", 0 },
        { "{s_1: {event_type: a}, s_2: {event_type: b}, condition: 1 of s_*}", "b", 1 },
        { "{s_1: {x: 1}, s_2: {event_type: b}, s_3: {x: 1}, condition: 2 of s_*}", "c",
          1 },
        { "{s: {event.action: a}, condition: s}", "a", 1 },
        { "{s: [{event_type: a}, {event_type: b, x: 1}], condition: s}", "b", 1 },
        { "{s: {event_type|neq: a}, condition: s}", "b", 1 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ruleset *rules = match_case_load(rows[i].detection);
        char json[200];

        snprintf(json, sizeof(json), "{\"event_type\":\"%s\",\"x\":1}", rows[i].type);
        if (match_case_count(rules, json) != rows[i].matches)
            fail_msg("%s on %s: not %d", rows[i].detection, rows[i].type,
                     rows[i].matches);
        ruleset_destroy(&rules);
    }
}

static void
expression_that_explodes_is_given_up_and_counted(void **state)
{
    struct ruleset *rules = match_case_load("{s: {a|re: '(a|aa)+$'}, condition: s}");

    (void)state;
    assert_int_equal(match_case_count(rules, "{\"event_type\":\"t\",\"a\":"
                                 "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\"}"),
                     0);
    assert_int_equal(matcher_limits_hit(ruleset_matcher(rules)), 1);
    ruleset_destroy(&rules);
}

static void
checks_are_added_to_the_condition(void **state)
{
    struct ruleset *rules;
    const char *text =
        "title: T\nlogsource: {product: x}\nbongsu: {checks: [{sqli: [url_query, "
                       "description, arg]}]}\ndetection: {s: {a: 1}, condition: s}\n";

    (void)state;
    rules = match_case_rules(text);
    assert_int_equal(match_case_count(rules, "{\"event_type\":\"t\",\"a\":1,"
                                 "\"url_query\":\"q=%27%20or%201%3D1--\"}"), 1);
    assert_int_equal(match_case_count(rules, "{\"event_type\":\"t\",\"a\":2,"
                                 "\"url_query\":\"q=%27%20or%201%3D1--\"}"), 0);
    assert_int_equal(match_case_count(rules, "{\"event_type\":\"t\",\"a\":1,"
                                 "\"url_query\":\"q=fine\"}"), 0);
    assert_int_equal(match_case_count(rules, "{\"event_type\":\"t\",\"a\":1,"
                                 "\"arg\":[\"x\",\"' or 1=1--\"]}"), 1);
    ruleset_destroy(&rules);
}

static void
check_is_left_out_where_the_other_field_is(void **state)
{
    static const char *const refused[] = {
        "{field: b}", "{unless: a}", "{field: b, unless: ''}", "{field: b, unless: [a]}",
        "{field: b, unless: a, c: d}", "{field: [b], unless: a}",
    };
    struct ruleset *rules;

    (void)state;
    rules = match_case_rules("title: T\nlogsource: {product: x}\nbongsu: {checks: [{sqli: "
                             "[c, {field: b, unless: a}]}]}\n"
                             "detection: {s: {event_type: t}, condition: s}\n");
    assert_int_equal(match_case_count(rules, "{\"event_type\":\"t\",\"b\":\"' or 1=1--\"}"), 1);
    assert_int_equal(match_case_count(rules, "{\"event_type\":\"t\",\"b\":\"' or 1=1--\","
                                 "\"a\":1}"), 0);
    assert_int_equal(match_case_count(rules, "{\"event_type\":\"t\",\"c\":\"' or 1=1--\","
                                 "\"a\":1}"), 1);
    ruleset_destroy(&rules);

    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        char text[256];

        snprintf(text, sizeof text, "title: T\nlogsource: {product: x}\nbongsu: {checks: "
                 "[{sqli: [%s]}]}\ndetection: {s: {a: 1}, condition: s}\n", refused[i]);
        rules = ruleset_new();
        assert_int_equal(ruleset_add(rules, "x.yml", text, strlen(text)), 0);
        if (ruleset_refused_count(rules) != 1)
            fail_msg("%s: taken", refused[i]);
        ruleset_destroy(&rules);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_of_several_conditions_is_enough),
        cmocka_unit_test(index_by_event_type_loses_no_match),
        cmocka_unit_test(expression_that_explodes_is_given_up_and_counted),
        cmocka_unit_test(checks_are_added_to_the_condition),
        cmocka_unit_test(check_is_left_out_where_the_other_field_is),
    };
    struct err err = { "" };

    setenv("TZ", "Asia/Seoul", 1);
    if (timestamp_init(&err) != 0) {
        print_error("%s\n", err.text);
        return 1;
    }
    return cmocka_run_group_tests_name("matcher_rules", tests, NULL, NULL);
}
