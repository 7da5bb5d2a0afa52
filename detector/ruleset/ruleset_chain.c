/*
 * ruleset_chain.c - correlations: what they refer to, and who judges their keys
 *
 * A correlation with steps may refer to other correlations. Those are judged
 * first (rank), and hand on parts of their own keys, for their events share
 * nothing else.
 */
#include <string.h>

#include "detector/ruleset/ruleset_internal.h"
#include "proto/base/hash.h"

/* As deep as other engines go; no rule that a person understands is deeper. */
enum { MAX_DEPTH = 10 };

static int
has_steps(const struct sigma_correlation *cor)
{
    return cor->type == SIGMA_TEMPORAL || cor->type == SIGMA_ORDERED;
}

/* The rank of one, when those it refers to have theirs: 1 when it has it now. */
static int
rank_one(struct ruleset *rules, struct rule *rule)
{
    const struct sigma_correlation *cor = &rule->sigma.correlation;
    uint64_t shape[2] = { rule->text_hash, 0 };
    uint32_t rank = 0;

    for (size_t i = 0; i < cor->rule_count; i++) {
        const struct rule *base = ruleset_find(rules, cor->rules[i]);

        if (base == NULL)
            continue;           /* it will be refused for that */
        if (rule_is_correlation(base) && base->rank == 0)
            return 0;
        if (base->rank > rank)
            rank = base->rank;
        shape[1] = shape[1] * 31 + (rule_is_correlation(base) ? base->shape
                                                              : base->text_hash);
    }
    /* whom it yields to is judged first, too */
    for (size_t i = 0; i < rule->sigma.yield_count; i++) {
        const struct rule *other = ruleset_find(rules, rule->sigma.yields[i]);

        if (other != NULL && rule_is_correlation(other) && other->rank == 0)
            return 0;
        if (other != NULL && other->rank > rank)
            rank = other->rank;
    }
    rule->rank = rank + 1;
    rule->shape = hash64(shape, sizeof(shape));
    return 1;
}

void
ruleset_rank(struct ruleset *rules)
{
    int found = 1;

    for (int depth = 0; depth < MAX_DEPTH && found; depth++) {
        found = 0;
        for (size_t i = 0; i < rules->count; i++)
            if (rule_is_correlation(&rules->rules[i]) && rules->rules[i].rank == 0)
                found |= rank_one(rules, &rules->rules[i]);
    }
}

/* What a group-by name is called in one of the rules. */
static struct text
name_in(struct ruleset *rules, const struct sigma_correlation *cor, struct text name,
        const struct rule *base)
{
    for (size_t i = 0; i < cor->alias_count; i++)
        if (text_equals(cor->aliases[i].name, name) &&
            ruleset_find(rules, cor->aliases[i].rule) == base)
            return cor->aliases[i].field;
    return name;
}

/* Which part of a correlation's key it is, or -1. */
static int
part_of(const struct rule *rule, struct text name)
{
    const struct sigma_correlation *cor = &rule->sigma.correlation;

    for (size_t i = 0; i < cor->group_count; i++)
        if (text_equals(cor->group_by[i], name))
            return (int)i;
    return -1;
}

static int
check_base(struct ruleset *rules, const struct rule *rule, size_t step, struct err *err)
{
    const struct sigma_correlation *cor = &rule->sigma.correlation;
    const struct rule *base = ruleset_find(rules, cor->rules[step]);

    if (base == NULL)
        return ruleset_refuse_rule(rule, cor->line, err, "there is no rule",
                                   cor->rules[step]);
    for (size_t i = 0; has_steps(cor) && i < step; i++)
        if (ruleset_find(rules, cor->rules[i]) == base)
            return ruleset_refuse_rule(rule, cor->line, err, "two steps are the same rule",
                                       cor->rules[step]);
    if (!rule_is_correlation(base))
        return 0;
    if (!has_steps(cor))
        return ruleset_refuse_rule(rule, cor->line, err,
                                   "only temporal and temporal_ordered may refer to"
                                   " another correlation:", cor->rules[step]);
    if (base->sigma.correlation.is_waiting)
        return ruleset_refuse_rule(rule, cor->line, err, "a step must not wait for what does"
                                   " not come (lt, lte, eq, neq, not), as this one does:",
                                   cor->rules[step]);
    for (size_t i = 0; i < cor->group_count; i++)
        if (part_of(base, name_in(rules, cor, cor->group_by[i], base)) < 0)
            return ruleset_refuse_rule(rule, cor->line, err, "group-by names what a"
                                       " correlation that it refers to does not group by:",
                                       cor->group_by[i]);
    return 0;
}

static int
is_same_group(const struct sigma_correlation *cor, const struct sigma_correlation *other)
{
    if (cor->group_count != other->group_count)
        return 0;
    for (size_t i = 0; i < cor->group_count; i++)
        if (!text_equals(cor->group_by[i], other->group_by[i]))
            return 0;
    return 1;
}

/* Both tell of the same key, and the other one tells at all. */
static int
check_yields(struct ruleset *rules, const struct rule *rule, struct err *err)
{
    const struct sigma_rule *sigma = &rule->sigma;

    for (size_t i = 0; i < sigma->yield_count; i++) {
        const struct rule *other = ruleset_find(rules, sigma->yields[i]);

        if (other == NULL)
            return ruleset_refuse_rule(rule, sigma->yields_line, err, "there is no rule",
                                       sigma->yields[i]);
        if (!rule_is_correlation(other) || !other->is_alerting ||
            !is_same_group(&sigma->correlation, &other->sigma.correlation))
            return ruleset_refuse_rule(rule, sigma->yields_line, err, "yields_to needs a"
                                       " correlation that alerts and groups by the same:",
                                       sigma->yields[i]);
    }
    return 0;
}

/* 1 when an alias is for one of the rules. */
static int
is_referred(struct ruleset *rules, const struct sigma_correlation *cor, struct text name)
{
    const struct rule *base = ruleset_find(rules, name);

    for (size_t i = 0; base != NULL && i < cor->rule_count; i++)
        if (ruleset_find(rules, cor->rules[i]) == base)
            return 1;
    return 0;
}

int
ruleset_check_correlation(struct ruleset *rules, const struct rule *rule, struct err *err)
{
    const struct sigma_correlation *cor = &rule->sigma.correlation;

    for (size_t i = 0; i < cor->rule_count; i++)
        if (check_base(rules, rule, i, err) != 0)
            return -1;
    for (size_t i = 0; i < cor->alias_count; i++)
        if (!is_referred(rules, cor, cor->aliases[i].rule))
            return ruleset_refuse_rule(rule, cor->aliases[i].line, err,
                                       "an alias is for a rule that is not referred to:",
                                       cor->aliases[i].rule);
    if (rule->sigma.echo.rule.ptr != NULL && !is_referred(rules, cor, rule->sigma.echo.rule))
        return ruleset_refuse_rule(rule, rule->sigma.echo.line, err,
                                   "echo is of a rule that is not referred to:",
                                   rule->sigma.echo.rule);
    if (check_yields(rules, rule, err) != 0)
        return -1;
    if (rule->rank == 0)
        return ruleset_refuse_rule(rule, cor->line, err, "correlations refer to each other"
                                   " in a circle, or too deep, below",
                                   text_of(rule->sigma.id));
    return 0;
}

static int
add_watcher(struct ruleset *rules, struct rule *base, struct rule_feed feed)
{
    struct rule_feed *grown;

    for (size_t i = 0; i < base->watcher_count; i++)
        if (base->watchers[i].rule == feed.rule)
            return 0;           /* named twice, by id and by name */
    grown = arena_alloc(&rules->arena, (base->watcher_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return -1;
    if (base->watcher_count > 0)
        memcpy(grown, base->watchers, base->watcher_count * sizeof(*grown));
    grown[base->watcher_count++] = feed;
    base->watchers = grown;
    return 0;
}

static int
link_step(struct ruleset *rules, struct rule *rule, size_t i)
{
    const struct sigma_correlation *cor = &rule->sigma.correlation;
    const struct rule_feed feed = { (uint32_t)(rule - rules->rules), (uint32_t)i };
    struct rule *base = ruleset_find(rules, cor->rules[i]);
    struct rule_step *step = &rule->steps[i];

    step->rule = (uint32_t)(base - rules->rules);
    if (rule->sigma.echo.rule.ptr != NULL &&
        ruleset_find(rules, rule->sigma.echo.rule) == base)
        rule->echo_steps |= UINT64_C(1) << i;
    for (size_t g = 0; g < cor->group_count; g++) {
        struct text name = name_in(rules, cor, cor->group_by[g], base);

        step->parts[g] = rule_is_correlation(base) ? part_of(base, name)
                                                   : field_table_add_for(rules->fields, name,
                                                                         &base->sigma.logsource);
        if (step->parts[g] < 0)
            return -1;
    }
    return add_watcher(rules, base, feed);
}

/* The logsource of all its rules, or NULL when they differ. */
static const struct logsource *
shared_source(struct ruleset *rules, const struct sigma_correlation *cor)
{
    const struct logsource *first = NULL;

    for (size_t i = 0; i < cor->rule_count; i++) {
        const struct logsource *of = &ruleset_find(rules, cor->rules[i])->sigma.logsource;

        if (first == NULL)
            first = of;
        if (!text_equals(first->product, of->product) ||
            !text_equals(first->category, of->category) ||
            !text_equals(first->service, of->service))
            return NULL;
    }
    return first;
}

/* Whom it yields to, and what an echo has in common. */
static int
link_others(struct ruleset *rules, struct rule *rule)
{
    for (size_t i = 0; i < rule->sigma.yield_count; i++)
        rule->yields[i] = (uint32_t)(ruleset_find(rules, rule->sigma.yields[i]) -
                                     rules->rules);
    for (size_t i = 0; i < rule->sigma.echo.field_count; i++) {
        rule->echo_fields[i] = field_table_add(rules->fields, rule->sigma.echo.fields[i]);
        if (rule->echo_fields[i] < 0)
            return -1;
    }
    return 0;
}

int
ruleset_link_correlation(struct ruleset *rules, struct rule *rule)
{
    const struct sigma_correlation *cor = &rule->sigma.correlation;

    if (link_others(rules, rule) != 0)
        return -1;
    for (size_t i = 0; i < cor->field_count; i++) {
        rule->value_fields[i] = field_table_add_for(rules->fields, cor->fields[i],
                                                    shared_source(rules, cor));
        if (rule->value_fields[i] < 0)
            return -1;
    }
    rule->steps = arena_alloc(&rules->arena, cor->rule_count * sizeof(rule->steps[0]));
    if (rule->steps == NULL)
        return -1;
    for (size_t i = 0; i < cor->rule_count; i++)
        if (link_step(rules, rule, i) != 0)
            return -1;
    return 0;
}

/* Who feeds what slot 0 owns, or is fed by it, is owned by it too. 1 when one was added. */
static int
spread_zero(struct ruleset *rules)
{
    int found = 0;

    for (size_t i = 0; i < rules->count; i++) {
        struct rule *rule = &rules->rules[i];

        for (size_t w = 0; rule_is_correlation(rule) && w < rule->watcher_count; w++) {
            struct rule *last = &rules->rules[rule->watchers[w].rule];

            if (rule->watcher_count == 1 && rule->owner != OWNER_ZERO &&
                last->owner != OWNER_ZERO)
                continue;
            found |= rule->owner != OWNER_ZERO || last->owner != OWNER_ZERO;
            rule->owner = last->owner = OWNER_ZERO;
        }
    }
    return found;
}

/* The parts of the last one's key are parts of this one's, by way of those between. */
static void
own_by_last(const struct ruleset *rules, struct rule *rule)
{
    const struct rule *at = rule;

    rule->owner = OWNER_PARTS;
    rule->owner_count = rule->sigma.correlation.group_count;
    for (size_t i = 0; i < rule->owner_count; i++)
        rule->owner_parts[i] = (int)i;
    while (at->watcher_count > 0) {
        const struct rule *next = &rules->rules[at->watchers[0].rule];
        const struct rule_step *step = &next->steps[at->watchers[0].step];
        int parts[INCIDENT_MAX_KEYS] = { 0 };

        for (size_t i = 0; i < next->sigma.correlation.group_count; i++)
            parts[i] = rule->owner_parts[step->parts[i]];
        memcpy(rule->owner_parts, parts, sizeof(parts));
        rule->owner_count = next->sigma.correlation.group_count;
        at = next;
    }
}

/* Who yields is judged where the other one's key is. 1 when slot 0 has to. */
static int
join_yields(struct ruleset *rules)
{
    int found = 0;

    for (size_t i = 0; i < rules->count; i++)
        for (size_t y = 0; y < rules->rules[i].sigma.yield_count; y++) {
            struct rule *rule = &rules->rules[i], *other = &rules->rules[rule->yields[y]];

            if (rule->owner == OWNER_KEY && other->owner == OWNER_PARTS) {
                rule->owner = OWNER_PARTS;
                rule->owner_count = other->owner_count;
                memcpy(rule->owner_parts, other->owner_parts, sizeof(rule->owner_parts));
            }
            if (rule->owner == other->owner &&
                (rule->owner != OWNER_PARTS ||
                 (rule->owner_count == other->owner_count &&
                  memcmp(rule->owner_parts, other->owner_parts,
                         rule->owner_count * sizeof(rule->owner_parts[0])) == 0)))
                continue;
            rule->owner = other->owner = OWNER_ZERO;
            found = 1;
        }
    return found;
}

void
ruleset_link_owners(struct ruleset *rules)
{
    while (spread_zero(rules))
        ;
    for (size_t i = 0; i < rules->count; i++) {
        struct rule *rule = &rules->rules[i];

        if (rule_is_correlation(rule) && rule->watcher_count > 0 &&
            rule->owner != OWNER_ZERO)
            own_by_last(rules, rule);
    }
    while (join_yields(rules) | spread_zero(rules))
        ;
}
