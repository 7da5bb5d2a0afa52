/* What `bongsu rules check` finds in rules that can be used. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "detector/ruleset/lint.h"
#include "detector/ruleset/ruleset.h"
#include "proto/base/buf.h"

struct found {
    struct buf text;            /* "kind:line what\n" */
    size_t counts[LINT_KINDS];
};

static int
note(void *ctx, enum lint_kind kind, const struct sigma_rule *rule, int line, const char *what)
{
    struct found *found = ctx;

    (void)rule;
    found->counts[kind]++;
    return kind == LINT_UNTESTED ? 0 : buf_printf(&found->text, "%s:%d %s\n", lint_names[kind],
                                                  line, what);
}

/* The findings in a file of rules, all of which must be in use. */
static void
look(const char *file, struct found *found)
{
    struct ruleset *set = ruleset_new();
    const struct sigma_rule *rules[16];
    struct err err;

    *found = (struct found){ .counts = { 0 } };
    assert_int_equal(ruleset_add(set, "x.yml", file, strlen(file)), 0);
    assert_int_equal(ruleset_link(set, &err), 0);
    for (size_t i = 0; i < ruleset_refused_count(set); i++)
        fail_msg("%s", ruleset_refused(set, i));
    for (size_t i = 0; i < ruleset_count(set); i++)
        rules[i] = &ruleset_rule(set, i)->sigma;
    assert_int_equal(lint_rules(rules, ruleset_count(set), note, found), 0);
    assert_int_equal(buf_append_char(&found->text, '\0'), 0);
    ruleset_destroy(&set);
}

/* One rule of this logsource and detection has these findings. */
static void
expect(const char *source, const char *detection, const char *findings)
{
    struct buf file = { 0 };
    struct found found;

    assert_int_equal(buf_printf(&file, "title: T\nlogsource: {%s}\ndetection:\n%s", source,
                                detection), 0);
    assert_int_equal(buf_append_char(&file, '\0'), 0);
    look(file.ptr, &found);
    assert_string_equal(found.text.ptr, findings);
    buf_release(&found.text);
    buf_release(&file);
}

static void
a_field_that_sysmon_does_not_write_is_found(void **state)
{
    (void)state;
    expect("product: windows, category: file_event",
           "  s: {TargetFilename: a, Image: b, CommandLine: c}\n  condition: s\n",
           "field:4 field \"CommandLine\": there is none in events of \"file_event\"\n");
    expect("product: Windows, category: process_creation",
           "  s: {commandLine|contains: a, username: b, process.name: c}\n  condition: s\n",
           "field:4 field \"commandLine\": there is none, but there is \"CommandLine\"\n");
}

static void
of_names_that_are_all_but_known_it_asks(void **state)
{
    (void)state;
    expect("category: account", "  s: {usernmae: a, Event_Type: b, group: c, login: d}\n  condition: s\n",
           "field:4 field \"usernmae\": it is not known, but there is \"username\"\n"
           "field:4 field \"Event_Type\": it is not known, but there is \"event_type\"\n");
    /* clients and products call their fields as they like */
    expect("product: okta", "  s: {eventType: a, status: b, ProcessName: c}\n  condition: s\n", "");
}

static void
a_name_in_another_case_than_most_rules_write_it_is_found_in_the_few(void **state)
{
    static const char rule[] = "title: T%d\nid: r%d\nlogsource: {product: %s}\n"
                               "detection: {s: {%s: x}, condition: s}\n---\n";
    static const struct { const char *product, *field; } rows[] = {
        { "azure", "ResultType" }, { "AZURE", "ResultType" }, { "azure", "Resulttype" },
        { "okta", "resulttype" },
    };
    struct buf file = { 0 };
    struct found found;

    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(buf_printf(&file, rule, i, i, rows[i].product, rows[i].field), 0);
    file.len -= 4;
    assert_int_equal(buf_append_char(&file, '\0'), 0);
    look(file.ptr, &found);
    assert_string_equal(found.text.ptr, "field:14 field \"Resulttype\": most rules of this"
                                        " logsource write \"ResultType\"\n");
    assert_int_equal(found.counts[LINT_UNTESTED], 4);
    buf_release(&found.text);
    buf_release(&file);
}

static void
what_no_condition_names_and_what_decides_nothing_is_found(void **state)
{
    static const char all[] = "  a: {f: x}\n  b: {f: y}\n  c: {f: z}\n  condition: ";
    static const struct { const char *condition, *findings; } rows[] = {
        { "a and not (b or c)", "" },
        { "1 of them", "" },
        { "a and b", "unused:6 no condition names \"c\"\n" },
        { "a and not a and b or c and not c", "condition:4 condition 1 can never hold\n" },
        { "a or not a or b or c", "condition:4 condition 1 holds for every event\n" },
        { "a and (a or b) and c", "condition:5 \"b\" decides nothing: the conditions say the same"
                                  " without it\n" },
        { "[a and c, a and b and c]", "condition:4 condition 2 holds only where one before it does\n"
                                      "condition:5 \"b\" decides nothing: the conditions say the same"
                                      " without it\n" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char detection[200];

        snprintf(detection, sizeof(detection), "%s%s\n", all, rows[i].condition);
        expect("product: none", detection, rows[i].findings);
    }
}

static void
the_condition_below_bongsu_is_looked_at_with_the_rules_own(void **state)
{
    static const char file[] =
        "title: T\nlogsource: {product: none}\ndetection:\n  a: {f: x}\n  b: {f: y}\n"
        "  condition: a or b\nbongsu:\n  detection:\n    c: {g|sqli: true}\n    d: {g: x}\n"
        "    condition: %s\n";
    static const struct { const char *condition, *findings; } rows[] = {
        { "c and not d", "" },
        { "c", "unused:10 no condition names \"d\"\n" },
        { "c and d and not d",
          "condition:4 bongsu.detection: condition 1 can never hold\n" },
        { "[c, c and a and d]",
          "condition:4 bongsu.detection: condition 2 holds only where one before it does\n"
          "condition:10 \"d\" decides nothing: the conditions say the same without it\n" },
        { "b and c and d",
          "condition:4 \"a\" decides nothing: the conditions say the same without it\n" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct found found;
        char text[400];

        snprintf(text, sizeof(text), file, rows[i].condition);
        look(text, &found);
        assert_string_equal(found.text.ptr, rows[i].findings);
        buf_release(&found.text);
    }
}

static void
repetitions_that_can_be_divided_in_several_ways_are_slow(void **state)
{
    static const char *const slow[] = {
        "(a+)+$", "^(a*)*b", "(?:\\w+\\d)*x", "([a-z]+)*1", "(.*\\))+x", "(a|a)*b", "(\\w|_)+-",
        "((a+))+b", "(x?a+)*c", "(a{1,}){2,}c", "(?i:(B+)*)c", "(?P<n>a+)+b", "((a+b?)+c)+d", "(\\s|\\n)*x",
        "(A+a+)*c",
    };
    static const char *const fine[] = {
        "a+", "(a+)+", "(\\s+\\w+;)*$", "(?:\\{\\d\\}){1,}x", "([a-z]+\\.)+com", "(a|b)*c", "a.*b.*c", "(a+)?b",
        "(a+){3}b", "(?>a+)+b", "(a++)*b", "(a+b)*c", "\\(a+\\)+b", "[(a+)]+b", "(?=a+)+b", "(\\d+,)*\\d+$", "", "(",
        "[", "a{", "\\", "(?", "(?<", "x{1,", "[^", "[[:",
    };
    char deep[2001];

    (void)state;
    for (size_t i = 0; i < sizeof(slow) / sizeof(slow[0]); i++)
        if (!lint_regex_is_slow(text_of(slow[i])))
            fail_msg("it is slow: %s", slow[i]);
    for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++)
        if (lint_regex_is_slow(text_of(fine[i])))
            fail_msg("it is not slow: %s", fine[i]);
    memset(deep, '(', sizeof(deep));
    assert_false(lint_regex_is_slow((struct text){ deep, sizeof(deep) }));
}

static void
a_slow_expression_is_found_with_its_line(void **state)
{
    (void)state;
    expect("product: none", "  s:\n    f|re:\n      - 'a+b'\n      - '(a+)+b'\n  condition: s\n",
           "regex:7 a repetition within a repetition may take very long, and is given up then:"
           " \"(a+)+b\"\n");
}

/* The product's own rules are as they should be. */
static void
the_shipped_rules_have_no_findings(void **state)
{
    struct err err;
    struct ruleset *set = ruleset_load("detector/rules", &err);
    const struct sigma_rule *rules[200];
    struct found found = { .counts = { 0 } };

    (void)state;
    assert_non_null(set);
    assert_in_range(ruleset_count(set), 10, 200);
    for (size_t i = 0; i < ruleset_count(set); i++)
        rules[i] = &ruleset_rule(set, i)->sigma;
    assert_int_equal(lint_rules(rules, ruleset_count(set), note, &found), 0);
    if (found.text.len > 0)
        fail_msg("%.*s", (int)found.text.len, found.text.ptr);
    assert_int_equal(found.counts[LINT_UNTESTED], 0);
    buf_release(&found.text);
    ruleset_destroy(&set);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_field_that_sysmon_does_not_write_is_found),
        cmocka_unit_test(of_names_that_are_all_but_known_it_asks),
        cmocka_unit_test(a_name_in_another_case_than_most_rules_write_it_is_found_in_the_few),
        cmocka_unit_test(what_no_condition_names_and_what_decides_nothing_is_found),
        cmocka_unit_test(the_condition_below_bongsu_is_looked_at_with_the_rules_own),
        cmocka_unit_test(repetitions_that_can_be_divided_in_several_ways_are_slow),
        cmocka_unit_test(a_slow_expression_is_found_with_its_line),
        cmocka_unit_test(the_shipped_rules_have_no_findings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
