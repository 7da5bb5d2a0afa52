/*
 * links_inner.h - what the sources of links.h share; others use links.h
 */
#ifndef PROTO_RUN_LINKS_INNER_H
#define PROTO_RUN_LINKS_INNER_H

#include "proto/base/log.h"
#include "proto/run/bus_retry.h"
#include "proto/run/links.h"
#include "proto/run/resolver.h"

enum { MAX_LINKS = RESOLVER_MAX_ADDRESSES };

/* A link outlives its address: a consumer may still name it for a batch that
 * it works on. It is closed then, and used again for a later address. */
struct link {
    struct links *links;
    char address[RESOLVER_ADDRESS_LEN];     /* "": the endpoints as they are */
    struct bus_retry *data_retry, *report_retry;    /* they own the sockets: */
    zsock_t *data, *report;                 /* NULL: closed */
    uint64_t origin;
    int64_t last_ms;                        /* 0: nothing came yet */
    unsigned missed;                        /* look-ups in a row without it */
};

struct links {
    zloop_t *loop;
    struct links_spec spec;                 /* its endpoints are ours */
    int is_paused;
    struct link *links[MAX_LINKS];
    size_t count;
    struct resolver *resolver;              /* NULL: nothing to resolve */
    char *host;
    int timer;                              /* -1: none */
    struct log_burst refused_burst, resolve_burst;
    uint64_t *refused, *open, *left_out, *unresolved, *reports_dropped;
    uint64_t *handshakes_failed;
};

/* The link of this address, open or closed, or NULL. */
struct link *links_find(struct links *links, const char *address);

/* Open one to this address. 0, or -1 with the reason. */
int links_add(struct links *links, const char *address, struct err *err);
void link_close(struct link *link);

/* Something came within the last seconds. */
int link_is_alive(const struct link *link, int64_t now_ms);

/* A handler of zloop_timer: look at the names, open and close links, come again. */
int links_resolve(zloop_t *loop, int timer, void *self);

#endif
