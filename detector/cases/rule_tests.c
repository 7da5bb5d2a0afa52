#include "detector/cases/rule_tests.h"

#include <stdlib.h>

#include "detector/cases/rule_case.h"

/* What the first complaint of a rule's tests says. */
struct outcome {
    const struct sigma_rule *rule;
    const struct sigma_test *test;
    struct err *err;
    size_t complaints;
};

static void
note(void *ctx, const char *what, const json_t *about)
{
    struct outcome *outcome = ctx;
    char *text = about == NULL ? NULL : json_dumps(about, JSON_SORT_KEYS | JSON_ENCODE_ANY);

    if (outcome->complaints++ == 0)
        err_set(outcome->err, "%s:%d: the rule's test fails: %s %.200s", outcome->rule->file,
                outcome->test->line, what, text == NULL ? "" : text);
    free(text);
}

int
rule_tests_try(struct ruleset **alone, const struct sigma_rule *rule, struct err *err)
{
    struct err first = { "" }, why = { "" };
    struct outcome outcome = { .rule = rule, .err = &first };
    const struct rule_case test = { .rule = rule->id, .zone = rule->zone, .complain = note, .ctx = &outcome };

    for (size_t i = 0; i < rule->test_count && outcome.complaints == 0; i++) {
        outcome.test = &rule->tests[i];
        if (rule_case_run(&test, alone, outcome.test, &why) != 0) {
            err_set(err, "%s", why.text);
            return -1;
        }
    }
    if (outcome.complaints == 0)
        return 0;
    err_set(err, "%s", first.text);
    return 1;
}

struct ruleset *
rule_tests_load(const char *dir, const struct placeholders *placeholders,
                const struct rule_choice *choice, struct err *err)
{
    struct rule_files files = { 0 };
    struct ruleset *rules = NULL;

    if (rule_files_read(dir, &files, err) == 0) {
        files.placeholders = placeholders;
        files.choice = choice;
        files.try_rule = rule_tests_try;
        rules = ruleset_build(&files, err);
    }
    rule_files_release(&files);
    return rules;
}
