/*
 * ruleset_filter.c - filters: which rules each is for
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "detector/ruleset/ruleset_internal.h"

static int
refuse(const struct sigma_filter *filter, int line, struct err *err, const char *what)
{
    err_set(err, "%s:%d: %s", filter->body.file, line, what);
    return -1;
}

/* Two of one id could not be told apart where hits are counted. */
static int
check_new(const struct ruleset *rules, const struct sigma_source *src, json_t *document,
          const struct sigma_filter *filter)
{
    if (rules->filter_count == RULESET_MAX_FILTERS)
        return sigma_refuse(src, document, "more than %d filters", (int)RULESET_MAX_FILTERS);
    for (size_t i = 0; i < rules->filter_count; i++) {
        const struct sigma_rule *other = &rules->filters[i].sigma.body;

        if (strcmp(other->id, filter->body.id) == 0)
            return sigma_refuse(src, document, "the id is that of %s:%d already",
                                other->file, other->line);
    }
    return 0;
}

int
ruleset_add_filter(struct ruleset *rules, const struct sigma_source *src, json_t *document)
{
    struct sigma_filter filter;

    if (sigma_filter_read(src, document, &filter) != 0 ||
        check_new(rules, src, document, &filter) != 0)
        return ruleset_refuse(rules, rules->file, src->err->text);
    if (rules->filter_count == rules->filter_cap) {
        size_t cap = rules->filter_cap == 0 ? 16 : rules->filter_cap * 2;
        struct rule_filter *grown = realloc(rules->filters, cap * sizeof(*grown));

        if (grown == NULL)
            return -1;
        rules->filters = grown;
        rules->filter_cap = cap;
    }
    rules->filters[rules->filter_count++] =
        (struct rule_filter){ .sigma = filter, .file = rules->file };
    return 0;
}

/* Each rule that it names must be there, and be one that it can narrow. */
static int
find_named(struct ruleset *rules, struct rule_filter *of, struct err *err)
{
    const struct sigma_filter *filter = &of->sigma;

    of->named = arena_alloc(&rules->arena, (filter->rule_count + 1) * sizeof(of->named[0]));
    if (of->named == NULL)
        return refuse(filter, filter->line, err, "out of memory");
    for (size_t i = 0; i < filter->rule_count; i++) {
        const struct sigma_filtered *named = &filter->rules[i];
        const struct rule *rule = ruleset_find(rules, named->name);
        char what[300];

        if (rule != NULL && !rule_is_correlation(rule) &&
            sigma_filter_contains(filter, &rule->sigma)) {
            of->named[i] = (uint32_t)(rule - rules->rules);
            continue;
        }
        snprintf(what, sizeof(what),
                 rule == NULL ? "no such rule is in use: \"%.*s\""
                 : rule_is_correlation(rule)
                 ? "\"%.*s\" is a correlation: a filter is for the rules that it refers to"
                 : "the filter's logsource does not contain that of \"%.*s\"",
                 (int)(named->name.len < 150 ? named->name.len : 150), named->name.ptr);
        return refuse(filter, named->line, err, what);
    }
    return 0;
}

int
ruleset_check_filters(struct ruleset *rules)
{
    struct matcher *trial = NULL;
    size_t kept = 0;
    struct err why;
    int rc = 0;

    if (rules->filter_count > 0) {
        trial = matcher_new(rules->fields);
        rc = trial == NULL ? -1 : 0;
    }
    for (size_t i = 0; i < rules->filter_count && rc == 0; i++) {
        struct rule_filter *filter = &rules->filters[i];

        /* it compiles for its own logsource: for that of a rule only names of fields differ */
        if (matcher_add(trial, &filter->sigma.body, 0, &why) != 0 ||
            find_named(rules, filter, &why) != 0)
            rc = ruleset_refuse(rules, filter->file, why.text);
        else
            rules->filters[kept++] = *filter;
    }
    if (rc == 0)
        rules->filter_count = kept;
    matcher_destroy(&trial);
    return rc;
}

static int
is_for(const struct ruleset *rules, const struct rule_filter *filter, const struct rule *rule)
{
    if (filter->sigma.is_for_any)
        return sigma_filter_contains(&filter->sigma, &rule->sigma);
    for (size_t i = 0; i < filter->sigma.rule_count; i++)
        if (&rules->rules[filter->named[i]] == rule)
            return 1;
    return 0;
}

int
ruleset_link_filters(struct ruleset *rules, const struct rule *rule, struct err *err)
{
    for (size_t i = 0; i < rules->filter_count; i++) {
        struct rule_filter *filter = &rules->filters[i];

        if (!is_for(rules, filter, rule))
            continue;
        filter->rule_count++;
        if (matcher_add_filter(rules->matcher, &filter->sigma, (uint32_t)i, err) != 0)
            return -1;
    }
    return 0;
}

int
ruleset_note_filters(struct ruleset *rules)
{
    for (size_t i = 0; i < rules->filter_count; i++) {
        const struct rule_filter *filter = &rules->filters[i];
        struct err note;
        int rc = 0;

        if (!filter->sigma.is_negation) {
            refuse(&filter->sigma, filter->sigma.line, &note,
                   "the filter's condition is not a negation: its rules hold only for what it"
                   " selects (to keep that from them, write \"not ...\")");
            rc = ruleset_add_note(rules, filter->file, note.text);
        }
        if (filter->rule_count == 0 && rc == 0) {
            refuse(&filter->sigma, filter->sigma.body.line, &note,
                   "the filter is for no rule: its logsource contains that of none");
            rc = ruleset_add_note(rules, filter->file, note.text);
        }
        if (rc != 0)
            return -1;
    }
    return 0;
}
