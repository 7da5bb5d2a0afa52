/*
 * ruleset_internal.h - what ruleset.c, ruleset_link.c and ruleset_load.c share
 */
#ifndef DETECTOR_RULESET_INTERNAL_H
#define DETECTOR_RULESET_INTERNAL_H

#include "detector/ruleset.h"
#include "proto/base/arena.h"

struct ruleset {
    struct arena arena;
    struct rule *rules;
    size_t count, cap;
    const char **refused;
    size_t refused_count, refused_cap;
    struct field_table *fields;
    struct matcher *matcher;
};

/* List a reason (copied). 0, or -1 when out of memory. */
int ruleset_refuse(struct ruleset *rules, const char *reason);

/* Read the documents of a parsed file. 0, or -1 when out of memory. */
int ruleset_add_documents(struct ruleset *rules, const char *file,
                          const struct yaml *yaml);

#endif
