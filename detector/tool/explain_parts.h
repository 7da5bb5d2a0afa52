/*
 * explain_parts.h - the lines, selections and conditions of one rule, each asked by itself
 */
#ifndef DETECTOR_TOOL_EXPLAIN_PARTS_H
#define DETECTOR_TOOL_EXPLAIN_PARTS_H

#include <jansson.h>

#include "detector/match/predicate_table.h"
#include "detector/sigma/sigma_rule.h"
#include "proto/base/err.h"

struct explaining;

/* One rule while it is explained: its parts are compiled into a table beside the
 * engine's own, over the same fields. */
struct explain_parts {
    const struct explaining *all;
    const struct sigma_rule *rule;
    struct predicate_table *table;
    struct err *err;
};

/* Arrays, one element for each; new references, or NULL with the reason. The conditions
 * are trees over what the selections (as given here) said. */
json_t *explain_selections(const struct explain_parts *parts);
json_t *explain_conditions(const struct explain_parts *parts,
                           const struct sigma_condition *conditions, size_t count,
                           json_t *selections);
json_t *explain_checks(const struct explain_parts *parts);

#endif
