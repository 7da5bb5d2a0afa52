/*
 * pages.h - a list of the api's, page by page by its cursor
 */
#ifndef CTL_PAGES_H
#define CTL_PAGES_H

#include "ctl/remote.h"

struct pages {
    struct remote *remote;
    const char *path;           /* with the filters; borrowed */
    const char *list;           /* "events", "incidents" */
    char *cursor;               /* of the next page; NULL: the first */
    int is_done;
};

/* The next page's elements (a new reference to an array; it may be empty, and
 * yet not be the last). EXIT_DONE, with NULL at the end; or the exit code with
 * the reason, and then the same page can be asked for again. */
int pages_next(struct pages *pages, unsigned limit, json_t **ret_items, long *ret_wait_s,
               struct err *err);
void pages_release(struct pages *pages);

/* At most `limit` elements, that `keep` likes (NULL: all), as one array. */
int pages_collect(struct pages *pages, size_t limit,
                  int (*keep)(const void *ctx, const json_t *item), const void *ctx,
                  json_t **ret_items, struct err *err);

/* Filters of incidents (--status, --severity, --rule as an id, --key, span);
 * of events (FIELD=VALUE..., --text, span). EXIT_DONE or EXIT_USAGE. */
int pages_add_incident_filters(struct buf *path, const struct call *call, int64_t now_us,
                               struct err *err);
int pages_add_event_filters(struct buf *path, const struct call *call, int64_t now_us,
                            struct err *err);

/* 1 when the text is a rule's id as the api takes it: a UUID, or "bongsu.x". */
int pages_is_rule_id(const char *text);

#endif
