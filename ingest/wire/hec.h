/*
 * hec.h - Splunk's HTTP Event Collector: /services/collector and below
 *
 * As much of it as forwarders and loggers need that have a URL and a token. A body is
 * taken as a whole or not at all: 200 after the commit, or a refusal that says which
 * event it was, and nothing is kept. There are no acknowledgements to ask for
 * later (code 14), since the answer is one.
 */
#ifndef INGEST_WIRE_HEC_H
#define INGEST_WIRE_HEC_H

#include "ingest/requests.h"
#include "proto/server/http_server.h"

struct hec;

/* NULL when out of memory. requests is lent and must live longer. */
struct hec *hec_new(struct requests *requests, struct metrics *metrics);
void hec_destroy(struct hec **hec);

/* Add the paths. */
void hec_add_routes(struct hec *hec, struct http_server *server);

#endif
