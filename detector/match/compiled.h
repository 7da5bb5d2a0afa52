/*
 * compiled.h - a detection rule as a program over predicates
 *
 * Between sigma_rule (text that was read) and matcher (all rules together).
 */
#ifndef DETECTOR_MATCH_COMPILED_H
#define DETECTOR_MATCH_COMPILED_H

#include <stddef.h>
#include <stdint.h>

#include "detector/match/predicate_table.h"
#include "detector/match/router.h"
#include "detector/sigma/sigma_condition.h"
#include "detector/sigma/sigma_rule.h"

/* A test, and where to go on: at another step, or with the answer. */
struct compiled_step {
    uint32_t predicate, if_so, if_not;
};

struct compiled {
    uint32_t number;
    struct condition_node *nodes;   /* CONDITION_TEST's arg: number in the table */
    size_t node_count, node_cap;
    struct compiled_step *steps;    /* the same without its tree; NULL: it counts */
};

/* Compile rule; its predicates go into the table. -1 with "file:line: reason";
 * nothing to release then. */
int compiled_init(struct compiled *code, const struct sigma_rule *rule, uint32_t number,
                  struct predicate_table *table, struct err *err);

/* A part of the rule alone, for who wants to know which part said no: a selection, or
 * one line of it (perhaps with fewer values than it has), or one of bongsu.checks.
 * Likewise. */
int compiled_init_selection(struct compiled *code, const struct sigma_rule *rule,
                            const struct sigma_selection *selection,
                            struct predicate_table *table, struct err *err);
int compiled_init_item(struct compiled *code, const struct sigma_rule *rule,
                       const struct sigma_item *item, struct predicate_table *table,
                       struct err *err);
int compiled_init_check(struct compiled *code, const struct sigma_rule *rule,
                        const struct sigma_check *check, struct predicate_table *table,
                        struct err *err);
void compiled_release(struct compiled *code);

/* 1 when the rule matches the event that the tables began with. */
int compiled_matches(const struct compiled *code, struct predicate_table *table);

/* What the rule needs of an event: fields, keywords alone, or nothing (compiled_need.c). */
enum router_need compiled_need(const struct compiled *code,
                               const struct predicate_table *table);

/* How far the rule is from matching the event that the tables began with: how many tests
 * would have to come out otherwise, at the least, and how many that it needs hold
 * (compiled_near.c). -1 when out of memory. */
struct nearness { uint32_t missing, met; };
int compiled_near(const struct compiled *code, struct predicate_table *table,
                  struct nearness *ret);

#endif
