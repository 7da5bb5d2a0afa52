#include "detector/match/compiled.h"

/* Which answers a node can give to an event that has no field at all. */
struct answers {
    int can_hold, can_fail;
};

/* Absent is what null and exists: false ask for. */
static int
holds_for_nothing(const struct predicate *pred)
{
    if (pred->op == SIGMA_EXISTS)
        return pred->values[0].number == 0;
    for (size_t i = 0; pred->op == SIGMA_EQUALS && i < pred->value_count; i++)
        if (pred->values[i].is_null)
            return 1;
    return 0;
}

static struct answers
answers_of_test(const struct predicate *pred, int any_text)
{
    int holds = holds_for_nothing(pred);

    if (pred->field == PREDICATE_KEYWORDS)
        return (struct answers){ any_text, 1 };
    return (struct answers){ holds, !holds };
}

/* Keywords are there or not as it suits, when the event may say anything. */
static struct answers
answers_of(const struct compiled *code, const struct predicate_table *table, size_t at,
           int any_text)
{
    const struct condition_node *node = &code->nodes[at];
    size_t holding = 0, sure = 0, count = 0, need;

    if (node->kind == CONDITION_TEST)
        return answers_of_test(predicate_table_get(table, node->arg), any_text);
    for (size_t i = at + 1; i < node->end; i = code->nodes[i].end) {
        struct answers below = answers_of(code, table, i, any_text);

        if (node->kind == CONDITION_NOT)
            return (struct answers){ below.can_fail, below.can_hold };
        holding += (size_t)below.can_hold;
        sure += !below.can_fail;
        count++;
    }
    need = node->kind == CONDITION_AND ? count : node->kind == CONDITION_OR ? 1 : node->arg;
    return (struct answers){ holding >= need, sure < need };
}

enum router_need
compiled_need(const struct compiled *code, const struct predicate_table *table)
{
    if (answers_of(code, table, 0, 0).can_hold)
        return NEEDS_NOTHING;
    return answers_of(code, table, 0, 1).can_hold ? NEEDS_KEYWORDS : NEEDS_FIELDS;
}
