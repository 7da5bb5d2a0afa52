/*
 * sigma_terms.c - the boolean condition of a temporal correlation: "a and not b"
 *
 * Made into alternatives, each of rules that must be there and rules that must
 * not. One that names none that must be there could hold at any time, of any key,
 * and is refused.
 */
#include <math.h>
#include <string.h>

#include "detector/window/window.h"
#include "detector/sigma/sigma_rule.h"
#include "proto/event.h"

enum { MAX_TERMS = 64 };

/* Alternatives while they are made. */
struct term_list {
    struct window_term terms[MAX_TERMS];
    size_t count;
    const char *wrong;          /* NULL: nothing */
};

static void
add_term(struct term_list *list, struct window_term term)
{
    if ((term.all & term.none) != 0)
        return;                 /* never */
    for (size_t i = 0; i < list->count; i++)
        if (list->terms[i].all == term.all && list->terms[i].none == term.none)
            return;
    if (list->count == MAX_TERMS)
        list->wrong = "condition: more than 64 alternatives";
    else
        list->terms[list->count++] = term;
}

/* Each of one with each of the other. */
static void
cross(struct term_list *list, const struct term_list *other)
{
    struct term_list both = { .wrong = list->wrong != NULL ? list->wrong : other->wrong };

    for (size_t i = 0; i < list->count && both.wrong == NULL; i++)
        for (size_t j = 0; j < other->count; j++)
            add_term(&both, (struct window_term){
                list->terms[i].all | other->terms[j].all,
                list->terms[i].none | other->terms[j].none });
    *list = both;
}

/* 1 when all children must hold, 0 when one is enough, -1 when it is some of them. */
static int
wants_all(const struct condition_node *nodes, size_t at)
{
    size_t children = 0;

    if (nodes[at].kind != CONDITION_AT_LEAST)
        return nodes[at].kind == CONDITION_AND;
    for (size_t i = at + 1; i < nodes[at].end; i = nodes[i].end)
        children++;
    return nodes[at].arg <= 1 ? 0 : nodes[at].arg == children ? 1 : -1;
}

static void
make_terms(const struct condition_node *nodes, size_t at, int is_negated,
           struct term_list *list)
{
    const struct condition_node *node = &nodes[at];
    struct term_list child = { 0 };
    int is_all;

    if (node->kind == CONDITION_TEST) {
        uint64_t step = UINT64_C(1) << node->arg;

        add_term(list, is_negated ? (struct window_term){ 0, step }
                                  : (struct window_term){ step, 0 });
        return;
    }
    if (node->kind == CONDITION_NOT) {
        make_terms(nodes, at + 1, !is_negated, list);
        return;
    }
    is_all = wants_all(nodes, at);
    if (is_all < 0) {
        list->wrong = "condition: of several rules only one or all";
        return;
    }
    if (is_all != is_negated)
        add_term(list, (struct window_term){ 0, 0 });
    for (size_t i = at + 1; i < node->end && list->wrong == NULL; i = nodes[i].end) {
        child.count = 0;
        make_terms(nodes, i, is_negated, &child);
        if (is_all != is_negated)
            cross(list, &child);
        else
            for (size_t t = 0; t < child.count; t++)
                add_term(list, child.terms[t]);
        if (child.wrong != NULL)
            list->wrong = child.wrong;
    }
}

/* Each rule is part of the condition, else its author meant something else. */
static int
check_used(const struct sigma_source *src, const json_t *at,
           const struct sigma_condition *condition, const struct sigma_correlation *cor)
{
    uint64_t used = 0;

    for (size_t i = 0; i < condition->count; i++)
        if (condition->nodes[i].kind == CONDITION_TEST)
            used |= UINT64_C(1) << condition->nodes[i].arg;
    for (size_t i = 0; i < cor->rule_count; i++)
        if (!(used >> i & 1))
            return sigma_refuse(src, at, "condition: rule \"%.60s\" is not in it",
                                cor->rules[i].ptr);
    return 0;
}

static int
check_terms(const struct sigma_source *src, const json_t *at, const struct term_list *list)
{
    if (list->wrong != NULL)
        return sigma_refuse(src, at, "%s", list->wrong);
    if (list->count == 0)
        return sigma_refuse(src, at, "condition: it can never hold");
    for (size_t i = 0; i < list->count; i++)
        if (list->terms[i].all == 0)
            return sigma_refuse(src, at, "condition: it may hold when none of its rules"
                                " matches, which no event would show");
    return 0;
}

int
sigma_terms_read(const struct sigma_source *src, json_t *at, struct sigma_correlation *cor)
{
    struct term_list list = { 0 };
    struct sigma_condition condition;
    struct err err = { "" };

    if (cor->type == SIGMA_ORDERED)
        return sigma_refuse(src, at, "a boolean condition has no order: it is for temporal,"
                            " not for temporal_ordered");
    if (cor->type != SIGMA_TEMPORAL)
        return sigma_refuse(src, at, "a correlation needs a condition like {gte: 5}");
    if (sigma_condition_parse(src->arena, text_of(json_string_value(at)), cor->rules,
                              cor->rule_count, &condition, &err) != 0)
        return sigma_refuse(src, at, "%s", err.text);
    make_terms(condition.nodes, 0, 0, &list);
    if (check_used(src, at, &condition, cor) != 0 || check_terms(src, at, &list) != 0)
        return -1;
    cor->terms = arena_alloc(src->arena, list.count * sizeof(list.terms[0]));
    if (cor->terms == NULL)
        return sigma_no_memory(src);
    memcpy(cor->terms, list.terms, list.count * sizeof(list.terms[0]));
    cor->term_count = list.count;
    for (size_t i = 0; i < list.count; i++)
        cor->is_waiting |= list.terms[i].none != 0;
    return 0;
}

static int
is_word(struct text word)
{
    static const char *const others[] = { "and", "or", "not" };

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (text_equals_nocase(word, text_of(others[i])))
            return 0;
    return word.len > 0;
}

int
sigma_terms_names(const struct sigma_source *src, const json_t *at, json_t *ret_names)
{
    const char *rest = json_string_value(at);

    while (*rest != '\0') {
        size_t len = strcspn(rest, " \t\r\n()");
        struct text word = { rest, len };
        json_t *name = is_word(word) ? json_stringn(word.ptr, word.len) : NULL;

        if (is_word(word) && (name == NULL || len > EVENT_MAX_NAME)) {
            json_decref(name);
            return sigma_refuse(src, at, "condition: what is no name");
        }
        for (size_t i = 0; i < json_array_size(ret_names) && name != NULL; i++)
            if (json_equal(json_array_get(ret_names, i), name)) {
                json_decref(name);
                name = NULL;
            }
        if (name != NULL && json_array_append_new(ret_names, name) != 0)
            return sigma_no_memory(src);
        rest += len;
        rest += strspn(rest, " \t\r\n()");
    }
    return 0;
}
