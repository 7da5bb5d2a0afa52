/*
 * lint_internal.h - what the lint's own files share
 */
#ifndef DETECTOR_RULESET_LINT_INTERNAL_H
#define DETECTOR_RULESET_LINT_INTERNAL_H

#include "detector/ruleset/lint.h"

/* Where findings go. */
struct lint {
    const struct sigma_rule *rule;      /* at hand */
    lint_say *say;
    void *ctx;
};

/* Say it. What say returned. */
int lint_note(const struct lint *lint, enum lint_kind kind, int line, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Selections and conditions of the rule at hand (lint_condition.c). */
int lint_conditions(const struct lint *lint);

/* Fields of the rule at hand (lint_fields.c). */
struct lint_spellings;
int lint_fields(const struct lint *lint, const struct lint_spellings *spellings);

/* Call visit with each item of the rule that has a field; what is not 0 ends it and is
 * returned (lint_spellings.c). */
int lint_each_item(const struct sigma_rule *rule,
                   int (*visit)(void *ctx, const struct sigma_rule *rule,
                                const struct sigma_item *item), void *ctx);

/* How the rules write the names of fields; NULL when out of memory. Then: what more rules
 * of the logsource write in place of name, or len 0. */
struct lint_spellings *lint_spellings_new(const struct sigma_rule *const *rules, size_t count);
void lint_spellings_destroy(struct lint_spellings **spellings);
struct text lint_usual_spelling(const struct lint_spellings *spellings,
                                const struct logsource *of, struct text name);

/* The fields of the logsource, space separated, where all are known, or NULL; those of all
 * of Windows' events (lint_sources.c). */
const char *lint_known_fields(const struct logsource *of);
extern const char lint_windows_fields[];
int lint_is_in_list(struct text list, struct text name);

/* What proto/fields.yml knows for rules of the logsource that is all but the same as name,
 * which it does not know; or len 0. */
struct text lint_known_as(struct text name, const struct logsource *of);

#endif
