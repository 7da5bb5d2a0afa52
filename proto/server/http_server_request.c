#include "proto/server/http_server_parts.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static int
hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* RFC 3986 section 2.1; + for a space is the form encoding's. A broken escape
 * stays as it is. */
size_t
http_unescape(struct text from, char *out, int is_form, int *ret_is_bad)
{
    size_t len = 0;

    for (size_t i = 0; i < from.len; i++) {
        int high = -1, low = -1;

        out[len] = from.ptr[i];
        if (from.ptr[i] == '+' && is_form) {
            out[len] = ' ';
        } else if (from.ptr[i] == '%') {
            if (from.len - i > 2) {
                high = hex_value(from.ptr[i + 1]);
                low = hex_value(from.ptr[i + 2]);
            }
            if (high < 0 || low < 0) {
                *ret_is_bad = 1;
            } else {
                out[len] = (char)(high * 16 + low);
                i += 2;
            }
        }
        len++;
    }
    return len;
}

/* "http://host/path": a server must take that too (RFC 9112 section 3.2.2), and
 * that host then counts, not Host's. Returns what follows it. */
static struct text
cut_authority(struct http_request *req, struct text uri)
{
    struct text rest;

    req->authority = (struct text){ NULL, 0 };
    if (!text_starts_with(uri, "http://") && !text_starts_with(uri, "https://"))
        return uri;
    rest.ptr = strstr(uri.ptr, "://") + 3;
    rest.len = uri.len - (size_t)(rest.ptr - uri.ptr);
    req->authority = (struct text){ rest.ptr, strcspn(rest.ptr, "/?") };
    rest.ptr += req->authority.len;
    rest.len -= req->authority.len;
    return rest;
}

/* libmicrohttpd decodes the path itself, but stops at a %00 and would so let
 * "/log%00x" pass for "/log". */
int
http_request_set_uri(struct http_request *req, const char *uri)
{
    struct text path;
    char *query;

    buf_clear(&req->uri);
    if (buf_append_str(&req->uri, uri) != 0 || buf_append(&req->uri, "", 1) != 0)
        return -1;
    path = cut_authority(req, (struct text){ req->uri.ptr, req->uri.len - 1 });
    query = memchr(path.ptr, '?', path.len);
    req->raw_query = (struct text){ path.ptr + path.len, 0 };
    if (query != NULL) {
        req->raw_query.ptr = query + 1;
        req->raw_query.len = path.len - (size_t)(query - path.ptr) - 1;
        path.len = (size_t)(query - path.ptr);
    }
    /* in place: what is decoded is never longer */
    path.len = http_unescape(path, (char *)(uintptr_t)path.ptr, 0, &req->is_bad_path);
    if (path.len == 0 && req->authority.ptr != NULL)
        path = text_of("/");
    req->path = path;
    if (memchr(path.ptr, '\0', path.len) != NULL || !text_is_utf8(path))
        req->is_bad_path = 1;
    return 0;
}

struct text
http_method(const struct http_request *req)
{
    return text_of(req->method);
}

struct text
http_path(const struct http_request *req)
{
    return req->path;
}

struct text
http_raw_query(const struct http_request *req)
{
    return req->raw_query;
}

struct text
http_body(const struct http_request *req)
{
    return (struct text){ req->body.len == 0 ? "" : req->body.ptr, req->body.len };
}

struct text
http_param(const struct http_request *req, const char *name)
{
    const char *at = req->route->path;
    size_t len = strlen(name);

    for (size_t i = 0; i < HTTP_MAX_PARAMS; i++) {
        at = strchr(at, '{');
        if (at == NULL)
            break;
        at++;
        if (strncmp(at, name, len) == 0 && at[len] == '}')
            return req->params[i];
    }
    return (struct text){ NULL, 0 };
}

struct text
http_header(const struct http_request *req, const char *name)
{
    return text_of(MHD_lookup_connection_value(req->connection, MHD_HEADER_KIND, name));
}

struct text
http_key_id(const struct http_request *req)
{
    return req->holder == NULL ? text_of("") : key_holder_id(req->holder);
}

struct text
http_key_name(const struct http_request *req)
{
    return req->holder == NULL ? (struct text){ NULL, 0 } : key_holder_name(req->holder);
}

void
http_charge_events(struct http_request *req, uint64_t events)
{
    key_holder_charge(req->holder, events, 0);
}

/* --- the query string --- */

static struct text
decode_into(struct buf *out, struct text from)
{
    int is_bad = 0;
    char *start = out->ptr + out->len;

    /* set_up_query made room for all of it */
    out->len += http_unescape(from, start, 1, &is_bad);
    return (struct text){ start, (size_t)(out->ptr + out->len - start) };
}

/* Decode once, when first asked for. What a request holds is a cache of it. */
static const struct http_request *
set_up_query(const struct http_request *asked)
{
    struct http_request *req = (struct http_request *)(uintptr_t)asked;
    struct text rest = req->raw_query, piece, name;

    if (req->has_pairs)
        return req;
    req->has_pairs = 1;
    req->pair_count = 0;
    buf_clear(&req->query);
    if (rest.len == 0 || buf_reserve(&req->query, rest.len + 1) != 0)
        return req;
    while (rest.ptr != NULL && req->pair_count < HTTP_MAX_QUERY) {
        struct http_pair *pair = &req->pairs[req->pair_count];

        piece = text_split(&rest, '&');
        if (piece.len == 0)
            continue;
        name = text_split(&piece, '=');
        pair->name = decode_into(&req->query, name);
        pair->value = (struct text){ "", 0 };
        if (piece.ptr != NULL)
            pair->value = decode_into(&req->query, piece);
        req->pair_count++;
    }
    return req;
}

struct text
http_query(const struct http_request *asked, const char *name)
{
    const struct http_request *req = set_up_query(asked);

    for (size_t i = 0; i < req->pair_count; i++)
        if (text_is(req->pairs[i].name, name))
            return req->pairs[i].value;
    return (struct text){ NULL, 0 };
}

void
http_each_query(const struct http_request *asked,
                void (*each)(void *ctx, struct text name, struct text value), void *ctx)
{
    const struct http_request *req = set_up_query(asked);

    for (size_t i = 0; i < req->pair_count; i++)
        each(ctx, req->pairs[i].name, req->pairs[i].value);
}

/* --- what is made up on demand, into the request itself --- */

struct text
http_content_type(const struct http_request *asked)
{
    struct http_request *req = (struct http_request *)(uintptr_t)asked;
    struct text rest, type;
    size_t len;

    if (req->type[0] == '\0') {
        rest = http_header(req, "Content-Type");
        type = rest.ptr == NULL ? rest : text_trim(text_split(&rest, ';'));
        len = type.len < sizeof(req->type) ? type.len : sizeof(req->type) - 1;
        for (size_t i = 0; i < len; i++)
            req->type[i] = type.ptr[i] >= 'A' && type.ptr[i] <= 'Z'
                               ? (char)(type.ptr[i] - 'A' + 'a') : type.ptr[i];
        req->type[len] = '\0';
    }
    return text_of(req->type);
}

/* A client that only shut down its sending side counts as gone as well: the
 * two cannot be told apart without writing. */
int
http_is_gone(const struct http_request *req)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(req->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct pollfd item = { .events = POLLRDHUP };

    if (info == NULL)
        return 1;
    item.fd = info->connect_fd;
    return poll(&item, 1, 0) > 0 && (item.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}
