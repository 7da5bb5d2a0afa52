/*
 * forwarded.h - who sent a request that came through proxies
 *
 * Each proxy writes from whom it had the request at the right end of a header:
 * X-Forwarded-For, or Forwarded (RFC 7239). Anybody can write the rest of it, so from the
 * right the first address that is no trusted proxy's is the sender's. Pure.
 */
#ifndef PROTO_SERVER_FORWARDED_H
#define PROTO_SERVER_FORWARDED_H

#include <arpa/inet.h>

#include "proto/base/networks.h"
#include "proto/base/text.h"

enum forwarded_form { FORWARDED_X_FOR, FORWARDED_RFC7239 };

/* The sender of what peer brought with this header (all of its lines, joined by commas;
 * ptr NULL: none): peer itself unless it is a trusted proxy. What names no address
 * ("unknown", a port alone, nonsense) is believed no further, and whoever wrote it is
 * the sender. The result is peer or space. */
struct text forwarded_sender(struct text peer, struct text header, enum forwarded_form form,
                             const struct networks *trusted, char space[INET6_ADDRSTRLEN]);

#endif
