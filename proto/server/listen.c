#include "proto/server/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/base/text.h"

enum { BACKLOG = 1024 };

struct host_port {
    char host[256];
    char port[8];
    int is_v6;                  /* was written in brackets */
};

/* "127.0.0.1:8000", "[::1]:8000", "localhost:0" */
static int
split_address(const char *address, struct host_port *ret, struct err *err)
{
    struct text host = text_of(address), port;
    const char *colon = strrchr(address, ':');
    int64_t number;

    memset(ret, 0, sizeof(*ret));
    if (colon == NULL || colon == address)
        goto malformed;
    host.len = (size_t)(colon - address);
    port = text_of(colon + 1);
    if (text_to_int(port, 0, 65535, &number) != 0) {
        err_set(err, "%s: the port must be a number from 0 to 65535", address);
        return -1;
    }
    if (host.ptr[0] == '[' && host.ptr[host.len - 1] == ']') {
        host = (struct text){ host.ptr + 1, host.len - 2 };
        ret->is_v6 = 1;
    } else if (memchr(host.ptr, ':', host.len) != NULL) {
        err_set(err, "%s: write an IPv6 address in brackets, as in [::1]:8000", address);
        return -1;
    }
    if (host.len == 0 || host.len >= sizeof(ret->host))
        goto malformed;
    memcpy(ret->host, host.ptr, host.len);
    snprintf(ret->port, sizeof(ret->port), "%d", (int)number);
    return 0;

malformed:
    err_set(err, "%s: not of the form HOST:PORT or [IPV6]:PORT", address);
    return -1;
}

static int
is_loopback(const struct sockaddr *addr)
{
    if (addr->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)addr;

        return ntohl(in->sin_addr.s_addr) >> 24 == 127;
    }
    if (addr->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)addr;

        return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr) ||
               (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr) &&
                in6->sin6_addr.s6_addr[12] == 127);
    }
    return 0;
}

/* What was really bound: the port is of interest when 0 was asked for. */
static int
describe(struct listening *sock)
{
    struct sockaddr_storage addr;
    socklen_t len = sizeof(addr);
    char host[INET6_ADDRSTRLEN + 20], port[8];

    if (getsockname(sock->fd, (struct sockaddr *)&addr, &len) != 0 ||
        getnameinfo((struct sockaddr *)&addr, len, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return -1;
    sock->is_local = is_loopback((struct sockaddr *)&addr);
    snprintf(sock->address, sizeof(sock->address),
             addr.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
    return 0;
}

/* The descriptor, or -1 and errno. */
static int
bind_one(const struct addrinfo *info)
{
    const int on = 1, off = 0, is_stream = info->ai_socktype == SOCK_STREAM;
    int fd = socket(info->ai_family, info->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int saved;

    if (fd < 0)
        return -1;
    /* a restart need not wait for the old connections' TIME_WAIT; of datagrams it
     * would let another take ours */
    if (is_stream)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (info->ai_family == AF_INET6)        /* [::] takes IPv4 too */
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (bind(fd, info->ai_addr, info->ai_addrlen) == 0 &&
        (!is_stream || listen(fd, BACKLOG) == 0))
        return fd;
    saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static void
explain(const char *address, const char *flag, struct err *err)
{
    int saved = errno;

    if (saved != EADDRINUSE)
        err_set(err, "cannot listen on %s: %s", address, strerror(saved));
    else if (flag == NULL)
        err_set(err, "%s is in use", address);
    else
        err_set(err, "%s is in use; choose another with %s", address, flag);
    errno = saved;
}

int
listen_check(const char *address, struct err *err)
{
    struct host_port where;

    return split_address(address, &where, err);
}

int
listen_open(const char *address, int type, const char *flag, struct listening *ret,
            struct err *err)
{
    static const int families[] = { AF_INET, AF_INET6 };
    struct addrinfo hints = { .ai_socktype = type, .ai_flags = AI_PASSIVE };
    struct listening opened = { .fd = -1 };
    struct addrinfo *found = NULL;
    struct host_port where;
    int code;

    if (split_address(address, &where, err) != 0) {
        errno = EINVAL;
        return -1;
    }
    hints.ai_family = where.is_v6 ? AF_INET6 : AF_UNSPEC;
    code = getaddrinfo(where.host, where.port, &hints, &found);
    if (code != 0) {
        err_set(err, "%s: %s", address, gai_strerror(code));
        errno = EINVAL;
        return -1;
    }
    /* IPv4 first: who writes localhost then opens 127.0.0.1 */
    errno = EADDRNOTAVAIL;
    for (size_t f = 0; f < 2 && opened.fd < 0; f++)
        for (const struct addrinfo *info = found; info != NULL && opened.fd < 0;
             info = info->ai_next)
            if (info->ai_family == families[f])
                opened.fd = bind_one(info);
    code = errno;
    freeaddrinfo(found);
    errno = code;
    if (opened.fd < 0 || describe(&opened) != 0) {
        explain(address, flag, err);
        if (opened.fd >= 0)
            close(opened.fd);
        return -1;
    }
    *ret = opened;
    return 0;
}
