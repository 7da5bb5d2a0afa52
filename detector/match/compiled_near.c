/*
 * compiled_near.c - how far is a rule from matching?
 *
 * The answers are those of the predicates themselves; here is only counted how many
 * stand between the rule and a match.
 */
#include <stdlib.h>

#include "detector/match/compiled.h"

struct measure {
    const struct compiled *code;
    struct predicate_table *table;
    int is_out_of_memory;
};

static int
compare(const void *a, const void *b)
{
    const struct nearness *x = a, *y = b;

    if (x->missing != y->missing)
        return x->missing < y->missing ? -1 : 1;
    return x->met > y->met ? -1 : x->met < y->met;
}

static struct nearness measure_node(struct measure *measure, size_t at, int wanted);

/* `need` of the children, those that are nearest, have to be as wanted. */
static struct nearness
measure_children(struct measure *measure, size_t at, size_t count, size_t need, int wanted)
{
    const struct condition_node *nodes = measure->code->nodes;
    struct nearness *each = calloc(count + 1, sizeof(*each)), sum = { 0, 0 };
    size_t n = 0;

    if (each == NULL) {
        measure->is_out_of_memory = 1;
        return sum;
    }
    for (size_t i = at + 1; i < nodes[at].end; i = nodes[i].end)
        each[n++] = measure_node(measure, i, wanted);
    qsort(each, n, sizeof(*each), compare);
    for (size_t i = 0; i < need && i < n; i++) {
        sum.missing += each[i].missing;
        sum.met += each[i].met;
    }
    /* more than there are: it cannot come to it */
    sum.missing += need > n ? (uint32_t)(need - n) : 0;
    free(each);
    return sum;
}

static struct nearness
measure_node(struct measure *measure, size_t at, int wanted)
{
    const struct condition_node *nodes = measure->code->nodes, *node = &nodes[at];
    size_t count = 0, need;

    if (node->kind == CONDITION_TEST) {
        int holds = predicate_table_test(measure->table, node->arg);

        return (struct nearness){ holds != wanted, (uint32_t)(holds && wanted) };
    }
    if (node->kind == CONDITION_NOT)
        return measure_node(measure, at + 1, !wanted);
    for (size_t i = at + 1; i < node->end; i = nodes[i].end)
        count++;
    need = node->kind == CONDITION_AND ? count : node->kind == CONDITION_OR ? 1 : node->arg;
    if (!wanted)
        need = need > count ? 0 : count - need + 1;
    return measure_children(measure, at, count, need, wanted);
}

int
compiled_near(const struct compiled *code, struct predicate_table *table,
              struct nearness *ret)
{
    struct measure measure = { code, table, 0 };
    struct nearness near = measure_node(&measure, 0, 1);

    if (measure.is_out_of_memory)
        return -1;
    *ret = near;
    return 0;
}
