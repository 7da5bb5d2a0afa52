/*
 * endpoints.h - where each socket of the chain is: DESIGN.md section 4, in one table
 *
 * With bus.dir set (what `bongsu up` does) every socket is ipc:// in that
 * folder; otherwise tcp, bound on bus.listen and reached by the host names
 * ingest.host and detector.host.
 */
#ifndef PROTO_ENDPOINTS_H
#define PROTO_ENDPOINTS_H

#include "proto/settings.h"

enum endpoint {
    ENDPOINT_INDEX,             /* ingest PUSH -> indexers */
    ENDPOINT_DETECT,            /* ingest PUSH -> one detector slot (+ slot) */
    ENDPOINT_INGEST_REPORT,     /* PULL <- indexers, detectors */
    ENDPOINT_LIVE_EVENTS,       /* ingest PUB -> api */
    ENDPOINT_INCIDENTS,         /* detector PUSH -> indexers */
    ENDPOINT_INCIDENT_REPORT,   /* PULL <- indexers */
    ENDPOINT_LIVE_INCIDENTS,    /* detector PUB -> notifier, api */
    ENDPOINT_COUNT
};

#define ENDPOINT_LEN 256

/* The address to bind, and the one to connect to. slot counts for
 * ENDPOINT_DETECT (and detectors' own ports: + slot * 10). 0, or -1 when it
 * does not fit (an ipc path over 107 bytes). */
int endpoint_to_bind(const struct settings *settings, enum endpoint which, int slot,
                     char out[ENDPOINT_LEN]);
int endpoint_to_connect(const struct settings *settings, enum endpoint which, int slot,
                        char out[ENDPOINT_LEN]);

/* ingest.host and detector.host may name several hosts: how many (1 for ipc), and the
 * address to connect to at one of them, from 0. */
int endpoint_hosts(const struct settings *settings, enum endpoint which);
int endpoint_to_host(const struct settings *settings, enum endpoint which, int host, int slot,
                     char out[ENDPOINT_LEN]);

/* The role of who binds it, "ingest" or "detector": whose key a client must find. */
const char *endpoint_server(enum endpoint which);

#endif
