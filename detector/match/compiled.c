#include "detector/match/compiled.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_NODES = 100000 };

/* What a step goes on with, when not with another step. */
#define STEP_YES UINT32_MAX
#define STEP_NO (UINT32_MAX - 1)

struct compiler {
    struct compiled *code;
    const struct sigma_rule *rule;
    struct predicate_table *table;
    struct err *err;
};

static int
refuse(const struct compiler *c, int line, const char *reason)
{
    err_set(c->err, "%s:%d: %.400s", c->rule->file, line, reason);
    return -1;
}

/* Append a node; its index, or -1. */
static long
emit(struct compiler *c, uint32_t kind, uint32_t arg)
{
    struct compiled *code = c->code;

    if (code->node_count == MAX_NODES)
        return refuse(c, c->rule->line, "the rule is too large");
    if (code->node_count == code->node_cap) {
        size_t cap = code->node_cap == 0 ? 16 : code->node_cap * 2;
        struct condition_node *grown = realloc(code->nodes, cap * sizeof(*grown));

        if (grown == NULL)
            return refuse(c, c->rule->line, "out of memory");
        code->nodes = grown;
        code->node_cap = cap;
    }
    code->nodes[code->node_count] =
        (struct condition_node){ kind, arg, (uint32_t)code->node_count + 1 };
    return (long)code->node_count++;
}

static int
close_node(struct compiler *c, long at)
{
    c->code->nodes[at].end = (uint32_t)c->code->node_count;
    return 0;
}

/* One predicate over `count` of the item's values. */
static int
emit_predicate(struct compiler *c, struct text field, const struct sigma_item *item,
               const struct sigma_value *values, size_t count)
{
    struct sigma_item named = *item;
    struct err why;
    int64_t number;
    int line = 0;

    named.field = field;
    number = predicate_table_add(c->table, &named, &c->rule->logsource, values, count, &line,
                                 &why);
    if (number < 0)
        return refuse(c, line, why.text);
    return emit(c, CONDITION_TEST, (uint32_t)number) < 0 ? -1 : 0;
}

/* All: each value as written must hold, in one of the forms that modifiers gave it. */
static int
emit_all(struct compiler *c, const struct sigma_item *item)
{
    long all_at = emit(c, CONDITION_AND, 0);
    size_t i = 0, end;

    if (all_at < 0)
        return -1;
    for (; i < item->value_count; i = end) {
        end = i + 1;
        while (end < item->value_count &&
               item->values[end].origin == item->values[i].origin)
            end++;
        if (emit_predicate(c, item->field, item, &item->values[i], end - i) != 0)
            return -1;
    }
    return close_node(c, all_at);
}

static int
emit_item(struct compiler *c, const struct sigma_item *item)
{
    long not_at = -1;

    if (item->is_negated && (not_at = emit(c, CONDITION_NOT, 0)) < 0)
        return -1;
    if (item->is_all ? emit_all(c, item) != 0
                     : emit_predicate(c, item->field, item, item->values,
                                      item->value_count) != 0)
        return -1;
    return not_at < 0 ? 0 : close_node(c, not_at);
}

static int
emit_selection(struct compiler *c, const struct sigma_selection *sel)
{
    long or_at = emit(c, CONDITION_OR, 0);

    if (or_at < 0)
        return -1;
    for (size_t g = 0; g < sel->group_count; g++) {
        long and_at = emit(c, CONDITION_AND, 0);

        if (and_at < 0)
            return -1;
        for (size_t i = 0; i < sel->groups[g].item_count; i++)
            if (emit_item(c, &sel->groups[g].items[i]) != 0)
                return -1;
        close_node(c, and_at);
    }
    return close_node(c, or_at);
}

/* The condition's tree, with each selection put in the place of its name. */
static int
emit_condition(struct compiler *c, const struct sigma_condition *cond, size_t at)
{
    const struct condition_node *node = &cond->nodes[at];
    long here;

    if (node->kind == CONDITION_TEST)
        return emit_selection(c, &c->rule->selections[node->arg]);
    here = emit(c, node->kind, node->arg);
    if (here < 0)
        return -1;
    for (size_t i = at + 1; i < node->end; i = cond->nodes[i].end)
        if (emit_condition(c, cond, i) != 0)
            return -1;
    return close_node(c, here);
}

static int
emit_any(struct compiler *c, const struct sigma_condition *conditions, size_t count)
{
    long or_at = emit(c, CONDITION_OR, 0);

    if (or_at < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (emit_condition(c, &conditions[i], 0) != 0)
            return -1;
    return close_node(c, or_at);
}

/* AND(absent, injection), absent left out where there is nothing to look for. */
static int
emit_check(struct compiler *c, const struct sigma_check *check)
{
    const struct sigma_item test = { .op = SIGMA_ATTACK, .attack = check->attack };
    static const struct sigma_item exists = { .op = SIGMA_EXISTS };
    static const struct sigma_value no = { .number = 0 };
    long at;

    if (check->unless.ptr == NULL)
        return emit_predicate(c, check->field, &test, NULL, 0);
    at = emit(c, CONDITION_AND, 0);
    if (at < 0 || emit_predicate(c, check->unless, &exists, &no, 1) != 0 ||
        emit_predicate(c, check->field, &test, NULL, 0) != 0)
        return -1;
    return close_node(c, at);
}

/* bongsu.checks: one of the fields must hold an attack. */
static int
emit_checks(struct compiler *c)
{
    long at;

    if (c->rule->check_count == 0)
        return 0;
    at = emit(c, CONDITION_OR, 0);
    if (at < 0)
        return -1;
    for (size_t i = 0; i < c->rule->check_count; i++)
        if (emit_check(c, &c->rule->checks[i]) != 0)
            return -1;
    return close_node(c, at);
}

/* AND(OR(conditions), OR(conditions of bongsu.detection), checks). */
static int
compile(struct compiler *c)
{
    const struct sigma_rule *rule = c->rule;
    long and_at = emit(c, CONDITION_AND, 0);

    if (and_at < 0 || emit_any(c, rule->conditions, rule->condition_count) != 0 ||
        (rule->own_condition_count > 0 &&
         emit_any(c, rule->own_conditions, rule->own_condition_count) != 0) ||
        emit_checks(c) != 0)
        return -1;
    return close_node(c, and_at);
}

/* An AND or OR of one child says nothing: leave it out. Most selections are a
 * single map of a single field, so this halves most programs. */
static void
simplify(struct compiled *code)
{
    size_t kept = 0;
    uint32_t *moved = calloc(code->node_count + 1, sizeof(*moved));

    if (moved == NULL)
        return;                 /* only slower */
    for (size_t i = 0; i < code->node_count; i++) {
        const struct condition_node *node = &code->nodes[i];
        int is_list = node->kind == CONDITION_AND || node->kind == CONDITION_OR;

        moved[i] = (uint32_t)kept;
        if (!(is_list && i + 1 < code->node_count && code->nodes[i + 1].end == node->end))
            kept++;
    }
    moved[code->node_count] = (uint32_t)kept;
    for (size_t i = 0; i < code->node_count; i++) {
        struct condition_node node = code->nodes[i];

        if (moved[i + 1] == moved[i])
            continue;
        node.end = moved[node.end];
        code->nodes[moved[i]] = node;
    }
    code->node_count = kept;
    free(moved);
}

/* Each test is a step, and the first below a node is where the node begins. A node that
 * counts, or has nothing below it, is not for steps. */
static int
is_for_steps(const struct compiled *code)
{
    for (size_t i = 0; i < code->node_count; i++) {
        const struct condition_node *node = &code->nodes[i];

        if (node->kind == CONDITION_AT_LEAST ||
            (node->kind != CONDITION_TEST && node->end == i + 1))
            return 0;
    }
    return 1;
}

/* The steps of what is below `at`; *count are there. if_so, if_not: where its answer leads. */
static void
link_steps(struct compiled *code, size_t at, uint32_t *count, uint32_t if_so, uint32_t if_not)
{
    const struct condition_node *node = &code->nodes[at];
    int is_and = node->kind == CONDITION_AND;

    if (node->kind == CONDITION_TEST) {
        code->steps[(*count)++] = (struct compiled_step){ node->arg, if_so, if_not };
        return;
    }
    if (node->kind == CONDITION_NOT) {
        link_steps(code, at + 1, count, if_not, if_so);
        return;
    }
    for (size_t i = at + 1; i < node->end; i = code->nodes[i].end) {
        uint32_t next = *count;

        if (code->nodes[i].end == node->end) {
            link_steps(code, i, count, if_so, if_not);
            return;
        }
        for (size_t below = i; below < code->nodes[i].end; below++)
            next += code->nodes[below].kind == CONDITION_TEST;
        link_steps(code, i, count, is_and ? next : if_so, is_and ? if_not : next);
    }
}

/* Without memory for it the tree is walked: only slower. */
static void
make_steps(struct compiled *code)
{
    uint32_t count = 0;

    if (!is_for_steps(code))
        return;
    code->steps = malloc(code->node_count * sizeof(code->steps[0]));
    if (code->steps != NULL)
        link_steps(code, 0, &count, STEP_YES, STEP_NO);
}

int
compiled_init(struct compiled *code, const struct sigma_rule *rule, uint32_t number,
              struct predicate_table *table, struct err *err)
{
    struct compiler c = { code, rule, table, err };

    *code = (struct compiled){ .number = number };
    if (compile(&c) != 0) {
        compiled_release(code);
        return -1;
    }
    simplify(code);
    make_steps(code);
    return 0;
}

/* What was emitted for a part; it is not worth steps. */
static int
finish_part(struct compiled *code, int rc)
{
    if (rc != 0)
        compiled_release(code);
    return rc;
}

int
compiled_init_selection(struct compiled *code, const struct sigma_rule *rule,
                        const struct sigma_selection *selection,
                        struct predicate_table *table, struct err *err)
{
    struct compiler c = { code, rule, table, err };

    *code = (struct compiled){ .number = 0 };
    return finish_part(code, emit_selection(&c, selection));
}

int
compiled_init_item(struct compiled *code, const struct sigma_rule *rule,
                   const struct sigma_item *item, struct predicate_table *table,
                   struct err *err)
{
    struct compiler c = { code, rule, table, err };

    *code = (struct compiled){ .number = 0 };
    return finish_part(code, emit_item(&c, item));
}

int
compiled_init_check(struct compiled *code, const struct sigma_rule *rule,
                    const struct sigma_check *check, struct predicate_table *table,
                    struct err *err)
{
    struct compiler c = { code, rule, table, err };

    *code = (struct compiled){ .number = 0 };
    return finish_part(code, emit_check(&c, check));
}

void
compiled_release(struct compiled *code)
{
    free(code->nodes);
    free(code->steps);
    *code = (struct compiled){ 0 };
}

static int
test_one(void *table, uint32_t arg)
{
    return predicate_table_test(table, arg);
}

int
compiled_matches(const struct compiled *code, struct predicate_table *table)
{
    uint32_t at = 0;

    if (code->steps == NULL)
        return condition_eval(code->nodes, 0, test_one, table);
    while (at < STEP_NO) {
        const struct compiled_step *step = &code->steps[at];

        at = predicate_table_test(table, step->predicate) ? step->if_so : step->if_not;
    }
    return at == STEP_YES;
}
