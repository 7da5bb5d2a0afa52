/*
 * test_sigma_traps.c - what engines get wrong and the other tests do not have yet: the list,
 * and which test has each, is tests/sigma/TRAPS.md
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
letters_outside_ascii_do_not_fold_but_in_a_caseless_regular_expression(void **state)
{
    static const struct match_row rows[] = {
        { "{a: 'STRASSE'}", "\"a\":\"straße\"", 0 },
        { "{a: 'é'}", "\"a\":\"É\"", 0 },
        { "{a: 'É'}", "\"a\":\"É\"", 1 },
        { "{a|contains: 'éa'}", "\"a\":\"xéAx\"", 1 },
        { "{a|contains: 'éa'}", "\"a\":\"xÉax\"", 0 },
        { "{a|startswith: 'ß'}", "\"a\":\"ẞx\"", 0 },
        { "{a|endswith: 'ñ'}", "\"a\":\"xÑ\"", 0 },
        { "{a: 'k*'}", "\"a\":\"\\u212Aelvin\"", 0 },
        { "{a|contains: s}", "\"a\":\"\\u017F\"", 0 },
        { "{a: i}", "\"a\":\"\\u0130\"", 0 },
        { "{a: i}", "\"a\":\"\\u0131\"", 0 },
        { "{a: 'é'}", "\"a\":\"e\\u0301\"", 0 },
        { "[É]", "\"raw_log\":\"é\"", 0 },
        { "{a|fieldref: b}", "\"a\":\"É\",\"b\":\"é\"", 0 },
        { "{a|fieldref: b}", "\"a\":\"ÉX\",\"b\":\"Éx\"", 1 },
        /* but of a regular expression that is told to mind no case */
        { "{a|re: 'é'}", "\"a\":\"É\"", 0 },
        { "{a|re|i: 'é'}", "\"a\":\"É\"", 1 },
        { "{a|re|i: 'k'}", "\"a\":\"\\u212A\"", 1 },
    };

    (void)state;
    CHECK(rows);
}

static void
regular_expressions_may_look_around_and_back(void **state)
{
    static const struct match_row rows[] = {
        { "{a|re: 'foo(?!bar)'}", "\"a\":\"foobaz\"", 1 },
        { "{a|re: 'foo(?!bar)'}", "\"a\":\"foobar\"", 0 },
        { "{a|re: '(?<=x)y'}", "\"a\":\"xy\"", 1 },
        { "{a|re: '(?<=x)y'}", "\"a\":\"zy\"", 0 },
        { "{a|re: '(?<!x)y'}", "\"a\":\"xy\"", 0 },
        { "{a|re: '^(?=.*\\d)(?=.*[a-z]).{3}$'}", "\"a\":\"a1b\"", 1 },
        { "{a|re: '^(?=.*\\d)(?=.*[a-z]).{3}$'}", "\"a\":\"abc\"", 0 },
        { "{a|re: '(\\w)\\1'}", "\"a\":\"book\"", 1 },
        { "{a|re: '(?i)X'}", "\"a\":\"x\"", 1 },
        { "{a|re: '(?>a+)b'}", "\"a\":\"aab\"", 1 },
        { "{a|re|all: ['^a', 'b$']}", "\"a\":\"a b\"", 1 },
        { "{a|re|all: ['^a', 'b$']}", "\"a\":\"a c\"", 0 },
        { "{a|re: '.'}", "\"b\":\"x\"", 0 },
        { "{a|re: '^$'}", "\"a\":\"\"", 1 },
        { "{a|re: '22'}", "\"a\":4224", 1 },
        { "{a|re: x}", "\"a\":[\"y\",\"xx\"]", 1 },
    };

    (void)state;
    CHECK(rows);
}

static void
networks_are_of_one_family_and_mapped_addresses_are_version_four(void **state)
{
    static const struct match_row rows[] = {
        { "{a|cidr: 10.0.0.0/8}", "\"a\":\"::ffff:10.1.2.3\"", 1 },
        { "{a|cidr: 10.0.0.0/8}", "\"a\":\"::FFFF:0a01:0203\"", 1 },
        { "{a|cidr: 10.0.0.0/8}", "\"a\":\"::ffff:11.1.2.3\"", 0 },
        { "{a|cidr: 10.0.0.0/8}", "\"a\":\"::10.1.2.3\"", 0 },
        { "{source_ip|cidr: 10.0.0.0/8}", "\"source_ip\":\"::ffff:10.1.2.3\"", 1 },
        { "{a|cidr: '::ffff:10.0.0.0/104'}", "\"a\":\"10.1.2.3\"", 1 },
        { "{a|cidr: '::ffff:10.0.0.0/104'}", "\"a\":\"::ffff:10.1.2.3\"", 1 },
        { "{a|cidr: '::ffff:10.0.0.0/104'}", "\"a\":\"11.1.2.3\"", 0 },
        { "{a|cidr: '::/0'}", "\"a\":\"2001:db8::1\"", 1 },
        { "{a|cidr: 0.0.0.0/0}", "\"a\":\"2001:db8::1\"", 0 },
        { "{a|cidr: 192.0.2.0/24}", "\"a\":\"192.0.2.1/24\"", 0 },
        { "{a|cidr: 192.0.2.0/24}", "\"a\":\"192.0.2.1 \"", 0 },
        { "{a|cidr: 192.0.2.0/24}", "\"a\":\"192.0.2.01\"", 0 },
        { "{a|cidr: 192.0.2.0/24}", "\"a\":3221225985", 0 },
        { "{a|cidr: 192.0.2.0/24}", "\"a\":[\"x\",\"192.0.2.9\"]", 1 },
        { "{a|cidr: 192.0.2.0/24}", "\"b\":1", 0 },
        { "{a|cidr|neq: 192.0.2.0/24}", "\"a\":\"198.51.100.1\"", 1 },
        { "{a|cidr: 'fe80::/10'}", "\"a\":\"fe80::1%eth0\"", 0 },
    };

    (void)state;
    CHECK(rows);
}

static void
what_is_null_and_what_is_absent_and_what_is_there(void **state)
{
    static const struct match_row rows[] = {
        { "{a|exists: true}", "\"a\":null", 1 },
        { "{a|exists: false}", "\"a\":null", 0 },
        { "{a|exists: false}", "\"b\":1", 1 },
        { "{a|exists: false}", "\"a\":\"\"", 0 },
        { "{a|exists: false}", "\"a\":[]", 0 },
        { "{a|exists: true}", "\"a\":{}", 1 },
        { "{a: null}", "\"b\":1", 1 },
        { "{a: null}", "\"a\":0", 0 },
        { "{a: null}", "\"a\":false", 0 },
        { "{a|neq: null}", "\"a\":1", 1 },
        { "{a|neq: null}", "\"b\":1", 0 },
        { "{a|neq: null}", "\"a\":null", 0 },
        { "{a: [null, x]}", "\"a\":\"x\"", 1 },
        { "{a: [null, x]}", "\"b\":1", 1 },
        { "{a: [null, x]}", "\"a\":\"\"", 0 },
        { "{a: [null, '']}", "\"a\":\"\"", 1 },
        { "{a|neq: [null, '']}", "\"a\":\"y\"", 1 },
        { "{a|neq: [null, '']}", "\"b\":1", 0 },
        { "{a: '*'}", "\"a\":\"\"", 1 },
        { "{a: '*'}", "\"b\":1", 0 },
        { "{a: '*'}", "\"a\":null", 0 },
        { "{a: '?*'}", "\"a\":\"\"", 0 },
        { "{a|fieldref: b}", "\"a\":\"x\"", 0 },
        { "{a|fieldref|neq: b}", "\"a\":\"x\"", 1 },
        { "{a|fieldref|startswith: b}", "\"a\":\"x\"", 0 },
        { "{a|fieldref|contains: b}", "\"a\":\"x\",\"b\":null", 0 },
    };

    (void)state;
    CHECK(rows);
}

static void
numbers_and_texts_of_numbers(void **state)
{
    static const struct match_row rows[] = {
        { "{a: 22}", "\"a\":\"22\"", 1 },
        { "{a: '22'}", "\"a\":22", 1 },
        { "{a: -1}", "\"a\":\"-1\"", 1 },
        { "{a: '2?'}", "\"a\":22", 1 },
        { "{a|contains: 2}", "\"a\":123", 1 },
        { "{a: 18446744073709551615}", "\"a\":\"18446744073709551615\"", 1 },
        { "{a: '007'}", "\"a\":7", 0 },
        { "{a: 1.5}", "\"a\":1.5", 1 },
        { "{a: 1.5}", "\"a\":\"1.5\"", 1 },
        { "{a: true}", "\"a\":true", 1 },
        { "{a: true}", "\"a\":\"True\"", 1 },
        { "{a: true}", "\"a\":1", 0 },
        { "{a: 'yes'}", "\"a\":true", 0 },
        { "{a|gt: 5}", "\"a\":\"5.1\"", 1 },
        { "{a|gt: 5}", "\"a\":\"-6\"", 0 },
        { "{a|gt: 5}", "\"a\":\"nan\"", 0 },
        { "{a|lt: 5}", "\"a\":\"nan\"", 0 },
        { "{a|gt: 5}", "\"a\":\"inf\"", 0 },
        { "{a|gt: 5}", "\"a\":\"0x10\"", 0 },
        { "{a|gt: 5}", "\"a\":\"\"", 0 },
        { "{a|gt: 5}", "\"a\":\"1,000\"", 0 },
        { "{a|lt: 5}", "\"b\":1", 0 },
        { "{a|lt: 5}", "\"a\":null", 0 },
        { "{a|lte: '5'}", "\"a\":5", 1 },
        { "{a|gte: 9007199254740993}", "\"a\":9007199254740993", 1 },
        { "{a|gt|neq: 5}", "\"a\":3", 1 },
    };

    (void)state;
    CHECK(rows);
}

/* --- tests/sigma/TRAPS.md --- */

/* 1 when the test's file has it. */
static int
has_test(const char *file, const char *test)
{
    char path[200], line[1000], wanted[200];
    int found = 0;
    FILE *source;

    snprintf(path, sizeof(path), "tests/unit/%s.c", file);
    snprintf(wanted, sizeof(wanted), "%s(void **state)", test);
    source = fopen(path, "r");
    if (source == NULL)
        return 0;
    while (!found && fgets(line, sizeof(line), source) != NULL)
        found = strstr(line, wanted) == line;
    fclose(source);
    return found;
}

static void
each_trap_on_the_list_has_its_test(void **state)
{
    FILE *list = fopen("tests/sigma/TRAPS.md", "r");
    char line[1000], file[100], test[150];
    size_t count = 0, missing = 0;

    (void)state;
    assert_non_null(list);
    while (fgets(line, sizeof(line), list) != NULL) {
        const char *at = strstr(line, "| test_");

        if (at == NULL || sscanf(at, "| %99s | %149s |", file, test) != 2)
            continue;
        count++;
        if (!has_test(file, test)) {
            print_error("%s has no %s\n", file, test);
            missing++;
        }
    }
    fclose(list);
    assert_true(count > 40);
    assert_int_equal(missing, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letters_outside_ascii_do_not_fold_but_in_a_caseless_regular_expression),
        cmocka_unit_test(regular_expressions_may_look_around_and_back),
        cmocka_unit_test(networks_are_of_one_family_and_mapped_addresses_are_version_four),
        cmocka_unit_test(what_is_null_and_what_is_absent_and_what_is_there),
        cmocka_unit_test(numbers_and_texts_of_numbers),
        cmocka_unit_test(each_trap_on_the_list_has_its_test),
    };
    struct err err = { "" };

    setenv("TZ", "Asia/Seoul", 1);
    if (timestamp_init(&err) != 0) {
        print_error("%s\n", err.text);
        return 1;
    }
    return cmocka_run_group_tests_name("sigma_traps", tests, NULL, NULL);
}
