/*
 * resolver.h - a host name's addresses, without making a loop wait
 *
 * For links.c. The look-up runs in the C library's own thread; the owner asks now and
 * then whether it is done. One look-up at a time.
 */
#ifndef PROTO_RUN_RESOLVER_H
#define PROTO_RUN_RESOLVER_H

#include <stddef.h>

#include "proto/base/err.h"

#define RESOLVER_ENDPOINT_LEN 300

enum { RESOLVER_MAX_ADDRESSES = 64, RESOLVER_ADDRESS_LEN = 64 };

struct resolver;

struct resolved {
    size_t count;
    size_t left_out;            /* addresses beyond the room there is */
    char addresses[RESOLVER_MAX_ADDRESSES][RESOLVER_ADDRESS_LEN];
};

/* For this host (copied); NULL when out of memory. */
struct resolver *resolver_new(const char *host);

/* A look-up that cannot be called off goes on alone; its memory is left to it. */
void resolver_destroy(struct resolver **resolver);

/* Begin a look-up, if none is under way. 0 or -1. */
int resolver_start(struct resolver *resolver);

/* 1 done, 0 under way (or none begun), -1 it failed and *ret_why (constant
 * words) says why. Addresses are numeric ("192.0.2.1", "2001:db8::1"), each
 * once: the IPv4 ones, or the IPv6 ones when there is none, so that a
 * producer with both is reached once. */
int resolver_poll(struct resolver *resolver, struct resolved *ret_addresses,
                  const char **ret_why);

/* 1 when host is a numeric address. */
int resolver_is_numeric(const char *host);

/* The host of an endpoint tcp://host:port (without brackets); the caller
 * frees. NULL for other transports. 0, or -1 with the reason. */
int resolver_split_host(const char *endpoint, char **ret_host, struct err *err);

/* endpoint (one that has a host) with its host replaced by a numeric address;
 * by "": as it is. 0, or -1 when it is too long. */
int resolver_put_address(const char *endpoint, const char *address,
                         char out[RESOLVER_ENDPOINT_LEN]);

#endif
