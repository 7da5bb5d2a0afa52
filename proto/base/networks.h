/*
 * networks.h - which of many networks does an address lie in?
 *
 * A sorted table: for each length of prefix that is there, one binary search.
 * IPv4 and IPv6 are apart; an IPv4 address written as IPv6 (::ffff:192.0.2.1)
 * is the IPv4 address.
 */
#ifndef PROTO_BASE_NETWORKS_H
#define PROTO_BASE_NETWORKS_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/err.h"
#include "proto/base/text.h"

struct network {
    unsigned char net[16];
    uint8_t is_v6, bits;
    uint32_t owner;             /* what find gives back */
};

/* A zeroed one is empty. */
struct networks {
    struct network *all;        /* by is_v6, bits, net, owner, once sorted */
    size_t count, cap;
};

void networks_release(struct networks *networks);

/* "192.0.2.0/24", "2001:db8::/32", or an address alone. 0, or -1 with the reason
 * (a part: "... is no address"). Bits beyond the prefix are an error, for what
 * was meant cannot be known. */
int network_parse(struct text text, struct network *ret, struct err *err);

/* Add one; sort when all are there; add no more after that. 0, or -1 without memory. */
int networks_add(struct networks *networks, const struct network *network);
void networks_sort(struct networks *networks);

/* Call visit with the owner of each network that holds the address. Nothing when
 * text is no address. */
void networks_find(const struct networks *networks, struct text address,
                   void (*visit)(void *ctx, uint32_t owner), void *ctx);

/* 1 when some network holds the address. */
int networks_has(const struct networks *networks, struct text address);

/* Networks with commas, "10.0.0.0/8, 2001:db8::/32"; sorted. What networks holds is
 * replaced. 0, or -1 with the reason. */
int networks_parse_list(struct text list, struct networks *ret_networks, struct err *err);

#endif
