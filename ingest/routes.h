/*
 * routes.h - ingest's paths and who handles them
 */
#ifndef INGEST_ROUTES_H
#define INGEST_ROUTES_H

#include <stddef.h>

#include "proto/server/http_server.h"
#include "proto/settings.h"

/* POST /log and /logs; self of the handlers is the struct requests. */
extern const struct http_route intake_routes[];
extern const size_t intake_route_count;

/* The api's paths, answered with a 307 to the api; self is the
 * struct settings. */
extern const struct http_route front_routes[];
extern const size_t front_route_count;

/* What is told of them. */
extern const struct http_document ingest_document;

#endif
