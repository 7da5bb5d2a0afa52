#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "detector/ruleset/rule_choice.h"
#include "detector/ruleset/rule_files.h"
#include "detector/ruleset/ruleset.h"
#include "tests/support/temp_dir.h"

static const struct sigma_rule linux_rule = {
    .level = "high", .status = "test",
    .logsource = { .product = { "linux", 5 }, .service = { "auditd", 6 } },
};
static const struct sigma_rule bare_rule = { .level = "low" };

static int
is_on(const char *lines, const char *file, const struct sigma_rule *rule)
{
    struct err err;
    struct rule_choice *choice = rule_choice_parse("detector.rule_choice", lines, &err);
    int on;

    if (choice == NULL)
        fail_msg("%s", err.text);
    on = rule_choice_is_on(choice, file, rule);
    rule_choice_destroy(&choice);
    return on;
}

static void
refused(const char *lines, const char *reason)
{
    struct err err = { "" };

    assert_null(rule_choice_parse("detector.rule_choice", lines, &err));
    if (strstr(err.text, reason) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", reason, err.text);
}

static void
a_rule_that_no_line_is_for_is_on(void **state)
{
    (void)state;
    assert_true(is_on(NULL, "a.yml", &linux_rule));
    assert_true(is_on("", "a.yml", &linux_rule));
    assert_true(is_on("off path=sigma/*", "a.yml", &linux_rule));
    assert_false(is_on("off", "a.yml", &linux_rule));
}

static void
the_last_line_that_is_for_a_rule_decides(void **state)
{
    static const char lines[] = "off path=sigma/**, on path=sigma/** level=high,off service=sshd";

    (void)state;
    assert_true(is_on(lines, "sigma/rules/linux/a.yml", &linux_rule));
    assert_false(is_on(lines, "sigma/rules/linux/a.yml", &bare_rule));
    assert_true(is_on(lines, "own.yml", &bare_rule));
    assert_false(is_on("on level=high,off level=high", "a.yml", &linux_rule));
}

static void
of_each_word_one_value_must_be_met(void **state)
{
    (void)state;
    assert_false(is_on("off level=low level=high", "a.yml", &linux_rule));
    assert_false(is_on("off level=high product=linux service=auditd status=test", "a.yml", &linux_rule));
    assert_true(is_on("off level=high product=windows", "a.yml", &linux_rule));
    assert_true(is_on("off level=high category=process_creation", "a.yml", &linux_rule));
    assert_true(is_on("off status=stable product=linux", "a.yml", &bare_rule));
}

static void
what_makes_no_sense_is_refused(void **state)
{
    char many[RULE_CHOICE_MAX_LINES * 4 + 16] = "";

    (void)state;
    refused("path=a", "begins with on or off");
    refused("off level=hihg", "there is no level \"hihg\"");
    refused("off status=", "there is no status \"\"");
    refused("off author=me", "\"author\" is none of path=");
    refused("off linux", "\"linux\" is none of path=");
    for (int i = 0; i <= RULE_CHOICE_MAX_LINES; i++)
        memcpy(many + i * 4, "off,", 5);
    refused(many, "more than 200 lines");
}

/* An id that is off is free for another rule. */
static void
what_is_off_is_counted_and_not_loaded(void **state)
{
    static const char rule[] = "title: %s\nid: same\nlevel: %s\nlogsource: {product: linux}\n"
                               "detection: {s: {a: b}, condition: s}\n";
    struct rule_files files = { 0 };
    struct rule_choice *choice;
    struct ruleset *rules;
    char dir[64], path[128];
    struct err err;

    (void)state;
    temp_dir_make(NULL, dir, sizeof(dir));
    for (int i = 0; i < 2; i++) {
        FILE *file;

        snprintf(path, sizeof(path), "%s/%d.yml", dir, i);
        file = fopen(path, "w");
        assert_non_null(file);
        fprintf(file, rule, i == 0 ? "First" : "Second", i == 0 ? "low" : "high");
        fclose(file);
    }
    choice = rule_choice_parse("x", "off path=0.yml", &err);
    assert_int_equal(rule_files_read(dir, &files, &err), 0);
    files.choice = choice;
    rules = ruleset_build(&files, &err);
    assert_int_equal(ruleset_count(rules), 1);
    assert_int_equal(ruleset_off_count(rules), 1);
    assert_int_equal(ruleset_refused_count(rules), 0);
    assert_string_equal(ruleset_rule(rules, 0)->sigma.title, "Second");
    ruleset_destroy(&rules);
    rule_files_release(&files);
    rule_choice_destroy(&choice);
    temp_dir_remove(dir);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_that_no_line_is_for_is_on),
        cmocka_unit_test(the_last_line_that_is_for_a_rule_decides),
        cmocka_unit_test(of_each_word_one_value_must_be_met),
        cmocka_unit_test(what_makes_no_sense_is_refused),
        cmocka_unit_test(what_is_off_is_counted_and_not_loaded),
    };

    return cmocka_run_group_tests_name("rule_choice", tests, NULL, NULL);
}
