/*
 * api.h - the api process: what people and scripts ask of the store
 *
 * Reads the store, changes an incident's status, owns nothing. Each handler
 * answers at once; a read ends after 5 s at most. Private to this program.
 */
#ifndef API_API_H
#define API_API_H

#include <jansson.h>
#include <stdint.h>

#include "proto/run/daemon.h"
#include "proto/server/http_server.h"
#include "proto/store/store.h"

extern const struct daemon_spec api_spec;

/* A page of events or incidents ends early when it has this much: it is built
 * in memory, and nobody else is answered meanwhile. */
enum { API_PAGE_BYTES = 2 * 1024 * 1024 };

struct api {
    struct daemon *daemon;
    struct store *store;
    struct http_server *server;
    uint64_t *queries, *query_failures, *status_changes, *letters_wanted;
    struct tls *tls;            /* NULL: plain HTTP */
};

extern const struct http_route api_routes[];
extern const size_t api_route_count;
extern const struct http_document api_document;     /* what is told of them */

/* Handlers, one file each: dashboard.c report.c incidents.c events.c deadletters.c */
void handle_dashboard(struct http_request *req, void *self);
void handle_report_daily(struct http_request *req, void *self);
void handle_report_weekly(struct http_request *req, void *self);
void handle_incidents(struct http_request *req, void *self);
void handle_incident(struct http_request *req, void *self);
void handle_incident_status(struct http_request *req, void *self);
void handle_events(struct http_request *req, void *self);
void handle_deadletters(struct http_request *req, void *self);
void handle_deadletters_retry(struct http_request *req, void *self);

/* Answer that the store could not be asked, and count it. */
void api_store_failed(struct api *api, struct http_request *req, const struct err *err);

/* Text from the store as JSON, also when it is no UTF-8. NULL: out of memory. */
json_t *api_text(const char *text);

/* Append an incident; how many bytes of JSON it is goes onto *bytes (NULL: not
 * asked). 0, or -1 when out of memory. */
int api_add_incident(json_t *list, const struct incident *inc, size_t *bytes);

/* A list that events are visited into. The store takes a visitor's refusal for
 * the reader's wish, so that memory being out is noted here. */
struct api_events {
    json_t *list;
    size_t bytes, max_bytes;    /* of JSON; the visit ends at max_bytes, 0: never */
    int is_out_of_memory;
};
int api_add_event(void *ctx, const struct event *ev);

/* Put the sums of a span into obj: totals, by_type, by_severity, by_source,
 * by_user, timeline. 0, or -1 with the reason (also for an obj that is NULL). */
int api_add_counts(struct api *api, json_t *obj, const struct count_query *query,
                   struct err *err);

#endif
