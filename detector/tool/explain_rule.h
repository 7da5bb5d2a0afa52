/*
 * explain_rule.h - one rule and one event: what said yes, and what said no
 *
 * Each line of a rule is compiled by itself, by the compiler that compiles the whole,
 * and asked by the predicates that are asked live; nothing here knows what a modifier
 * means.
 */
#ifndef DETECTOR_TOOL_EXPLAIN_RULE_H
#define DETECTOR_TOOL_EXPLAIN_RULE_H

#include <jansson.h>

#include "detector/match/allow_list.h"
#include "detector/ruleset/ruleset.h"
#include "proto/base/err.h"
#include "proto/event.h"

struct explaining {
    struct ruleset *rules;
    const struct event *event;
    struct match_verdict *verdicts;     /* one for each rule that is a detection */
    uint8_t *is_judged;                 /* which these are */
    struct allow_list *allow;           /* NULL: none */
    int host_field;                     /* the allow list's */
};

/* The i-th rule as JSON: a detection, or a correlation. A new reference, or NULL with
 * the reason. */
json_t *explain_detection(const struct explaining *all, size_t i, struct err *err);
json_t *explain_correlation(const struct explaining *all, size_t i, struct err *err);

/* What both begin with. */
json_t *explain_head(const struct explaining *all, size_t i, int is_match);

/* The value of a field of the rules (field table number), null when there is none. */
json_t *explain_field(const struct explaining *all, int field);

/* {"field": value} of the fields of a group; with "absent" for one that is not there
 * (correlations: then the event is not grouped). */
json_t *explain_key(const struct explaining *all, const struct text *names, const int *fields,
                    size_t count, int *ret_is_whole);

#endif
