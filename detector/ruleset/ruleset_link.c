#include <string.h>

#include "detector/ruleset/ruleset_internal.h"
#include "detector/ruleset/summary.h"
#include "proto/base/hash.h"

int
ruleset_refuse_rule(const struct rule *rule, int line, struct err *err, const char *what,
                    struct text name)
{
    err_set(err, "%s:%d: %s \"%.*s\"", rule->sigma.file, line, what,
            (int)(name.len < 100 ? name.len : 100), name.ptr);
    return -1;
}

struct rule *
ruleset_find(struct ruleset *rules, struct text name)
{
    for (size_t i = 0; i < rules->count; i++) {
        const struct sigma_rule *sigma = &rules->rules[i].sigma;

        if (text_is(name, sigma->id) ||
            (sigma->name != NULL && text_is(name, sigma->name)))
            return &rules->rules[i];
    }
    return NULL;
}

static int
check_rule(struct ruleset *rules, struct rule *rule, struct err *err)
{
    struct text unknown = { NULL, 0 };

    if (rule_is_correlation(rule) && ruleset_check_correlation(rules, rule, err) != 0)
        return -1;
    if (summary_check(&rule->sigma, &unknown) != 0)
        return ruleset_refuse_rule(rule, rule->sigma.line, err,
                                   "bongsu.summary cannot know", unknown);
    return 0;
}

void
ruleset_drop(struct ruleset *rules, size_t i)
{
    rules->count--;
    memmove(&rules->rules[i], &rules->rules[i + 1],
            (rules->count - i) * sizeof(rules->rules[0]));
}

/* Take the rules that fail out, until those that are left need none of them. */
static int
drop_unusable(struct ruleset *rules)
{
    struct err why;
    size_t i = 0;

    ruleset_rank(rules);
    while (i < rules->count) {
        if (check_rule(rules, &rules->rules[i], &why) == 0) {
            i++;
            continue;
        }
        if (ruleset_refuse(rules, rules->rules[i].file, why.text) != 0)
            return -1;
        ruleset_drop(rules, i);
        i = 0;
    }
    return 0;
}

/* What a correlation refers to stays silent also when the correlation itself
 * cannot be used: single failed logins must not become incidents. One that
 * says generate is enough for its rules to be heard; bongsu.alert decides for
 * its own rule alone. */
static void
decide_alerting(struct ruleset *rules)
{
    for (size_t i = 0; i < rules->count; i++)
        rules->rules[i].is_alerting = 1;
    for (int generate = 0; generate <= 1; generate++)
        for (size_t i = 0; i < rules->count; i++) {
            const struct sigma_correlation *cor = &rules->rules[i].sigma.correlation;

            for (size_t r = 0; cor->is_generate == generate && r < cor->rule_count; r++) {
                struct rule *base = ruleset_find(rules, cor->rules[r]);

                if (base != NULL)
                    base->is_alerting = generate;
            }
        }
    for (size_t i = 0; i < rules->count; i++)
        if (rules->rules[i].sigma.is_alert_set)
            rules->rules[i].is_alerting = rules->rules[i].sigma.is_alert;
}

/* Compile the detections; those that fail are refused. */
static int
drop_uncompilable(struct ruleset *rules)
{
    struct matcher *trial = matcher_new(rules->fields);
    struct err why;
    size_t kept = 0;

    if (trial == NULL)
        return -1;
    for (size_t i = 0; i < rules->count; i++) {
        if (!rule_is_correlation(&rules->rules[i]) &&
            matcher_add(trial, &rules->rules[i].sigma, 0, &why) != 0) {
            if (ruleset_refuse(rules, rules->rules[i].file, why.text) != 0) {
                matcher_destroy(&trial);
                return -1;
            }
            continue;
        }
        rules->rules[kept++] = rules->rules[i];
    }
    rules->count = kept;
    matcher_destroy(&trial);
    return 0;
}

/* A correlation tells of what one that refers to it tells of, for its events are that
 * one's too. 1 when a field was added. */
static int
spread_details(struct ruleset *rules, const struct sigma_rule *last)
{
    int found = 0;

    for (size_t r = 0; r < last->correlation.rule_count; r++) {
        struct rule *base = ruleset_find(rules, last->correlation.rules[r]);

        for (size_t i = 0; rule_is_correlation(base) && i < last->detail_count; i++) {
            size_t at = 0;

            while (at < base->sigma.detail_count &&
                   !text_equals(base->sigma.details[at], last->details[i]))
                at++;
            if (at < base->sigma.detail_count || at == DETAILS_MAX_FIELDS)
                continue;
            base->sigma.details[base->sigma.detail_count++] = last->details[i];
            found = 1;
        }
    }
    return found;
}

static void
spread_all_details(struct ruleset *rules)
{
    int found = 1;

    while (found) {
        found = 0;
        for (size_t i = 0; i < rules->count; i++)
            found |= spread_details(rules, &rules->rules[i].sigma);
    }
}

static int
link_details(struct ruleset *rules, struct rule *rule)
{
    for (size_t i = 0; i < rule->sigma.detail_count; i++) {
        struct text name = rule->sigma.details[i];

        rule->detail_fields[i] = field_table_add_for(rules->fields, name, &rule->sigma.logsource);
        if (rule->detail_fields[i] < 0)
            return -1;
        rule->detail_shape = rule->detail_shape * 31 + hash64(name.ptr, name.len);
    }
    return 0;
}

/* The fields that tell what was seen before. */
static int
link_seen(struct ruleset *rules, struct rule *rule)
{
    const struct sigma_correlation *cor = &rule->sigma.correlation;

    for (size_t i = 0; i < cor->group_count; i++) {
        rule->seen_fields[i] = field_table_add_for(rules->fields, cor->group_by[i],
                                                   &rule->sigma.logsource);
        if (rule->seen_fields[i] < 0)
            return -1;
    }
    return 0;
}

/* What needs a rule whose tests fail goes with it. */
static int
drop_failing(struct ruleset *rules)
{
    int failed = ruleset_run_tests(rules);

    if (failed > 0)
        return drop_unusable(rules);
    return failed;
}

int
ruleset_link(struct ruleset *rules, struct err *err)
{
    if (rules->lender == NULL && drop_uncompilable(rules) != 0)
        goto no_memory;
    decide_alerting(rules);
    if (drop_unusable(rules) != 0 || drop_failing(rules) != 0 ||
        ruleset_check_filters(rules) != 0)
        goto no_memory;
    spread_all_details(rules);
    for (size_t i = 0; i < rules->count; i++) {
        struct rule *rule = &rules->rules[i];

        if (link_details(rules, rule) != 0 ||
            (rule_is_correlation(rule) && ruleset_link_correlation(rules, rule) != 0))
            goto no_memory;
        if (!rule_is_correlation(rule) && link_seen(rules, rule) != 0)
            goto no_memory;
        if (!rule_is_correlation(rule) &&
            (matcher_add(rules->matcher, &rule->sigma, (uint32_t)i, err) != 0 ||
             ruleset_link_filters(rules, rule, err) != 0))
            return -1;
    }
    if (ruleset_note_filters(rules) != 0)
        goto no_memory;
    ruleset_link_owners(rules);
    return rules->lender == NULL ? matcher_finish(rules->matcher, err)
                                 : matcher_finish_plainly(rules->matcher, err);

no_memory:
    err_set(err, "rules: out of memory");
    return -1;
}
