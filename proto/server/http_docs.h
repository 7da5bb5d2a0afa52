/*
 * http_docs.h - the page /docs: swagger-ui over a plain list that needs no script
 *
 * swagger-ui comes from npm at build time and is in the program. Where the build had no
 * npm it is missing, and the list stands alone.
 */
#ifndef PROTO_SERVER_HTTP_DOCS_H
#define PROTO_SERVER_HTTP_DOCS_H

#include <jansson.h>

#include "proto/base/text.h"

struct docs_asset {
    const char *name, *content_type;
    struct text gzip;           /* empty: not in this build */
};

/* The asset of this name, or NULL. */
const struct docs_asset *docs_find(struct text name);

/* HTML of an OpenAPI document, to be freed. NULL when out of memory. */
char *docs_make_page(const json_t *document);

/* The page's Content-Security-Policy. */
extern const char docs_policy[];

#endif
