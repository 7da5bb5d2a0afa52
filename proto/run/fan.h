/*
 * fan.h - a consumer's links to every producer of a kind: all hosts, all slots
 *
 * ingest.host and detector.host may name several, with commas; each name is
 * resolved to all its addresses (links.h). A slot that nobody holds is a link
 * that waits.
 */
#ifndef PROTO_RUN_FAN_H
#define PROTO_RUN_FAN_H

#include "proto/endpoints.h"
#include "proto/run/links.h"

struct fan;

struct fan_spec {
    const struct settings *settings;
    enum endpoint data, report;     /* the same: data is a PUB socket's */
    int first_slot, slots;          /* of the producers, or of the stream that we want */
    int (*on_batch)(void *self, struct link *link, struct bus_batch *batch);
    void *self;
};

/* NULL with the reason. */
struct fan *fan_new(zloop_t *loop, const struct fan_spec *spec, struct metrics *metrics,
                    struct err *err);
void fan_destroy(struct fan **fan);

/* As links_*, for all of them. */
void fan_pause(struct fan *fan, int is_paused);
void fan_report(struct fan *fan, const struct report *report);
void fan_each(struct fan *fan, void (*each)(void *ctx, struct link *link), void *ctx);
unsigned fan_alive(const struct fan *fan, int64_t now_ms);

#endif
