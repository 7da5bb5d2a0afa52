/*
 * test_sigma_filter.c - Sigma filters: what they are for, what they take, what is refused
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

#define RULE(id, source, detection) \
    "title: Rule " id "\nid: " id "\nname: name_" id "\nlogsource: {" source "}\n" \
    "detection: " detection "\n"
#define ONE RULE("one", "product: x, category: c", "{s: {a: 1}, condition: s}")
#define FILTER(source, map) \
    "title: F\nid: f\nlogsource: {" source "}\nfilter: " map "\n"

/* A file's text each, up to NULL: named a.yml, b.yml and so on. */
static struct ruleset *
load(const char *const *files)
{
    struct ruleset *rules = ruleset_new();
    struct err err = { "" };
    char name[] = "a.yml";

    assert_non_null(rules);
    for (; *files != NULL; files++, name[0]++)
        assert_int_equal(ruleset_add(rules, name, *files, strlen(*files)), 0);
    if (ruleset_link(rules, &err) != 0)
        fail_msg("%s", err.text);
    return rules;
}

#define LOAD(...) load((const char *const[]){ __VA_ARGS__, NULL })

static struct ruleset *
load_fine(const char *rule, const char *filter)
{
    struct ruleset *rules = LOAD(rule, filter);

    if (ruleset_refused_count(rules) > 0)
        fail_msg("%s", ruleset_refused(rules, 0));
    return rules;
}

struct taking {
    struct ruleset *rules;
    int64_t received_us;
    size_t found, taken;
    uint32_t by;
};

static void
judge(void *ctx, const struct event *ev)
{
    struct taking *taking = ctx;
    struct event event = *ev;
    const uint32_t *numbers;

    event.received_us = taking->received_us;
    taking->found = matcher_match(ruleset_matcher(taking->rules), &event, &numbers);
    taking->taken = matcher_taken(ruleset_matcher(taking->rules), &numbers);
    taking->by = taking->taken > 0 ? numbers[0] : UINT32_MAX;
}

static struct taking
ask(struct ruleset *rules, int64_t received_us, const char *fields)
{
    struct taking taking = { .rules = rules, .received_us = received_us };
    char json[600];

    snprintf(json, sizeof(json), "{\"event_type\":\"t\",%s}", fields);
    match_case_send(json, judge, &taking);
    return taking;
}

/* The rule and the filter, two files; how many rules match of each event. */
static void
expect(const char *rule, const char *filter, const char *fields, size_t found)
{
    struct ruleset *rules = load_fine(rule, filter);
    struct taking taking = ask(rules, 1, fields);

    if (taking.found != found)
        fail_msg("%s\n%s on %s: %zu", rule, filter, fields, taking.found);
    ruleset_destroy(&rules);
}

/* Refused at this line of this file, and the rule is in use all the same. */
static void
refuses(const char *rule, const char *filter, const char *reason)
{
    struct ruleset *rules = LOAD(rule, filter);

    assert_int_equal(ruleset_refused_count(rules), 1);
    if (strncmp(ruleset_refused(rules, 0), reason, strlen(reason)) != 0)
        fail_msg("\"%s\" is not \"%s\"", ruleset_refused(rules, 0), reason);
    assert_true(ruleset_count(rules) > 0);
    assert_int_equal(ruleset_filter_count(rules), 0);
    assert_int_equal(ask(rules, 1, "\"a\":1,\"b\":1").found, 1);
    ruleset_destroy(&rules);
}

static void
a_filter_keeps_what_it_selects_from_the_rules_that_it_names(void **state)
{
    static const char filter[] =
        FILTER("product: x", "{rules: [one], s: {b: 1}, condition: not s}");

    (void)state;
    expect(ONE, filter, "\"a\":1", 1);
    expect(ONE, filter, "\"a\":1,\"b\":1", 0);
    expect(ONE, filter, "\"a\":2", 0);
    expect(ONE "---\n" RULE("two", "product: x", "{s: {a: 1}, condition: s}"), filter,
           "\"a\":1,\"b\":1", 1);
}

static void
rules_are_named_by_id_or_name_alone_or_in_a_list(void **state)
{
    static const char *const rules[] = { "one", "name_one", "[name_one]", "any", "ANY" };
    char filter[300];

    (void)state;
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        snprintf(filter, sizeof(filter), "title: F\nlogsource: {}\n"
                 "filter: {rules: %s, s: {b: 1}, condition: not s}\n", rules[i]);
        expect(ONE, filter, "\"a\":1,\"b\":1", 0);
    }
}

/* pySigma and rsigma too: the condition is ANDed as it stands. */
static void
the_example_of_the_specification_keeps_all_else_away_and_is_noted(void **state)
{
    struct ruleset *rules = load_fine(ONE,
                                      "title: F\nlogsource: {product: x}\nfilter:\n"
                                      "  rules: [one]\n"
                                      "  selection: {User|startswith: 'adm_'}\n"
                                      "  condition: selection\n");

    (void)state;
    assert_int_equal(ask(rules, 1, "\"a\":1,\"User\":\"adm_kim\"").found, 1);
    assert_int_equal(ask(rules, 1, "\"a\":1,\"User\":\"kim\"").found, 0);
    assert_int_equal(ruleset_note_count(rules), 1);
    assert_non_null(strstr(ruleset_note(rules, 0), "b.yml:6: the filter's condition is not a "
                           "negation"));
    ruleset_destroy(&rules);
}

static void
what_is_a_negation_is_not_noted(void **state)
{
    static const struct { const char *condition; size_t notes; } rows[] = {
        { "not s", 0 }, { "not 1 of them", 0 }, { "not (s and t)", 0 }, { "not s or t", 0 },
        { "[s, not t]", 0 }, { "s", 1 }, { "not not s", 1 }, { "s and not t", 1 },
        { "1 of them", 1 }, { "[s, t]", 1 },
    };
    char filter[300];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ruleset *rules;

        snprintf(filter, sizeof(filter), "title: F\nlogsource: {}\nfilter: {rules: any, "
                 "s: {b: 1}, t: {c: 1}, condition: %s}\n", rows[i].condition);
        rules = load_fine(ONE, filter);
        if (ruleset_note_count(rules) != rows[i].notes)
            fail_msg("%s", rows[i].condition);
        ruleset_destroy(&rules);
    }
}

static void
names_of_selections_do_not_meet(void **state)
{
    static const char rule[] = RULE("one", "product: x", "{s: {a: 1}, condition: s}");

    (void)state;
    expect(rule, FILTER("product: x", "{rules: any, s: {a: 2}, condition: not s}"),
           "\"a\":1", 1);
    expect(rule, FILTER("product: x", "{rules: any, s: {b: 2}, condition: not s}"),
           "\"a\":1,\"b\":2", 0);
}

static void
them_and_patterns_are_the_own_selections_of_each(void **state)
{
    static const char all[] = RULE("one", "product: x",
                                   "{s: {a: 1}, t: {b: 1}, condition: all of them}");
    static const char one[] = RULE("one", "product: x",
                                   "{s: {a: 1}, t: {b: 1}, condition: 1 of them}");
    static const char filter[] =
        FILTER("product: x", "{rules: any, sf: {c: 1}, sg: {d: 1}, condition: not 1 of them}");
    static const char pattern[] =
        FILTER("product: x", "{rules: any, sf: {c: 1}, sg: {d: 1}, condition: not all of s*}");

    (void)state;
    expect(all, filter, "\"a\":1,\"b\":1", 1);
    expect(all, filter, "\"a\":1,\"b\":1,\"d\":1", 0);
    expect(one, filter, "\"c\":1", 0);
    expect(one, filter, "\"b\":1", 1);
    expect(one, filter, "\"b\":1,\"c\":1", 0);
    expect(one, pattern, "\"b\":1,\"c\":1", 1);
    expect(one, pattern, "\"b\":1,\"c\":1,\"d\":1", 0);
}

/* "a or b" and the filter: not "a or (b and the filter)". */
static void
the_whole_of_a_rules_conditions_is_narrowed(void **state)
{
    static const char filter[] = FILTER("product: x", "{rules: any, f: {c: 1}, condition: not f}");

    (void)state;
    expect(RULE("one", "product: x", "{s: {a: 1}, t: {b: 1}, condition: s or t}"), filter,
           "\"a\":1,\"c\":1", 0);
    expect(RULE("one", "product: x", "{s: {a: 1}, t: {b: 1}, condition: [s, t]}"), filter,
           "\"b\":1,\"c\":1", 0);
    expect(RULE("one", "product: x", "{s: {a: 1}, condition: not s}"), filter,
           "\"product\":\"x\",\"c\":1", 0);
}

static void
any_is_for_the_rules_whose_logsource_it_contains(void **state)
{
    static const struct { const char *source; size_t rules; } rows[] = {
        { "", 3 }, { "product: x", 2 }, { "product: X", 2 }, { "category: c", 1 },
        { "product: x, category: c", 1 }, { "service: v", 0 }, { "product: y", 1 },
    };
    static const char three[] =
        ONE "---\n" RULE("two", "product: x", "{s: {a: 1}, condition: s}")
        "---\n" RULE("three", "product: y", "{s: {a: 1}, condition: s}");
    char filter[300];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ruleset *rules;

        snprintf(filter, sizeof(filter), "title: F\nlogsource: {%s}\n"
                 "filter: {rules: any, s: {b: 1}, condition: not s}\n", rows[i].source);
        rules = load_fine(three, filter);
        if (ruleset_filter(rules, 0)->rule_count != rows[i].rules)
            fail_msg("%s: %zu", rows[i].source, ruleset_filter(rules, 0)->rule_count);
        assert_int_equal(ruleset_note_count(rules), rows[i].rules == 0);
        ruleset_destroy(&rules);
    }
}

static void
fields_are_called_as_in_the_rules_logsource(void **state)
{
    static const char rule[] = RULE("one", "product: windows, category: process_creation",
                                    "{s: {Image: /a}, condition: s}");
    struct ruleset *rules =
        load_fine(rule, FILTER("", "{rules: any, s: {CommandLine: go}, condition: not s}"));

    (void)state;
    assert_int_equal(ask(rules, 1, "\"process.executable\":\"/a\"").found, 1);
    assert_int_equal(ask(rules, 1, "\"process.executable\":\"/a\","
                         "\"process.command_line\":\"go\"").found, 0);
    ruleset_destroy(&rules);
}

static void
what_a_filter_cannot_be_for_is_refused_and_its_rule_is_not(void **state)
{
    static const char correlated[] =
        ONE "---\ntitle: C\nid: cor\ncorrelation: {type: event_count, rules: [one], "
        "group-by: [a], timespan: 1m, condition: {gte: 2}}\n";

    (void)state;
    refuses(ONE, "title: F\nid: f\nlogsource: {}\nfilter:\n  rules:\n    - one\n    - two\n"
            "  s: {b: 1}\n  condition: not s\n", "b.yml:7: no such rule is in use: \"two\"");
    refuses(correlated, FILTER("", "{rules: cor, s: {b: 1}, condition: not s}"),
            "b.yml:4: \"cor\" is a correlation");
    refuses(ONE, FILTER("product: y", "{rules: one, s: {b: 1}, condition: not s}"),
            "b.yml:4: the filter's logsource does not contain that of \"one\"");
    refuses(ONE, FILTER("product: x, service: v", "{rules: one, s: {b: 1}, condition: not s}"),
            "b.yml:4: the filter's logsource does not contain");
}

static void
a_filter_that_is_wrong_is_refused_and_its_rule_is_not(void **state)
{
    static const struct { const char *text, *reason; } rows[] = {
        { "title: F\nlogsource: {}\nfilter: 1\n", "b.yml:3: \"filter\" must be a map" },
        { "title: F\nlogsource: {}\nfilter: {s: {b: 1}, condition: not s}\n",
          "b.yml:3: \"filter.rules\" is missing" },
        { "title: F\nlogsource: {}\nfilter: {rules: [], s: {b: 1}, condition: not s}\n",
          "b.yml:3: filter.rules must name" },
        { "title: F\nlogsource: {}\nfilter: {rules: [1], s: {b: 1}, condition: not s}\n",
          "b.yml:3: filter.rules must be" },
        { "title: F\nlogsource: {}\nfilter: {rules: [one, one], s: {b: 1}, condition: not s}\n",
          "b.yml:3: filter.rules names \"one\" twice" },
        { "title: F\nlogsource: {}\nfilter: {rules: any, s: {b: 1}}\n",
          "b.yml:3: \"condition\" is missing" },
        { "title: F\nlogsource: {}\nfilter: {rules: any, s: {b: 1}, condition: not t}\n",
          "b.yml:3: condition: no such selection" },
        { "title: F\nlogsource: {}\nfilter: {rules: any, s: {b|nope: 1}, condition: not s}\n",
          "b.yml:3: " },
        { "title: F\nlogsource: {}\nfilter: {rules: any, s: {b|re: '('}, condition: not s}\n",
          "b.yml:3: " },
        { "title: F\nlogsource: {}\nfilter: {rules: any, s: {b|expand: '%X%'}, "
          "condition: not s}\n", "b.yml:3: " },
        { "title: F\nfilter: {rules: any, s: {b: 1}, condition: not s}\n",
          "b.yml:1: \"logsource\" must be a map" },
        { "id: f\nlogsource: {}\nfilter: {rules: any, s: {b: 1}, condition: not s}\n",
          "b.yml:1: \"title\" is missing" },
        { "title: F\nlogsource: {}\ndetection: {s: {a: 1}, condition: s}\n"
          "filter: {rules: any, s: {b: 1}, condition: not s}\n",
          "b.yml:3: a filter takes no \"detection\"" },
        { "title: F\nlogsource: {}\nfilter: {rules: any, s: {b: 1}, condition: not s}\n"
          "bongsu: {expires: tomorrow}\n", "b.yml:4: bongsu.expires must be a day" },
        { "title: F\nlogsource: {}\nfilter: {rules: any, s: {b: 1}, condition: not s}\n"
          "bongsu: {expire: 2026-12-31}\n", "b.yml:4: unknown key \"bongsu.expire\"" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        refuses(ONE, rows[i].text, rows[i].reason);
}

static void
a_bad_filter_in_the_file_of_its_rule_leaves_the_rule(void **state)
{
    struct ruleset *rules =
        LOAD(ONE "---\n" FILTER("", "{rules: [gone], s: {b: 1}, condition: not s}")
             "---\n" FILTER("", "{rules: 7}"));

    (void)state;
    assert_int_equal(ruleset_refused_count(rules), 2);
    assert_int_equal(ruleset_count(rules), 1);
    assert_int_equal(ask(rules, 1, "\"a\":1").found, 1);
    ruleset_destroy(&rules);
}

static void
of_two_filters_with_one_id_the_second_is_refused(void **state)
{
    struct ruleset *rules =
        LOAD(ONE, FILTER("", "{rules: any, s: {b: 1}, condition: not s}"),
             FILTER("", "{rules: any, s: {c: 1}, condition: not s}"));

    (void)state;
    assert_int_equal(ruleset_refused_count(rules), 1);
    assert_string_equal(ruleset_refused(rules, 0),
                        "c.yml:1: the id is that of b.yml:1 already");
    assert_int_equal(ruleset_filter_count(rules), 1);
    ruleset_destroy(&rules);
}

static void
the_file_of_the_filter_may_come_first(void **state)
{
    struct ruleset *rules =
        load_fine(FILTER("", "{rules: [one], s: {b: 1}, condition: not s}"), ONE);

    (void)state;
    assert_int_equal(ask(rules, 1, "\"a\":1").found, 1);
    assert_int_equal(ask(rules, 1, "\"a\":1,\"b\":1").found, 0);
    ruleset_destroy(&rules);
}

static void
who_took_a_rule_is_told_and_the_first_filter_is_it(void **state)
{
    struct ruleset *rules =
        load_fine(ONE "---\n" RULE("two", "product: x", "{s: {a: 1}, condition: s}"),
                  "title: F\nid: f\nlogsource: {}\n"
                  "filter: {rules: [one], s: {b: 1}, condition: not s}\n---\n"
                  "title: G\nid: g\nlogsource: {}\n"
                  "filter: {rules: any, s: {b: 1}, condition: not s}\n");
    struct taking taking = ask(rules, 1, "\"a\":1,\"b\":1");

    (void)state;
    assert_int_equal(taking.found, 0);
    assert_int_equal(taking.taken, 2);
    assert_int_equal(taking.by, 0);
    assert_int_equal(ask(rules, 1, "\"a\":1").taken, 0);
    assert_int_equal(ask(rules, 1, "\"b\":1").taken, 0);
    ruleset_destroy(&rules);
}

/* The day that is given is still of it, in the site's zone (Seoul). */
static void
a_filter_ends_when_it_says_by_when_events_are_received(void **state)
{
    static const struct { const char *expires, *last; } rows[] = {
        { "2026-12-31", "2026-12-31T23:59:59.999999+09:00" },
        { "2026-12-31T12:00:00Z", "2026-12-31T11:59:59.999999Z" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ruleset *rules;
        char filter[300];
        int64_t last_us;

        snprintf(filter, sizeof(filter),
                 FILTER("", "{rules: any, s: {b: 1}, condition: not s}")
                 "bongsu: {expires: %s}\n", rows[i].expires);
        assert_int_equal(timestamp_parse(text_of(rows[i].last), &last_us, NULL), 0);
        rules = load_fine(ONE, filter);
        assert_int_equal(ask(rules, last_us, "\"a\":1,\"b\":1").found, 0);
        assert_int_equal(ask(rules, last_us + 1, "\"a\":1,\"b\":1").found, 1);
        assert_int_equal(ask(rules, last_us + 1, "\"a\":1,\"b\":1").taken, 0);
        ruleset_destroy(&rules);
    }
}

static void
a_thousand_filters_are_enough(void **state)
{
    struct ruleset *rules = ruleset_new();
    struct err err = { "" };
    char text[300];

    (void)state;
    assert_int_equal(ruleset_add(rules, "a.yml", ONE, strlen(ONE)), 0);
    for (int i = 0; i <= RULESET_MAX_FILTERS; i++) {
        snprintf(text, sizeof(text), "title: F%d\nlogsource: {}\n"
                 "filter: {rules: any, s: {b: %d}, condition: not s}\n", i, i);
        assert_int_equal(ruleset_add(rules, "b.yml", text, strlen(text)), 0);
    }
    assert_int_equal(ruleset_link(rules, &err), 0);
    assert_int_equal(ruleset_filter_count(rules), RULESET_MAX_FILTERS);
    assert_int_equal(ruleset_refused_count(rules), 1);
    assert_string_equal(ruleset_refused(rules, 0), "b.yml:1: more than 1000 filters");
    assert_int_equal(ask(rules, 1, "\"a\":1,\"b\":999").found, 0);
    assert_int_equal(ask(rules, 1, "\"a\":1,\"b\":1000").found, 1);
    ruleset_destroy(&rules);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_filter_keeps_what_it_selects_from_the_rules_that_it_names),
        cmocka_unit_test(rules_are_named_by_id_or_name_alone_or_in_a_list),
        cmocka_unit_test(the_example_of_the_specification_keeps_all_else_away_and_is_noted),
        cmocka_unit_test(what_is_a_negation_is_not_noted),
        cmocka_unit_test(names_of_selections_do_not_meet),
        cmocka_unit_test(them_and_patterns_are_the_own_selections_of_each),
        cmocka_unit_test(the_whole_of_a_rules_conditions_is_narrowed),
        cmocka_unit_test(any_is_for_the_rules_whose_logsource_it_contains),
        cmocka_unit_test(fields_are_called_as_in_the_rules_logsource),
        cmocka_unit_test(what_a_filter_cannot_be_for_is_refused_and_its_rule_is_not),
        cmocka_unit_test(a_filter_that_is_wrong_is_refused_and_its_rule_is_not),
        cmocka_unit_test(a_bad_filter_in_the_file_of_its_rule_leaves_the_rule),
        cmocka_unit_test(of_two_filters_with_one_id_the_second_is_refused),
        cmocka_unit_test(the_file_of_the_filter_may_come_first),
        cmocka_unit_test(who_took_a_rule_is_told_and_the_first_filter_is_it),
        cmocka_unit_test(a_filter_ends_when_it_says_by_when_events_are_received),
        cmocka_unit_test(a_thousand_filters_are_enough),
    };

    setenv("TZ", "Asia/Seoul", 1);
    assert_int_equal(timestamp_init(NULL), 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
