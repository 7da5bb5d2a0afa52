#include "detector/match/matcher.h"

#include <stdlib.h>
#include <string.h>

#include "detector/match/compiled.h"
#include "proto/base/hash.h"

/* Event types are indexed by this many of their first bytes. */
enum { MAX_TYPE = 128 };

/* A rule under one of its event types. */
struct posting {
    uint64_t type;              /* hash of the lower-case type's start */
    uint32_t rule;              /* index in rules */
};

struct matcher {
    struct field_table *fields;
    struct predicate_table *table;
    struct compiled *rules;
    size_t rule_count, rule_cap;
    struct posting *postings;   /* by type, then rule */
    size_t posting_count, posting_cap;
    uint32_t *always;           /* rules that any type can match */
    size_t always_count;
    uint32_t *matched;
};

struct matcher *
matcher_new(struct field_table *fields)
{
    struct matcher *matcher = calloc(1, sizeof(*matcher));

    if (matcher == NULL)
        return NULL;
    matcher->fields = fields;
    matcher->table = predicate_table_new(fields);
    if (matcher->table == NULL)
        matcher_destroy(&matcher);
    return matcher;
}

void
matcher_destroy(struct matcher **matcher)
{
    if (*matcher == NULL)
        return;
    for (size_t i = 0; i < (*matcher)->rule_count; i++)
        compiled_release(&(*matcher)->rules[i]);
    free((*matcher)->rules);
    free((*matcher)->postings);
    free((*matcher)->always);
    free((*matcher)->matched);
    predicate_table_destroy(&(*matcher)->table);
    free(*matcher);
    *matcher = NULL;
}

int
matcher_add(struct matcher *matcher, const struct sigma_rule *rule, uint32_t number,
            struct err *err)
{
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
    if (compiled_init(&matcher->rules[matcher->rule_count], rule, number, matcher->table,
                      err) != 0)
        return -1;
    matcher->rule_count++;
    return 0;
}

struct indexing {
    struct matcher *matcher;
    uint32_t rule;
};

static int
post(void *self, struct text type)
{
    struct indexing *indexing = self;
    struct matcher *matcher = indexing->matcher;

    if (matcher->posting_count == matcher->posting_cap) {
        size_t cap = matcher->posting_cap == 0 ? 64 : matcher->posting_cap * 2;
        struct posting *grown = realloc(matcher->postings, cap * sizeof(*grown));

        if (grown == NULL)
            return -1;
        matcher->postings = grown;
        matcher->posting_cap = cap;
    }
    matcher->postings[matcher->posting_count++] =
        (struct posting){ hash64(type.ptr, type.len < MAX_TYPE ? type.len : MAX_TYPE),
                          indexing->rule };
    return 0;
}

static int
compare_postings(const void *left, const void *right)
{
    const struct posting *a = left, *b = right;

    if (a->type != b->type)
        return a->type < b->type ? -1 : 1;
    return a->rule < b->rule ? -1 : a->rule > b->rule;
}

int
matcher_finish(struct matcher *matcher)
{
    size_t kept = 0;

    matcher->always = calloc(matcher->rule_count + 1, sizeof(matcher->always[0]));
    matcher->matched = calloc(matcher->rule_count + 1, sizeof(matcher->matched[0]));
    if (matcher->always == NULL || matcher->matched == NULL)
        return -1;
    for (size_t i = 0; i < matcher->rule_count; i++) {
        struct indexing indexing = { matcher, (uint32_t)i };
        int rc = compiled_event_types(&matcher->rules[i], matcher->table, post,
                                      &indexing);

        if (rc < 0)
            return -1;
        if (rc == 0)
            matcher->always[matcher->always_count++] = (uint32_t)i;
    }
    if (matcher->posting_count > 0)
        qsort(matcher->postings, matcher->posting_count, sizeof(matcher->postings[0]),
              compare_postings);
    for (size_t i = 0; i < matcher->posting_count; i++)
        if (kept == 0 || compare_postings(&matcher->postings[kept - 1],
                                          &matcher->postings[i]) != 0)
            matcher->postings[kept++] = matcher->postings[i];
    matcher->posting_count = kept;
    return 0;
}

/* The first posting of this event's type; those of a type stand together. */
static size_t
first_posting(const struct matcher *matcher, const struct event *ev, uint64_t *ret_type)
{
    struct text type = value_get_text(&ev->known[EVENT_TYPE]);
    size_t low = 0, high = matcher->posting_count;
    char folded[MAX_TYPE];

    for (size_t i = 0; i < type.len && i < MAX_TYPE; i++)
        folded[i] = fold_char(type.ptr[i]);
    *ret_type = hash64(folded, type.len < MAX_TYPE ? type.len : MAX_TYPE);
    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (matcher->postings[mid].type < *ret_type)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

size_t
matcher_match(struct matcher *matcher, const struct event *ev,
              const uint32_t **ret_numbers)
{
    size_t found = 0, a = 0, p;
    uint64_t type = 0;

    field_table_begin(matcher->fields, ev);
    predicate_table_begin(matcher->table);
    p = first_posting(matcher, ev, &type);
    for (;;) {
        int has_typed = p < matcher->posting_count && matcher->postings[p].type == type;
        int has_always = a < matcher->always_count;
        uint32_t rule;

        if (!has_typed && !has_always)
            break;
        if (has_typed && (!has_always || matcher->postings[p].rule < matcher->always[a]))
            rule = matcher->postings[p++].rule;
        else
            rule = matcher->always[a++];
        if (compiled_matches(&matcher->rules[rule], matcher->table))
            matcher->matched[found++] = matcher->rules[rule].number;
    }
    *ret_numbers = matcher->matched;
    return found;
}

uint64_t
matcher_limits_hit(const struct matcher *matcher)
{
    return predicate_table_limits_hit(matcher->table);
}
