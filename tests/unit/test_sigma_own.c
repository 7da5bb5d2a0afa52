/*
 * test_sigma_own.c - bongsu.timezone and bongsu.weight
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

#define HOUR(rest) \
    "title: T\nid: t\nlogsource: {product: x}\n" \
    "detection: {s: {timestamp|hour: 3}, condition: s}\nbongsu:\n  any_source: true\n" rest
#define BASE \
    "title: Base\nid: base\nlogsource: {product: x}\n" \
    "detection: {s: {a: 1}, condition: s}\nbongsu: {any_source: true}\n---\n"
#define COUNT(type, rest) \
    BASE "title: C\nid: c\ncorrelation: {type: " type ", rules: [base], group-by: [source_ip],\n" \
    "  timespan: 5m, condition: {gte: 5" rest

static struct ruleset *
load(const char *text)
{
    struct ruleset *rules = ruleset_new();
    struct err err = { "" };

    assert_non_null(rules);
    ruleset_try(rules, rule_tests_try);
    assert_int_equal(ruleset_add(rules, "a.yml", text, strlen(text)), 0);
    if (ruleset_link(rules, &err) != 0)
        fail_msg("%s", err.text);
    return rules;
}

static void
accepts(const char *text)
{
    struct ruleset *rules = load(text);

    if (ruleset_refused_count(rules) > 0)
        fail_msg("%s", ruleset_refused(rules, 0));
    ruleset_destroy(&rules);
}

static void
refuses(const char *text, const char *reason)
{
    struct ruleset *rules = load(text);

    if (ruleset_refused_count(rules) == 0)
        fail_msg("not refused: %s", reason);
    if (strncmp(ruleset_refused(rules, 0), reason, strlen(reason)) != 0)
        fail_msg("\"%s\" is not \"%s\"", ruleset_refused(rules, 0), reason);
    ruleset_destroy(&rules);
}

/* Of tests with a zone and without: without one they are in the rule's, wherever the
 * site is. */
static void
hours_are_those_of_the_rules_zone(void **state)
{
    static const char *const sites[] = { "UTC", "Asia/Seoul", "America/St_Johns" };

    (void)state;
    for (size_t i = 0; i < sizeof(sites) / sizeof(sites[0]); i++) {
        setenv("TZ", sites[i], 1);
        assert_int_equal(timestamp_init(NULL), 0);
        accepts(HOUR("  timezone: Europe/Berlin\n  tests:\n"
                     "    - start: 2026-11-22T02:00:00Z\n      events: [{event_type: t}]\n"
                     "      incidents: [{count: 1}]\n"
                     "    - start: 2026-11-22T02:59:59+01:00\n      events: [{event_type: t}]\n"
                     "      incidents: []\n"
                     "    - start: 2026-11-22T03:00:00\n      events: [{event_type: t}]\n"
                     "      incidents: [{count: 1}]\n"
                     "    - start: 2026-11-22T03:59:59.999999\n      events: [{event_type: t}]\n"
                     "      incidents: [{count: 1}]\n"
                     "    - events: [{event_type: t}]\n      incidents: []\n"));
    }
    setenv("TZ", "Asia/Seoul", 1);
    assert_int_equal(timestamp_init(NULL), 0);
}

/* At 02:00 CET it is 03:00 CEST; and in autumn there are two hours of 2, one of 3. */
static void
summer_time_begins_and_ends_in_the_rules_zone(void **state)
{
    (void)state;
    accepts(HOUR("  timezone: Europe/Berlin\n  tests:\n"
                 "    - start: 2026-03-29T00:59:59Z\n      events: [{event_type: t}]\n"
                 "      incidents: []\n"
                 "    - start: 2026-03-29T01:00:00Z\n      events: [{event_type: t}]\n"
                 "      incidents: [{count: 1}]\n"
                 "    - start: 2026-03-29T02:00:00Z\n      events: [{event_type: t}]\n"
                 "      incidents: []\n"
                 "    - start: 2026-10-25T00:30:00Z\n"
                 "      events: [{event_type: t, repeat: 2, every: 1h}]\n"
                 "      incidents: []\n"
                 "    - start: 2026-10-25T02:00:00Z\n      events: [{event_type: t}]\n"
                 "      incidents: [{count: 1}]\n"));
}

/* The same test in two zones must stay two tests. */
static void
rules_of_two_zones_are_told_apart(void **state)
{
    struct ruleset *rules =
        load("title: A\nid: a\nlogsource: {product: x}\n"
             "detection: {s: {timestamp|hour: 3}, condition: s}\n"
             "bongsu: {any_source: true, timezone: Asia/Seoul}\n---\n"
             "title: B\nid: b\nlogsource: {product: x}\n"
             "detection: {s: {timestamp|hour: 3}, condition: s}\n"
             "bongsu: {any_source: true, timezone: Europe/Berlin}\n");
    const uint32_t *numbers;
    struct event ev = { .at_us = 0 };

    (void)state;
    assert_int_equal(timestamp_parse(text_of("2026-11-22T02:30:00Z"), &ev.at_us, NULL), 0);
    ev.known[EVENT_TIMESTAMP] = (struct value){
        .kind = VALUE_TEXT, .as.text = text_of("2026-11-22T02:30:00Z") };
    assert_int_equal(matcher_match(ruleset_matcher(rules), &ev, &numbers), 1);
    assert_int_equal(numbers[0], 1);
    assert_int_not_equal(ruleset_rule(rules, 0)->text_hash, ruleset_rule(rules, 1)->text_hash);
    ruleset_destroy(&rules);
}

static void
a_filter_may_have_a_zone(void **state)
{
    struct ruleset *rules =
        load(BASE "title: At night\nlogsource: {}\nfilter: {rules: [base], s: {timestamp|hour: 3}, "
             "condition: not s}\nbongsu: {timezone: Europe/Berlin}\n");

    (void)state;
    assert_int_equal(ruleset_refused_count(rules), 0);
    assert_string_equal(zone_table_name(ruleset_filter(rules, 0)->sigma.body.zone),
                        "Europe/Berlin");
    ruleset_destroy(&rules);
}

static void
zones_that_are_not_are_refused(void **state)
{
    (void)state;
    refuses(HOUR("  timezone: Europe/Atlantis\n"),
            "a.yml:7: bongsu.timezone \"Europe/Atlantis\": this machine has no such time zone");
    refuses(HOUR("  timezone: ../../../etc/passwd\n"), "a.yml:7: bongsu.timezone \"../");
    refuses(HOUR("  timezone: 9\n"), "a.yml:7: bongsu.timezone must be a name");
    refuses(COUNT("event_count", "}}\nbongsu: {timezone: UTC}\n"),
            "a.yml:11: a correlation has no parts of a time");
}

/* One event that says five is five; and four with one that says nothing are. */
static void
events_weigh_what_their_count_says(void **state)
{
    static const char tests[] =
        "  tests:\n"
        "    - events: [{event_type: t, a: 1, source_ip: 192.0.2.1, count: 5}]\n"
        "      incidents: [{key: {source_ip: 192.0.2.1}, count: 5}]\n"
        "    - events:\n"
        "        - {event_type: t, a: 1, source_ip: 192.0.2.1, count: 4}\n"
        "        - {event_type: t, a: 1, source_ip: 192.0.2.1, at: 1s}\n"
        "      incidents: [{count: 5}]\n"
        "    - events: [{event_type: t, a: 1, source_ip: 192.0.2.1, count: 4}]\n"
        "      incidents: []\n";
    char text[2000];

    (void)state;
    snprintf(text, sizeof(text), "%s}}\nbongsu:\n  weight: count\n%s", COUNT("event_count", ""),
             tests);
    accepts(text);
    snprintf(text, sizeof(text), "%s}}\nbongsu:\n%s", COUNT("event_count", ""), tests);
    refuses(text, "a.yml:13: the rule's test fails: missing:");
}

static void
only_a_count_of_events_is_weighed_and_only_by_count(void **state)
{
    (void)state;
    refuses(COUNT("event_count", "}}\nbongsu: {weight: size}\n"),
            "a.yml:11: bongsu.weight must be \"count\"");
    refuses(COUNT("value_sum", ", field: b}}\nbongsu: {weight: count}\n"),
            "a.yml:11: only an event_count takes bongsu.weight");
    refuses(HOUR("  weight: count\n"), "a.yml:7: only an event_count takes bongsu.weight");
}

/* Windows of the one are none of the other's. */
static void
a_weighed_rule_begins_with_new_windows(void **state)
{
    struct ruleset *plain = load(COUNT("event_count", "}}\n"));
    struct ruleset *weighed = load(COUNT("event_count", "}}\nbongsu: {weight: count}\n"));

    (void)state;
    assert_int_equal(ruleset_count(plain), 2);
    assert_int_equal(ruleset_count(weighed), 2);
    assert_int_not_equal(ruleset_rule(plain, 1)->shape, ruleset_rule(weighed, 1)->shape);
    ruleset_destroy(&plain);
    ruleset_destroy(&weighed);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hours_are_those_of_the_rules_zone),
        cmocka_unit_test(summer_time_begins_and_ends_in_the_rules_zone),
        cmocka_unit_test(rules_of_two_zones_are_told_apart),
        cmocka_unit_test(a_filter_may_have_a_zone),
        cmocka_unit_test(zones_that_are_not_are_refused),
        cmocka_unit_test(events_weigh_what_their_count_says),
        cmocka_unit_test(only_a_count_of_events_is_weighed_and_only_by_count),
        cmocka_unit_test(a_weighed_rule_begins_with_new_windows),
    };

    setenv("TZ", "Asia/Seoul", 1);
    assert_int_equal(timestamp_init(NULL), 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
