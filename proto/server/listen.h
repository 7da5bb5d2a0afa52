/*
 * listen.h - a socket of TCP or UDP on the address that somebody wrote
 */
#ifndef PROTO_SERVER_LISTEN_H
#define PROTO_SERVER_LISTEN_H

#include "proto/base/err.h"

struct listening {
    int fd;
    int is_local;               /* loopback */
    char address[160];          /* for people, with the real port when 0 was asked for */
};

/* 0 when address is of the form "127.0.0.1:514", "[::1]:514", "localhost:0"; else -1
 * with the reason. */
int listen_check(const char *address, struct err *err);

/* Open it: type is SOCK_STREAM or SOCK_DGRAM. flag (may be NULL) is named when another
 * has the address; errno is then EADDRINUSE. 0, or -1 with the reason. */
int listen_open(const char *address, int type, const char *flag, struct listening *ret,
                struct err *err);

#endif
