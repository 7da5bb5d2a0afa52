/*
 * yaml.h - a YAML file as jansson values that remember their lines
 *
 * YAML 1.1 by libyaml, scalars by the YAML 1.2 core schema: quoted is text;
 * plain null/~/empty, true/false, integers and floats are themselves;
 * anything else is text (so are numbers that do not fit). Refused, with the
 * line: aliases deeper or larger than the limits (no billion laughs), over
 * 1,000 anchors, duplicate keys, keys that are not scalars (a plain number as
 * key is taken as text), unknown tags, NUL characters, more than 1 MiB,
 * nesting over 32. An alias is a copy. true, false and null are values of the
 * file's own, not json_true() and so on: test them by their type.
 */
#ifndef PROTO_BASE_YAML_H
#define PROTO_BASE_YAML_H

#include <jansson.h>
#include <stddef.h>

#include "proto/base/err.h"

struct yaml;

/* Parse all documents of a stream. name goes before every reason
 * ("bongsu.yml:12: ..."). NULL with the reason on failure. */
struct yaml *yaml_parse(const char *name, const char *bytes, size_t len, struct err *err);

/* Read and parse a file. */
struct yaml *yaml_load(const char *path, struct err *err);

void yaml_destroy(struct yaml **yaml);

/* How many documents, and the i-th one (borrowed, until yaml_destroy). Those without anything
 * in them, as after a "---" at the end of a file, are passed over. */
size_t yaml_count(const struct yaml *yaml);
json_t *yaml_document(const struct yaml *yaml, size_t i);

/* The line (from 1) on which a value of this file starts; for a value in a
 * map, the line of its key. 0 for a value of no file. */
int yaml_line(const struct yaml *yaml, const json_t *value);

#endif
