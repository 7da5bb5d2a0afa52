#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "detector/ruleset.h"
#include "proto/base/timestamp.h"
#include "proto/codec_json.h"
#include "proto/codec_msgpack.h"

#define AT "2026-11-22T03:04:05+09:00"

/* One rule and one event: does it match? The event goes over the wire first,
 * so that its values are what the detector finds. */
static int
match_rules(struct ruleset *rules, const char *json)
{
    struct json_reader *reader = json_reader_new(1 << 20);
    struct event ev = { 0 }, wire = { 0 };
    struct arena arena = { 0 };
    struct buf packed = { 0 };
    struct err err = { "" };
    struct text key;
    char space[TIMESTAMP_LEN];
    const uint32_t *numbers;
    msgpack_unpacked unpacked;
    int64_t now_us;
    size_t found;

    msgpack_unpacked_init(&unpacked);
    assert_int_equal(timestamp_parse(text_of(AT), &now_us, &err), 0);
    if (event_from_json(reader, text_of(json), &arena, &ev, &key, &err) != 0 ||
        event_check(&ev, now_us, space, &err) != 0 || event_pack(&ev, &packed) != 0 ||
        event_unpack(packed.ptr, packed.len, &unpacked, &wire, &err) != 0)
        fail_msg("%s: %s", json, err.text);
    found = matcher_match(ruleset_matcher(rules), &wire, &numbers);
    event_release(&ev);
    event_release(&wire);
    msgpack_unpacked_destroy(&unpacked);
    buf_release(&packed);
    arena_release(&arena);
    json_reader_destroy(&reader);
    return (int)found;
}

static struct ruleset *
load(const char *detection)
{
    struct ruleset *rules = ruleset_new();
    struct err err = { "" };
    char text[2000];

    snprintf(text, sizeof(text), "title: T\nlogsource: {product: x}\ndetection: %s\n", detection);
    assert_int_equal(ruleset_add(rules, "x.yml", text, strlen(text)), 0);
    assert_int_equal(ruleset_link(rules, &err), 0);
    if (ruleset_refused_count(rules) > 0)
        fail_msg("%s: %s", detection, ruleset_refused(rules, 0));
    return rules;
}

/* A row: a selection in flow style, further fields of an event, and whether they match. */
struct row {
    const char *selection, *fields;
    int matches;
};

static void
check_rows(const struct row *rows, size_t count)
{
    size_t wrong = 0;

    for (size_t i = 0; i < count; i++) {
        char detection[1000], json[1000];
        struct ruleset *rules;

        snprintf(detection, sizeof(detection), "{s: %s, condition: s}", rows[i].selection);
        snprintf(json, sizeof(json), "{\"event_type\":\"t\"%s%s}",
                 rows[i].fields[0] != '\0' ? "," : "", rows[i].fields);
        rules = load(detection);
        if (match_rules(rules, json) != rows[i].matches) {
            print_error("%s on %s: not %d\n", rows[i].selection, json, rows[i].matches);
            wrong++;
        }
        ruleset_destroy(&rules);
    }
    assert_int_equal(wrong, 0);
}

#define CHECK(rows) check_rows(rows, sizeof(rows) / sizeof((rows)[0]))

static void
whole_values_match_whatever_their_ascii_case(void **state)
{
    static const struct row rows[] = {
        { "{a: Root}", "\"a\":\"root\"", 1 },
        { "{a: root}", "\"a\":\"ROOT\"", 1 },
        { "{a: root}", "\"a\":\"rooty\"", 0 },
        { "{a: root}", "\"a\":\"\"", 0 },
        { "{a: root}", "", 0 },
        { "{a|cased: Root}", "\"a\":\"Root\"", 1 },
        { "{a|cased: Root}", "\"a\":\"root\"", 0 },
        { "{a|cased|contains: oo}", "\"a\":\"rOot\"", 0 },
        { "{a: É}", "\"a\":\"é\"", 0 },
        { "{a: 봉수}", "\"a\":\"봉수\"", 1 },
        { "{A: x}", "\"a\":\"x\"", 0 },
    };

    (void)state;
    CHECK(rows);
}

static void
wildcards_and_their_escapes_follow_the_specification(void **state)
{
    static const struct row rows[] = {
        { "{a: 'ro*'}", "\"a\":\"root\"", 1 },
        { "{a: '*ot'}", "\"a\":\"root\"", 1 },
        { "{a: '*oo*'}", "\"a\":\"root\"", 1 },
        { "{a: '*'}", "\"a\":\"\"", 1 },
        { "{a: '*'}", "", 0 },
        { "{a: 'r??t'}", "\"a\":\"root\"", 1 },
        { "{a: 'r?t'}", "\"a\":\"root\"", 0 },
        { "{a: '?'}", "\"a\":\"봉\"", 1 },
        { "{a: 'a*b*c?'}", "\"a\":\"aXbYbZcd\"", 1 },
        { "{a: 'a*b*c'}", "\"a\":\"abcb\"", 0 },
        { "{a: 'a\\*'}", "\"a\":\"a*\"", 1 },
        { "{a: 'a\\*'}", "\"a\":\"ab\"", 0 },
        { "{a: 'a\\?'}", "\"a\":\"a?\"", 1 },
        { "{a: 'a\\\\*'}", "\"a\":\"a\\\\bc\"", 1 },
        { "{a: 'a\\\\\\*'}", "\"a\":\"a\\\\*\"", 1 },
        { "{a: 'a\\\\\\*'}", "\"a\":\"a\\\\b\"", 0 },
        { "{a: 'C:\\x'}", "\"a\":\"c:\\\\X\"", 1 },
        { "{a: 'a\\\\b'}", "\"a\":\"a\\\\b\"", 1 },
        { "{a: 'a\\'}", "\"a\":\"a\\\\\"", 1 },
        { "{a|contains: '*x'}", "\"a\":\"axb\"", 1 },
        { "{a|startswith: ab}", "\"a\":\"abc\"", 1 },
        { "{a|startswith: bc}", "\"a\":\"abc\"", 0 },
        { "{a|endswith: BC}", "\"a\":\"abc\"", 1 },
        { "{a|endswith: ab}", "\"a\":\"abc\"", 0 },
        { "{a|contains: ''}", "\"a\":\"abc\"", 1 },
    };

    (void)state;
    CHECK(rows);
}

static void
lists_are_or_maps_are_and_all_asks_for_every_value(void **state)
{
    static const struct row rows[] = {
        { "{a: [x, y]}", "\"a\":\"y\"", 1 },
        { "{a: x, b: y}", "\"a\":\"x\"", 0 },
        { "{a: x, b: y}", "\"a\":\"x\",\"b\":\"y\"", 1 },
        { "[{a: x}, {b: y}]", "\"b\":\"y\"", 1 },
        { "{a|contains|all: [x, y]}", "\"a\":\"xy\"", 1 },
        { "{a|contains|all: [x, y]}", "\"a\":\"x\"", 0 },
        { "{a|all|contains: [x, y]}", "\"a\":\"yx\"", 1 },
        { "{a|neq: x}", "\"a\":\"x\"", 0 },
        { "{a|neq: x}", "\"a\":\"y\"", 1 },
        { "{a|neq: x}", "", 1 },
        { "{a|neq: [x, y]}", "\"a\":\"y\"", 0 },
        { "{a|contains|neq: x}", "\"a\":\"axb\"", 0 },
    };

    (void)state;
    CHECK(rows);
}

static void
null_is_absent_or_null_and_differs_from_empty(void **state)
{
    static const struct row rows[] = {
        { "{a: null}", "", 1 },
        { "{a: null}", "\"a\":null", 1 },
        { "{a: null}", "\"a\":\"\"", 0 },
        { "{a: ''}", "\"a\":\"\"", 1 },
        { "{a: ''}", "", 0 },
        { "{a: ''}", "\"a\":null", 0 },
        { "{a: [null, x]}", "\"a\":\"x\"", 1 },
        { "{a|exists: true}", "\"a\":null", 1 },
        { "{a|exists: true}", "", 0 },
        { "{a|exists: false}", "", 1 },
        { "{a|exists: false}", "\"a\":1", 0 },
        { "{source_ip|exists: false}", "", 1 },
    };

    (void)state;
    CHECK(rows);
}

static void
numbers_compare_as_numbers_and_as_text(void **state)
{
    static const struct row rows[] = {
        { "{a: 4625}", "\"a\":4625", 1 },
        { "{a: 4625}", "\"a\":\"4625\"", 1 },
        { "{a: '4625'}", "\"a\":4625", 1 },
        { "{a: '46*'}", "\"a\":4625", 1 },
        { "{a: true}", "\"a\":true", 1 },
        { "{a: true}", "\"a\":\"True\"", 1 },
        { "{a: true}", "\"a\":false", 0 },
        { "{a: -1}", "\"a\":-1", 1 },
        { "{a|gt: 5}", "\"a\":6", 1 },
        { "{a|gt: 5}", "\"a\":5", 0 },
        { "{a|gte: 5}", "\"a\":\"5\"", 1 },
        { "{a|lt: 5}", "\"a\":4.5", 1 },
        { "{a|lte: 5.5}", "\"a\":5.5", 1 },
        { "{a|lt: 5}", "\"a\":\"few\"", 0 },
        { "{a|lt: 5}", "", 0 },
        { "{count|gte: 3}", "\"count\":3", 1 },
        { "{count: 1}", "", 1 },
    };

    (void)state;
    CHECK(rows);
}

static void
networks_match_addresses_of_their_family(void **state)
{
    static const struct row rows[] = {
        { "{source_ip|cidr: 10.0.0.0/8}", "\"source_ip\":\"10.255.0.1\"", 1 },
        { "{source_ip|cidr: 10.0.0.0/8}", "\"source_ip\":\"11.0.0.1\"", 0 },
        { "{source_ip|cidr: 192.0.2.128/25}", "\"source_ip\":\"192.0.2.129\"", 1 },
        { "{source_ip|cidr: 192.0.2.128/25}", "\"source_ip\":\"192.0.2.127\"", 0 },
        { "{source_ip|cidr: 192.0.2.1}", "\"source_ip\":\"192.0.2.1\"", 1 },
        { "{source_ip|cidr: '::/0'}", "\"source_ip\":\"192.0.2.1\"", 0 },
        { "{source_ip|cidr: '2001:db8::/33'}", "\"source_ip\":\"2001:db8:7fff::1\"", 1 },
        { "{source_ip|cidr: '2001:db8::/33'}", "\"source_ip\":\"2001:db8:8000::1\"", 0 },
        { "{a|cidr: 0.0.0.0/0}", "\"a\":\"no address\"", 0 },
        { "{a|cidr: [10.0.0.0/8, 192.168.0.0/16]}", "\"a\":\"192.168.3.4\"", 1 },
    };

    (void)state;
    CHECK(rows);
}

static void
regular_expressions_search_and_know_case_unless_told(void **state)
{
    static const struct row rows[] = {
        { "{a|re: 'o{2}'}", "\"a\":\"root\"", 1 },
        { "{a|re: 'O{2}'}", "\"a\":\"root\"", 0 },
        { "{a|re|i: 'O{2}'}", "\"a\":\"root\"", 1 },
        { "{a|re: '^b'}", "\"a\":\"a\\nb\"", 0 },
        { "{a|re|m: '^b'}", "\"a\":\"a\\nb\"", 1 },
        { "{a|re: 'a.b'}", "\"a\":\"a\\nb\"", 0 },
        { "{a|re|s: 'a.b'}", "\"a\":\"a\\nb\"", 1 },
        { "{a|re: ['x', 'o$']}", "\"a\":\"foo\"", 1 },
        { "{a|re: '^..$'}", "\"a\":\"봉수\"", 1 },
        { "{a|re: '\\d+'}", "\"a\":12", 1 },
        { "{a|re: '.*'}", "", 0 },
    };

    (void)state;
    CHECK(rows);
}

static void
parts_of_a_time_are_those_of_the_sites_zone(void **state)
{
    static const struct row rows[] = {
        { "{timestamp|hour: 3}", "", 1 },
        { "{timestamp|hour: [1, 2]}", "", 0 },
        { "{timestamp|hour|gte: 3}", "", 1 },
        { "{timestamp|hour|lt: 3}", "", 0 },
        { "{timestamp|minute: 4}", "", 1 },
        { "{timestamp|day: 22}", "", 1 },
        { "{timestamp|month: 11}", "", 1 },
        { "{timestamp|year: 2026}", "", 1 },
        { "{timestamp|week: 47}", "", 1 },
        { "{'@timestamp|hour': 3}", "", 1 },
        { "{a|week: 53}", "\"a\":\"2027-01-03T12:00:00+09:00\"", 1 },
        { "{a|week: 1}", "\"a\":\"2025-12-29T12:00:00+09:00\"", 1 },
        { "{a|week: 52}", "\"a\":\"2023-01-01T12:00:00+09:00\"", 1 },
        { "{a|hour: 9}", "\"a\":\"2026-11-22T00:00:00Z\"", 1 },
        { "{a|hour: 9}", "\"a\":\"not a time\"", 0 },
        { "{a|hour: 9}", "", 0 },
    };

    (void)state;
    CHECK(rows);
}

static void
any_element_of_an_array_may_match(void **state)
{
    static const struct row rows[] = {
        { "{a: x}", "\"a\":[\"y\",\"x\"]", 1 },
        { "{a: x}", "\"a\":[\"y\"]", 0 },
        { "{a: x}", "\"a\":[]", 0 },
        { "{a: 5}", "\"a\":[1,5]", 1 },
        { "{a|gt: 5}", "\"a\":[1,6]", 1 },
        { "{a: null}", "\"a\":[null]", 1 },
        { "{a: true}", "\"a\":[true]", 1 },
        { "{a: x}", "\"a\":[[\"x\"]]", 1 },
        { "{a: x}", "\"a\":{\"x\":\"x\"}", 0 },
        { "{a|contains|all: [x, y]}", "\"a\":[\"x\",\"y\"]", 1 },
        { "{a|re: '^b'}", "\"a\":[\"abc\",\"bcd\"]", 1 },
    };

    (void)state;
    CHECK(rows);
}

static void
keywords_are_looked_for_in_log_and_description(void **state)
{
    static const struct row rows[] = {
        { "[segfault, panic]", "\"raw_log\":\"kernel PANIC now\"", 1 },
        { "[segfault, panic]", "\"description\":\"a segfault\"", 1 },
        { "[segfault, panic]", "\"username\":\"panic\"", 0 },
        { "{'|all': [a, b]}", "\"raw_log\":\"xa\",\"description\":\"xb\"", 1 },
        { "{'|all': [a, b]}", "\"raw_log\":\"xa\"", 0 },
        { "{'|re': 'a.c'}", "\"raw_log\":\"xabcx\"", 1 },
        { "[panic, {a: x}]", "\"a\":\"x\"", 1 },
        { "['pan*now']", "\"raw_log\":\"kernel panic right now!\"", 1 },
    };

    (void)state;
    CHECK(rows);
}

static void
fields_are_found_by_our_name_and_by_their_ecs_name(void **state)
{
    static const struct row rows[] = {
        { "{source.ip: 192.0.2.1}", "\"source_ip\":\"192.0.2.1\"", 1 },
        { "{source_address: 192.0.2.1}", "\"source_ip\":\"192.0.2.1\"", 1 },
        { "{source_address: web1}", "\"source_host\":\"web1\"", 1 },
        { "{user.name: root}", "\"username\":\"root\"", 1 },
        { "{url.query: x}", "\"url.query\":\"x\"", 1 },
    };

    (void)state;
    CHECK(rows);
}

static void
one_of_several_conditions_is_enough(void **state)
{
    struct ruleset *rules = load("{a: {x: 1}, b: {x: 2}, condition: [a, b and not a]}");

    (void)state;
    assert_int_equal(match_rules(rules, "{\"event_type\":\"t\",\"x\":1}"), 1);
    assert_int_equal(match_rules(rules, "{\"event_type\":\"t\",\"x\":2}"), 1);
    assert_int_equal(match_rules(rules, "{\"event_type\":\"t\",\"x\":3}"), 0);
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
        { "{s_1: {x: 1}, s_2: {event_type: b}, s_3: {x: 1}, condition: 2 of s_*}", "c", 1 },
        { "{s: {event.action: a}, condition: s}", "a", 1 },
        { "{s: [{event_type: a}, {event_type: b, x: 1}], condition: s}", "b", 1 },
        { "{s: {event_type|neq: a}, condition: s}", "b", 1 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ruleset *rules = load(rows[i].detection);
        char json[200];

        snprintf(json, sizeof(json), "{\"event_type\":\"%s\",\"x\":1}", rows[i].type);
        if (match_rules(rules, json) != rows[i].matches)
            fail_msg("%s on %s: not %d", rows[i].detection, rows[i].type, rows[i].matches);
        ruleset_destroy(&rules);
    }
}

static void
expression_that_explodes_is_given_up_and_counted(void **state)
{
    struct ruleset *rules = load("{s: {a|re: '(a|aa)+$'}, condition: s}");

    (void)state;
    assert_int_equal(match_rules(rules, "{\"event_type\":\"t\",\"a\":"
                                 "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\"}"),
                     0);
    assert_int_equal(matcher_limits_hit(ruleset_matcher(rules)), 1);
    ruleset_destroy(&rules);
}

static void
checks_are_added_to_the_condition(void **state)
{
    struct ruleset *rules = ruleset_new();
    struct err err = { "" };
    const char *text = "title: T\nlogsource: {product: x}\nbongsu: {checks: [{sqli: [url_query, "
                       "description, arg]}]}\ndetection: {s: {a: 1}, condition: s}\n";

    (void)state;
    assert_int_equal(ruleset_add(rules, "x.yml", text, strlen(text)), 0);
    assert_int_equal(ruleset_link(rules, &err), 0);
    assert_int_equal(match_rules(rules, "{\"event_type\":\"t\",\"a\":1,"
                                 "\"url_query\":\"q=%27%20or%201%3D1--\"}"), 1);
    assert_int_equal(match_rules(rules, "{\"event_type\":\"t\",\"a\":2,"
                                 "\"url_query\":\"q=%27%20or%201%3D1--\"}"), 0);
    assert_int_equal(match_rules(rules, "{\"event_type\":\"t\",\"a\":1,"
                                 "\"url_query\":\"q=fine\"}"), 0);
    assert_int_equal(match_rules(rules, "{\"event_type\":\"t\",\"a\":1,"
                                 "\"arg\":[\"x\",\"' or 1=1--\"]}"), 1);
    ruleset_destroy(&rules);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_values_match_whatever_their_ascii_case),
        cmocka_unit_test(wildcards_and_their_escapes_follow_the_specification),
        cmocka_unit_test(lists_are_or_maps_are_and_all_asks_for_every_value),
        cmocka_unit_test(null_is_absent_or_null_and_differs_from_empty),
        cmocka_unit_test(numbers_compare_as_numbers_and_as_text),
        cmocka_unit_test(networks_match_addresses_of_their_family),
        cmocka_unit_test(regular_expressions_search_and_know_case_unless_told),
        cmocka_unit_test(parts_of_a_time_are_those_of_the_sites_zone),
        cmocka_unit_test(any_element_of_an_array_may_match),
        cmocka_unit_test(keywords_are_looked_for_in_log_and_description),
        cmocka_unit_test(fields_are_found_by_our_name_and_by_their_ecs_name),
        cmocka_unit_test(one_of_several_conditions_is_enough),
        cmocka_unit_test(index_by_event_type_loses_no_match),
        cmocka_unit_test(expression_that_explodes_is_given_up_and_counted),
        cmocka_unit_test(checks_are_added_to_the_condition),
    };
    struct err err = { "" };

    setenv("TZ", "Asia/Seoul", 1);
    if (timestamp_init(&err) != 0) {
        print_error("%s\n", err.text);
        return 1;
    }
    return cmocka_run_group_tests_name("matcher", tests, NULL, NULL);
}
