/*
 * matcher.h - which detection rules does an event match?
 *
 * Rules are compiled once into predicates and a small program over them. A rule is only
 * looked at when the event has something that it cannot do without (rule_index.h), and
 * when it is for the event's logsource (router.h).
 * Events must be as the wire reader makes them (arrays as VALUE_OBJECT).
 */
#ifndef DETECTOR_MATCH_MATCHER_H
#define DETECTOR_MATCH_MATCHER_H

#include <stddef.h>
#include <stdint.h>

#include "detector/match/compiled.h"
#include "detector/match/field_table.h"
#include "detector/match/router.h"
#include "detector/sigma/sigma_filter.h"
#include "detector/sigma/sigma_rule.h"
#include "proto/base/err.h"

struct matcher;

/* An empty matcher over a field table (lent, must outlive it). NULL when out
 * of memory. */
struct matcher *matcher_new(struct field_table *fields);

/* Over another's field table and logsources; the lender must outlive it. */
struct matcher *matcher_new_like(struct matcher *lender);
void matcher_destroy(struct matcher **matcher);

/* Compile a detection rule (lent, must outlive the matcher) as `number`. -1
 * with "file:line: reason"; the matcher is then as before. */
int matcher_add(struct matcher *matcher, const struct sigma_rule *rule, uint32_t number,
                struct err *err);

/* The rule that was added last is only matched when this filter (lent, `number` of its
 * own kind) holds too. -1 with "file:line: reason"; the rule is then without it. */
int matcher_add_filter(struct matcher *matcher, const struct sigma_filter *filter,
                       uint32_t number, struct err *err);

/* All rules are there: build the index. Plainly: each rule is tried on each event, with the
 * same answers; of use for a rule or two that judge few. 0, or -1 with the reason. */
int matcher_finish(struct matcher *matcher, struct err *err);
int matcher_finish_plainly(struct matcher *matcher, struct err *err);

/* Take every event for one of this logsource, whatever its fields say, and skip the rules
 * that differ from it and no others; NULL: go by the fields, as at first. For judging
 * events of which it is known. 0, or -1 when out of memory. */
int matcher_set_logsource(struct matcher *matcher, const struct logsource *of);

/* The numbers of the rules that ev matches, in the order they were added;
 * borrowed until the next call. Begins the field table with ev. */
size_t matcher_match(struct matcher *matcher, const struct event *ev,
                     const uint32_t **ret_numbers);

/* What becomes of each rule with ev, and why; for people, who ask once. */
struct match_verdict {
    uint32_t number;
    int is_match;               /* as matcher_match says */
    int holds;                  /* its detection does, whatever the logsource */
    int64_t filter;             /* it holds, but this filter takes it; -1: none does */
    enum route_answer route;    /* and part, as router_answer says */
    int part;
    struct nearness near;
};

/* Call visit with each rule, in the order added (0 to go on), after beginning with ev. 0,
 * what visit returned, or -1 when out of memory. */
int matcher_explain(struct matcher *matcher, const struct event *ev,
                    int (*visit)(void *ctx, const struct match_verdict *verdict), void *ctx);

/* What the event that was begun with has of a part of a logsource: router_words. */
size_t matcher_words(const struct matcher *matcher, int part, struct text *ret_words);

/* The numbers of the filters that took a rule from the event of the last matcher_match,
 * one for each such rule; borrowed until the next call. Whether a filter is past its time
 * is judged by when the event was received (else by its own time). */
size_t matcher_taken(const struct matcher *matcher, const uint32_t **ret_filters);

/* How many regular expressions were given up at their limit, so far. */
uint64_t matcher_limits_hit(const struct matcher *matcher);

/* 1 when the last event's logsource was not known yet (router_made). */
int matcher_made_route(const struct matcher *matcher);

#endif
