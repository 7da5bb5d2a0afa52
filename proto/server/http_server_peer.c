/*
 * Who sent a request: the other end of the connection, or, when that is a trusted proxy,
 * whom it speaks for.
 */
#include "proto/server/http_server_parts.h"

#include <stdio.h>
#include <string.h>

int
http_proxies_init(struct http_server *server, const struct http_options *options,
                  struct err *err)
{
    const char *header = options->forwarded_header;

    server->forwarded_form = header != NULL && strcmp(header, "forwarded") == 0
                                 ? FORWARDED_RFC7239 : FORWARDED_X_FOR;
    if (networks_parse_list(text_of(options->trusted_proxies), &server->proxies, err) == 0)
        return 0;
    err_add(err, "trusted_proxies");
    return -1;
}

void
http_proxies_release(struct http_server *server)
{
    networks_release(&server->proxies);
}

static void
name_peer(const struct sockaddr *addr, char out[INET6_ADDRSTRLEN])
{
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)addr;
    const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)addr;

    if (addr != NULL && addr->sa_family == AF_INET)
        inet_ntop(AF_INET, &in->sin_addr, out, INET6_ADDRSTRLEN);
    else if (addr == NULL || addr->sa_family != AF_INET6)
        snprintf(out, INET6_ADDRSTRLEN, "unix");
    else if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
        inet_ntop(AF_INET, &in6->sin6_addr.s6_addr[12], out, INET6_ADDRSTRLEN);
    else
        inet_ntop(AF_INET6, &in6->sin6_addr, out, INET6_ADDRSTRLEN);
}

/* --- the header, which may stand on several lines --- */

struct joining {
    const char *name;
    struct buf joined;
    int is_broken;              /* out of memory */
};

static enum MHD_Result
join(void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
    struct joining *joining = cls;

    (void)kind;
    if (value == NULL || !text_equals_nocase(text_of(name), text_of(joining->name)))
        return MHD_YES;
    if ((joining->joined.len > 0 && buf_append_char(&joining->joined, ',') != 0) ||
        buf_append_str(&joining->joined, value) != 0)
        joining->is_broken = 1;
    return joining->is_broken ? MHD_NO : MHD_YES;
}

static void
find_sender(struct http_request *req)
{
    const struct http_server *server = req->server;
    struct joining joining = {
        .name = server->forwarded_form == FORWARDED_RFC7239 ? "Forwarded" : "X-Forwarded-For" };
    char space[INET6_ADDRSTRLEN], peer[INET6_ADDRSTRLEN];
    struct text sender;

    memcpy(peer, req->peer, sizeof(peer));
    MHD_get_connection_values(req->connection, MHD_HEADER_KIND, join, &joining);
    if (joining.joined.len > 0 && !joining.is_broken) {
        sender = forwarded_sender(text_of(peer), buf_text(&joining.joined),
                                  server->forwarded_form, &server->proxies, space);
        snprintf(req->peer, sizeof(req->peer), "%.*s", (int)sender.len, sender.ptr);
    }
    buf_release(&joining.joined);
}

struct text
http_peer(const struct http_request *asked)
{
    struct http_request *req = (struct http_request *)(uintptr_t)asked;
    const union MHD_ConnectionInfo *info;

    if (req->peer[0] != '\0')
        return text_of(req->peer);
    info = MHD_get_connection_info(req->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    name_peer(info != NULL ? info->client_addr : NULL, req->peer);
    if (req->server->proxies.count > 0 && networks_has(&req->server->proxies, text_of(req->peer)))
        find_sender(req);
    return text_of(req->peer);
}
