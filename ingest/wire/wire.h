/*
 * wire.h - Elasticsearch's own wire: what shippers ask before and while they ship
 *
 * As much of 8.15 as Filebeat, Logstash, Fluent Bit, Vector, rsyslog and the
 * official clients need to send their documents here unchanged. Every answer
 * carries X-Elastic-Product, and a refusal has Elasticsearch's form.
 */
#ifndef INGEST_WIRE_WIRE_H
#define INGEST_WIRE_WIRE_H

#include "ingest/requests.h"
#include "proto/server/http_server.h"

struct wire;

/* What we pretend to be. */
#define WIRE_VERSION "8.15.0"

/* NULL when out of memory. requests is lent and must live longer. */
struct wire *wire_new(struct requests *requests, struct metrics *metrics);
void wire_destroy(struct wire **wire);

/* Add the paths. Call it last: those of an index ("/{index}") are looked at only when
 * no other path fits. */
void wire_add_routes(struct wire *wire, struct http_server *server);

/* Every answer of ours says that it comes from the product that clients look for. */
void wire_mark(struct http_request *req);

/* A refusal in Elasticsearch's form (an http_say). */
void wire_say(struct http_request *req, unsigned status, const char *detail);

/* POST, PUT /_bulk and /{index}/_bulk; self is the struct wire. */
void wire_bulk(struct http_request *req, void *self);

/* POST /{index}/_doc, and _doc or _create with /{id}. */
void wire_doc(struct http_request *req, void *self);

#endif
