#include "proto/base/yaml_anchors.h"

#include <stdlib.h>
#include <string.h>

static struct yaml_anchor *
find(const struct yaml_anchors *anchors, const char *name)
{
    struct yaml_anchor *anchor = anchors->first;

    while (anchor != NULL && strcmp(anchor->name, name) != 0)
        anchor = anchor->next;
    return anchor;
}

static struct yaml_anchor *
add(struct yaml_anchors *anchors, const char *name)
{
    struct yaml_anchor *anchor;

    if (anchors->count == YAML_ANCHORS_MAX)
        return NULL;
    anchor = calloc(1, sizeof(*anchor));
    if (anchor == NULL || (anchor->name = strdup(name)) == NULL) {
        free(anchor);
        return NULL;
    }
    anchor->next = anchors->first;
    anchors->first = anchor;
    anchors->count++;
    return anchor;
}

const struct yaml_anchor *
yaml_anchors_find(const struct yaml_anchors *anchors, const char *name)
{
    return find(anchors, name);
}

int
yaml_anchors_set(struct yaml_anchors *anchors, const char *name, json_t *value)
{
    struct yaml_anchor *anchor = find(anchors, name);

    if (anchor == NULL)
        anchor = add(anchors, name);
    if (anchor == NULL)
        return -1;
    json_decref(anchor->value);
    anchor->value = json_incref(value);
    return 0;
}

void
yaml_anchors_release(struct yaml_anchors *anchors)
{
    for (struct yaml_anchor *anchor = anchors->first, *next; anchor != NULL;
         anchor = next) {
        next = anchor->next;
        json_decref(anchor->value);
        free(anchor->name);
        free(anchor);
    }
    *anchors = (struct yaml_anchors){ NULL, 0 };
}
