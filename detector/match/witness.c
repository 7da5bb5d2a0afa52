#include "detector/match/witness.h"

#include <math.h>

/* A shorter text is in nearly every field. */
enum { SHORTEST_PART = 2 };

/* Of a pattern with wildcards within: its longest run of plain bytes. */
static struct text
longest_run(const struct pattern *pattern)
{
    struct text longest = { NULL, 0 };
    size_t from = 0;

    for (size_t i = 0; i <= pattern->len; i++) {
        if (i < pattern->len && pattern->kinds[i] == 'c')
            continue;
        if (i - from > longest.len)
            longest = (struct text){ pattern->bytes + from, i - from };
        from = i + 1;
    }
    return longest;
}

/* What a value needs. 1, or 0: nothing that can be looked for. */
static int
witness_of(int field, const struct sigma_value *value, struct witness *ret)
{
    static const enum witness_place places[] = {
        [PATTERN_EXACT] = WITNESS_WHOLE, [PATTERN_PREFIX] = WITNESS_START,
        [PATTERN_SUFFIX] = WITNESS_END, [PATTERN_CONTAINS] = WITNESS_ANYWHERE,
        [PATTERN_GLOB] = WITNESS_ANYWHERE,
    };
    const struct pattern *pattern = &value->pattern;

    if (value->is_null || pattern->shape == PATTERN_ANY)
        return 0;
    *ret = (struct witness){ field, places[pattern->shape],
                             pattern->shape == PATTERN_GLOB ? longest_run(pattern)
                                                            : pattern->literal };
    return ret->place == WITNESS_WHOLE || ret->literal.len >= SHORTEST_PART;
}

/* The predicate's values, when each of them needs a text. */
static const struct predicate *
needy(const struct predicate_table *table, uint32_t number)
{
    const struct predicate *pred = predicate_table_get(table, number);
    struct witness one;

    if (pred->op != SIGMA_EQUALS || pred->part != PART_NONE || pred->value_count == 0)
        return NULL;
    for (size_t i = 0; i < pred->value_count; i++)
        if (!witness_of(pred->field, &pred->values[i], &one))
            return NULL;
    return pred;
}

static int
visit_values(const struct predicate *pred,
             int (*visit)(void *ctx, const struct witness *witness), void *ctx)
{
    struct witness one;
    int rc = 0;

    for (size_t i = 0; i < pred->value_count && rc == 0; i++)
        if (witness_of(pred->field, &pred->values[i], &one))
            rc = visit(ctx, &one);
    return rc;
}

int
witness_each(const struct compiled *code, const struct predicate_table *table,
             int (*visit)(void *ctx, const struct witness *witness), void *ctx)
{
    int rc = 0;

    for (size_t i = 0; i < code->node_count && rc == 0; i++) {
        const struct predicate *pred = code->nodes[i].kind == CONDITION_TEST
                                       ? needy(table, code->nodes[i].arg) : NULL;

        if (pred != NULL)
            rc = visit_values(pred, visit, ctx);
    }
    return rc;
}

struct choice {
    const struct compiled *code;
    const struct predicate_table *table;
    double (*rarity)(void *ctx, const struct witness *witness);
    int (*visit)(void *ctx, const struct witness *witness);
    void *ctx;
};

static double
cost_of_test(const struct choice *choice, uint32_t number)
{
    const struct predicate *pred = needy(choice->table, number);
    struct witness one;
    double cost = pred == NULL ? INFINITY : 0;

    for (size_t i = 0; pred != NULL && i < pred->value_count; i++)
        if (witness_of(pred->field, &pred->values[i], &one))
            cost += choice->rarity(choice->ctx, &one);
    return cost;
}

/* Of an AND any child will do; of an OR (and of "at least", which counts) all are needed. */
static double
cost_of(const struct choice *choice, size_t at)
{
    const struct condition_node *node = &choice->code->nodes[at];
    int is_and = node->kind == CONDITION_AND;
    double cost = is_and ? INFINITY : 0;

    if (node->kind == CONDITION_TEST)
        return cost_of_test(choice, node->arg);
    if (node->kind == CONDITION_NOT || node->end == at + 1 ||
        (node->kind == CONDITION_AT_LEAST && node->arg == 0))
        return INFINITY;
    for (size_t i = at + 1; i < node->end; i = choice->code->nodes[i].end) {
        double child = cost_of(choice, i);

        if (!is_and)
            cost += child;
        else if (child < cost)
            cost = child;
    }
    return cost;
}

/* Below a node that has a cost. */
static int
visit_chosen(const struct choice *choice, size_t at)
{
    const struct condition_node *node = &choice->code->nodes[at];
    size_t best = 0;
    double least = INFINITY;
    int rc = 0;

    if (node->kind == CONDITION_TEST)
        return visit_values(needy(choice->table, node->arg), choice->visit, choice->ctx);
    for (size_t i = at + 1; i < node->end && rc == 0; i = choice->code->nodes[i].end) {
        if (node->kind != CONDITION_AND) {
            rc = visit_chosen(choice, i);
        } else if (cost_of(choice, i) < least) {
            least = cost_of(choice, i);
            best = i;
        }
    }
    return node->kind == CONDITION_AND ? visit_chosen(choice, best) : rc;
}

int
witness_choose(const struct compiled *code, const struct predicate_table *table,
               double (*rarity)(void *ctx, const struct witness *witness),
               int (*visit)(void *ctx, const struct witness *witness), void *ctx)
{
    const struct choice choice = { code, table, rarity, visit, ctx };

    if (code->node_count == 0 || isinf(cost_of(&choice, 0)))
        return 0;
    return visit_chosen(&choice, 0) == 0 ? 1 : -1;
}
