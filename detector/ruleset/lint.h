/*
 * lint.h - what an author may not have meant, of rules that can be used
 *
 * What is refused never comes here. These are questions, not errors: a few of them may be
 * as they should. Nothing but the rules as they were read is looked at.
 */
#ifndef DETECTOR_RULESET_LINT_H
#define DETECTOR_RULESET_LINT_H

#include <stddef.h>

#include "detector/sigma/sigma_rule.h"

enum lint_kind {
    LINT_FIELD,         /* a field that events of the rule's logsource do not have */
    LINT_UNUSED,        /* a selection that no condition names */
    LINT_CONDITION,     /* a condition, or a part of it, that decides nothing */
    LINT_REGEX,         /* a regular expression that may be slow */
    LINT_UNTESTED,      /* a rule without bongsu.tests */
    LINT_KINDS
};

/* "field" ...; and a heading for how many there are. */
extern const char *const lint_names[LINT_KINDS];
extern const char *const lint_headings[LINT_KINDS];

/* Is given each finding, in order of the rules; 0 to go on. */
typedef int lint_say(void *ctx, enum lint_kind kind, const struct sigma_rule *rule, int line,
                     const char *what);

/* Look at these rules. 0, what say returned, or -1 when out of memory. */
int lint_rules(const struct sigma_rule *const *rules, size_t count, lint_say *say, void *ctx);

/* Is this regular expression one that may take very long, for it repeats what can be
 * repeated in several ways: (a+)+, (a|a)*? Patterns of PCRE2. */
int lint_regex_is_slow(struct text pattern);

#endif
