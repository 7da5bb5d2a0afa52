#include "detector/sigma/sigma_condition.h"

#include <string.h>

#include "detector/text/pattern.h"

struct parser {
    struct arena *arena;
    struct text rest;
    struct text token;          /* the current one; len 0: the end */
    const struct text *names;
    size_t name_count, own;     /* patterns are for the names from own on */
    struct condition_node *nodes;
    size_t count;
    int depth;
    struct err *err;
};

static int parse_or(struct parser *p);

static int
is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void
token_next(struct parser *p)
{
    size_t n = 0;

    while (p->rest.len > 0 && is_space(p->rest.ptr[0])) {
        p->rest.ptr++;
        p->rest.len--;
    }
    while (n < p->rest.len && !is_space(p->rest.ptr[n]) &&
           strchr("()|", p->rest.ptr[n]) == NULL)
        n++;
    if (n == 0 && p->rest.len > 0)
        n = 1;
    p->token = (struct text){ p->rest.ptr, n };
    p->rest.ptr += n;
    p->rest.len -= n;
}

static int
token_is(const struct parser *p, const char *word)
{
    return text_equals_nocase(p->token, text_of(word));
}

static int
fail(struct parser *p, const char *what)
{
    if (p->token.len == 0)
        err_set(p->err, "condition: %s at its end", what);
    else
        err_set(p->err, "condition: %s at \"%.*s\"", what,
                (int)(p->token.len < 64 ? p->token.len : 64), p->token.ptr);
    return -1;
}

static int
emit(struct parser *p, enum condition_kind kind, uint32_t arg)
{
    if (p->count == CONDITION_MAX_NODES)
        return fail(p, "too large");
    p->nodes[p->count] = (struct condition_node){ kind, arg, (uint32_t)p->count + 1 };
    p->count++;
    return 0;
}

/* An and, or of one child is that child. */
static void
close_node(struct parser *p, size_t at, size_t children)
{
    if (children == 1 && p->nodes[at].kind != CONDITION_NOT) {
        p->count--;
        memmove(&p->nodes[at], &p->nodes[at + 1], (p->count - at) * sizeof(p->nodes[0]));
        for (size_t i = at; i < p->count; i++)
            p->nodes[i].end--;
        return;
    }
    p->nodes[at].end = (uint32_t)p->count;
}

/* Names that begin with "_" are for conditions that name them, be it by a pattern that begins
 * with "_" too. pattern NULL: "them". */
static int
fits(const struct parser *p, const struct pattern *pattern, struct text name)
{
    if (name.len == 0 || (name.ptr[0] == '_' && (pattern == NULL || p->token.ptr[0] != '_')))
        return 0;
    return pattern == NULL || pattern_matches(pattern, name);
}

/* "N of pattern": need 0 stands for all. */
static int
parse_of(struct parser *p, uint32_t need)
{
    size_t at = p->count, found = 0;
    struct pattern pattern = { 0 };
    int is_them;

    token_next(p);              /* "of" */
    token_next(p);
    is_them = token_is(p, "them");
    if (p->token.len == 0 || token_is(p, ")") || token_is(p, "("))
        return fail(p, "a pattern or \"them\" is missing");
    if (!is_them && pattern_parse(p->arena, p->token, 0, 1, &pattern) != 0)
        return fail(p, "out of memory");
    if (emit(p, need == 0 ? CONDITION_AND : need == 1 ? CONDITION_OR : CONDITION_AT_LEAST,
             need) != 0)
        return -1;
    for (size_t i = p->own; i < p->name_count; i++)
        if (fits(p, is_them ? NULL : &pattern, p->names[i])) {
            if (emit(p, CONDITION_TEST, (uint32_t)i) != 0)
                return -1;
            found++;
        }
    if (found == 0)
        return fail(p, "no selection fits (names that begin with _ are left out)");
    if (need > found)
        return fail(p, "fewer selections fit than it asks for");
    close_node(p, at, found);
    token_next(p);
    return 0;
}

static int
parse_name(struct parser *p)
{
    for (size_t i = 0; i < p->name_count; i++)
        if (text_equals(p->names[i], p->token)) {
            token_next(p);
            return emit(p, CONDITION_TEST, (uint32_t)i);
        }
    return fail(p, "no such selection");
}

/* 1 when "of" follows the current token. */
static int
of_follows(const struct parser *p)
{
    struct parser ahead = *p;

    token_next(&ahead);
    return token_is(&ahead, "of");
}

static int
parse_primary(struct parser *p)
{
    int64_t need = 0;

    if (p->token.len == 0 || token_is(p, "and") || token_is(p, "or") || token_is(p, ")"))
        return fail(p, "a selection is missing");
    if (token_is(p, "|"))
        return fail(p, "aggregations after a bar are not Sigma 2 (use a correlation)");
    if (token_is(p, "(")) {
        token_next(p);
        if (parse_or(p) != 0)
            return -1;
        if (!token_is(p, ")"))
            return fail(p, "\")\" is missing");
        token_next(p);
        return 0;
    }
    if (of_follows(p)) {
        if (token_is(p, "all"))
            return parse_of(p, 0);
        if (token_is(p, "any"))
            return parse_of(p, 1);
        if (text_to_int(p->token, 1, 1000, &need) == 0)
            return parse_of(p, (uint32_t)need);
        return fail(p, "\"of\" needs a number, \"any\" or \"all\" before it");
    }
    return parse_name(p);
}

static int
parse_not(struct parser *p)
{
    size_t at = p->count;

    if (!token_is(p, "not"))
        return parse_primary(p);
    if (++p->depth > CONDITION_MAX_DEPTH)
        return fail(p, "nested too deeply");
    token_next(p);
    if (emit(p, CONDITION_NOT, 0) != 0 || parse_not(p) != 0)
        return -1;
    close_node(p, at, 1);
    p->depth--;
    return 0;
}

static int
parse_list(struct parser *p, enum condition_kind kind, const char *word,
           int (*parse_child)(struct parser *))
{
    size_t at = p->count, children = 0;

    if (emit(p, kind, 0) != 0)
        return -1;
    for (;;) {
        if (parse_child(p) != 0)
            return -1;
        children++;
        if (!token_is(p, word))
            break;
        token_next(p);
    }
    close_node(p, at, children);
    return 0;
}

static int
parse_and(struct parser *p)
{
    return parse_list(p, CONDITION_AND, "and", parse_not);
}

static int
parse_or(struct parser *p)
{
    int rc;

    if (++p->depth > CONDITION_MAX_DEPTH)
        return fail(p, "nested too deeply");
    rc = parse_list(p, CONDITION_OR, "or", parse_and);
    p->depth--;
    return rc;
}

int
sigma_condition_parse_own(struct arena *arena, struct text text, const struct text *names,
                          size_t name_count, size_t own,
                          struct sigma_condition *ret_condition, struct err *err)
{
    struct condition_node nodes[CONDITION_MAX_NODES];
    struct parser p = { .arena = arena, .rest = text, .names = names, .own = own,
                        .name_count = name_count, .nodes = nodes, .err = err };
    struct condition_node *kept;

    if (text.len == 0)
        p.rest = text_of("");   /* its pointer may be NULL */
    token_next(&p);
    if (parse_or(&p) != 0)
        return -1;
    if (p.token.len != 0)
        return token_is(&p, "|")
               ? fail(&p, "aggregations are not Sigma 2 (use a correlation)")
               : fail(&p, "\"and\" or \"or\" expected");
    kept = arena_alloc(arena, p.count * sizeof(nodes[0]));
    if (kept == NULL)
        return fail(&p, "out of memory");
    memcpy(kept, nodes, p.count * sizeof(nodes[0]));
    *ret_condition = (struct sigma_condition){ kept, p.count };
    return 0;
}

int
sigma_condition_parse(struct arena *arena, struct text text, const struct text *names,
                      size_t name_count, struct sigma_condition *ret_condition,
                      struct err *err)
{
    return sigma_condition_parse_own(arena, text, names, name_count, 0, ret_condition, err);
}

int
condition_eval(const struct condition_node *nodes, size_t at,
               int (*test)(void *ctx, uint32_t arg), void *ctx)
{
    const struct condition_node *node = &nodes[at];
    uint32_t held = 0;

    if (node->kind == CONDITION_TEST)
        return test(ctx, node->arg);
    if (node->kind == CONDITION_NOT)
        return !condition_eval(nodes, at + 1, test, ctx);
    for (size_t i = at + 1; i < node->end; i = nodes[i].end) {
        int holds = condition_eval(nodes, i, test, ctx);

        if (node->kind == CONDITION_AND && !holds)
            return 0;
        if (node->kind == CONDITION_OR && holds)
            return 1;
        held += (uint32_t)holds;
        if (node->kind == CONDITION_AT_LEAST && held >= node->arg)
            return 1;
    }
    return node->kind == CONDITION_AND;
}
