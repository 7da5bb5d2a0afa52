#include "proto/base/networks.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/text.h"

/* The first 12 bytes of an IPv4 address that is written as IPv6. */
static const unsigned char mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF };
enum { MAPPED_BITS = 96 };

void
networks_release(struct networks *networks)
{
    free(networks->all);
    *networks = (struct networks){ 0 };
}

/* An address into net, with all its bits. 0 or -1. */
static int
address_parse(struct text text, struct network *ret)
{
    char space[INET6_ADDRSTRLEN];

    *ret = (struct network){ 0 };
    if (text.len == 0 || text.len >= sizeof(space) || memchr(text.ptr, '\0', text.len))
        return -1;
    memcpy(space, text.ptr, text.len);
    space[text.len] = '\0';
    if (inet_pton(AF_INET, space, ret->net) == 1) {
        ret->bits = 32;
        return 0;
    }
    ret->is_v6 = 1;
    ret->bits = 128;
    return inet_pton(AF_INET6, space, ret->net) == 1 ? 0 : -1;
}

/* IPv4 in IPv6's clothes, as far as the prefix says that it is. */
static void
unmap(struct network *network)
{
    if (!network->is_v6 || network->bits < MAPPED_BITS ||
        memcmp(network->net, mapped, sizeof(mapped)) != 0)
        return;
    memmove(network->net, network->net + sizeof(mapped), 4);
    memset(network->net + 4, 0, sizeof(network->net) - 4);
    network->is_v6 = 0;
    network->bits = (uint8_t)(network->bits - MAPPED_BITS);
}

static void
cut(unsigned char net[16], unsigned bits)
{
    for (unsigned i = 0; i < 16; i++) {
        unsigned kept = bits >= 8 * (i + 1) ? 8 : bits > 8 * i ? bits - 8 * i : 0;

        net[i] &= (unsigned char)(0xFF00 >> kept);
    }
}

int
network_parse(struct text text, struct network *ret, struct err *err)
{
    struct text rest = text, address = text_split(&rest, '/');
    unsigned char net[16];
    int64_t bits;

    if (address_parse(address, ret) != 0) {
        err_set(err, "\"%.*s\" is no address", (int)(text.len < 60 ? text.len : 60), text.ptr);
        return -1;
    }
    bits = ret->bits;
    if (address.len < text.len && text_to_int(rest, 0, ret->bits, &bits) != 0) {
        err_set(err, "\"%.*s\" is no network", (int)(text.len < 60 ? text.len : 60), text.ptr);
        return -1;
    }
    ret->bits = (uint8_t)bits;
    unmap(ret);
    memcpy(net, ret->net, sizeof(net));
    cut(net, ret->bits);
    if (memcmp(net, ret->net, sizeof(net)) != 0) {
        err_set(err, "\"%.*s\" has bits beyond its prefix: is the address meant, or the network?",
                (int)(text.len < 60 ? text.len : 60), text.ptr);
        return -1;
    }
    return 0;
}

int
networks_add(struct networks *networks, const struct network *network)
{
    if (networks->count == networks->cap) {
        size_t cap = networks->cap == 0 ? 16 : networks->cap * 2;
        struct network *grown = realloc(networks->all, cap * sizeof(*grown));

        if (grown == NULL)
            return -1;
        networks->all = grown;
        networks->cap = cap;
    }
    networks->all[networks->count++] = *network;
    return 0;
}

/* By family, prefix and address; not by owner. */
static int
compare_place(const struct network *a, const struct network *b)
{
    if (a->is_v6 != b->is_v6)
        return a->is_v6 - b->is_v6;
    if (a->bits != b->bits)
        return a->bits - b->bits;
    return memcmp(a->net, b->net, sizeof(a->net));
}

static int
compare(const void *left, const void *right)
{
    const struct network *a = left, *b = right;
    int order = compare_place(a, b);

    return order != 0 ? order : a->owner < b->owner ? -1 : a->owner > b->owner;
}

void
networks_sort(struct networks *networks)
{
    if (networks->count > 0)
        qsort(networks->all, networks->count, sizeof(networks->all[0]), compare);
}

/* The first network at or after this place. */
static size_t
lower_bound(const struct networks *networks, const struct network *place)
{
    size_t low = 0, high = networks->count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (compare_place(&networks->all[mid], place) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

void
networks_find(const struct networks *networks, struct text address,
              void (*visit)(void *ctx, uint32_t owner), void *ctx)
{
    struct network from, place;
    size_t i;

    if (networks->count == 0 || address_parse(address, &from) != 0)
        return;
    unmap(&from);
    place = (struct network){ .is_v6 = from.is_v6 };
    for (i = lower_bound(networks, &place);
         i < networks->count && networks->all[i].is_v6 == from.is_v6;
         i = lower_bound(networks, &place)) {
        unsigned bits = networks->all[i].bits;

        place = from;
        place.bits = (uint8_t)bits;
        cut(place.net, bits);
        for (i = lower_bound(networks, &place);
             i < networks->count && compare_place(&networks->all[i], &place) == 0; i++)
            visit(ctx, networks->all[i].owner);
        place = (struct network){ .is_v6 = from.is_v6, .bits = (uint8_t)(bits + 1) };
    }
}

static void
note_one(void *ctx, uint32_t owner)
{
    (void)owner;
    *(int *)ctx = 1;
}

int
networks_has(const struct networks *networks, struct text address)
{
    int is_there = 0;

    networks_find(networks, address, note_one, &is_there);
    return is_there;
}

int
networks_parse_list(struct text list, struct networks *ret_networks, struct err *err)
{
    struct networks found = { 0 };
    struct network network;

    while (list.ptr != NULL) {
        struct text one = text_trim(text_split(&list, ','));

        if (one.len == 0)
            continue;
        if (network_parse(one, &network, err) != 0)
            goto failed;
        if (networks_add(&found, &network) != 0) {
            err_set(err, "out of memory");
            goto failed;
        }
    }
    networks_sort(&found);
    networks_release(ret_networks);
    *ret_networks = found;
    return 0;

failed:
    networks_release(&found);
    return -1;
}
