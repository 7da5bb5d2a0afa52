/*
 * fault_proxy_bulk.h - takes items out of a _bulk, and puts refusals into its answer
 *
 * For fault_proxy*.c only.
 */
#ifndef TESTS_SUPPORT_FAULT_PROXY_BULK_H
#define TESTS_SUPPORT_FAULT_PROXY_BULK_H

#include "tests/support/fault_proxy_wire.h"

struct bulk_item {
    size_t start, len;          /* its lines in the body */
    char op[8];                 /* "create" */
    char *index, *id;           /* NULL: the action does not say */
    int is_refused;
};

struct bulk {
    struct bulk_item *items;
    size_t count, refused;
};

/* The items of a (plain) body, up to the first line that is no action. */
void bulk_read(const struct bytes *body, struct bulk *bulk);
void bulk_release(struct bulk *bulk);

/* Refuse percent of a hundred items, evenly spread; *counter goes on from one
 * bulk to the next, so that a repeat of the same bulk meets it elsewhere. */
void bulk_refuse(struct bulk *bulk, unsigned percent, size_t *counter);

/* The body without what is refused. */
void bulk_rest(const struct bulk *bulk, const struct bytes *body, struct bytes *out);

/* The answer's body with an item of this status in the place of each that was refused.
 * An empty answer is one of no items. is_brief: only status and error, as filter_path
 * asks for. 0, or -1 when the answer has not one item for each that was sent on. */
int bulk_merge(const struct bulk *bulk, int status, int is_brief, const struct bytes *answer,
               struct bytes *out);

/* The answer's body without its last item. 0, or -1 when it is no bulk's. */
int bulk_shorten(const struct bytes *answer, struct bytes *out);

/* How many items of an answer have this status. */
size_t bulk_count_status(const struct bytes *answer, int status);

/* What Elasticsearch calls a refusal of this status: {"type": ..., "reason": ...}, as text
 * of a whole answer: {"error": {...}, "status": N}. */
void bulk_refusal(int status, struct bytes *out);

#endif
