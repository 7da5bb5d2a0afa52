/*
 * sigma_condition.h - "selection and not 1 of filter_*" as a small program
 *
 * Grammar, loosest first: or, and, not, then "N of", "all of", names and
 * parentheses (Sigma 2.1.0, rules specification, "Condition"). The program
 * is the tree in prefix order; each node knows where it ends, so that what
 * decides nothing any more is skipped.
 */
#ifndef DETECTOR_SIGMA_SIGMA_CONDITION_H
#define DETECTOR_SIGMA_SIGMA_CONDITION_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/arena.h"
#include "proto/base/err.h"
#include "proto/base/text.h"

enum condition_kind {
    CONDITION_TEST,         /* arg: which selection (here), which predicate (compiled) */
    CONDITION_NOT,          /* one child */
    CONDITION_AND,
    CONDITION_OR,
    CONDITION_AT_LEAST      /* arg: how many of the children */
};

struct condition_node {
    uint32_t kind;
    uint32_t arg;
    uint32_t end;           /* index after the last node below this one */
};

struct sigma_condition {
    struct condition_node *nodes;   /* nodes[0] is the whole */
    size_t count;
};

enum { CONDITION_MAX_NODES = 4096, CONDITION_MAX_DEPTH = 64 };

/* Parse text over the named selections. "them" and patterns leave out names that start
 * with "_", unless the pattern does too. Memory is the arena's. -1 with the reason (no file or line): an
 * unknown name, a pattern that fits none, anything not in the grammar. */
int sigma_condition_parse(struct arena *arena, struct text text, const struct text *names,
                          size_t name_count, struct sigma_condition *ret_condition,
                          struct err *err);

/* The same, but "them" and patterns are for the names from `own` on alone. */
int sigma_condition_parse_own(struct arena *arena, struct text text,
                              const struct text *names, size_t name_count, size_t own,
                              struct sigma_condition *ret_condition, struct err *err);

/* Evaluate: test(ctx, arg) answers for a CONDITION_TEST. 1 or 0. */
int condition_eval(const struct condition_node *nodes, size_t at,
                   int (*test)(void *ctx, uint32_t arg), void *ctx);

#endif
