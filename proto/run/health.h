/*
 * health.h - is this process alive, is it ready, and what are its numbers
 *
 * Served by every process: /healthz (200 while the loop makes progress),
 * /readyz (200, or 503 with each check that fails and why), /metrics, and
 * /status (JSON for `bongsu status`). On the public port of ingest and api,
 * and for all five on a unix socket <data_dir>/run/<process>.sock (or
 * health.listen).
 */
#ifndef PROTO_RUN_HEALTH_H
#define PROTO_RUN_HEALTH_H

#include <jansson.h>

#include "proto/base/metrics.h"
#include "proto/server/http_server.h"

struct health;

struct health *health_new(const char *process, struct metrics *metrics);
void health_destroy(struct health **health);

/* Set the state of a named check ("journal", "store"). why is copied; a check
 * that is fine needs none. Not ready while any check is not. */
void health_set(struct health *health, const char *check, int is_ok, const char *why);

/* Something people should know of that makes the process no less ready: it stands under
 * "warnings" in /readyz and /status by this name, until it is set to NULL. why is copied. */
void health_warn(struct health *health, const char *name, const char *why);

/* The loop went round (daemon.c calls this each second); /healthz shows how
 * long ago that was. */
void health_beat(struct health *health);

/* Not ready, whatever the checks say: draining. */
void health_set_draining(struct health *health);

/* A function that adds to the /status object what the process wants shown. */
void health_on_status(struct health *health, void (*fill)(void *self, json_t *status),
                      void *self);

/* The same for what more than one program shows; at most four, called after it. */
void health_also_show(struct health *health, void (*fill)(void *self, json_t *status),
                      void *self);

/* The four routes, for http_server_new; self of the handlers is the health. */
extern const struct http_route health_routes[];
extern const size_t health_route_count;

#endif
