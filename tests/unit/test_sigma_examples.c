/*
 * test_sigma_examples.c - rules that are written down somewhere do what is said of them
 *
 * tests/sigma/spec holds the examples of Sigma's specification as files with tests of their
 * own; docs/RULES.md has rules for people to begin with. All of them load, and their tests hold.
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
#include "detector/ruleset/ruleset.h"
#include "proto/base/buf.h"
#include "proto/base/timestamp.h"

static void
expect_no_refusals(const struct ruleset *rules)
{
    for (size_t i = 0; i < ruleset_refused_count(rules); i++)
        print_error("%s\n", ruleset_refused(rules, i));
    assert_int_equal(ruleset_refused_count(rules), 0);
}

static void
the_examples_of_the_specification_find_what_it_says(void **state)
{
    struct err err = { "" };
    struct ruleset *rules = rule_tests_load("tests/sigma/spec", NULL, NULL, &err);
    size_t tested = 0;

    (void)state;
    if (rules == NULL)
        fail_msg("%s", err.text);
    expect_no_refusals(rules);
    for (size_t i = 0; i < ruleset_count(rules); i++) {
        const struct rule *rule = ruleset_rule(rules, i);

        tested += rule->sigma.test_count > 0;
        /* what makes no incidents is tested by what it feeds */
        if (rule->sigma.test_count == 0 && rule->is_alerting)
            fail_msg("%s has no tests", rule->sigma.id);
    }
    assert_true(tested >= 12);
    ruleset_destroy(&rules);
}

/* --- docs/RULES.md --- */

enum { MAX_EXAMPLES = 200 };

/* The blocks of YAML in a file of Markdown, without their indentation. */
static size_t
read_blocks(const char *path, struct buf blocks[MAX_EXAMPLES])
{
    FILE *file = fopen(path, "r");
    char line[4096];
    size_t count = 0, indent = 0;
    int is_in = 0;

    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        size_t spaces = strspn(line, " ");

        if (strncmp(line + spaces, "```", 3) == 0) {
            count += (size_t)is_in;
            is_in = !is_in && strncmp(line + spaces + 3, "yaml", 4) == 0;
            indent = spaces;
            assert_true(count < MAX_EXAMPLES);
        } else if (is_in) {
            assert_int_equal(buf_append_str(&blocks[count],
                                            line + (spaces < indent ? spaces : indent)), 0);
        }
    }
    assert_false(is_in);
    fclose(file);
    return count;
}

/* Does the block begin, or go on, with this key at the margin? */
static int
has_key(const struct buf *block, const char *key)
{
    struct text rest = buf_text(block);

    while (rest.len > 0)
        if (text_starts_with(text_split(&rest, '\n'), key))
            return 1;
    return 0;
}

/* What refers to rules that are elsewhere can at least be read. */
static void
read_alone(const char *name, const struct buf *block)
{
    struct ruleset *rules = ruleset_new();

    assert_non_null(rules);
    assert_int_equal(ruleset_add(rules, name, block->ptr, block->len), 0);
    expect_no_refusals(rules);
    ruleset_destroy(&rules);
}

/* A whole rule, with the tests that the text adds to it where these follow. */
static size_t
add_rules(struct ruleset *rules, struct buf *blocks, size_t count)
{
    size_t found = 0;

    for (size_t i = 0; i < count; i++) {
        char name[32];

        snprintf(name, sizeof(name), "example %zu", i + 1);
        if (!has_key(&blocks[i], "title:"))
            continue;
        if (!has_key(&blocks[i], "detection:")) {
            read_alone(name, &blocks[i]);
            continue;
        }
        if (i + 1 < count && text_starts_with(buf_text(&blocks[i + 1]), "    tests:"))
            assert_int_equal(buf_append_text(&blocks[i], buf_text(&blocks[i + 1])), 0);
        assert_int_equal(ruleset_add(rules, name, blocks[i].ptr, blocks[i].len), 0);
        found++;
    }
    return found;
}

static void
the_rules_in_the_documentation_load_and_hold_their_tests(void **state)
{
    static struct buf blocks[MAX_EXAMPLES];
    size_t count = read_blocks("docs/RULES.md", blocks), tests = 0;
    struct ruleset *rules = ruleset_new();
    struct err err = { "" };

    (void)state;
    assert_non_null(rules);
    ruleset_try(rules, rule_tests_try);
    assert_true(add_rules(rules, blocks, count) >= 8);
    assert_int_equal(ruleset_link(rules, &err), 0);
    expect_no_refusals(rules);
    for (size_t i = 0; i < ruleset_count(rules); i++)
        tests += ruleset_rule(rules, i)->sigma.test_count;
    assert_true(tests >= 10);
    ruleset_destroy(&rules);
    for (size_t i = 0; i < count; i++)
        buf_release(&blocks[i]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_examples_of_the_specification_find_what_it_says),
        cmocka_unit_test(the_rules_in_the_documentation_load_and_hold_their_tests),
    };
    struct err err = { "" };

    setenv("TZ", "Asia/Seoul", 1);
    if (timestamp_init(&err) != 0) {
        print_error("%s\n", err.text);
        return 1;
    }
    return cmocka_run_group_tests_name("sigma_examples", tests, NULL, NULL);
}
