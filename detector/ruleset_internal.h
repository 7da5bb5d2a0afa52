/*
 * ruleset_internal.h - what ruleset.c, ruleset_link.c and ruleset_load.c share
 */
#ifndef DETECTOR_RULESET_INTERNAL_H
#define DETECTOR_RULESET_INTERNAL_H

#include "detector/ruleset.h"
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
};

/* List a reason (copied) against a file. 0, or -1 when out of memory. */
int ruleset_refuse(struct ruleset *rules, size_t file, const char *reason);

#endif
