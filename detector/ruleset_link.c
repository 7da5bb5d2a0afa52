#include <string.h>

#include "detector/ruleset_internal.h"
#include "detector/summary.h"
#include "proto/base/hash.h"

static int
is_correlation(const struct rule *rule)
{
    return rule->sigma.correlation.type != SIGMA_NONE;
}

static int
refuse(const struct rule *rule, int line, struct err *err, const char *what,
       struct text name)
{
    err_set(err, "%s:%d: %s \"%.*s\"", rule->sigma.file, line, what,
            (int)(name.len < 100 ? name.len : 100), name.ptr);
    return -1;
}

static struct rule *
find(struct ruleset *rules, struct text name)
{
    for (size_t i = 0; i < rules->count; i++) {
        const struct sigma_rule *sigma = &rules->rules[i].sigma;

        if (text_is(name, sigma->id) ||
            (sigma->name != NULL && text_is(name, sigma->name)))
            return &rules->rules[i];
    }
    return NULL;
}

/* A correlation is in use only when all its rules are. */
static int
check_correlation(struct ruleset *rules, struct rule *rule, struct err *err)
{
    const struct sigma_correlation *cor = &rule->sigma.correlation;
    uint64_t shape[2] = { rule->text_hash, 0 };

    for (size_t i = 0; i < cor->rule_count; i++) {
        const struct rule *base = find(rules, cor->rules[i]);

        if (base == NULL)
            return refuse(rule, cor->line, err, "there is no rule", cor->rules[i]);
        if (is_correlation(base))
            return refuse(rule, cor->line, err,
                          "correlations of correlations are not supported yet:",
                          cor->rules[i]);
        shape[1] = shape[1] * 31 + base->text_hash;
    }
    rule->shape = hash64(shape, sizeof(shape));
    return 0;
}

static int
check_rule(struct ruleset *rules, struct rule *rule, struct err *err)
{
    struct text unknown = { NULL, 0 };

    if (is_correlation(rule) && check_correlation(rules, rule, err) != 0)
        return -1;
    if (summary_check(&rule->sigma, &unknown) != 0)
        return refuse(rule, rule->sigma.line, err, "bongsu.summary cannot know", unknown);
    return 0;
}

static int
add_watcher(struct ruleset *rules, struct rule *base, uint32_t number)
{
    uint32_t *grown;

    if (base->watcher_count > 0 && base->watchers[base->watcher_count - 1] == number)
        return 0;               /* named twice, by id and by name */
    grown = arena_alloc(&rules->arena, (base->watcher_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return -1;
    if (base->watcher_count > 0)
        memcpy(grown, base->watchers, base->watcher_count * sizeof(*grown));
    grown[base->watcher_count++] = number;
    base->watchers = grown;
    return 0;
}

static int
link_correlation(struct ruleset *rules, struct rule *rule)
{
    const struct sigma_correlation *cor = &rule->sigma.correlation;
    uint32_t number = (uint32_t)(rule - rules->rules);

    for (size_t i = 0; i < cor->group_count; i++) {
        rule->group_fields[i] = field_table_add(rules->fields, cor->group_by[i]);
        if (rule->group_fields[i] < 0)
            return -1;
    }
    if (cor->field.len > 0) {
        rule->value_field = field_table_add(rules->fields, cor->field);
        if (rule->value_field < 0)
            return -1;
    }
    for (size_t i = 0; i < cor->rule_count; i++) {
        struct rule *base = find(rules, cor->rules[i]);

        if (base != NULL && add_watcher(rules, base, number) != 0)
            return -1;
    }
    return 0;
}

/* Take the rules that fail out, until those that are left need none of them. */
static int
drop_unusable(struct ruleset *rules)
{
    struct err why;
    size_t i = 0;

    while (i < rules->count) {
        if (check_rule(rules, &rules->rules[i], &why) == 0) {
            i++;
            continue;
        }
        if (ruleset_refuse(rules, rules->rules[i].file, why.text) != 0)
            return -1;
        rules->count--;
        memmove(&rules->rules[i], &rules->rules[i + 1],
                (rules->count - i) * sizeof(rules->rules[0]));
        i = 0;
    }
    return 0;
}

/* What a correlation refers to stays silent also when the correlation itself
 * cannot be used: single failed logins must not become incidents. One that
 * says generate is enough for its rules to be heard. */
static void
decide_alerting(struct ruleset *rules)
{
    for (size_t i = 0; i < rules->count; i++)
        rules->rules[i].is_alerting = !is_correlation(&rules->rules[i]);
    for (int generate = 0; generate <= 1; generate++)
        for (size_t i = 0; i < rules->count; i++) {
            const struct sigma_correlation *cor = &rules->rules[i].sigma.correlation;

            for (size_t r = 0; cor->is_generate == generate && r < cor->rule_count; r++) {
                struct rule *base = find(rules, cor->rules[r]);

                if (base != NULL && !is_correlation(base))
                    base->is_alerting = generate;
            }
        }
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
        if (!is_correlation(&rules->rules[i]) &&
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

static int
link_details(struct ruleset *rules, struct rule *rule)
{
    for (size_t i = 0; i < rule->sigma.detail_count; i++) {
        struct text name = rule->sigma.details[i];

        rule->detail_fields[i] = field_table_add(rules->fields, name);
        if (rule->detail_fields[i] < 0)
            return -1;
        rule->detail_shape = rule->detail_shape * 31 + hash64(name.ptr, name.len);
    }
    return 0;
}

int
ruleset_link(struct ruleset *rules, struct err *err)
{
    if (drop_uncompilable(rules) != 0)
        goto no_memory;
    decide_alerting(rules);
    if (drop_unusable(rules) != 0)
        goto no_memory;
    for (size_t i = 0; i < rules->count; i++) {
        struct rule *rule = &rules->rules[i];

        if (link_details(rules, rule) != 0 ||
            (is_correlation(rule) && link_correlation(rules, rule) != 0))
            goto no_memory;
        if (!is_correlation(rule) &&
            matcher_add(rules->matcher, &rule->sigma, (uint32_t)i, err) != 0)
            return -1;
    }
    if (matcher_finish(rules->matcher) == 0)
        return 0;
no_memory:
    err_set(err, "rules: out of memory");
    return -1;
}
