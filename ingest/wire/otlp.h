/*
 * otlp.h - OpenTelemetry's logs: POST /v1/logs, OTLP/HTTP in JSON
 *
 * As opentelemetry-proto 1.x and the OTLP specification have it: 200 after the commit,
 * with partialSuccess when records were refused, which are not to be sent again; 429
 * and 503 with Retry-After for what is. Protobuf is answered 415.
 */
#ifndef INGEST_WIRE_OTLP_H
#define INGEST_WIRE_OTLP_H

#include "ingest/requests.h"
#include "proto/server/http_server.h"

struct otlp;

/* NULL when out of memory. requests is lent and must live longer. */
struct otlp *otlp_new(struct requests *requests, struct metrics *metrics);
void otlp_destroy(struct otlp **otlp);

/* Add the path. */
void otlp_add_routes(struct otlp *otlp, struct http_server *server);

#endif
