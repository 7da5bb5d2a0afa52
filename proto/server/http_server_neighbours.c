/*
 * Connections of one address. Beyond a number of them its longest idle one makes room
 * for its new one, so that one host cannot push out all others, and a proxy, which is
 * one address for many, is never refused. Of IPv6 a /64 is one address: its owner has
 * them all.
 */
#include "proto/server/http_server_parts.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

enum { NETWORK_BYTES = 8 };

static void
read_address(struct http_connection *one)
{
    struct sockaddr_storage peer;
    socklen_t len = sizeof(peer);
    const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)&peer;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)&peer;

    if (getpeername(one->fd, (struct sockaddr *)&peer, &len) != 0)
        return;
    if (peer.ss_family == AF_INET) {
        memcpy(one->address, &in->sin_addr, sizeof(in->sin_addr));
        one->has_address = 1;
    } else if (peer.ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
        memcpy(one->address, in6->sin6_addr.s6_addr + 12, sizeof(in->sin_addr));
        one->has_address = 1;
    } else if (peer.ss_family == AF_INET6) {
        memcpy(one->address, in6->sin6_addr.s6_addr, NETWORK_BYTES);
        one->has_address = 2;
    }
}

static int
is_neighbour(const struct http_connection *a, const struct http_connection *b)
{
    return a->has_address == b->has_address &&
           memcmp(a->address, b->address, sizeof(a->address)) == 0;
}

void
http_crowd_check_address(struct http_crowd *crowd, struct http_connection *newcomer)
{
    struct http_connection *victim = NULL;
    size_t count = 0;

    read_address(newcomer);
    if (crowd->max_per_address == 0 || newcomer->has_address == 0 ||
        crowd->count <= crowd->max_per_address)
        return;
    for (struct http_connection *one = crowd->all; one != NULL; one = one->all_next)
        count += !one->is_leaving && is_neighbour(one, newcomer);
    if (count <= crowd->max_per_address)
        return;
    for (victim = crowd->oldest; victim != NULL && !is_neighbour(victim, newcomer);)
        victim = victim->next;
    ++*crowd->evicted_neighbours;
    http_crowd_hang_up(crowd, victim == NULL ? newcomer : victim);
}
