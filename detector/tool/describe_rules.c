#include "detector/tool/describe_rules.h"

#include <stdlib.h>

#include "detector/ruleset/lint.h"
#include "proto/base/clock.h"

static json_t *
describe(const struct rule *rule)
{
    json_t *tags = json_array();

    for (size_t i = 0; i < rule->sigma.tag_count; i++)
        json_array_append_new(tags, json_string(rule->sigma.tags[i]));
    return json_pack("{s:s, s:s, s:s, s:s, s:i, s:b, s:o}", "id", rule->sigma.id, "title",
                     rule->sigma.title == NULL ? "" : rule->sigma.title, "level",
                     rule->sigma.level == NULL ? "" : rule->sigma.level, "file",
                     rule->sigma.file, "line", rule->sigma.line, "incidents",
                     rule->is_alerting || rule->sigma.correlation.type != SIGMA_NONE,
                     "tags", tags);
}

static json_t *
describe_filter(const struct rule_filter *filter, int is_expired)
{
    const struct sigma_rule *body = &filter->sigma.body;

    return json_pack("{s:s, s:s, s:s, s:i, s:I, s:s?, s:b}", "id", body->id, "title",
                     body->title, "file", body->file, "line", body->line, "rules",
                     (json_int_t)filter->rule_count, "expires", filter->sigma.expires,
                     "expired", is_expired);
}

/* The filters into an array; and into notes, which are past their time. */
static json_t *
describe_filters(const struct ruleset *set, json_t *notes)
{
    json_t *all = json_array();

    for (size_t i = 0; i < ruleset_filter_count(set); i++) {
        const struct rule_filter *filter = ruleset_filter(set, i);
        int is_expired = clock_real_us() >= filter->sigma.expires_us;

        json_array_append_new(all, describe_filter(filter, is_expired));
        if (is_expired)
            json_array_append_new(notes, json_sprintf(
                "%s:%d: the filter ended (%s) and is not applied", filter->sigma.body.file,
                filter->sigma.body.line, filter->sigma.expires));
    }
    return all;
}

static int
describe_lint(void *ctx, enum lint_kind kind, const struct sigma_rule *rule, int line,
              const char *what)
{
    return json_array_append_new(ctx, json_pack("{s:s, s:s, s:i, s:s, s:s}", "kind",
                                                lint_names[kind], "file", rule->file, "line",
                                                line, "what", what, "about",
                                                lint_headings[kind]));
}

/* Filters have no tests. */
static int
describe_filter_lint(void *ctx, enum lint_kind kind, const struct sigma_rule *body, int line,
                     const char *what)
{
    return kind == LINT_UNTESTED ? 0 : describe_lint(ctx, kind, body, line, what);
}

/* What the authors may not have meant, as an array. */
static json_t *
describe_lints(const struct ruleset *set)
{
    size_t count = ruleset_count(set), filters = ruleset_filter_count(set);
    const struct sigma_rule **rules = calloc(count + filters + 1, sizeof(*rules));
    json_t *all = json_array();

    if (rules == NULL)
        return all;
    for (size_t i = 0; i < count; i++)
        rules[i] = &ruleset_rule(set, i)->sigma;
    for (size_t i = 0; i < filters; i++)
        rules[count + i] = &ruleset_filter(set, i)->sigma.body;
    if (lint_rules(rules, count, describe_lint, all) == 0)
        lint_rules(rules + count, filters, describe_filter_lint, all);
    free(rules);
    return all;
}

/* The reasons that get gives, into an array. */
static json_t *
describe_reasons(const struct ruleset *set, size_t count,
                 const char *(*get)(const struct ruleset *set, size_t i))
{
    json_t *all = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(all, json_string(get(set, i)));
    return all;
}

json_t *
describe_rules(const struct ruleset *set)
{
    json_t *all = json_array(), *notes;
    size_t untested = 0;

    for (size_t i = 0; i < ruleset_count(set); i++) {
        json_array_append_new(all, describe(ruleset_rule(set, i)));
        untested += ruleset_rule(set, i)->sigma.test_count == 0;
    }
    notes = describe_reasons(set, ruleset_note_count(set), ruleset_note);
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:I}", "rules", all, "refused",
                     describe_reasons(set, ruleset_refused_count(set), ruleset_refused),
                     "filters", describe_filters(set, notes), "notes", notes, "lints",
                     describe_lints(set), "untested", (json_int_t)untested);
}
