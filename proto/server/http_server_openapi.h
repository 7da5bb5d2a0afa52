/*
 * http_server_openapi.h - an OpenAPI 3.1 document of parts and routes
 *
 * The program's parts are partial documents, kept as JSON beside its routes. What the
 * route table knows is not said again in them: operationId, who may ask, and the
 * refusals that every route has. Private to the HTTP server.
 */
#ifndef PROTO_SERVER_HTTP_SERVER_OPENAPI_H
#define PROTO_SERVER_HTTP_SERVER_OPENAPI_H

#include "proto/server/http_server_parts.h"

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

/* --- http_server_openapi_wire.c: what parts say in short --- */

/* Spell out each x-same-as. 0, or -1 with the reason. */
int openapi_copy_same(json_t *document, struct err *err);

/* The wire that an operation is of, borrowed; NULL: ours. */
const json_t *openapi_wire(const json_t *document, const json_t *operation);

/* Spell out x-query and the wire's parameters. 0, or -1 when out of memory. */
int openapi_spread(const json_t *document, json_t *operation);

/* A refusal as that wire tells it; plain is ours, among the responses. New. */
json_t *openapi_wire_refusal(const json_t *wire, const json_t *plain);

#endif
