#include "proto/run/http_server_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

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
    err_set(err, "%s: not of the form HOST:PORT, [IPV6]:PORT or unix:/PATH", address);
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
describe(struct http_socket *sock)
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
    const int on = 1, off = 0;
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int saved;

    if (fd < 0)
        return -1;
    /* a restart need not wait for the old connections' TIME_WAIT */
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (info->ai_family == AF_INET6)        /* [::] takes IPv4 too */
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (bind(fd, info->ai_addr, info->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
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

static int
listen_tcp(const char *address, const char *flag, struct http_socket *sock,
           struct err *err)
{
    static const int families[] = { AF_INET, AF_INET6 };
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE };
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
    for (size_t f = 0; f < 2 && sock->fd < 0; f++)
        for (const struct addrinfo *info = found; info != NULL && sock->fd < 0;
             info = info->ai_next)
            if (info->ai_family == families[f])
                sock->fd = bind_one(info);
    code = errno;
    freeaddrinfo(found);
    errno = code;
    if (sock->fd < 0 || describe(sock) != 0) {
        explain(address, flag, err);
        return -1;
    }
    return 0;
}

/* Remove a socket file that a dead process left. 0 when the path is free. */
static int
clear_stale(const struct sockaddr_un *addr, struct err *err)
{
    struct stat st;
    int fd, rc;

    if (lstat(addr->sun_path, &st) != 0)
        return 0;
    if (!S_ISSOCK(st.st_mode)) {
        err_set(err, "%s is there and is no socket", addr->sun_path);
        errno = EEXIST;
        return -1;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        err_set(err, "unix socket: %s", strerror(errno));
        return -1;
    }
    /* only a refusal says that nobody has it: EAGAIN is a full backlog, any
     * other failure is ours */
    rc = connect(fd, (const struct sockaddr *)addr, sizeof(*addr));
    if (rc != 0 && errno == ECONNREFUSED)
        unlink(addr->sun_path);
    else
        rc = rc != 0 && errno == ENOENT ? rc : 0;
    close(fd);
    if (rc == 0) {
        err_set(err, "%s is in use by another process", addr->sun_path);
        errno = EADDRINUSE;
        return -1;
    }
    return 0;
}

static int
listen_unix(const char *path, struct http_socket *sock, struct err *err)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    mode_t mask;
    int rc, saved;

    if (path[0] != '/' || strlen(path) >= sizeof(addr.sun_path)) {
        err_set(err, "unix:%s: the path must be absolute and under %zu bytes long", path,
                sizeof(addr.sun_path));
        errno = EINVAL;
        return -1;
    }
    memcpy(addr.sun_path, path, strlen(path));
    if (clear_stale(&addr, err) != 0)
        return -1;
    sock->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    mask = umask(0177);         /* 0600 from the first moment */
    rc = sock->fd < 0 ? -1 : bind(sock->fd, (struct sockaddr *)&addr, sizeof(addr));
    saved = errno;
    umask(mask);
    errno = saved;
    if (rc == 0) {              /* the file is ours from here on */
        snprintf(sock->path, sizeof(sock->path), "%s", path);
        rc = listen(sock->fd, BACKLOG);
    }
    snprintf(sock->address, sizeof(sock->address), "unix:%s", path);
    sock->is_local = 1;
    if (rc != 0)
        explain(sock->address, NULL, err);
    return rc;
}

int
http_listen(const char *address, const char *flag, struct http_socket *ret_socket,
            struct err *err)
{
    struct http_socket sock = { .fd = -1 };
    int rc, saved;

    if (strncmp(address, "unix:", 5) == 0)
        rc = listen_unix(address + 5, &sock, err);
    else
        rc = listen_tcp(address, flag, &sock, err);
    if (rc != 0) {
        saved = errno;
        http_listen_end(&sock);
        errno = saved;
        return -1;
    }
    *ret_socket = sock;
    return 0;
}

void
http_listen_end(struct http_socket *sock)
{
    if (sock->path[0] != '\0')
        unlink(sock->path);
    if (sock->fd >= 0)
        close(sock->fd);
    sock->path[0] = '\0';
    sock->fd = -1;
}
