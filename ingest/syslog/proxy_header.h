/*
 * proxy_header.h - the PROXY protocol, versions 1 and 2
 *
 * A proxy that does not speak its clients' protocol says in front of a connection whose
 * it is (haproxy's proxy-protocol.txt). Believe it of proxies that one knows only, and of
 * those demand it: whether it is there must not be guessed. Pure.
 */
#ifndef INGEST_SYSLOG_PROXY_HEADER_H
#define INGEST_SYSLOG_PROXY_HEADER_H

#include <arpa/inet.h>
#include <stddef.h>

#include "proto/base/err.h"
#include "proto/base/text.h"

/* Longest header; of version 2 that leaves 4 KiB for what else a proxy wants to say. */
enum { PROXY_MAX_HEADER = 16 + 4096 };

enum proxy_read { PROXY_MORE, PROXY_DONE, PROXY_BAD };

struct proxy_header {
    size_t len;                             /* bytes that it takes */
    char address[INET6_ADDRSTRLEN];         /* the client's; "": it names none */
};

/* The header at the start of bytes. PROXY_BAD with the reason. */
enum proxy_read proxy_header_read(struct text bytes, struct proxy_header *ret_header,
                                  struct err *err);

#endif
