#include "detector/match/matcher.h"

#include <stdlib.h>
#include <string.h>

#include "detector/match/compiled.h"
#include "detector/match/filtering.h"
#include "detector/match/rule_index.h"

struct matcher {
    struct field_table *fields;
    struct filtering *filtering;
    struct predicate_table *table;
    struct router *router;
    struct compiled *rules;
    const struct sigma_rule *last;      /* the rule that was added last */
    size_t rule_count, rule_cap;
    struct rule_index *index;
    uint32_t *matched, *taken;
    size_t taken_count;
};

/* lender NULL: none. */
static struct matcher *
make(struct field_table *fields, struct matcher *lender)
{
    struct matcher *matcher = calloc(1, sizeof(*matcher));

    if (matcher == NULL)
        return NULL;
    matcher->fields = fields;
    matcher->table = predicate_table_new(fields);
    matcher->router = lender == NULL ? router_new(fields) : router_new_like(lender->router);
    matcher->filtering = matcher->table == NULL ? NULL : filtering_new(matcher->table);
    if (matcher->filtering == NULL || matcher->router == NULL)
        matcher_destroy(&matcher);
    return matcher;
}

struct matcher *
matcher_new(struct field_table *fields)
{
    return make(fields, NULL);
}

struct matcher *
matcher_new_like(struct matcher *lender)
{
    return make(lender->fields, lender);
}

void
matcher_destroy(struct matcher **matcher)
{
    if (*matcher == NULL)
        return;
    for (size_t i = 0; i < (*matcher)->rule_count; i++)
        compiled_release(&(*matcher)->rules[i]);
    free((*matcher)->rules);
    rule_index_destroy(&(*matcher)->index);
    free((*matcher)->matched);
    free((*matcher)->taken);
    filtering_destroy(&(*matcher)->filtering);
    predicate_table_destroy(&(*matcher)->table);
    router_destroy(&(*matcher)->router);
    free(*matcher);
    *matcher = NULL;
}

int
matcher_add(struct matcher *matcher, const struct sigma_rule *rule, uint32_t number,
            struct err *err)
{
    static const struct logsource any = { .product = { NULL, 0 } };
    struct compiled *code;

    if (matcher->rule_count == matcher->rule_cap) {
        size_t cap = matcher->rule_cap == 0 ? 16 : matcher->rule_cap * 2;
        struct compiled *grown = realloc(matcher->rules, cap * sizeof(*grown));

        if (grown == NULL) {
            err_set(err, "%s: out of memory", rule->file);
            return -1;
        }
        matcher->rules = grown;
        matcher->rule_cap = cap;
    }
    code = &matcher->rules[matcher->rule_count];
    if (compiled_init(code, rule, number, matcher->table, err) != 0)
        return -1;
    if (router_add(matcher->router, rule->is_any_source ? &any : &rule->logsource,
                   compiled_need(code, matcher->table)) != 0) {
        err_set(err, "%s: out of memory", rule->file);
        compiled_release(code);
        return -1;
    }
    matcher->rule_count++;
    matcher->last = rule;
    return 0;
}

int
matcher_add_filter(struct matcher *matcher, const struct sigma_filter *filter,
                   uint32_t number, struct err *err)
{
    return filtering_add(matcher->filtering, matcher->rule_count - 1, matcher->last, filter,
                         number, err);
}

int
matcher_set_logsource(struct matcher *matcher, const struct logsource *of)
{
    return router_fix(matcher->router, of);
}

static int
finish(struct matcher *matcher, int is_plain, struct err *err)
{
    matcher->matched = calloc(matcher->rule_count + 1, sizeof(matcher->matched[0]));
    matcher->taken = calloc(matcher->rule_count + 1, sizeof(matcher->taken[0]));
    if (matcher->matched == NULL || matcher->taken == NULL) {
        err_set(err, "out of memory");
        return -1;
    }
    matcher->index = is_plain ? rule_index_new_plain(matcher->rule_count, err)
                              : rule_index_new(matcher->rules, matcher->rule_count,
                                               matcher->table, err);
    return matcher->index == NULL ? -1 : 0;
}

int
matcher_finish(struct matcher *matcher, struct err *err)
{
    return finish(matcher, 0, err);
}

int
matcher_finish_plainly(struct matcher *matcher, struct err *err)
{
    return finish(matcher, 1, err);
}

static int64_t
filter_of(const struct matcher *matcher, size_t rule, const struct event *ev)
{
    return filtering_takes(matcher->filtering, rule,
                           ev->received_us != 0 ? ev->received_us : ev->at_us);
}

/* What a filter takes is as if it had not matched, but for being noted. */
static int
is_taken(struct matcher *matcher, size_t rule, const struct event *ev)
{
    int64_t filter = filter_of(matcher, rule, ev);

    if (filter >= 0)
        matcher->taken[matcher->taken_count++] = (uint32_t)filter;
    return filter >= 0;
}

size_t
matcher_match(struct matcher *matcher, const struct event *ev,
              const uint32_t **ret_numbers)
{
    const uint64_t *chances;
    const struct route *route;
    size_t found = 0, words;

    field_table_begin(matcher->fields, ev);
    predicate_table_begin(matcher->table);
    matcher->taken_count = 0;
    route = router_route(matcher->router);
    chances = rule_index_find(matcher->index, &words);
    for (size_t i = 0; i < words; i++) {
        /* without a route, memory was out: rather one too many than none */
        uint64_t left = chances[i] & (route == NULL ? UINT64_MAX : route->rules[i]);

        for (; left != 0; left &= left - 1) {
            size_t at = i * 64 + (size_t)__builtin_ctzll(left);
            const struct compiled *rule = &matcher->rules[at];

            if (compiled_matches(rule, matcher->table) && !is_taken(matcher, at, ev))
                matcher->matched[found++] = rule->number;
        }
    }
    *ret_numbers = matcher->matched;
    return found;
}

int
matcher_explain(struct matcher *matcher, const struct event *ev,
                int (*visit)(void *ctx, const struct match_verdict *verdict), void *ctx)
{
    const uint32_t *matched;
    size_t count = matcher_match(matcher, ev, &matched), at = 0;
    int rc = 0;

    for (size_t i = 0; i < matcher->rule_count && rc == 0; i++) {
        const struct compiled *code = &matcher->rules[i];
        struct match_verdict verdict = { .number = code->number };

        verdict.is_match = at < count && matched[at] == code->number;
        at += (size_t)verdict.is_match;
        verdict.holds = compiled_matches(code, matcher->table);
        verdict.filter = verdict.holds ? filter_of(matcher, i, ev) : -1;
        verdict.route = router_answer(matcher->router, i, &verdict.part);
        rc = compiled_near(code, matcher->table, &verdict.near);
        if (rc == 0)
            rc = visit(ctx, &verdict);
    }
    return rc;
}

size_t
matcher_words(const struct matcher *matcher, int part, struct text *ret_words)
{
    return router_words(matcher->router, part, ret_words);
}

size_t
matcher_taken(const struct matcher *matcher, const uint32_t **ret_filters)
{
    *ret_filters = matcher->taken;
    return matcher->taken_count;
}

int
matcher_made_route(const struct matcher *matcher)
{
    return router_made(matcher->router);
}

uint64_t
matcher_limits_hit(const struct matcher *matcher)
{
    return predicate_table_limits_hit(matcher->table);
}
