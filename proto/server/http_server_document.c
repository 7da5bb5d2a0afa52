/*
 * What is told of the routes: /openapi.json, /docs, and the query parameters that are
 * described, which are all that a route takes.
 */
#include "proto/server/http_server_parts.h"

#include <stdlib.h>
#include <string.h>

#include "proto/server/http_docs.h"
#include "proto/server/http_server_openapi.h"

/* --- /openapi.json, /docs --- */

static void
get_document(struct http_request *req, void *self)
{
    const struct http_server *server = self;

    http_tag(req);
    http_reply(req, 200, "application/json", text_of(server->description->json));
}

static void
get_page(struct http_request *req, void *self)
{
    const struct http_server *server = self;

    http_set_header(req, "Content-Security-Policy", docs_policy);
    http_tag(req);
    http_reply(req, 200, "text/html; charset=utf-8", text_of(server->description->page));
}

static void
get_asset(struct http_request *req, void *self)
{
    const struct docs_asset *asset = docs_find(http_param(req, "name"));

    (void)self;
    if (asset == NULL || asset->gzip.len == 0) {
        http_reply_problem(req, 404, "There is no such file here.");
        return;
    }
    http_set_header(req, "Cache-Control", "max-age=3600");
    http_reply_gzipped(req, asset->content_type, asset->gzip);
}

static const struct http_route document_routes[] = {
    { "GET", "/openapi.json", HTTP_OPEN, NULL, 0, get_document },
    { "GET", "/docs", HTTP_OPEN, NULL, 0, get_page },
    { "GET", "/docs/{name}", HTTP_OPEN, NULL, 0, get_asset },
};

/* --- unknown parameters are refused --- */

struct query_check {
    struct http_request *req;
    const struct known_query *known;
    int rc;
};

static int
is_named(const json_t *names, struct text name)
{
    const json_t *known;
    size_t i;

    json_array_foreach(names, i, known)
        if (text_is(name, json_string_value(known)))
            return 1;
    return 0;
}

static int
count_of(const struct http_request *req, struct text name)
{
    int count = 0;

    for (size_t i = 0; i < req->pair_count; i++)
        count += text_equals(req->pairs[i].name, name);
    return count;
}

static void
check_one(void *ctx, struct text name, struct text value)
{
    struct query_check *check = ctx;
    int shown = name.len > 64 ? 64 : (int)name.len;

    (void)value;
    if (check->rc != 0)
        return;
    if (is_named(check->known->names, name)) {
        if (count_of(check->req, name) == 1)
            return;
        http_refuse(check->req, REFUSED_QUERY, 400, "%.*s: given twice", shown, name.ptr);
        check->rc = -1;
    } else if (!check->known->takes_any) {
        http_refuse(check->req, REFUSED_QUERY, 400, "%.*s: no such parameter", shown, name.ptr);
        check->rc = -1;
    }
}

/* What is no text could be kept nowhere, and would be tried again and again. */
static void
check_text(void *ctx, struct text name, struct text value)
{
    struct query_check *check = ctx;

    if (check->rc == 0 && (!text_is_utf8(name) || !text_is_utf8(value))) {
        http_refuse(check->req, REFUSED_QUERY, 400, "A query parameter is no UTF-8.");
        check->rc = -1;
    }
}

int
http_check_query(struct http_request *req)
{
    const struct http_description *all = req->server->description;
    struct query_check text = { req, NULL, 0 };

    if (req->raw_query.len == 0)
        return 0;
    http_each_query(req, check_text, &text);
    if (text.rc != 0 || all == NULL)
        return text.rc;
    for (size_t i = 0; i < all->known_count; i++)
        if (all->known[i].route == req->route) {
            struct query_check check = { req, &all->known[i], 0 };

            http_each_query(req, check_one, &check);
            return check.rc;
        }
    return 0;
}

/* --- life --- */

int
http_server_document(struct http_server *server, const struct http_document *document,
                     struct err *err)
{
    struct http_description *all = calloc(1, sizeof(*all));

    server->description = all;
    if (all != NULL)
        all->document = openapi_begin(document);
    if (all == NULL || all->document == NULL) {
        err_set(err, "out of memory");
        return -1;
    }
    http_server_add_routes(server, document_routes,
                           sizeof(document_routes) / sizeof(document_routes[0]), server);
    if (openapi_complete(server, document->parts, err) != 0) {
        err_add(err, "description of the routes");
        return -1;
    }
    all->json = json_dumps(all->document, JSON_INDENT(1));
    all->page = all->json == NULL ? NULL : docs_make_page(all->document);
    json_decref(all->document);             /* the text is enough from here on */
    all->document = NULL;
    if (all->page != NULL)
        return 0;
    err_set(err, "out of memory");
    return -1;
}

void
http_description_destroy(struct http_description **description)
{
    struct http_description *all = *description;

    if (all == NULL)
        return;
    for (size_t i = 0; i < all->known_count; i++)
        json_decref(all->known[i].names);
    json_decref(all->document);
    free(all->json);
    free(all->page);
    free(all->known);
    free(all);
    *description = NULL;
}
