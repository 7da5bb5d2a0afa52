/*
 * yaml_anchors.h - the anchors (&name) of a YAML document
 *
 * A zeroed struct yaml_anchors is an empty one. There are never more than
 * YAML_ANCHORS_MAX, because they are searched one by one.
 */
#ifndef PROTO_BASE_YAML_ANCHORS_H
#define PROTO_BASE_YAML_ANCHORS_H

#include <jansson.h>
#include <stddef.h>

enum { YAML_ANCHORS_MAX = 1000 };

struct yaml_anchor {
    char *name;
    json_t *value;              /* owned; NULL while it is being read */
    struct yaml_anchor *next;
};

struct yaml_anchors {
    struct yaml_anchor *first;
    size_t count;
};

/* The anchor of that name (until the next release), or NULL. */
const struct yaml_anchor *yaml_anchors_find(const struct yaml_anchors *anchors,
                                            const char *name);

/* Set the value of an anchor, new or known; NULL while it is being read. 0, or
 * -1 when there are too many or memory is out (never for a known one). */
int yaml_anchors_set(struct yaml_anchors *anchors, const char *name, json_t *value);

/* Forget all. */
void yaml_anchors_release(struct yaml_anchors *anchors);

#endif
