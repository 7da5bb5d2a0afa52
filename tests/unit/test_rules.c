/*
 * test_rules.c - runs the cases of tests/rules/<rule file's name>/<any>.yml
 *
 * What a case is: detector/tool/rule_cases.h. Only the folder's rule file is loaded.
 * A new rule needs a folder and no code here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <glob.h>

#include "detector/cases/rule_tests.h"
#include "detector/tool/rule_cases.h"
#include "detector/ruleset/ruleset.h"
#include "proto/base/timestamp.h"
#include "tests/support/temp_dir.h"

#define RULES "detector/rules"
#define CASES "tests/rules"

static void
complain(void *ctx, const char *file, int line, const char *what, const json_t *about)
{
    char *text = about == NULL ? NULL : json_dumps(about, JSON_SORT_KEYS);

    (void)ctx;
    print_error("%s:%d: %s %s\n", file, line, what, text == NULL ? "" : text);
    free(text);
}

static struct rule_cases all = { .complain = complain };

static void
run_file(const char *rule, const char *path)
{
    char rules[512];
    struct err err;

    snprintf(rules, sizeof(rules), RULES "/%s.yml", rule);
    if (rule_cases_run(&all, rules, path, &err) != 0)
        fail_msg("%s", err.text);
}

/* "detector/rules/brute_force.yml" -> "brute_force" */
static void
rule_name(const char *path, char name[256])
{
    const char *base = strrchr(path, '/') + 1;

    snprintf(name, 256, "%.*s", (int)(strlen(base) - 4), base);
}

static void
every_shipped_rule_has_cases_and_they_hold(void **state)
{
    glob_t rules, cases;

    (void)state;
    assert_int_equal(glob(RULES "/*.yml", 0, NULL, &rules), 0);
    for (size_t i = 0; i < rules.gl_pathc; i++) {
        char name[256], pattern[512];

        rule_name(rules.gl_pathv[i], name);
        snprintf(pattern, sizeof(pattern), CASES "/%s/*.yml", name);
        if (glob(pattern, 0, NULL, &cases) != 0)
            fail_msg("%s has no cases: %s is missing", rules.gl_pathv[i], pattern);
        for (size_t c = 0; c < cases.gl_pathc; c++)
            run_file(name, cases.gl_pathv[c]);
        globfree(&cases);
    }
    globfree(&rules);
    assert_true(all.cases > 0);
    assert_int_equal(all.failures, 0);
}

static void
shipped_folder_loads_without_a_refusal(void **state)
{
    struct err err = { "" };
    struct ruleset *rules = rule_tests_load(RULES, NULL, NULL, &err);

    (void)state;
    if (rules == NULL)
        fail_msg("%s", err.text);
    for (size_t i = 0; i < ruleset_refused_count(rules); i++)
        print_error("%s\n", ruleset_refused(rules, i));
    assert_int_equal(ruleset_refused_count(rules), 0);
    assert_true(ruleset_count(rules) >= 12);
    for (size_t i = 0; i < ruleset_count(rules); i++)
        if (ruleset_rule(rules, i)->sigma.test_count < 2)
            fail_msg("%s: has no tests of its own", ruleset_rule(rules, i)->sigma.id);
    ruleset_destroy(&rules);
}

static void
write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void
at_the_end_of_a_case_what_waits_is_judged(void **state)
{
    struct rule_cases run = { .complain = complain };
    char dir[64], rules[80], cases[80];
    struct err err;

    (void)state;
    temp_dir_make(NULL, dir, sizeof(dir));
    snprintf(rules, sizeof(rules), "%s/rules.yml", dir);
    snprintf(cases, sizeof(cases), "%s/cases.yml", dir);
    write_file(rules, "title: A\nname: a\nlogsource: {category: x}\nbongsu: {any_source: true}\n"
                      "detection: {s: {event_type: a}, condition: s}\n---\n"
                      "title: B\nname: b\nlogsource: {category: x}\nbongsu: {any_source: true}\n"
                      "detection: {s: {event_type: b}, condition: s}\n---\n"
                      "title: C\ncorrelation: {type: temporal, group-by: [username],"
                      " timespan: 10m, condition: a and not b}\n");
    write_file(cases, "- events:\n"
                      "    - {event_type: a, username: eve}\n"
                      "    - {event_type: a, username: bob}\n"
                      "    - {event_type: b, username: bob, at: 10m}\n"
                      "  incidents:\n"
                      "    - {rule: C, key: {username: eve}, count: 1}\n");
    if (rule_cases_run(&run, rules, cases, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(run.cases, 1);
    assert_int_equal(run.failures, 0);
    assert_int_equal(temp_dir_remove(dir), 0);
}

static void
a_file_of_cases_may_have_empty_documents(void **state)
{
    struct rule_cases run = { .complain = complain };
    char dir[64], rules[80], cases[80];
    struct err err;

    (void)state;
    temp_dir_make(NULL, dir, sizeof(dir));
    snprintf(rules, sizeof(rules), "%s/rules.yml", dir);
    snprintf(cases, sizeof(cases), "%s/cases.yml", dir);
    write_file(rules, "title: A\nlogsource: {category: x}\nbongsu: {any_source: true}\n"
                      "detection: {s: {event_type: a}, condition: s}\n---\n");
    write_file(cases, "---\n# of rule A\n---\n- events: [{event_type: a}]\n"
                      "  incidents: [{rule: A}]\n---\n");
    if (rule_cases_run(&run, rules, cases, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(run.cases, 1);
    assert_int_equal(run.failures, 0);
    write_file(cases, "- events: [{event_type: a}]\n---\n- events: [{event_type: a}]\n");
    assert_int_equal(rule_cases_run(&run, rules, cases, &err), -1);
    assert_non_null(strstr(err.text, "no list of cases"));
    assert_int_equal(temp_dir_remove(dir), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_shipped_rule_has_cases_and_they_hold),
        cmocka_unit_test(shipped_folder_loads_without_a_refusal),
        cmocka_unit_test(at_the_end_of_a_case_what_waits_is_judged),
        cmocka_unit_test(a_file_of_cases_may_have_empty_documents),
    };
    struct err err = { "" };

    setenv("TZ", "Asia/Seoul", 1);
    if (timestamp_init(&err) != 0) {
        print_error("%s\n", err.text);
        return 1;
    }
    return cmocka_run_group_tests_name("rules", tests, NULL, NULL);
}
