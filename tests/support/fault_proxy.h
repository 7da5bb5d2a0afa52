/*
 * fault_proxy.h - stands between Bongsu and a real Elasticsearch, and breaks things
 *
 * It listens on a port of 127.0.0.1, reads whole requests, sends them on to the
 * node and the answers back, in threads of its own. One order at a time says
 * what goes wrong. It counts what it sees: with these counts a test proves
 * that the fault was there. Thread-safe.
 *
 * Requests may be chunked, gzipped or "Expect: 100-continue" (answered by the
 * proxy); the node is asked for plain answers.
 */
#ifndef TESTS_SUPPORT_FAULT_PROXY_H
#define TESTS_SUPPORT_FAULT_PROXY_H

#include <stddef.h>

struct fault_proxy;

enum fault_kind {
    FAULT_NONE,             /* pass everything */
    FAULT_REFUSE,           /* connections are reset, new ones refused */
    FAULT_BLACKHOLE,        /* accept, read, answer nothing (nor what the node answers) */
    FAULT_STATUS,           /* answer with this status; the node sees nothing */
    FAULT_ITEMS,            /* refuse a share of a _bulk's items; the node sees the others */
    FAULT_LOSE,             /* executed, then the connection closes without an answer */
    FAULT_CUT,              /* executed, then only the first bytes of the answer, and close */
    FAULT_SHORT,            /* executed, but the _bulk's answer lacks its last item */
    FAULT_DELAY,            /* executed, and answered late */
    FAULT_KINDS
};

struct fault_order {
    enum fault_kind kind;
    size_t times;           /* requests it is for (not FAULT_REFUSE), 0: until another order */
    const char *path;       /* only requests that have this in their target; NULL: all */
    int status;             /* of FAULT_STATUS; of FAULT_ITEMS' items (0: 429) */
    const char *headers;    /* of FAULT_STATUS, "Retry-After: 2\r\n"; may be NULL */
    const char *body;       /* of FAULT_STATUS; NULL: what Elasticsearch says then */
    unsigned percent;       /* of FAULT_ITEMS: of a hundred items, 0: all */
    size_t bytes;           /* of FAULT_CUT, head and body together */
    int delay_ms;           /* of FAULT_DELAY */
};

struct fault_counts {
    size_t connections;     /* accepted */
    size_t requests;        /* read whole */
    size_t gzipped_bulks;   /* of these to _bulk with a compressed body */
    size_t bulks;           /* of these to _bulk at all ... */
    size_t documents;       /* ... and the items in them */
    size_t forwarded_bulks; /* what the node was given of both */
    size_t forwarded_documents;
    size_t met[FAULT_KINDS];/* requests that met this fault (not FAULT_REFUSE) */
    size_t refused_items;   /* by FAULT_ITEMS */
    size_t lost_answers;    /* _bulks that the node answered, and the client never got all of
                             * it: by a fault, or because it had gone */
    size_t lost_documents;  /* the items in them */
    size_t repeats;         /* items that the node answered with 409 */
};

/* Before the node of this port; passes everything. Fails the test when it cannot. */
struct fault_proxy *fault_proxy_new(int node_port);

/* Close all connections; free. */
void fault_proxy_destroy(struct fault_proxy **proxy);

/* "http://127.0.0.1:PORT", borrowed. */
const char *fault_proxy_url(const struct fault_proxy *proxy);

/* From now on this (its texts are copied); NULL: pass everything. It replaces the order before,
 * and lets go of the connections that a blackhole held (they are closed).
 * After FAULT_REFUSE has returned a connection is refused. */
void fault_proxy_order(struct fault_proxy *proxy, const struct fault_order *order);

/* 1 while an order with `times` has some left, or one without is in force. */
int fault_proxy_is_faulty(struct fault_proxy *proxy);

/* What it has seen so far; and begin again from nothing. */
struct fault_counts fault_proxy_counts(struct fault_proxy *proxy);
void fault_proxy_forget(struct fault_proxy *proxy);

/* Wait until the count at this place (offsetof(struct fault_counts, repeats))
 * is at least least: 0, or -1 when timeout_ms passed first. */
int fault_proxy_wait_for(struct fault_proxy *proxy, size_t place, size_t least, int timeout_ms);

#endif
