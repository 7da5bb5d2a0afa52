/*
 * socket_progress.h - how many bytes a TCP connection has brought and taken so far
 *
 * The kernel's own counts: bytes of a head that is not complete, and of TLS, are in
 * them, which no library tells.
 */
#ifndef PROTO_SERVER_SOCKET_PROGRESS_H
#define PROTO_SERVER_SOCKET_PROGRESS_H

#include <stdint.h>

struct socket_progress {
    uint64_t received;          /* from the peer */
    uint64_t acked;             /* by the peer, of what was sent to it */
    int is_ended;               /* it sends no more, and all of it was read */
};

/* 0, or -1 for what is no TCP connection. */
int socket_progress(int fd, struct socket_progress *ret_progress);

#endif
