/*
 * yaml_lines.h - on which line each value of a YAML file stands
 *
 * A hash table from a value's address to its line. A zeroed struct
 * yaml_lines is an empty one.
 */
#ifndef PROTO_BASE_YAML_LINES_H
#define PROTO_BASE_YAML_LINES_H

#include <stddef.h>

struct yaml_place;

struct yaml_lines {
    struct yaml_place *places;
    size_t count, cap;          /* cap is 0 or a power of two */
};

void yaml_lines_release(struct yaml_lines *lines);

/* Set (or change) the line of value. 0, or -1 when out of memory. */
int yaml_lines_set(struct yaml_lines *lines, const void *value, int line);

/* The line of value, 0 when it has none. */
int yaml_lines_get(const struct yaml_lines *lines, const void *value);

#endif
