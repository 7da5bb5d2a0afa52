/* Selections that nobody names, and what of a condition decides nothing: found by trying
 * every way in which the selections may hold. */
#include <string.h>

#include "detector/ruleset/lint_internal.h"

/* More selections are only looked at for being named. */
enum { MAX_TRIED = 10, MAX_WAYS = 1 << MAX_TRIED };

/* What a rule's conditions say, for each way in which its selections may hold. */
struct truth {
    const struct sigma_rule *rule;
    uint32_t ways;
    unsigned char all[MAX_WAYS];        /* of any of the conditions */
    unsigned char one[MAX_WAYS];        /* of the condition at hand */
};

static int
test_way(void *ctx, uint32_t selection)
{
    return (int)(*(const uint32_t *)ctx >> selection & 1);
}

static int
is_named(const struct sigma_rule *rule, uint32_t selection)
{
    for (size_t c = 0; c < rule->condition_count; c++)
        for (size_t n = 0; n < rule->conditions[c].count; n++)
            if (rule->conditions[c].nodes[n].kind == CONDITION_TEST &&
                rule->conditions[c].nodes[n].arg == selection)
                return 1;
    return 0;
}

static int
lint_unused(const struct lint *lint)
{
    const struct sigma_rule *rule = lint->rule;
    int rc = 0;

    for (uint32_t s = 0; s < rule->selection_count && rc == 0; s++) {
        const struct sigma_selection *sel = &rule->selections[s];

        if (!is_named(rule, s))
            rc = lint_note(lint, LINT_UNUSED, sel->line, "no condition names \"%.*s\"",
                           (int)(sel->name.len < 100 ? sel->name.len : 100), sel->name.ptr);
    }
    return rc;
}

static void
try_ways(const struct truth *truth, size_t condition, unsigned char ret_says[MAX_WAYS])
{
    for (uint32_t way = 0; way < truth->ways; way++) {
        uint32_t bits = way;

        ret_says[way] = (unsigned char)condition_eval(truth->rule->conditions[condition].nodes, 0,
                                                      test_way, &bits);
    }
}

static int
lint_condition(const struct lint *lint, struct truth *truth, size_t condition)
{
    const struct sigma_rule *rule = lint->rule;
    uint32_t held = 0, added = 0;

    try_ways(truth, condition, truth->one);
    for (uint32_t way = 0; way < truth->ways; way++) {
        held += truth->one[way];
        added += truth->one[way] && !truth->all[way];
        truth->all[way] |= truth->one[way];
    }
    if (held == 0)
        return lint_note(lint, LINT_CONDITION, rule->selections[0].line,
                         "condition %zu can never hold", condition + 1);
    if (held == truth->ways)
        return lint_note(lint, LINT_CONDITION, rule->selections[0].line,
                         "condition %zu holds for every event", condition + 1);
    if (added == 0)
        return lint_note(lint, LINT_CONDITION, rule->selections[0].line,
                         "condition %zu holds only where one before it does", condition + 1);
    return 0;
}

/* One that is named, and could as well be left out. */
static int
lint_selection(const struct lint *lint, const struct truth *truth, uint32_t selection)
{
    const struct sigma_selection *sel = &lint->rule->selections[selection];
    uint32_t bit = UINT32_C(1) << selection;

    if (!is_named(lint->rule, selection))
        return 0;
    for (uint32_t way = 0; way < truth->ways; way++)
        if (truth->all[way] != truth->all[way ^ bit])
            return 0;
    return lint_note(lint, LINT_CONDITION, sel->line,
                     "\"%.*s\" decides nothing: the conditions say the same without it",
                     (int)(sel->name.len < 100 ? sel->name.len : 100), sel->name.ptr);
}

static int
is_constant(const struct truth *truth)
{
    return memchr(truth->all, !truth->all[0], truth->ways) == NULL;
}

int
lint_conditions(const struct lint *lint)
{
    const struct sigma_rule *rule = lint->rule;
    struct truth truth = { .rule = rule };
    int rc = lint_unused(lint);

    if (rule->selection_count == 0 || rule->selection_count > MAX_TRIED)
        return rc;
    truth.ways = UINT32_C(1) << rule->selection_count;
    for (size_t c = 0; c < rule->condition_count && rc == 0; c++)
        rc = lint_condition(lint, &truth, c);
    for (uint32_t s = 0; s < rule->selection_count && rc == 0 && !is_constant(&truth); s++)
        rc = lint_selection(lint, &truth, s);
    return rc;
}
