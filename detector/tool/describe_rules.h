/*
 * describe_rules.h - what `rules list` and `rules check` say of a set of rules
 */
#ifndef DETECTOR_TOOL_DESCRIBE_RULES_H
#define DETECTOR_TOOL_DESCRIBE_RULES_H

#include <jansson.h>

#include "detector/ruleset/ruleset.h"

/* {"rules","refused","filters","notes","lints","untested"}: a new reference, NULL when out
 * of memory. */
json_t *describe_rules(const struct ruleset *set);

#endif
