/*
 * http_server_openapi.h - an OpenAPI 3.1 document of parts and routes
 *
 * The program's parts are partial documents, kept as JSON beside its routes. What the
 * route table knows is not said again in them: operationId, who may ask, and the
 * refusals that every route has. Private to the HTTP server.
 */
#ifndef PROTO_RUN_HTTP_SERVER_OPENAPI_H
#define PROTO_RUN_HTTP_SERVER_OPENAPI_H

#include "proto/run/http_server_parts.h"

/* The query parameters of one route. */
struct known_query {
    const struct http_route *route;
    json_t *names;              /* array of strings */
    int takes_any;              /* any other name, too */
};

struct http_description {
    json_t *document;           /* NULL once it is text */
    char *json, *page;
    struct known_query *known;
    size_t known_count;
};

/* The head of a document. NULL when out of memory. */
json_t *openapi_begin(const struct http_document *document);

/* Join the parts to the server's document, and the server's routes to what they
 * describe; note the query parameters. 0, or -1 when they do not fit together. */
int openapi_complete(struct http_server *server, const char *const *parts, struct err *err);

#endif
