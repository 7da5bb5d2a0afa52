/*
 * syslog_tls.h - TLS of one syslog connection (RFC 5425), never blocking
 */
#ifndef INGEST_SYSLOG_SYSLOG_TLS_H
#define INGEST_SYSLOG_SYSLOG_TLS_H

#include <sys/types.h>

#include "proto/base/err.h"

struct syslog_tls;
struct tls;

/* A session of the server's side on fd. NULL when out of memory. */
struct syslog_tls *syslog_tls_new(struct tls *tls, int fd);
void syslog_tls_destroy(struct syslog_tls **session);

/* 1: it is done; 0: call again when fd is ready; -1 with the reason. */
int syslog_tls_handshake(struct syslog_tls *session, struct err *err);

/* As recv, 0 at the end; -1 with errno EAGAIN: call again when fd is ready. */
ssize_t syslog_tls_read(struct syslog_tls *session, void *bytes, size_t len);

/* 1 while it waits for fd to be writable; 1 when it holds bytes that fd does not show. */
int syslog_tls_wants_write(const struct syslog_tls *session);
int syslog_tls_has_bytes(const struct syslog_tls *session);

/* Tell the other side that nothing more comes from ours. */
void syslog_tls_bye(struct syslog_tls *session);

#endif
