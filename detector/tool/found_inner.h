/*
 * found_inner.h - what found.c and found_compare.c share
 */
#ifndef DETECTOR_TOOL_FOUND_INNER_H
#define DETECTOR_TOOL_FOUND_INNER_H

#include "detector/tool/found.h"

struct found_item {
    char id[INCIDENT_ID_HEX];
    char *text;                 /* "<rule>\0<title>\0<key as JSON>\0" */
    int64_t opened_us, last_us;
    uint64_t count;
    int severity;
    int is_left_out, is_paired;
};

struct found_list {
    struct found_item *items;
    size_t count, cap;
    size_t *slots;              /* by id: number of an item, from 1; 0: none */
    size_t slot_count;
};

struct found {
    struct found_list lists[FOUND_SIDES];
};

/* The incident of this id, or NULL. */
struct found_item *found_find(const struct found_list *list, const char *id);

#endif
