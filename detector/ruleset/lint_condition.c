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
    unsigned char all[MAX_WAYS];        /* the rule: both lists of conditions, where it has two */
    unsigned char any[MAX_WAYS];        /* any of the conditions of the list at hand */
    unsigned char one[MAX_WAYS];        /* the condition at hand */
};

static int
test_way(void *ctx, uint32_t selection)
{
    return (int)(*(const uint32_t *)ctx >> selection & 1);
}

static int
is_named_in(const struct sigma_condition *conditions, size_t count, uint32_t selection)
{
    for (size_t c = 0; c < count; c++)
        for (size_t n = 0; n < conditions[c].count; n++)
            if (conditions[c].nodes[n].kind == CONDITION_TEST &&
                conditions[c].nodes[n].arg == selection)
                return 1;
    return 0;
}

static int
is_named(const struct sigma_rule *rule, uint32_t selection)
{
    return is_named_in(rule->conditions, rule->condition_count, selection) ||
           is_named_in(rule->own_conditions, rule->own_condition_count, selection);
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
try_ways(const struct sigma_condition *condition, uint32_t ways,
         unsigned char ret_says[MAX_WAYS])
{
    for (uint32_t way = 0; way < ways; way++) {
        uint32_t bits = way;

        ret_says[way] = (unsigned char)condition_eval(condition->nodes, 0, test_way, &bits);
    }
}

/* Which one, in the words of a note. */
struct which {
    const char *list;
    size_t number;
};

static int
lint_condition(const struct lint *lint, struct truth *truth,
               const struct sigma_condition *condition, struct which which)
{
    const char *wrong = NULL;
    uint32_t held = 0, added = 0;

    try_ways(condition, truth->ways, truth->one);
    for (uint32_t way = 0; way < truth->ways; way++) {
        held += truth->one[way];
        added += truth->one[way] && !truth->any[way];
        truth->any[way] |= truth->one[way];
    }
    if (held == 0)
        wrong = "can never hold";
    else if (held == truth->ways)
        wrong = "holds for every event";
    else if (added == 0)
        wrong = "holds only where one before it does";
    return wrong == NULL ? 0
                         : lint_note(lint, LINT_CONDITION, lint->rule->selections[0].line,
                                     "%scondition %zu %s", which.list, which.number, wrong);
}

/* A list of which one must hold. */
static int
lint_list(const struct lint *lint, struct truth *truth,
          const struct sigma_condition *conditions, size_t count, const char *name)
{
    int rc = 0;

    memset(truth->any, count == 0, sizeof(truth->any));
    for (size_t c = 0; c < count && rc == 0; c++)
        rc = lint_condition(lint, truth, &conditions[c], (struct which){ name, c + 1 });
    for (uint32_t way = 0; way < truth->ways; way++)
        truth->all[way] &= truth->any[way];
    return rc;
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
    memset(truth.all, 1, sizeof(truth.all));
    if (rc == 0)
        rc = lint_list(lint, &truth, rule->conditions, rule->condition_count, "");
    if (rc == 0)
        rc = lint_list(lint, &truth, rule->own_conditions, rule->own_condition_count,
                       "bongsu.detection: ");
    for (uint32_t s = 0; s < rule->selection_count && rc == 0 && !is_constant(&truth); s++)
        rc = lint_selection(lint, &truth, s);
    return rc;
}
