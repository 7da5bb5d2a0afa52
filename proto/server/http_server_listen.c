#include "proto/server/http_server_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/server/listen.h"

enum { BACKLOG = 1024 };

static void
explain(const char *address, struct err *err)
{
    int saved = errno;

    if (saved == EADDRINUSE)
        err_set(err, "%s is in use", address);
    else
        err_set(err, "cannot listen on %s: %s", address, strerror(saved));
    errno = saved;
}

static int
listen_tcp(const char *address, const char *flag, struct http_socket *sock,
           struct err *err)
{
    struct listening tcp;

    if (listen_open(address, SOCK_STREAM, flag, &tcp, err) != 0)
        return -1;
    sock->fd = tcp.fd;
    sock->is_local = tcp.is_local;
    snprintf(sock->address, sizeof(sock->address), "%s", tcp.address);
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
        explain(sock->address, err);
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
