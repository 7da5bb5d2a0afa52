#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "detector/ruleset/ruleset.h"

#define CORPORA "../shared/corpora"

/* A whole rule around the lines of a detection or a correlation. */
#define RULE(name, body) "title: T\nid: " name "\nlogsource: {product: x}\nlevel: high\n" body
#define DETECTION(body) RULE("one", "detection:\n" body)
#define BASE RULE("base", "detection:\n  sel: {a: 1}\n  condition: sel\n")
#define CORRELATION(body) BASE "---\ntitle: C\nid: cor\nlevel: low\ncorrelation:\n" body

static struct ruleset *
load(const char *text)
{
    struct ruleset *rules = ruleset_new();
    struct err err = { "" };

    assert_non_null(rules);
    assert_int_equal(ruleset_add(rules, "x.yml", text, strlen(text)), 0);
    if (ruleset_link(rules, &err) != 0)
        fail_msg("%s", err.text);
    return rules;
}

static void
accepts(const char *text, size_t count)
{
    struct ruleset *rules = load(text);

    if (ruleset_refused_count(rules) > 0)
        fail_msg("%s", ruleset_refused(rules, 0));
    assert_int_equal(ruleset_count(rules), count);
    ruleset_destroy(&rules);
}

/* Refused at this line, for this reason. */
static void
refuses(const char *text, int line, const char *reason)
{
    struct ruleset *rules = load(text);
    char where[32];

    assert_int_equal(ruleset_refused_count(rules), 1);
    snprintf(where, sizeof(where), "x.yml:%d: ", line);
    if (strncmp(ruleset_refused(rules, 0), where, strlen(where)) != 0 ||
        strstr(ruleset_refused(rules, 0), reason) == NULL)
        fail_msg("\"%s\" is not \"%s... %s\"", ruleset_refused(rules, 0), where, reason);
    ruleset_destroy(&rules);
}

static void
reads_what_a_rule_says(void **state)
{
    struct ruleset *rules = load(
        "title: Spray\nid: 11111111-2222-3333-4444-555555555555\nname: spray\nlevel: critical\n"
        "tags: [attack.t1110, attack.credential-access]\n"
        "logsource: {product: linux, category: auth, service: sshd}\n"
        "detection:\n  sel:\n    user|contains|all: [a, b]\n  condition: sel\n"
        "bongsu: {suppress: 2h, summary: \"{title}: {count}\", checks: [{sqli: [q]}]}\n");
    const struct sigma_rule *rule;

    (void)state;
    assert_int_equal(ruleset_refused_count(rules), 0);
    rule = &ruleset_rule(rules, 0)->sigma;
    assert_string_equal(rule->id, "11111111-2222-3333-4444-555555555555");
    assert_string_equal(rule->name, "spray");
    assert_string_equal(rule->level, "critical");
    assert_int_equal(rule->severity, SEVERITY_CRITICAL);
    assert_int_equal(rule->tag_count, 2);
    assert_string_equal(rule->tags[0], "attack.t1110");
    assert_true(text_is(rule->logsource.service, "sshd"));
    assert_int_equal(rule->suppress_us, INT64_C(7200) * 1000000);
    assert_int_equal(rule->check_count, 1);
    assert_int_equal(rule->selections[0].groups[0].items[0].value_count, 2);
    assert_true(rule->selections[0].groups[0].items[0].is_all);
    ruleset_destroy(&rules);
}

/* An incident of a rule with more would be refused by the indexer. */
static void
more_tags_than_an_incident_holds_are_refused(void **state)
{
    struct buf text = { 0 };

    (void)state;
    buf_append_str(&text, "title: x\ntags: [a");
    for (int i = 0; i < 64; i++)
        buf_append_str(&text, ", a");
    buf_append_str(&text, "]\n");
    refuses(text.ptr, 2, "at most 64 texts");
    buf_release(&text);
}

static void
timespans_are_a_number_and_a_unit(void **state)
{
    int64_t us = 0;

    (void)state;
    assert_int_equal(sigma_timespan_parse(text_of("5m"), &us), 0);
    assert_int_equal(us, INT64_C(300) * 1000000);
    assert_int_equal(sigma_timespan_parse(text_of("1w"), &us), 0);
    assert_int_equal(us, INT64_C(604800) * 1000000);
    assert_int_equal(sigma_timespan_parse(text_of("366d"), &us), 0);
    assert_int_equal(sigma_timespan_parse(text_of("367d"), &us), -1);
    assert_int_equal(sigma_timespan_parse(text_of("0s"), &us), -1);
    assert_int_equal(sigma_timespan_parse(text_of("5"), &us), -1);
    assert_int_equal(sigma_timespan_parse(text_of("m"), &us), -1);
    assert_int_equal(sigma_timespan_parse(text_of("5M"), &us), -1);
    assert_int_equal(sigma_timespan_parse(text_of("-5m"), &us), -1);
    assert_int_equal(sigma_timespan_parse(text_of("9999999999999999999s"), &us), -1);
}

static void
rules_that_cannot_be_honoured_are_refused_with_line_and_reason(void **state)
{
    (void)state;
    refuses("- a\n", 1, "a rule must be a map");
    refuses("id: x\ndetection: {}\n", 1, "\"title\" is missing");
    refuses("title: x\n", 1, "needs either detection or correlation");
    refuses("title: x\nlevel: severe\n", 2, "unknown level");
    refuses("title: x\naction: global\n", 2, "not Sigma 2");
    refuses("title: x\nfilter: {}\n", 2, "\"filter.rules\" is missing");
    refuses("title: x\ndetection: {s: {a: 1}, condition: s}\n", 1, "\"logsource\"");
    refuses(DETECTION("  s: {a: 1}\n"), 5, "\"condition\" is missing");
    refuses(DETECTION("  s: {a: 1}\n  condition: t\n"), 7, "no such selection at \"t\"");
    refuses(DETECTION("  s: {a: 1}\n  timeframe: 5m\n  condition: s\n"), 7, "timeframe");
    refuses(DETECTION("  s: {}\n  condition: s\n"), 6, "1 to 1000 fields");
    refuses(DETECTION("  s: {a: []}\n  condition: s\n"), 6, "1 to 20000 values");
    refuses(DETECTION("  s:\n    a: {b: c}\n  condition: s\n"), 7,
            "a text, a number or null");
    refuses(DETECTION("  s:\n    - [a]\n  condition: s\n"), 7, "maps and keywords");
    refuses(RULE("one", "bongsu: {first_seen: {within: 1d}}\n"
                 "detection: {s: {a: 1}, condition: s}\n"), 5, "first_seen needs fields");
    refuses(RULE("one", "bongsu: {first_seen: {fields: a, within: 30}}\n"
                 "detection: {s: {a: 1}, condition: s}\n"), 5,
            "first_seen.within must be a time");
    refuses(RULE("one", "bongsu: {first_seen: {fields: a, lern: 7d}}\n"
                 "detection: {s: {a: 1}, condition: s}\n"), 5,
            "unknown key \"first_seen.lern\"");
    refuses(RULE("one", "bongsu: {alert: sometimes}\n"
                 "detection: {s: {a: 1}, condition: s}\n"), 5,
            "bongsu.alert must be true or false");
    refuses(RULE("one", "bongsu: {supress: 1h}\ndetection: {s: {a: 1}, condition: s}\n"),
            5,
            "unknown key \"bongsu.supress\"");
    refuses(RULE("one",
                 "bongsu: {checks: [{xxe: [a]}]}\ndetection: {s: {a: 1}, condition: s}\n"),
            5, "unknown check \"xxe\"");
    refuses(RULE("one",
                 "bongsu: {summary: \"{who}\"}\ndetection: {s: {a: 1}, condition: s}\n"),
            1, "cannot know \"who\"");
    refuses("title: [\n", 2, "");
}

static void
modifiers_that_are_unknown_or_misplaced_are_refused(void **state)
{
    static const struct { const char *item, *reason; } rows[] = {
        { "a|fuzzy: x",              "unknown modifier \"fuzzy\"" },
        { "a|: x",                   "unknown modifier \"\"" },
        { "a|expand: '%x%'",         "placeholder \"%x%\" is not known" },
        { "a|contains|base64: x",    "must stand before contains" },
        { "a|base64: 'x*'",          "with wildcards cannot be encoded" },
        { "a|base64offset: 'x?'",    "with wildcards cannot be encoded" },
        { "a|base64offset: x",       "too short for base64offset" },
        { "a|wide: x",               "base64 or base64offset must follow" },
        { "a|utf16|contains: x",     "base64 or base64offset must follow" },
        { "a|wide|wide|base64: x",   "cannot follow UTF-16" },
        { "a|base64|wide|windash: x", "cannot follow UTF-16" },
        { "a|windash|re: x",         "does not go with the modifier before" },
        { "a|base64|cidr: x",        "does not go with the modifier before" },
        { "a|re|base64: x",          "needs a plain text value" },
        { "a|re|expand: '%x%'",      "needs a plain text value" },
        { "a|hour|base64: 1",        "needs a plain text value" },
        { "a|base64|hour: 1",        "must be the first modifier" },
        { "a|exact|contains: x",     "does not go with the modifier before" },
        { "a|contains|exact: x",     "does not go with the modifier before" },
        { "a|contains|endswith: x",  "does not go with the modifier before" },
        { "a|contains|fieldref: b",  "does not go with the modifier before" },
        { "a|cased|fieldref: b",     "does not go with the modifier before" },
        { "a|fieldref|windash: b",   "needs a plain text value" },
        { "a|fieldref: 'b*'",        "the name of a field has no wildcards" },
        { "a|fieldref: 5",           "fieldref takes the name of a field" },
        { "a|fieldref: ''",          "fieldref takes the name of a field" },
        { "a|base64: null",          "null goes with no modifier" },
        { "a|windash: '-a -b -c -d -e -f'", "more than 10,000 texts" },
        { "a|windash: '-a -b -c -d -e -f -g -h -i'", "over 8 dashes" },
        { "'|cidr': 10.0.0.0/8",     "keywords do not go with this modifier" },
        { "'|fieldref': b",          "keywords do not go with this modifier" },
        { "'|exists': true",         "keywords do not go with this modifier" },
        { "'|gt': 5",                "keywords do not go with this modifier" },
        { "'|startswith': x",        "contains is all that goes with them" },
        { "'|exact': x",             "contains is all that goes with them" },
        { "'|hour': 5",              "contains is all that goes with them" },
        { "'': null",                "null is no keyword" },
        { "'': ''",                  "an empty keyword is in every event" },
        { "a|contains|re: x",        "does not go with" },
        { "a|all|re: x",             "must be the first modifier" },
        { "a|i: x",                  "must follow \"re\"" },
        { "a|re|startswith: x",      "needs a plain text value" },
        { "a|cidr|gt: 10.0.0.0/8",   "cannot follow another comparison" },
        { "a|cidr: 10.0.0.0/33",     "is no network" },
        { "a|cidr: 10.0.0/8",        "cidr: \"10.0.0/8\" is no address" },
        { "a|cidr: 10.1.2.3/8",      "cidr: \"10.1.2.3/8\" has bits beyond its prefix" },
        { "a|cidr: 10.0.0.0/",       "is no network" },
        { "a|cidr: ''",              "is no address" },
        { "a|cidr: 5",               "must be a text" },
        { "a|exists: maybe",         "true or false" },
        { "a|exists: [true, false]", "one value" },
        { "a|gt: many",              "a number is needed" },
        { "a|hour: noon",            "a number is needed" },
        { "a|contains: null",        "null goes with no modifier" },
        { "a|re: '('",               "regular expression: " },
        { "a|re: ''",                "regular expression must be" },
        { "a|hour|contains: 1",      "needs a plain text value" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[400];

        snprintf(text, sizeof(text), DETECTION("  s:\n    %s\n  condition: s\n"),
                 rows[i].item);
        refuses(text, 7, rows[i].reason);
    }
}

static void
correlations_are_checked(void **state)
{
    static const struct { const char *body, *reason; } rows[] = {
        { "timespan: 5m, type: event_count, rules: base", "needs a condition" },
        { "timespan: 5m, rules: base", "needs a type" },
        { "type: value_avg, timespan: 5m, rules: base, condition: {gte: 2, field: [a, b]}",
          "one field, not several" },
        { "type: value_avg, timespan: 5m, rules: base, condition: {gte: 2}",
          "needs a field" },
        { "type: value_avg, timespan: 5m, rules: base, condition: {gte: 2e12, field: a}",
          "a number up to 1e12" },
        { "type: value_median, timespan: 5m, rules: base,"
          " condition: {gte: 2, field: a, percentile: 5}", "takes no percentile" },
        { "type: value_percentile, timespan: 5m, rules: base, condition: {gte: 2, field: a}",
          "needs a percentile" },
        { "type: value_percentile, timespan: 5m, rules: base,"
          " condition: {gte: 2, field: a, percentile: 101}", "from 0 to 100" },
        { "type: temporal, timespan: 5m, rules: base, condition: {gte: 2}",
          "asks for 2 of 1" },
        { "type: temporal_ordered, timespan: 5m, rules: [base, other], condition: {gte: 1}",
          "wants all of its rules" },
        { "type: temporal, timespan: 5m, rules: [base, base]", "two steps are the same" },
        { "type: temporal, timespan: 5m, rules: [base, cor]", "in a circle" },
        { "type: temporal, timespan: 5m, rules: base, group-by: a,"
          " aliases: {a: {nobody: b}}", "not referred to: \"nobody\"" },
        { "type: temporal, timespan: 5m, rules: base, group-by: a,"
          " aliases: {b: {base: b}}", "not in group-by" },
        { "type: temporal, timespan: 5m, rules: base, group-by: a,"
          " aliases: {a: {base: 5}}", "must name a field" },
        { "type: temporal, timespan: 5m, rules: base, group-by: a, aliases: {a: {}}",
          "map of rules to fields" },
        { "type: nonsense, timespan: 5m, rules: base, condition: {gte: 2}",
          "unknown type" },
        { "type: event_count, timespan: 5, rules: base, condition: {gte: 2}",
          "timespan must" },
        { "type: event_count, timespan: 5m, condition: {gte: 2}", "needs rules" },
        { "type: event_count, timespan: 5m, rules: nobody, condition: {gte: 2}",
          "there is no rule \"nobody\"" },
        { "type: event_count, timespan: 5m, rules: cor, condition: {gte: 2}",
          "only temporal and" },
        { "type: event_count, timespan: 5m, rules: base, condition: {lt: 1}",
          "so it has one" },
        { "type: event_count, timespan: 5m, rules: base, condition: {lt: 2, gte: 2}",
          "never holds" },
        { "type: event_count, timespan: 5m, rules: base, condition: {eq: 2, neq: 2}",
          "never holds" },
        { "type: event_count, timespan: 5m, rules: base, condition: {eq: 2.5}",
          "never holds" },
        { "type: value_avg, timespan: 5m, rules: base, condition: {gt: 2, lt: 2, field: a}",
          "never holds" },
        { "type: event_count, timespan: 5m, rules: base, condition: {eq: 2, gte: 1}",
          "only one of gt, gte and eq" },
        { "type: event_count, timespan: 5m, rules: base, condition: {lt: 2, lte: 1}",
          "only one of lt, lte and eq" },
        { "type: event_count, timespan: 5m, rules: base, condition: {is: 2}",
          "unknown condition" },
        { "type: temporal_ordered, timespan: 5m, rules: [base, other], condition: {neq: 2}",
          "wants all of its rules" },
        { "type: temporal, timespan: 5m, rules: [base, other], condition: base and nobody",
          "nobody" },
        { "type: temporal, timespan: 5m, rules: [base, other], condition: not base and not other",
          "which no event would show" },
        { "type: temporal, timespan: 5m, rules: [base, other], condition: base or not other",
          "which no event would show" },
        { "type: temporal, timespan: 5m, rules: [base, other],"
          " condition: base and not (base or other)", "can never hold" },
        { "type: temporal, timespan: 5m, rules: [base, other], condition: base",
          "\"other\" is not in it" },
        { "type: temporal, timespan: 5m, rules: [base, other], condition: base and",
          "condition: " },
        { "type: temporal, timespan: 5m, condition: and", "names no rules" },
        { "type: temporal_ordered, timespan: 5m, rules: [base, other],"
          " condition: base and other", "has no order" },
        { "type: event_count, timespan: 5m, rules: base, condition: base", "like {gte: 5}" },
        { "type: event_count, timespan: 5m, rules: base, condition: {gte: 2, gt: 1}",
          "only one" },
        { "type: event_count, timespan: 5m, rules: base, condition: {gte: x}",
          "a number up to 1e12" },
        { "type: event_count, timespan: 5m, rules: base, condition: {gte: 0}",
          "above 0" },
        { "type: event_count, timespan: 5m, rules: base, condition: {gte: 2, field: a}",
          "takes no field" },
        { "type: value_count, timespan: 5m, rules: base, condition: {gte: 2}",
          "needs a field" },
        { "type: value_count, timespan: 5m, rules: base, condition: {gte: 2, field: [a, 5]}",
          "must be names" },
        { "type: value_count, timespan: 5m, rules: base, condition: {gte: 2, field: []}",
          "must name 1 to" },
        { "type: event_count, timespan: 5m, rules: base, condition: {gte: 2}, aliases: {}",
          "aliases" },
        { "type: event_count, timespan: 5m, rules: base, condition: {gte: 2}, window: 1",
          "unknown key \"correlation.window\"" },
        { "type: event_count, timespan: 5m, rules: base, condition: {gte: 2}, generate: 5",
          "true or false" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[600];

        snprintf(text, sizeof(text),
                 BASE "---\ntitle: C\nid: cor\ncorrelation: {%s}\n", rows[i].body);
        refuses(text, 11, rows[i].reason);
    }
    accepts(CORRELATION("  type: event_count\n  rules: [base]\n  timespan: 5m\n"
                        "  condition: {gt: 4}\n"), 2);
    accepts(CORRELATION("  type: event_count\n  rules: [base]\n  timespan: 5m\n"
                        "  condition: {gt: 4, lte: 9, neq: 6}\n"), 2);
    accepts(CORRELATION("  type: temporal\n  timespan: 5m\n  condition: (base or base)\n"),
            2);
}

static void
a_rule_that_is_watched_makes_no_incident_of_its_own(void **state)
{
    struct ruleset *rules = load(CORRELATION("  type: event_count\n  rules: base\n"
                                             "  timespan: 5m\n  condition: {gte: 2}\n"));

    (void)state;
    assert_false(ruleset_rule(rules, 0)->is_alerting);
    assert_int_equal(ruleset_rule(rules, 0)->watcher_count, 1);
    ruleset_destroy(&rules);
    rules = load(CORRELATION("  type: event_count\n  rules: base\n  generate: true\n"
                             "  timespan: 5m\n  condition: {gte: 2}\n"));
    assert_true(ruleset_rule(rules, 0)->is_alerting);
    ruleset_destroy(&rules);
}

static void
an_id_or_name_may_stand_once_only(void **state)
{
    (void)state;
    refuses(BASE "---\n" BASE, 9, "is that of x.yml:1 already");
}

static void
a_refused_document_takes_its_file_with_it(void **state)
{
    struct ruleset *rules = load(BASE "---\ntitle: C\ncorrelation: {type: temporal}\n");

    (void)state;
    assert_int_equal(ruleset_refused_count(rules), 1);
    assert_int_equal(ruleset_count(rules), 0);
    ruleset_destroy(&rules);
}

static void
a_folder_that_is_not_there_or_empty_is_an_error(void **state)
{
    struct err err = { "" };

    (void)state;
    assert_null(ruleset_load("no/such/folder", &err));
    assert_non_null(strstr(err.text, "no/such/folder"));
    assert_null(ruleset_load("detector/rules/none", &err));
}

/* They go into each incident, so not without end; nothing is refused for them. */
static void
author_and_references_are_read_as_far_as_they_fit(void **state)
{
    static char text[8000];
    struct ruleset *rules;
    const struct sigma_rule *rule;
    size_t at;

    (void)state;
    rules = load("author: Kim, Lee\nreferences: [https://a.example/1, \"two\\nlines\", 7, b]\n"
                 BASE "---\nreferences: https://alone.example\n" RULE("two", "detection: {s: {a: 1}, condition: s}\n"));
    assert_int_equal(ruleset_refused_count(rules), 0);
    assert_string_equal(ruleset_rule(rules, 0)->sigma.author, "Kim, Lee");
    assert_string_equal(ruleset_rule(rules, 0)->sigma.references, "https://a.example/1\nb");
    assert_string_equal(ruleset_rule(rules, 1)->sigma.references, "https://alone.example");
    assert_null(ruleset_rule(rules, 1)->sigma.author);
    ruleset_destroy(&rules);

    at = (size_t)snprintf(text, sizeof(text), "author: x");
    for (int i = 0; i < 300; i++)
        at += (size_t)snprintf(text + at, sizeof(text) - at, "\xed\x95\x9c");
    at += (size_t)snprintf(text + at, sizeof(text) - at, "\nreferences:\n");
    for (int i = 0; i < 100; i++)
        at += (size_t)snprintf(text + at, sizeof(text) - at, "  - https://example.com/%040d\n", i);
    snprintf(text + at, sizeof(text) - at, "%s", BASE);
    rules = load(text);
    assert_int_equal(ruleset_refused_count(rules), 0);
    rule = &ruleset_rule(rules, 0)->sigma;
    assert_int_equal(strlen(rule->author), 499);        /* whole letters of three bytes */
    assert_in_range(strlen(rule->references), 1900, 2000);
    assert_null(strstr(rule->references, "0099"));
    ruleset_destroy(&rules);
}

static void
published_rules_load_and_what_does_not_says_why(void **state)
{
    struct err err = { "" };
    struct ruleset *rules = ruleset_load(CORPORA "/sigma/rules", &err);

    (void)state;
    if (rules == NULL) {
        print_message("%s\n", err.text);
        skip();
    }
    print_message("sigma: %zu loaded, %zu refused\n", ruleset_count(rules),
                  ruleset_refused_count(rules));
    for (size_t i = 0; i < ruleset_refused_count(rules); i++)
        if (strstr(ruleset_refused(rules, i), "placeholder") == NULL)
            fail_msg("%s", ruleset_refused(rules, i));
    assert_true(ruleset_count(rules) + ruleset_refused_count(rules) > 3000);
    ruleset_destroy(&rules);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_a_rule_says),
        cmocka_unit_test(more_tags_than_an_incident_holds_are_refused),
        cmocka_unit_test(timespans_are_a_number_and_a_unit),
        cmocka_unit_test(rules_that_cannot_be_honoured_are_refused_with_line_and_reason),
        cmocka_unit_test(modifiers_that_are_unknown_or_misplaced_are_refused),
        cmocka_unit_test(correlations_are_checked),
        cmocka_unit_test(a_rule_that_is_watched_makes_no_incident_of_its_own),
        cmocka_unit_test(an_id_or_name_may_stand_once_only),
        cmocka_unit_test(a_refused_document_takes_its_file_with_it),
        cmocka_unit_test(a_folder_that_is_not_there_or_empty_is_an_error),
        cmocka_unit_test(author_and_references_are_read_as_far_as_they_fit),
        cmocka_unit_test(published_rules_load_and_what_does_not_says_why),
    };

    return cmocka_run_group_tests_name("sigma_rule", tests, NULL, NULL);
}
