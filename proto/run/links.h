/*
 * links.h - a consumer's connections to all producers of one kind
 *
 * One socket pair (data in, reports out) per producer address, so that a
 * report goes back where the batch came from. A host name is resolved to all
 * its addresses, again every few seconds (tcp only).
 */
#ifndef PROTO_RUN_LINKS_H
#define PROTO_RUN_LINKS_H

#include <czmq.h>

#include "proto/base/err.h"
#include "proto/base/metrics.h"
#include "proto/bus.h"

struct links;
struct link;

struct links_spec {
    const char *data;           /* endpoint to connect the PULL socket to */
    const char *report;         /* endpoint to connect the PUSH socket to */
    const char *server;         /* the role of who is there: endpoint_server() */
    int is_live;                /* data is a PUB socket's; no reports (report: as data) */
    /* A batch has come (borrowed; see bus_batch). Return 1 to stop reading for
     * this turn of the loop (enough is waiting), else 0. The link is for
     * link_report and link_origin. */
    int (*on_batch)(void *self, struct link *link, struct bus_batch *batch);
    void *self;
};

struct links *links_new(zloop_t *loop, const struct links_spec *spec,
                        struct metrics *metrics, struct err *err);
void links_destroy(struct links **links);

/* Stop or go on reading data (back-pressure). Reports still go out. */
void links_pause(struct links *links, int is_paused);

/* Send a report over this link, or over all. What cannot be sent now is
 * dropped: reports repeat. */
void link_report(struct link *link, const struct report *report);
void links_report(struct links *links, const struct report *report);

/* The origin of the last batch over this link, 0 before the first. */
uint64_t link_origin(const struct link *link);

/* Call each(ctx, link) for all. */
void links_each(struct links *links, void (*each)(void *ctx, struct link *link), void *ctx);

/* How many links have brought something in the last 5 s (empty heads count). */
unsigned links_alive(const struct links *links, int64_t now_ms);

#endif
