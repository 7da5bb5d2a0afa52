#include "proto/server/http_server_parts.h"

#include <stdio.h>
#include <string.h>

/* --- which route --- */

/* Does path fit the pattern? Its {names} go to params in order. */
static int
path_fits(const char *pattern, struct text path, struct text params[HTTP_MAX_PARAMS])
{
    const char *at = path.ptr, *end = path.ptr + path.len;
    size_t count = 0;

    while (*pattern != '\0') {
        const char *start = at;

        if (*pattern != '{') {
            if (at == end || *at++ != *pattern++)
                return 0;
            continue;
        }
        if (strcmp(pattern, "{...}") == 0)
            at = end;
        else
            while (at < end && *at != '/')
                at++;
        if (count == HTTP_MAX_PARAMS || (at == start && strcmp(pattern, "{...}") != 0))
            return 0;
        params[count++] = (struct text){ start, (size_t)(at - start) };
        pattern += strcspn(pattern, "}");
        pattern += *pattern == '}';
    }
    return at == end;
}

static int
method_fits(const char *route, const char *method)
{
    return strcmp(route, method) == 0 ||
           (strcmp(method, "HEAD") == 0 && strcmp(route, "GET") == 0);
}

/* Append the method to "GET, HEAD, POST" unless it stands there already. */
static void
allow(char *list, size_t size, const char *method)
{
    size_t len = strlen(list);

    if (strstr(list, method) == NULL && len < size)
        snprintf(list + len, size - len, "%s%s", len == 0 ? "" : ", ",
                 strcmp(method, "GET") == 0 ? "GET, HEAD" : method);
}

/* Elasticsearch takes a path with a slash behind it, and Fluent Bit says "/_bulk/?pipeline=x";
 * our own paths have one form, and what is the rest of one ("{...}") stays as it is. */
static int
route_fits(const struct http_table *table, const struct http_route *route,
           struct http_request *req)
{
    struct text path = req->path;

    if (path_fits(route->path, path, req->params))
        return 1;
    if (table->say == NULL || path.len < 2 || path.ptr[path.len - 1] != '/' ||
        strstr(route->path, "{...}") != NULL)
        return 0;
    path.len--;
    return path_fits(route->path, path, req->params);
}

static int
find_route(struct http_request *req)
{
    char allowed[128] = "";
    size_t shown = req->path.len < 200 ? req->path.len : 200;

    for (size_t t = 0; t < req->server->table_count; t++) {
        const struct http_table *table = &req->server->tables[t];

        if (table->is_last && allowed[0] != '\0')
            continue;
        for (size_t i = 0; i < table->count; i++) {
            const struct http_route *route = &table->routes[i];

            if (!route_fits(table, route, req))
                continue;
            if (method_fits(route->method, req->method)) {
                req->route = route;
                req->self = table->self;
                req->say = table->say;
                return 0;
            }
            if (table->is_last)
                continue;
            req->say = table->say;
            allow(allowed, sizeof(allowed), route->method);
        }
    }
    if (allowed[0] == '\0') {
        /* not in the middle of a character */
        while (shown < req->path.len && (req->path.ptr[shown] & 0xc0) == 0x80)
            shown--;
        http_refuse(req, REFUSED_PATH, 404, "There is nothing at %.*s.", (int)shown,
                    req->path.ptr);
    } else {
        http_set_header(req, "Allow", allowed);
        http_refuse(req, REFUSED_METHOD, 405, "%.20s is not possible here; possible: %s.",
                    req->method, allowed);
    }
    return -1;
}

/* --- the body that is announced --- */

static int
has_body(const struct http_request *req)
{
    return req->content_length != 0;
}

static int
check_type(struct http_request *req)
{
    const char *types = req->route->content_types;
    struct text type = http_content_type(req), rest, allowed;

    if (types == NULL || !has_body(req))
        return 0;
    for (rest = text_of(types); rest.ptr != NULL;) {
        allowed = text_split(&rest, ' ');
        if (allowed.len > 0 && text_equals(allowed, type))
            return 0;
    }
    http_refuse(req, REFUSED_TYPE, 415, "Content-Type %s%.*s%s is not one of: %s.",
                type.len == 0 ? "(none)" : "\"", (int)type.len, type.ptr,
                type.len == 0 ? "" : "\"", types);
    return -1;
}

/* Another compression would be read as the garbage that it looks like. */
static int
check_encoding(struct http_request *req)
{
    struct text encoding = text_trim(http_header(req, "Content-Encoding"));

    if (!has_body(req) || http_is_packed(req) >= 0)
        return 0;
    http_set_header(req, "Accept-Encoding", "gzip, deflate, identity");
    http_refuse(req, REFUSED_TYPE, 415, "Content-Encoding \"%.*s\" is not taken: send the"
                " body as it is, or as gzip.", encoding.len > 40 ? 40 : (int)encoding.len,
                encoding.ptr);
    return -1;
}

static int
check_size(struct http_request *req)
{
    size_t max = req->route->max_body;

    req->max_body = max == SIZE_MAX ? req->server->max_body : max;
    if (req->content_length < 0 || (uint64_t)req->content_length <= req->max_body)
        return 0;
    if (req->max_body == 0)
        http_refuse(req, REFUSED_SIZE, 413, "No body is expected here.");
    else
        http_refuse(req, REFUSED_SIZE, 413,
                    "The body has %lld bytes; at most %zu are taken.",
                    (long long)req->content_length, req->max_body);
    return -1;
}

static void
read_length(struct http_request *req)
{
    struct text length = http_header(req, "Content-Length");

    req->content_length = 0;
    if (http_header(req, "Transfer-Encoding").ptr != NULL)
        req->content_length = -1;
    else if (length.ptr != NULL &&
             text_to_int(text_trim(length), 0, INT64_MAX, &req->content_length) != 0)
        req->content_length = INT64_MAX;    /* more than anybody takes */
}

static int
check_head(struct http_request *req)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(req->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    size_t parameters = req->raw_query.len > 0;

    if (info != NULL && info->header_size > HTTP_MAX_HEAD) {
        http_refuse(req, REFUSED_HEAD, 431,
                    "The headers have %zu bytes; at most %d are taken.",
                    info->header_size, HTTP_MAX_HEAD);
        return -1;
    }
    if (req->is_bad_path) {
        http_refuse(req, REFUSED_PATH, 400, "The path is not valid: a broken %%XX escape,"
                    " a NUL, or no UTF-8.");
        return -1;
    }
    for (size_t i = 0; i < req->raw_query.len; i++)
        parameters += req->raw_query.ptr[i] == '&';
    if (parameters > HTTP_MAX_QUERY) {
        http_refuse(req, REFUSED_QUERY, 400, "More than %d query parameters.",
                    HTTP_MAX_QUERY);
        return -1;
    }
    return 0;
}

int
http_check_closing(struct http_request *req)
{
    if (!req->server->is_closing)
        return 0;
    http_refuse(req, REFUSED_CLOSING, 503, "Shutting down; send it again.");
    return -1;
}

int
http_gate(struct http_request *req)
{
    static int (*const checks[])(struct http_request *) = {
        http_check_framing, http_check_certificate, check_head, find_route, http_check_host, http_check_access,
        http_check_query, check_type, check_encoding, check_size, http_check_closing,
    };

    read_length(req);
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
        if (checks[i](req) != 0)
            return -1;
    return 0;
}
