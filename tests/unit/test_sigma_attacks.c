/*
 * test_sigma_attacks.c - bongsu.detection: |sqli, |xss and the others, by field, beside the
 * selections of the rule
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "detector/ruleset/ruleset.h"
#include "proto/base/timestamp.h"
#include "tests/support/match_case.h"

#define RULE(detection, own) \
    "title: T\nid: t\nlogsource: {product: x}\ndetection: " detection "\n" \
    "bongsu:\n  any_source: true\n  detection: " own "\n"
#define ANY "{s: {a: 1}, condition: s}"

#define SQLI "x' OR 1=1 --"
#define XSS "<script>alert(1)</script>"
#define UP "../../../../etc/passwd"
#define RUN "; cat /etc/passwd"

static struct ruleset *
load(const char *text)
{
    struct ruleset *rules = ruleset_new();
    struct err err = { "" };

    assert_non_null(rules);
    assert_int_equal(ruleset_add(rules, "a.yml", text, strlen(text)), 0);
    if (ruleset_link(rules, &err) != 0)
        fail_msg("%s", err.text);
    return rules;
}

struct asking {
    struct ruleset *rules;
    size_t found;
};

static void
judge(void *ctx, const struct event *ev)
{
    struct asking *asking = ctx;
    const uint32_t *numbers;

    asking->found = matcher_match(ruleset_matcher(asking->rules), ev, &numbers);
}

/* Whether the rule matches of the event with these fields. */
static void
expect(const char *rule, const char *fields, size_t found)
{
    struct asking asking = { .rules = load(rule) };
    char json[600];

    if (ruleset_refused_count(asking.rules) > 0)
        fail_msg("%s\n%s", rule, ruleset_refused(asking.rules, 0));
    snprintf(json, sizeof(json), "{\"event_type\":\"t\",%s}", fields);
    match_case_send(json, judge, &asking);
    if (asking.found != found)
        fail_msg("%s on %s: %zu", rule, fields, asking.found);
    ruleset_destroy(&asking.rules);
}

static void
refuses(const char *rule, const char *reason)
{
    struct ruleset *rules = load(rule);

    if (ruleset_refused_count(rules) == 0)
        fail_msg("not refused: %s\n%s", reason, rule);
    if (strcmp(ruleset_refused(rules, 0), reason) != 0)
        fail_msg("\"%s\" is not \"%s\"", ruleset_refused(rules, 0), reason);
    assert_int_equal(ruleset_count(rules), 0);
    ruleset_destroy(&rules);
}

static void
each_check_finds_its_own_attack_in_its_own_field(void **state)
{
    static const struct { const char *modifier, *attack; } kinds[] = {
        { "sqli", SQLI }, { "xss", XSS }, { "path_traversal", UP },
        { "command_injection", RUN },
    };
    char rule[300], fields[200];

    (void)state;
    for (size_t k = 0; k < 4; k++)
        for (size_t a = 0; a < 4; a++) {
            snprintf(rule, sizeof(rule), RULE(ANY, "{w: {v|%s: true}, condition: w}"),
                     kinds[k].modifier);
            snprintf(fields, sizeof(fields), "\"a\":1,\"v\":\"%s\"", kinds[a].attack);
            expect(rule, fields, k == a);
            snprintf(fields, sizeof(fields), "\"a\":1,\"w\":\"%s\"", kinds[a].attack);
            expect(rule, fields, 0);
            snprintf(fields, sizeof(fields), "\"a\":2,\"v\":\"%s\"", kinds[a].attack);
            expect(rule, fields, 0);
        }
}

static void
parameters_of_a_query_are_decoded_and_looked_at_one_by_one(void **state)
{
    static const char rule[] = RULE(ANY, "{w: {url_query|sqli: true}, condition: w}");

    (void)state;
    expect(rule, "\"a\":1,\"url_query\":\"p=2&id=x%27%20OR%201%3D1%20--\"", 1);
    expect(rule, "\"a\":1,\"url_query\":\"id=x%2527%2520OR%25201%253D1%2520--\"", 1);
    expect(rule, "\"a\":1,\"url_query\":\"q=union+station&page=2\"", 0);
    expect(rule, "\"a\":1,\"url_query\":[\"q=1\",\"id=x%27%20OR%201%3D1%20--\"]", 1);
    expect(rule, "\"a\":1,\"url_query\":null", 0);
    expect(rule, "\"a\":1,\"url_query\":7", 0);
}

/* By any of its names: ECS calls raw_log event.original, and description message. */
static void
lines_and_prose_are_read_as_such_whatever_the_rule_calls_them(void **state)
{
    static const char *const names[] = { "raw_log", "event.original", "description", "message" };
    char rule[400], fields[200];

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        const char *field = i < 2 ? "raw_log" : "description";

        snprintf(rule, sizeof(rule), RULE(ANY, "{w: {%s|path_traversal: true}, condition: w}"),
                 names[i]);
        /* people write of paths; a request for one is another thing */
        snprintf(fields, sizeof(fields), "\"a\":1,\"%s\":\"" UP "\"", field);
        expect(rule, fields, 0);
        snprintf(fields, sizeof(fields), "\"a\":1,\"%s\":\"GET /x?f=" UP " HTTP/1.1\"",
                 field);
        expect(rule, fields, 1);
    }
    /* and of two names of one field none decides how the other is read */
    expect(RULE(ANY, "{v: {event.original|path_traversal: true}, "
                     "w: {raw_log|path_traversal: true}, condition: v or w}"),
           "\"a\":1,\"raw_log\":\"" UP "\"", 0);
}

static void
checks_go_with_and_or_not_and_the_selections_of_the_rule(void **state)
{
    static const char both[] =
        RULE("{s: {a: 1}, t: {a|exists: true}, condition: s or t}",
             "{w: {v|sqli: true, u|xss: true}, condition: w and s}");
    static const char either[] =
        RULE(ANY, "{w: [{v|sqli: true}, {u|xss: true}], known: {n|startswith: ok},"
             " condition: w and not known}");
    static const char wider[] =
        RULE("{s: {a: 1}, t: {b: 1}, condition: 1 of them}",
             "{w: {v|sqli: true}, condition: s or (t and w)}");

    (void)state;
    expect(both, "\"a\":1,\"v\":\"" SQLI "\",\"u\":\"" XSS "\"", 1);
    expect(both, "\"a\":1,\"v\":\"" SQLI "\"", 0);
    expect(both, "\"a\":1,\"v\":\"" XSS "\",\"u\":\"" SQLI "\"", 0);
    expect(both, "\"a\":2,\"v\":\"" SQLI "\",\"u\":\"" XSS "\"", 0);
    expect(either, "\"a\":1,\"v\":\"" SQLI "\"", 1);
    expect(either, "\"a\":1,\"u\":\"" XSS "\"", 1);
    expect(either, "\"a\":1,\"u\":\"" XSS "\",\"n\":\"ok-17\"", 0);
    expect(wider, "\"a\":1", 1);
    expect(wider, "\"b\":1", 0);
    expect(wider, "\"b\":1,\"v\":\"" SQLI "\"", 1);
    expect(wider, "\"v\":\"" SQLI "\"", 0);
}

static void
false_asks_that_there_is_no_attack_and_of_what_is_absent_there_is_none(void **state)
{
    static const char rule[] = RULE(ANY, "{w: {v|sqli: false}, condition: w}");
    static const char log[] =
        RULE(ANY, "{w: {raw_log|sqli: true, url.original|exists: false}, condition: w}");

    (void)state;
    expect(rule, "\"a\":1,\"v\":\"" SQLI "\"", 0);
    expect(rule, "\"a\":1,\"v\":\"" XSS "\"", 1);
    expect(rule, "\"a\":1", 1);
    expect(log, "\"a\":1,\"raw_log\":\"GET /i?id=-1%20union%20select%201,2,version() HTTP/1.1\"",
           1);
    expect(log, "\"a\":1,\"raw_log\":\"GET /i?id=-1%20union%20select%201,2,version() HTTP/1.1\","
           "\"url.original\":\"/i\"", 0);
}

static void
a_check_of_absence_alone_is_not_heard_of_every_event(void **state)
{
    (void)state;
    expect("title: T\nid: t\nlogsource: {product: x}\n"
           "detection: {s: {a: null}, condition: s}\n"
           "bongsu: {detection: {w: {v|sqli: false}, condition: w}}\n", "\"b\":1", 0);
}

static void
patterns_stand_for_what_is_below_bongsu_alone(void **state)
{
    static const char rule[] =
        RULE("{sel_a: {a: 1}, condition: sel_a}",
             "{sel_b: {v|sqli: true}, sel_c: {v|xss: true}, condition: 1 of sel_*}");
    static const char them[] =
        RULE("{sel_a: {a: 1}, condition: sel_a}",
             "{sel_b: {v|sqli: true}, _c: {v|xss: true}, condition: any of them}");

    (void)state;
    expect(rule, "\"a\":1", 0);
    expect(rule, "\"a\":1,\"v\":\"" XSS "\"", 1);
    expect(them, "\"a\":1,\"v\":\"" XSS "\"", 0);
    expect(them, "\"a\":1,\"v\":\"" SQLI "\"", 1);
}

static void
of_a_list_of_conditions_one_must_hold(void **state)
{
    static const char rule[] =
        RULE(ANY, "{w: {v|sqli: true}, x: {v|xss: true}, condition: [w, x]}");

    (void)state;
    expect(rule, "\"a\":1,\"v\":\"" XSS "\"", 1);
    expect(rule, "\"a\":1,\"v\":\"" SQLI "\"", 1);
    expect(rule, "\"a\":1,\"v\":\"" UP "\"", 0);
}

static void
hours_there_are_those_of_the_rules_zone(void **state)
{
    static const char rule[] =
        "title: T\nid: t\nlogsource: {product: x}\ndetection: " ANY "\n"
        "bongsu:\n  any_source: true\n  timezone: UTC\n"
        "  detection: {w: {timestamp|hour: 3}, condition: w}\n";

    (void)state;
    expect(rule, "\"a\":1,\"timestamp\":\"2026-11-21T03:00:00Z\"", 1);
    expect(rule, "\"a\":1,\"timestamp\":\"2026-11-21T03:00:00+09:00\"", 0);
}

static void
what_cannot_be_honoured_is_refused_with_its_line(void **state)
{
    static const struct { const char *own, *reason; } cases[] = {
        { "{w: {v|sqli: 1}, condition: w}",
          "a.yml:7: a check for an attack takes true or false" },
        { "{w: {v|sqli: [true]}, condition: w}",
          "a.yml:7: a check for an attack takes true or false" },
        { "{w: {v|contains|sqli: true}, condition: w}",
          "a.yml:7: modifier \"sqli\" stands alone" },
        { "{w: {v|base64|xss: true}, condition: w}", "a.yml:7: modifier \"xss\" stands alone" },
        { "{w: {v|neq|sqli: true}, condition: w}", "a.yml:7: modifier \"sqli\" stands alone" },
        { "{w: {v|re|sqli: true}, condition: w}", "a.yml:7: modifier \"sqli\" stands alone" },
        { "{w: {v|sqli|all: true}, condition: w}",
          "a.yml:7: modifier \"all\" cannot follow a check for an attack" },
        { "{w: {v|sqli|xss: true}, condition: w}",
          "a.yml:7: modifier \"xss\" cannot follow a check for an attack" },
        { "{w: {'|sqli': true}, condition: w}",
          "a.yml:7: keywords do not go with this modifier" },
        { "{w: {v|sqlj: true}, condition: w}", "a.yml:7: unknown modifier \"sqlj\"" },
        { "{w: {v|sqli: true}}",
          "a.yml:7: bongsu.detection must be a map of selections with a condition" },
        { "{condition: s}",
          "a.yml:7: bongsu.detection must be a map of selections with a condition" },
        { "[s]", "a.yml:7: bongsu.detection must be a map of selections with a condition" },
        { "{w: {v|sqli: true}, condition: w and x}",
          "a.yml:7: condition: no such selection at \"x\"" },
        { "{w: {v|sqli: true}, condition: w and 1 of s}",
          "a.yml:7: condition: no selection fits (names that begin with _ are left out) at \"s\"" },
        { "{s: {v|sqli: true}, condition: s}",
          "a.yml:7: the rule has a selection \"s\" already" },
    };
    char rule[400];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(rule, sizeof(rule), RULE(ANY, "%s"), cases[i].own);
        refuses(rule, cases[i].reason);
    }
    refuses("title: T\nlogsource: {product: x}\ndetection: {s: {v|sqli: true}, condition: s}\n",
            "a.yml:3: modifier \"sqli\" is not Sigma's: it stands below bongsu.detection");
    refuses("title: T\ncorrelation: {type: event_count, rules: [x], timespan: 5m,"
            " condition: {gte: 2}}\nbongsu: {detection: {w: {v|sqli: true}, condition: w}}\n",
            "a.yml:3: a correlation takes no bongsu.detection");
}

static void
a_rule_checks_so_many_fields_and_no_more(void **state)
{
    struct buf own = { 0 };
    struct buf rule = { 0 };

    (void)state;
    for (int count = 16; count <= 17; count++) {
        own.len = rule.len = 0;
        for (int i = 0; i < count; i++)
            assert_int_equal(buf_printf(&own, "%sv%d|sqli: true", i == 0 ? "" : ", ", i), 0);
        assert_int_equal(buf_printf(&rule, RULE(ANY, "{w: {%s}, condition: w}"), own.ptr), 0);
        if (count == 16)
            expect(rule.ptr, "\"a\":1,\"v0\":\"" SQLI "\"", 0);
        else
            refuses(rule.ptr, "a.yml:7: a rule checks at most 16 fields for attacks");
    }
    buf_release(&own);
    buf_release(&rule);
}

/* What a rule counts is seen by its text_hash: windows of another one are not its own. */
static void
another_check_makes_another_rule(void **state)
{
    static const char *const texts[] = {
        RULE(ANY, "{w: {v|sqli: true}, condition: w}"),
        RULE(ANY, "{w: {v|xss: true}, condition: w}"),
        RULE(ANY, "{w: {v|sqli: true}, condition: not w}"),
        "title: T\nid: t\nlogsource: {product: x}\ndetection: " ANY "\n"
        "bongsu: {any_source: true}\n",
        "title: T\nid: t\nlogsource: {product: x}\ndetection: " ANY "\n"
        "bongsu: {any_source: true, checks: [{sqli: [v]}]}\n",
        "title: T\nid: t\nlogsource: {product: x}\ndetection: " ANY "\n"
        "bongsu: {any_source: true, checks: [{sqli: [w]}]}\n",
    };
    enum { COUNT = sizeof(texts) / sizeof(texts[0]) };
    uint64_t hashes[COUNT];

    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        struct ruleset *rules = load(texts[i]);

        assert_int_equal(ruleset_count(rules), 1);
        hashes[i] = ruleset_rule(rules, 0)->text_hash;
        for (size_t j = 0; j < i; j++)
            assert_true(hashes[i] != hashes[j]);
        ruleset_destroy(&rules);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_check_finds_its_own_attack_in_its_own_field),
        cmocka_unit_test(parameters_of_a_query_are_decoded_and_looked_at_one_by_one),
        cmocka_unit_test(lines_and_prose_are_read_as_such_whatever_the_rule_calls_them),
        cmocka_unit_test(checks_go_with_and_or_not_and_the_selections_of_the_rule),
        cmocka_unit_test(false_asks_that_there_is_no_attack_and_of_what_is_absent_there_is_none),
        cmocka_unit_test(a_check_of_absence_alone_is_not_heard_of_every_event),
        cmocka_unit_test(patterns_stand_for_what_is_below_bongsu_alone),
        cmocka_unit_test(of_a_list_of_conditions_one_must_hold),
        cmocka_unit_test(hours_there_are_those_of_the_rules_zone),
        cmocka_unit_test(what_cannot_be_honoured_is_refused_with_its_line),
        cmocka_unit_test(a_rule_checks_so_many_fields_and_no_more),
        cmocka_unit_test(another_check_makes_another_rule),
    };
    struct err err = { "" };

    setenv("TZ", "Asia/Seoul", 1);
    if (timestamp_init(&err) != 0) {
        print_error("%s\n", err.text);
        return 1;
    }
    return cmocka_run_group_tests_name("sigma_attacks", tests, NULL, NULL);
}
