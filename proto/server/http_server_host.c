/*
 * Against DNS rebinding: a page from evil.example, opened in a browser on this
 * machine, has its name resolve to 127.0.0.1 and then reads us as if we were
 * its own server. The browser tells on it: the name stands in Host. Where no
 * key guards reading, only names that mean us are answered.
 */
#include "proto/server/http_server_parts.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

/* "name:port", "[v6]:port", or either without a port. */
static struct text
cut_port(struct text host)
{
    const char *end = host.len == 0 ? NULL : memchr(host.ptr, ':', host.len);

    if (host.len > 0 && host.ptr[0] == '[') {
        end = memchr(host.ptr, ']', host.len);
        host.len = end == NULL ? 0 : (size_t)(end - host.ptr) + 1;
    } else if (end != NULL) {
        host.len = (size_t)(end - host.ptr);
    }
    return host;
}

static int
is_address(struct text host)
{
    unsigned char address[sizeof(struct in6_addr)];
    char copy[INET6_ADDRSTRLEN];
    int is_v6 = host.len > 2 && host.ptr[0] == '[';

    if (is_v6)
        host = (struct text){ host.ptr + 1, host.len - 2 };
    if (host.len >= sizeof(copy) || memchr(host.ptr, '\0', host.len) != NULL)
        return 0;
    memcpy(copy, host.ptr, host.len);
    copy[host.len] = '\0';
    return inet_pton(is_v6 ? AF_INET6 : AF_INET, copy, address) == 1;
}

/* The host of a URL ("https://siem.example:8443/x"), or the name itself. */
static struct text
host_of_url(struct text url)
{
    const char *slashes = url.len == 0 ? NULL : memmem(url.ptr, url.len, "://", 3);

    if (slashes != NULL) {
        url.len -= (size_t)(slashes + 3 - url.ptr);
        url.ptr = slashes + 3;
    }
    return cut_port(text_split(&url, '/'));
}

static int
is_configured(const struct http_server *server, struct text host)
{
    struct text rest = text_of(server->allowed_hosts), name;

    if (server->public_url != NULL &&
        text_equals_nocase(host, host_of_url(text_of(server->public_url))))
        return 1;
    while (rest.ptr != NULL) {
        name = text_trim(text_split(&rest, ','));
        if (name.len > 0 && text_equals_nocase(host, name))
            return 1;
    }
    return 0;
}

int
http_hosts_init(struct http_server *server, const struct http_options *options)
{
    if (options->public_url != NULL &&
        (server->public_url = strdup(options->public_url)) == NULL)
        return -1;
    if (options->allowed_hosts != NULL &&
        (server->allowed_hosts = strdup(options->allowed_hosts)) == NULL)
        return -1;
    return 0;
}

void
http_hosts_release(struct http_server *server)
{
    free(server->public_url);
    free(server->allowed_hosts);
}

/* What no browser sends (HTTP/1.0 without Host) is no browser's doing. */
int
http_check_host(struct http_request *req)
{
    struct http_server *server = req->server;
    struct text host = req->authority.ptr != NULL ? req->authority
                                                  : http_header(req, "Host");

    if (req->route->access != HTTP_READ || !server->is_reading_open ||
        server->socket.path[0] != '\0' || host.len == 0)
        return 0;
    host = cut_port(host);
    if (text_equals_nocase(host, text_of("localhost")) || is_address(host) ||
        is_configured(server, host) || http_holds_key(req))
        return 0;
    http_refuse(req, REFUSED_HOST, 421, "Reading needs no key here, so that only an"
                " address, localhost or a known name may stand in Host, and \"%.*s\" is"
                " none: name it in http.allowed_hosts or public_url, or set READER_KEY.",
                host.len > 80 ? 80 : (int)host.len, host.ptr);
    return -1;
}
