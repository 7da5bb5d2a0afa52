#include "detector/ruleset/lint.h"

#include <stdarg.h>
#include <stdio.h>

#include "detector/ruleset/lint_internal.h"

enum { NOTE_LEN = 400 };

const char *const lint_names[LINT_KINDS] = { "field", "unused", "condition", "regex", "untested" };

const char *const lint_headings[LINT_KINDS] = {
    "fields that events of the logsource do not have",
    "selections that no condition names",
    "conditions that decide nothing",
    "regular expressions that may be slow",
    "rules without tests of their own",
};

int
lint_note(const struct lint *lint, enum lint_kind kind, int line, const char *fmt, ...)
{
    char note[NOTE_LEN];
    va_list args;

    va_start(args, fmt);
    vsnprintf(note, sizeof(note), fmt, args);
    va_end(args);
    return lint->say(lint->ctx, kind, lint->rule, line, note);
}

/* At the limit it is given up, and does not match: that can hide an attack. */
static int
lint_item(const struct lint *lint, const struct sigma_item *item)
{
    int rc = 0;

    for (size_t i = 0; item->op == SIGMA_REGEX && i < item->value_count && rc == 0; i++) {
        const struct sigma_value *value = &item->values[i];

        if (lint_regex_is_slow(value->text))
            rc = lint_note(lint, LINT_REGEX, value->line,
                           "a repetition within a repetition may take very long, and is given"
                           " up then: \"%.*s\"", (int)(value->text.len < 100 ? value->text.len
                                                                             : 100),
                           value->text.ptr);
    }
    return rc;
}

static int
lint_regexes(const struct lint *lint)
{
    const struct sigma_rule *rule = lint->rule;
    int rc = 0;

    for (size_t s = 0; s < rule->selection_count; s++)
        for (size_t g = 0; g < rule->selections[s].group_count; g++) {
            const struct sigma_group *group = &rule->selections[s].groups[g];

            for (size_t i = 0; i < group->item_count && rc == 0; i++)
                rc = lint_item(lint, &group->items[i]);
        }
    return rc;
}

int
lint_rules(const struct sigma_rule *const *rules, size_t count, lint_say *say, void *ctx)
{
    struct lint_spellings *spellings = lint_spellings_new(rules, count);
    struct lint lint = { .say = say, .ctx = ctx };
    int rc = spellings == NULL ? -1 : 0;

    for (size_t i = 0; i < count && rc == 0; i++) {
        lint.rule = rules[i];
        if (rules[i]->correlation.type == SIGMA_NONE) {
            rc = lint_fields(&lint, spellings);
            rc = rc == 0 ? lint_conditions(&lint) : rc;
            rc = rc == 0 ? lint_regexes(&lint) : rc;
        }
        if (rc == 0 && rules[i]->test_count == 0)
            rc = lint_note(&lint, LINT_UNTESTED, rules[i]->line,
                           "it has no tests of its own (bongsu.tests)");
    }
    lint_spellings_destroy(&spellings);
    return rc;
}
