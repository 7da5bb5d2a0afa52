/*
 * raw_client.h - a client that keeps to no rule: bytes over a TCP connection
 *
 * For pipeline tests; each call fails the test when the server is not there.
 */
#ifndef TESTS_SUPPORT_RAW_CLIENT_H
#define TESTS_SUPPORT_RAW_CLIENT_H

#include <stddef.h>

#include "proto/base/buf.h"

/* Connect to "http://127.0.0.1:PORT": the descriptor. */
int raw_dial(const char *url);

/* Send what is taken at once; the rest is not sent. */
void raw_throw(int fd, const void *bytes, size_t len);

/* Connect, send all and take what comes until the server ends it, a minute at most.
 * The first status, 0 for none; the answer as it came, with a NUL, in *answer. */
int raw_say(const char *url, const void *bytes, size_t len, struct buf *answer);

#endif
