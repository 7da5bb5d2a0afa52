/*
 * test_sigma_spec.c - the examples of Sigma 2.1.0's rules specification, as they stand
 * there, each with events that it finds and events that it does not
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

struct example {
    const char *detection, *fields;
    int matches;
};

static void
check(const struct example *rows, size_t count)
{
    size_t wrong = 0;

    for (size_t i = 0; i < count; i++) {
        struct ruleset *rules = match_case_load(rows[i].detection);
        char json[600];

        snprintf(json, sizeof(json), "{\"event_type\":\"t\"%s%s}",
                 rows[i].fields[0] != '\0' ? "," : "", rows[i].fields);
        if (match_case_count(rules, json) != rows[i].matches) {
            print_error("%s on %s: not %d\n", rows[i].detection, json, rows[i].matches);
            wrong++;
        }
        ruleset_destroy(&rules);
    }
    assert_int_equal(wrong, 0);
}

#define CHECK(rows) check(rows, sizeof(rows) / sizeof((rows)[0]))

static void
a_simple_rule_finds_its_program_in_any_case(void **state)
{
    static const char rule[] =
        "title: Whoami Execution\n"
        "description: Detects a whoami.exe execution\n"
        "references:\n"
        "      - https://speakerdeck.com/heirhabarov/hunting\n"
        "author: Florian Roth\n"
        "date: 2019-10-23\n"
        "logsource:\n"
        "    category: process_creation\n"
        "    product: windows\n"
        "detection:\n"
        "    selection:\n"
        "        Image: 'C:\\Windows\\System32\\whoami.exe'\n"
        "    condition: selection\n"
        "level: high\n";
    struct ruleset *rules = match_case_rules(rule);

    (void)state;
    assert_int_equal(match_case_count(rules,
        "{\"event_type\":\"t\",\"Image\":\"c:\\\\windows\\\\system32\\\\WHOAMI.exe\"}"), 1);
    assert_int_equal(match_case_count(rules,
        "{\"event_type\":\"t\",\"Image\":\"c:\\\\windows\\\\system32\\\\whoami.exe.bak\"}"), 0);
    ruleset_destroy(&rules);
}

static void
wildcards_stand_for_one_or_any_number_of_characters(void **state)
{
    static const struct example rows[] = {
        { "{s: {a: 'prog?.exe'}, condition: s}", "\"a\":\"progA.exe\"", 1 },
        { "{s: {a: 'prog?.exe'}, condition: s}", "\"a\":\"prog.exe\"", 0 },
        { "{s: {a: 'antivirus_V*.exe'}, condition: s}", "\"a\":\"antivirus_V1.exe\"", 1 },
        { "{s: {a: 'antivirus_V*.exe'}, condition: s}", "\"a\":\"antivirus_V21.2.1.exe\"", 1 },
        { "{s: {a: 'antivirus_V*.exe'}, condition: s}", "\"a\":\"antivirus_1.exe\"", 0 },
        { "{s: {a: '*something'}, condition: s}", "\"a\":\"a something\"", 1 },
        { "{s: {a: 'something*'}, condition: s}", "\"a\":\"a something\"", 0 },
        { "{s: {a: '*something*'}, condition: s}", "\"a\":\"a something else\"", 1 },
    };

    (void)state;
    CHECK(rows);
}

/* Each line of the section "Escaping"; C and JSON double each backslash once more. */
static void
backslashes_are_read_as_the_specification_says(void **state)
{
    static const struct example rows[] = {
        { "{s: {a: 'x\\y'}, condition: s}", "\"a\":\"x\\\\y\"", 1 },
        { "{s: {a: 'x\\\\y'}, condition: s}", "\"a\":\"x\\\\y\"", 1 },
        { "{s: {a: 'x\\*'}, condition: s}", "\"a\":\"x*\"", 1 },
        { "{s: {a: 'x\\*'}, condition: s}", "\"a\":\"xy\"", 0 },
        { "{s: {a: 'x\\?'}, condition: s}", "\"a\":\"x?\"", 1 },
        { "{s: {a: 'x\\?'}, condition: s}", "\"a\":\"xy\"", 0 },
        { "{s: {a: 'x\\\\*'}, condition: s}", "\"a\":\"x\\\\yz\"", 1 },
        { "{s: {a: 'x\\\\*'}, condition: s}", "\"a\":\"xyz\"", 0 },
        { "{s: {a: 'x\\\\\\*'}, condition: s}", "\"a\":\"x\\\\*\"", 1 },
        { "{s: {a: 'x\\\\\\*'}, condition: s}", "\"a\":\"x\\\\y\"", 0 },
        { "{s: {a: 'x\\\\\\y'}, condition: s}", "\"a\":\"x\\\\\\\\y\"", 1 },
        { "{s: {a: 'x\\\\\\\\y'}, condition: s}", "\"a\":\"x\\\\\\\\y\"", 1 },
        { "{s: {a: '\\\\\\\\server\\share'}, condition: s}", "\"a\":\"\\\\\\\\server\\\\share\"", 1 },
        /* none of this in a regular expression */
        { "{s: {a|re: 'x\\\\y'}, condition: s}", "\"a\":\"x\\\\y\"", 1 },
        { "{s: {a|re: 'x\\*'}, condition: s}", "\"a\":\"xxx\"", 0 },
    };

    (void)state;
    CHECK(rows);
}

static void
lists_and_maps_mean_or_and_and(void **state)
{
    static const struct example rows[] = {
        { "{keywords: ['EVILSERVICE', 'svchost.exe -n evil'], condition: keywords}",
          "\"raw_log\":\"started EvilService\"", 1 },
        { "{keywords: ['EVILSERVICE', 'svchost.exe -n evil'], condition: keywords}",
          "\"raw_log\":\"run SVCHOST.EXE -n evil now\"", 1 },
        { "{keywords: ['EVILSERVICE', 'svchost.exe -n evil'], condition: keywords}",
          "\"raw_log\":\"svchost.exe\"", 0 },
        { "{s: [{Image|endswith: '\\example.exe'}, {Description|contains: 'Test executable'}], "
          "condition: s}", "\"Image\":\"C:\\\\example.exe\"", 1 },
        { "{s: [{Image|endswith: '\\example.exe'}, {Description|contains: 'Test executable'}], "
          "condition: s}", "\"Description\":\"a test EXECUTABLE it is\"", 1 },
        { "{s: [{Image|endswith: '\\example.exe'}, {Description|contains: 'Test executable'}], "
          "condition: s}", "\"Image\":\"C:\\\\an-example.exe\"", 0 },
        { "{selection: {EventLog: Security, EventID: [517, 1102]}, condition: selection}",
          "\"EventLog\":\"Security\",\"EventID\":1102", 1 },
        { "{selection: {EventLog: Security, EventID: [517, 1102]}, condition: selection}",
          "\"EventLog\":\"Security\",\"EventID\":\"517\"", 1 },
        { "{selection: {EventLog: Security, EventID: [517, 1102]}, condition: selection}",
          "\"EventLog\":\"System\",\"EventID\":517", 0 },
        { "{selection: {EventLog: Security, EventID: 4769, TicketOptions: '0x40810000', "
          "TicketEncryption: '0x17'}, condition: selection}",
          "\"EventLog\":\"Security\",\"EventID\":4769,\"TicketOptions\":\"0x40810000\","
          "\"TicketEncryption\":\"0x17\"", 1 },
        { "{selection: {EventLog: Security, EventID: 4769, TicketOptions: '0x40810000', "
          "TicketEncryption: '0x17'}, condition: selection}",
          "\"EventLog\":\"Security\",\"EventID\":4769,\"TicketOptions\":\"0x40810000\"", 0 },
    };

    (void)state;
    CHECK(rows);
}

static void
special_values_and_existence(void **state)
{
    static const struct example rows[] = {
        { "{selection: {EventID: 4738}, filter: {PasswordLastSet: null}, "
          "condition: selection and not filter}", "\"EventID\":4738", 0 },
        { "{selection: {EventID: 4738}, filter: {PasswordLastSet: null}, "
          "condition: selection and not filter}", "\"EventID\":4738,\"PasswordLastSet\":null", 0 },
        { "{selection: {EventID: 4738}, filter: {PasswordLastSet: null}, "
          "condition: selection and not filter}", "\"EventID\":4738,\"PasswordLastSet\":\"x\"", 1 },
        { "{selection: {EventID: 4738}, filter: {PasswordLastSet: null}, "
          "condition: selection and not filter}", "\"EventID\":4738,\"PasswordLastSet\":\"\"", 1 },
        { "{selection: {EventID: 4738, PasswordLastSet|exists: true}, condition: selection}",
          "\"EventID\":4738,\"PasswordLastSet\":null", 1 },
        { "{selection: {EventID: 4738, PasswordLastSet|exists: true}, condition: selection}",
          "\"EventID\":4738,\"PasswordLastSet\":\"\"", 1 },
        { "{selection: {EventID: 4738, PasswordLastSet|exists: true}, condition: selection}",
          "\"EventID\":4738", 0 },
    };

    (void)state;
    CHECK(rows);
}

static void
keywords_are_or_and_with_all_they_are_and(void **state)
{
    static const struct example rows[] = {
        { "{mimikatz_keywords: ['event::clear', 'event::drop'], condition: mimikatz_keywords}",
          "\"raw_log\":\"x event::drop\"", 1 },
        { "{keywords_cmdlet: {'|all': ['OabVirtualDirectory', ' -ExternalUrl ']}, "
          "condition: keywords_cmdlet}",
          "\"raw_log\":\"Set-OabVirtualDirectory -ExternalUrl x\"", 1 },
        { "{keywords_cmdlet: {'|all': ['OabVirtualDirectory', ' -ExternalUrl ']}, "
          "condition: keywords_cmdlet}", "\"raw_log\":\"Set-OabVirtualDirectory\"", 0 },
    };

    (void)state;
    CHECK(rows);
}

static void
conditions_bind_as_the_specification_lists(void **state)
{
    static const struct example rows[] = {
        { "{keywords1: [aa], keywords2: [bb], condition: keywords1 or keywords2}",
          "\"raw_log\":\"bb\"", 1 },
        { "{keywords: [aa], filters: [bb], condition: keywords and not filters}",
          "\"raw_log\":\"aa bb\"", 0 },
        { "{keywords: [aa], filters: [bb], condition: keywords and not filters}",
          "\"raw_log\":\"aa\"", 1 },
        { "{selection1: {a: 1}, keywords1: [aa], keywords2: [bb], "
          "condition: selection1 and (keywords1 or keywords2)}", "\"a\":1,\"raw_log\":\"bb\"", 1 },
        { "{selection1: {a: 1}, keywords1: [aa], keywords2: [bb], "
          "condition: selection1 and keywords1 or keywords2}", "\"raw_log\":\"bb\"", 1 },
        { "{selection_a: {a: 1}, selection_b: {b: 1}, condition: all of selection*}",
          "\"a\":1,\"b\":1", 1 },
        { "{selection_a: {a: 1}, selection_b: {b: 1}, condition: all of selection*}",
          "\"a\":1", 0 },
        { "{selection_a: {a: 1}, selection_b: {b: 1}, keywords: [aa], "
          "condition: 1 of selection* and keywords}", "\"b\":1,\"raw_log\":\"aa\"", 1 },
        { "{selection: {a: 1}, filter_x: {b: 1}, filter_y: {b: 2}, "
          "condition: 1 of selection* and not 1 of filter*}", "\"a\":1,\"b\":3", 1 },
        { "{selection: {a: 1}, filter_x: {b: 1}, filter_y: {b: 2}, "
          "condition: 1 of selection* and not 1 of filter*}", "\"a\":1,\"b\":2", 0 },
        { "{one: {a: 1}, _example: {b: 1}, condition: 1 of them}", "\"b\":1", 0 },
        { "{one: {a: 1}, _example: {b: 1}, condition: all of them}", "\"a\":1", 1 },
        { "{one: {a: 1}, two: {b: 1}, condition: [one, two]}", "\"b\":1", 1 },
    };

    (void)state;
    CHECK(rows);
}

/* The traps that engines fall into, of which each was found in one. */
static void
traps(void **state)
{
    static const struct example rows[] = {
        /* null is no '' and no 'null' */
        { "{s: {a: null}, condition: s}", "\"a\":\"null\"", 0 },
        { "{s: {a: null}, condition: s}", "\"a\":\"\"", 0 },
        { "{s: {a: ''}, condition: s}", "\"b\":1", 0 },
        /* "not" of an absent field holds */
        { "{s: {a: 1}, f: {b: 1}, condition: s and not f}", "\"a\":1", 1 },
        { "{s: {a: 1, b|neq: 1}, condition: s}", "\"a\":1", 1 },
        /* re is found anywhere, and case matters */
        { "{s: {a|re: 'b+'}, condition: s}", "\"a\":\"abbc\"", 1 },
        { "{s: {a|re: '^b+$'}, condition: s}", "\"a\":\"abbc\"", 0 },
        { "{s: {a|re: 'B'}, condition: s}", "\"a\":\"abc\"", 0 },
        { "{s: {a|re|i: 'B'}, condition: s}", "\"a\":\"abc\"", 1 },
        { "{s: {a|re: '^b$'}, condition: s}", "\"a\":\"a\\nb\\nc\"", 0 },
        { "{s: {a|re|m: '^b$'}, condition: s}", "\"a\":\"a\\nb\\nc\"", 1 },
        { "{s: {a|re: 'a.b'}, condition: s}", "\"a\":\"a\\nb\"", 0 },
        { "{s: {a|re|s: 'a.b'}, condition: s}", "\"a\":\"a\\nb\"", 1 },
        { "{s: {a|re|i|m|s: '^B.c'}, condition: s}", "\"a\":\"a\\nb\\nc\"", 1 },
        { "{s: {a|re|contains: 'b+'}, condition: s}", "\"a\":\"abbc\"", 1 },
        /* any element of an array, numbers as texts, texts as numbers */
        { "{s: {a: x}, condition: s}", "\"a\":[\"y\",\"X\"]", 1 },
        { "{s: {a: x}, condition: s}", "\"a\":[]", 0 },
        { "{s: {a|contains|all: [x, y]}, condition: s}", "\"a\":[\"1x\",\"2y\"]", 1 },
        { "{s: {a|startswith: 46}, condition: s}", "\"a\":4625", 1 },
        { "{s: {a|gt: 5}, condition: s}", "\"a\":[1,\"7\"]", 1 },
        { "{s: {a: 0x10}, condition: s}", "\"a\":\"16\"", 1 },
        /* of a list neq denies every value */
        { "{s: {a|neq: [x, y]}, condition: s}", "\"a\":\"y\"", 0 },
        { "{s: {a|neq: [x, y]}, condition: s}", "\"a\":\"z\"", 1 },
        { "{s: {a|contains|neq: [x, y]}, condition: s}", "\"a\":\"zyz\"", 0 },
        /* ASCII folds, other letters do not */
        { "{s: {a: ÀB}, condition: s}", "\"a\":\"Àb\"", 1 },
        { "{s: {a: ÀB}, condition: s}", "\"a\":\"àb\"", 0 },
        /* a wildcard takes in a line's end */
        { "{s: {a: 'x*y'}, condition: s}", "\"a\":\"x\\ny\"", 1 },
        /* lists that mix maps and keywords */
        { "{s: [{a: x}, evil], condition: s}", "\"a\":\"x\"", 1 },
        { "{s: [{a: x}, evil], condition: s}", "\"raw_log\":\"so evil\"", 1 },
    };

    (void)state;
    CHECK(rows);
}

/* More of them, of which the comparison with rsigma told (tests/sigma/README.md). */
static void
traps_that_divide_engines(void **state)
{
    static const struct example rows[] = {
        /* null among others is absent too; what is null is there */
        { "{s: {a: [x, null]}, condition: s}", "\"b\":1", 1 },
        { "{s: {a: [x, null]}, condition: s}", "\"a\":\"y\"", 0 },
        { "{s: {a: [x, null]}, condition: s}", "\"a\":[null]", 1 },
        { "{s: {a: [x, null]}, condition: s}", "\"a\":[null,\"y\"]", 0 },
        { "{s: {a.b|exists: true}, condition: s}", "\"a\":{\"b\":null}", 1 },
        { "{s: {a.b|exists: true}, condition: s}", "\"a\":{\"c\":1}", 0 },
        { "{s: {a.b|exists: false}, condition: s}", "\"a\":{\"b\":null}", 0 },
        /* neq of an array: no element may be the value */
        { "{s: {a|neq: x}, condition: s}", "\"a\":[\"y\",\"x\"]", 0 },
        { "{s: {a|neq: x}, condition: s}", "\"a\":[\"y\"]", 1 },
        { "{s: {a|neq: x}, condition: s}", "\"a\":{}", 1 },
        /* numbers as they are written, and none that is not wholly one */
        { "{s: {a: 22}, condition: s}", "\"a\":\"022\"", 0 },
        { "{s: {a: 22}, condition: s}", "\"a\":\"22.0\"", 0 },
        { "{s: {a|gt: 5}, condition: s}", "\"a\":\"10.\"", 0 },
        { "{s: {a|gt: 5}, condition: s}", "\"a\":\"10 \"", 0 },
        { "{s: {a: false}, condition: s}", "\"a\":\"0\"", 0 },
        { "{s: {a: false}, condition: s}", "\"a\":\"FALSE\"", 1 },
        /* classes are of ASCII; $ is also before the last line feed */
        { "{s: {a|re: '^\\w$'}, condition: s}", "\"a\":\"봉\"", 0 },
        { "{s: {a|re: '^.$'}, condition: s}", "\"a\":\"봉\"", 1 },
        { "{s: {a|re: 'x$'}, condition: s}", "\"a\":\"x\\n\"", 1 },
        { "{s: {a|re: 'x$'}, condition: s}", "\"a\":\"x\\ny\"", 0 },
        /* a time is a text that is wholly one; its parts are the site's, and may be compared */
        { "{s: {a|hour: 1}, condition: s}", "\"a\":3600", 0 },
        { "{s: {a|hour: 19}, condition: s}", "\"a\":\"2026-11-22T10:52:03Z\"", 1 },
        { "{s: {a|hour: 19}, condition: s}", "\"a\":\"2026-11-22T10:52:3Z\"", 0 },
        { "{s: {a|hour|gte: 19}, condition: s}", "\"a\":\"2026-11-22T10:52:03Z\"", 1 },
        { "{s: {a|minute|lt: 52}, condition: s}", "\"a\":\"2026-11-22T10:52:03Z\"", 0 },
        { "{s: {a|year|lte: 2025}, condition: s}", "\"a\":\"2025-12-31T15:00:00Z\"", 0 },
        { "{s: {a|week: 53}, condition: s}", "\"a\":\"2027-01-03T00:00:00+09:00\"", 1 },
        /* a backslash at the end is one; before a wildcard it needs a second one */
        { "{s: {a: 'x\\'}, condition: s}", "\"a\":\"x\\\\\"", 1 },
        { "{s: {a|startswith: 'x\\'}, condition: s}", "\"a\":\"x\\\\y\"", 1 },
        { "{s: {a|contains: 'x\\'}, condition: s}", "\"a\":\"yx\\\\y\"", 1 },
        /* a star stands anywhere in a pattern of names; operators in any case */
        { "{a_x_1: {a: 1}, b_x_1: {b: 1}, condition: 1 of *_x_*}", "\"b\":1", 1 },
        { "{s: {a: 1}, t: {b: 1}, condition: s AND NOT t}", "\"a\":1", 1 },
        { "{s: {a: 1}, t: {b: 1}, condition: ALL OF them}", "\"a\":1", 0 },
        { "{s: {a: 1}, t: {b: 1}, u: {c: 1}, condition: 2 of them}", "\"a\":1,\"c\":1", 1 },
        { "{s: {a: 1}, t: {b: 1}, condition: not s or t and s}", "\"b\":1", 1 },
    };

    (void)state;
    CHECK(rows);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_simple_rule_finds_its_program_in_any_case),
        cmocka_unit_test(wildcards_stand_for_one_or_any_number_of_characters),
        cmocka_unit_test(backslashes_are_read_as_the_specification_says),
        cmocka_unit_test(lists_and_maps_mean_or_and_and),
        cmocka_unit_test(special_values_and_existence),
        cmocka_unit_test(keywords_are_or_and_with_all_they_are_and),
        cmocka_unit_test(conditions_bind_as_the_specification_lists),
        cmocka_unit_test(traps),
        cmocka_unit_test(traps_that_divide_engines),
    };
    struct err err = { "" };

    setenv("TZ", "Asia/Seoul", 1);
    if (timestamp_init(&err) != 0) {
        print_error("%s\n", err.text);
        return 1;
    }
    return cmocka_run_group_tests_name("sigma_spec", tests, NULL, NULL);
}
