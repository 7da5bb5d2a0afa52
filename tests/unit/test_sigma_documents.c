/*
 * test_sigma_documents.c - what stands around the documents of a rule file: markers of their
 * beginning and end, comments, a byte order mark, line ends
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

#define ONE "title: One\nid: one\nlogsource: {product: x}\ndetection: {s: {a: 1}, condition: s}\n"
#define TWO "title: Two\nid: two\nlogsource: {product: x}\ndetection: {s: {a: 2}, condition: s}\n"
#define KEEP \
    "title: F\nid: f\nlogsource: {product: x}\n" \
    "filter: {rules: [one], s: {b: 1}, condition: not s}\n"

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

static void
expect(const char *text, size_t rule_count, size_t filter_count)
{
    struct ruleset *rules = load(text);

    if (ruleset_refused_count(rules) > 0)
        fail_msg("%s\n%s", text, ruleset_refused(rules, 0));
    if (ruleset_count(rules) != rule_count || ruleset_filter_count(rules) != filter_count)
        fail_msg("%s\n%zu rules, %zu filters", text, ruleset_count(rules),
                 ruleset_filter_count(rules));
    ruleset_destroy(&rules);
}

static void
an_empty_document_is_passed_over(void **state)
{
    (void)state;
    expect(ONE "---\n", 1, 0);
    expect(ONE "---", 1, 0);
    expect(ONE "---\n# a comment\n", 1, 0);
    expect(ONE "---\n\n   \n---\n", 1, 0);
    expect("---\n---\n" ONE, 1, 0);
    expect("# said before\n---\n# and here\n---\n" ONE "---\n" TWO, 2, 0);
    expect(ONE "---\n---\n---\n" TWO "---\n---\n", 2, 0);
    expect(ONE "---\n---\n" KEEP "---\n", 1, 1);
    expect(ONE "--- ~\n--- null\n", 1, 0);
}

static void
markers_of_a_beginning_and_an_end_are_no_documents(void **state)
{
    (void)state;
    expect("---\n" ONE, 1, 0);
    expect("--- # the first\n" ONE, 1, 0);
    expect(ONE "...\n", 1, 0);
    expect(ONE "...", 1, 0);
    expect(ONE "...\n...\n", 1, 0);
    expect(ONE "...\n---\n...\n", 1, 0);
    expect("---\n" ONE "...\n---\n" TWO "...\n", 2, 0);
    expect("%YAML 1.1\n---\n" ONE, 1, 0);
}

static void
a_byte_order_mark_and_other_line_ends_change_nothing(void **state)
{
    (void)state;
    expect("\xEF\xBB\xBF" ONE, 1, 0);
    expect("\xEF\xBB\xBF---\n" ONE "---\n", 1, 0);
    expect("\xEF\xBB\xBF# a comment\r\n---\r\ntitle: One\r\nlogsource: {product: x}\r\n"
           "detection:\r\n  s: {a: 1}\r\n  condition: s\r\n---\r\n...\r\n", 1, 0);
    expect("title: One\rlogsource: {product: x}\rdetection: {s: {a: 1}, condition: s}\r---\r",
           1, 0);
}

static void
a_file_of_nothing_but_empty_documents_has_no_rule(void **state)
{
    (void)state;
    expect("---\n", 0, 0);
    expect("# off for now\n", 0, 0);
    expect("---\n# off\n---\n...\n", 0, 0);
    expect("\xEF\xBB\xBF", 0, 0);
}

static void
a_document_that_is_something_else_is_still_refused_with_its_line(void **state)
{
    static const struct { const char *text, *reason; } cases[] = {
        { ONE "---\n[]\n", "a.yml:6: a rule must be a map" },
        { ONE "---\n''\n", "a.yml:6: a rule must be a map" },
        { ONE "---\n---\nfalse\n", "a.yml:7: a rule must be a map" },
        { ONE "---\n{}\n", "a.yml:6: \"title\" is missing" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ruleset *rules = load(cases[i].text);

        assert_int_equal(ruleset_refused_count(rules), 1);
        assert_string_equal(ruleset_refused(rules, 0), cases[i].reason);
        assert_int_equal(ruleset_count(rules), 0);
        ruleset_destroy(&rules);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_document_is_passed_over),
        cmocka_unit_test(markers_of_a_beginning_and_an_end_are_no_documents),
        cmocka_unit_test(a_byte_order_mark_and_other_line_ends_change_nothing),
        cmocka_unit_test(a_file_of_nothing_but_empty_documents_has_no_rule),
        cmocka_unit_test(a_document_that_is_something_else_is_still_refused_with_its_line),
    };
    struct err err = { "" };

    setenv("TZ", "Asia/Seoul", 1);
    if (timestamp_init(&err) != 0) {
        print_error("%s\n", err.text);
        return 1;
    }
    return cmocka_run_group_tests_name("sigma_documents", tests, NULL, NULL);
}
