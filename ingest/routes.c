#include "ingest/routes.h"

#include <stdio.h>
#include <string.h>

#include "ingest/openapi.h"
#include "ingest/requests.h"
#include "ingest/wire/openapi.h"
#include "proto/base/buf.h"
#include "proto/server/openapi.h"

enum { LOG_MAX_BODY = 1024 * 1024, REDIRECT_MAX_BODY = 64 * 1024, HOST_LEN = 256 };

/* --- to the api --- */

/* "host:port", "[v6]:port" or ":port" cut in two; the brackets stay. */
static void
cut_address(struct text address, struct text *ret_host, struct text *ret_port)
{
    const char *colon = address.len == 0 ? NULL : memrchr(address.ptr, ':', address.len);
    const char *bracket = address.len == 0 ? NULL : memrchr(address.ptr, ']', address.len);

    *ret_host = address;
    *ret_port = (struct text){ NULL, 0 };
    if (colon == NULL || (bracket != NULL && colon < bracket))
        return;
    ret_host->len = (size_t)(colon - address.ptr);
    *ret_port = (struct text){ colon + 1, address.len - ret_host->len - 1 };
}

/* Addresses that mean "this machine" mean another one to a browser elsewhere. */
static int
is_local(struct text host)
{
    static const char *const local[] = { "", "*", "0.0.0.0", "[::]", "[::1]", "localhost" };

    for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++)
        if (text_is(host, local[i]))
            return 1;
    return text_starts_with(host, "127.");
}

/* Only what a host name or address is made of goes into our header. */
static int
is_host(struct text host)
{
    static const char name[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                               "0123456789.-_";
    static const char address[] = "0123456789abcdefABCDEF:.";
    const char *allowed = name;

    if (host.len > 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']') {
        host = (struct text){ host.ptr + 1, host.len - 2 };
        allowed = address;
    }
    for (size_t i = 0; i < host.len; i++)
        if (host.ptr[i] == '\0' || strchr(allowed, host.ptr[i]) == NULL)
            return 0;
    return host.len > 0 && host.len < HOST_LEN;
}

static struct text
api_host(const struct http_request *req, struct text configured)
{
    struct text host, port;

    if (!is_local(configured))
        return configured;
    cut_address(http_header(req, "Host"), &host, &port);
    if (is_host(host))
        return host;
    return text_of("127.0.0.1");
}

/* What may stand as it is in a path (RFC 3986 section 3.3) or, already
 * escaped, in a query; the rest is escaped. */
static const char path_chars[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "0123456789-._~!$&'()*+,;=:@/";
static const char query_more[] = "?%";

static int
append_escaped(struct buf *out, struct text text, const char *more)
{
    int rc = 0;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (c != '\0' && (strchr(path_chars, c) != NULL || strchr(more, c) != NULL))
            rc |= buf_append_char(out, c);
        else
            rc |= buf_printf(out, "%%%02X", (unsigned char)c);
    }
    return rc;
}

static void
to_api(struct http_request *req, void *self)
{
    const struct settings *settings = self;
    struct text configured, port, query = http_raw_query(req), host;
    struct buf url = { 0 };
    int rc;

    cut_address(text_of(settings->api_listen), &configured, &port);
    host = api_host(req, configured);
    rc = buf_append_str(&url, settings->tls_certificate == NULL ? "http://" : "https://");
    rc |= buf_append_text(&url, host);
    if (port.len > 0)
        rc |= buf_printf(&url, ":%.*s", (int)port.len, port.ptr);
    rc |= append_escaped(&url, http_path(req), "");
    if (query.len > 0) {
        rc |= buf_append_char(&url, '?');
        rc |= append_escaped(&url, query, query_more);
    }
    if (rc != 0) {
        http_reply_problem(req, 503, "out of memory");
    } else {
        http_set_header(req, "Location", url.ptr);
        http_reply(req, 307, "text/plain", text_of("see the api\n"));
    }
    buf_release(&url);
}

/* --- tables --- */

const struct http_route intake_routes[] = {
    { "POST", "/log",  HTTP_INGEST, "application/json", LOG_MAX_BODY, requests_post_log },
    { "POST", "/logs", HTTP_INGEST,
      "application/x-ndjson application/ndjson application/json text/plain",
      SIZE_MAX, requests_post_logs },
};
const size_t intake_route_count = sizeof(intake_routes) / sizeof(intake_routes[0]);

const struct http_route front_routes[] = {
    { "GET",  "/dashboard",             HTTP_OPEN, NULL, 0, to_api },
    { "GET",  "/report/{...}",          HTTP_OPEN, NULL, 0, to_api },
    { "GET",  "/incidents",             HTTP_OPEN, NULL, 0, to_api },
    { "GET",  "/incidents/{...}",       HTTP_OPEN, NULL, 0, to_api },
    { "POST", "/incidents/{id}/status", HTTP_OPEN, NULL, REDIRECT_MAX_BODY, to_api },
    { "GET",  "/events",                HTTP_OPEN, NULL, 0, to_api },
    { "GET",  "/deadletters",           HTTP_OPEN, NULL, 0, to_api },
    { "POST", "/deadletters/retry",     HTTP_OPEN, NULL, REDIRECT_MAX_BODY, to_api },
};
const size_t front_route_count = sizeof(front_routes) / sizeof(front_routes[0]);

static const char *const document_parts[] = { ingest_openapi, ingest_wire_openapi, proto_server_openapi, NULL };
const struct http_document ingest_document = {
    .title = "Bongsu: taking in", .parts = document_parts,
    .about = "Events come in here. What is stored is read from the api, which has a document "
             "of its own at this path.",
};
