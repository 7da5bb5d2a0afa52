/*
 * ruleset_internal.h - what ruleset.c, ruleset_link.c and ruleset_load.c share
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

struct ruleset {
    struct arena arena;
    struct rule *rules;
    size_t count, cap;
    struct refused *refused;
    size_t refused_count, refused_cap;
    size_t file;                /* number of the file that was added last, from 1 */
    struct field_table *fields;
    struct matcher *matcher;
    const struct placeholders *placeholders;
};

/* List a reason (copied) against a file. 0, or -1 when out of memory. */
int ruleset_refuse(struct ruleset *rules, size_t file, const char *reason);

static inline int
rule_is_correlation(const struct rule *rule)
{
    return rule->sigma.correlation.type != SIGMA_NONE;
}

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
