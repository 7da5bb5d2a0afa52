/*
 * test_matcher.c - what a value, a modifier, a field means
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

#define CHECK(rows) match_case_check(rows, sizeof(rows) / sizeof((rows)[0]))

static void
whole_values_match_whatever_their_ascii_case(void **state)
{
    static const struct match_row rows[] = {
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
    static const struct match_row rows[] = {
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
    static const struct match_row rows[] = {
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
    static const struct match_row rows[] = {
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
    static const struct match_row rows[] = {
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
    static const struct match_row rows[] = {
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
    static const struct match_row rows[] = {
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
    static const struct match_row rows[] = {
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
    static const struct match_row rows[] = {
        { "{a: x}", "\"a\":[\"y\",\"x\"]", 1 },
        { "{a: x}", "\"a\":[\"y\"]", 0 },
        { "{a: x}", "\"a\":[]", 0 },
        { "{a: 5}", "\"a\":[1,5]", 1 },
        { "{a|gt: 5}", "\"a\":[1,6]", 1 },
        { "{a: null}", "\"a\":[null]", 1 },
        { "{a: null}", "\"a\":[null,\"x\"]", 0 },
        { "{a: [null, x]}", "\"a\":[null,\"x\"]", 1 },
        { "{a: null}", "\"a\":[]", 0 },
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
    static const struct match_row rows[] = {
        { "[segfault, panic]", "\"raw_log\":\"kernel PANIC now\"", 1 },
        { "[segfault, panic]", "\"description\":\"a segfault\"", 1 },
        { "[segfault, panic]", "\"raw_log\":\"x\",\"username\":\"panic\"", 0 },
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
    static const struct match_row rows[] = {
        { "{source.ip: 192.0.2.1}", "\"source_ip\":\"192.0.2.1\"", 1 },
        { "{source_address: 192.0.2.1}", "\"source_ip\":\"192.0.2.1\"", 1 },
        { "{source_address: web1}", "\"source_host\":\"web1\"", 1 },
        { "{user.name: root}", "\"username\":\"root\"", 1 },
        { "{url.query: x}", "\"url.query\":\"x\"", 1 },
    };

    (void)state;
    CHECK(rows);
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
    };
    struct err err = { "" };

    setenv("TZ", "Asia/Seoul", 1);
    if (timestamp_init(&err) != 0) {
        print_error("%s\n", err.text);
        return 1;
    }
    return cmocka_run_group_tests_name("matcher", tests, NULL, NULL);
}
