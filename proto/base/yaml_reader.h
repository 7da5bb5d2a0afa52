/*
 * yaml_reader.h - libyaml's events made into jansson values with lines
 *
 * The part of yaml.h that does the work; nobody but yaml.c calls it.
 */
#ifndef PROTO_BASE_YAML_READER_H
#define PROTO_BASE_YAML_READER_H

#include <jansson.h>

#include "proto/base/err.h"
#include "proto/base/text.h"
#include "proto/base/yaml_lines.h"

struct yaml_constant;

/* All that was read from one file. */
struct yaml_content {
    json_t *documents;          /* array, owned */
    struct yaml_lines lines;
    struct yaml_constant *constants;
};

/* Read all documents of bytes into a zeroed content. 0, or -1 with the reason;
 * either way yaml_content_release frees it. */
int yaml_content_read(struct yaml_content *content, const char *name, struct text bytes,
                      struct err *err);
void yaml_content_release(struct yaml_content *content);

#endif
