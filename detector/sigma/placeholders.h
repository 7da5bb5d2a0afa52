/*
 * placeholders.h - what the %names% in rules stand for on this site
 *
 * A YAML map of names to a value or a list of values, which are read like those of
 * a rule, wildcards included. Rules refer to it by |expand; one whose name is not
 * here is refused.
 */
#ifndef DETECTOR_SIGMA_PLACEHOLDERS_H
#define DETECTOR_SIGMA_PLACEHOLDERS_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/err.h"
#include "proto/base/text.h"

struct site_name {
    struct text name;
    struct text *values;
    size_t value_count;
};

struct placeholders;

enum { PLACEHOLDERS_MAX_VALUES = 10000 };

/* The placeholders of a YAML text, or of a file. NULL with "name:line: reason". */
struct placeholders *placeholders_parse(const char *name, const char *bytes, size_t len,
                                        struct err *err);
struct placeholders *placeholders_load(const char *path, struct err *err);
void placeholders_destroy(struct placeholders **holders);

/* The one of this name, or NULL; also when holders is NULL. Borrowed. */
const struct site_name *placeholders_find(const struct placeholders *holders,
                                            struct text name);

/* 1 for what a name may be made of: letters, digits, "_", "." and "-". */
int placeholder_is_name_char(char c);

#endif
