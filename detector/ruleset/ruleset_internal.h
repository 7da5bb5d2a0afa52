/*
 * ruleset_internal.h - what the ruleset's own files share
 */
#ifndef DETECTOR_RULESET_RULESET_INTERNAL_H
#define DETECTOR_RULESET_RULESET_INTERNAL_H

#include "detector/ruleset/ruleset.h"
#include "proto/base/arena.h"

/* "file:line: reason", and the number of the file. */
struct refused {
    const char *reason;
    size_t file;
};

/* A list of reasons. */
struct refusals {
    struct refused *all;
    size_t count, cap;
};

struct ruleset {
    struct arena arena;
    struct rule *rules;
    size_t count, cap;
    struct rule_filter *filters;
    size_t filter_count, filter_cap;
    struct refusals refused, notes;
    size_t file;                /* number of the file that was added last, from 1 */
    struct field_table *fields;
    struct matcher *matcher;
    const struct placeholders *placeholders;
    rule_try *try_rule;
    const struct rule_choice *choice;   /* lent; NULL: all are on */
    const char *choice_file;            /* the file that is added, as the choice knows it */
    size_t off_count;
    struct ruleset *lender;     /* of the fields, in which its rules compiled; NULL: none */
};

/* For rules of another set, which lends its fields and logsources and outlives it. */
struct ruleset *ruleset_new_like(struct ruleset *lender);

/* List a reason (copied) against a file, or a note. 0, or -1 when out of memory. */
int ruleset_refuse(struct ruleset *rules, size_t file, const char *reason);
int ruleset_add_note(struct ruleset *rules, size_t file, const char *note);

/* Take the i-th rule out. */
void ruleset_drop(struct ruleset *rules, size_t i);

/* Refuse the rules whose tests fail. How many were, or -1 when out of memory. */
int ruleset_run_tests(struct ruleset *rules);

/* Read a filter of the file that was added last. One that is bad is listed, and that is
 * all. 0, or -1 when out of memory. */
int ruleset_add_filter(struct ruleset *rules, const struct sigma_source *src,
                       json_t *document);

/* Refuse the filters that cannot be used with the rules that are in use now. Then, for
 * the rule that the matcher got last: those that are for it. 0, or -1 when out of
 * memory. */
int ruleset_check_filters(struct ruleset *rules);
int ruleset_link_filters(struct ruleset *rules, const struct rule *rule, struct err *err);

/* Notes on the filters, when all rules are linked. 0, or -1 when out of memory. */
int ruleset_note_filters(struct ruleset *rules);

static inline int
rule_is_correlation(const struct rule *rule)
{
    return rule->sigma.correlation.type != SIGMA_NONE;
}

/* One more rule, of the file that was added last; NULL when out of memory. */
struct rule *ruleset_append(struct ruleset *rules);

/* The rule of this id or name, or NULL. */
struct rule *ruleset_find(struct ruleset *rules, struct text name);

/* Set the reason, "file:line: what \"name\""; always -1. */
int ruleset_refuse_rule(const struct rule *rule, int line, struct err *err,
                        const char *what, struct text name);

/* Give each correlation its rank and shape, as far as what it refers to is there. */
void ruleset_rank(struct ruleset *rules);

/* May this correlation be used? 0, or -1 with the reason. */
int ruleset_check_correlation(struct ruleset *rules, const struct rule *rule,
                              struct err *err);

/* Tie a correlation to its rules; then say who owns which key. 0, or -1 when out
 * of memory. */
int ruleset_link_correlation(struct ruleset *rules, struct rule *rule);
void ruleset_link_owners(struct ruleset *rules);

#endif
