/*
 * fault_proxy_parts.h - the proxy's state, shared by its sources and nobody else
 *
 * fault_proxy.c has the orders, the connections and what a test asks;
 * fault_proxy_faults.c what becomes of one request.
 */
#ifndef TESTS_SUPPORT_FAULT_PROXY_PARTS_H
#define TESTS_SUPPORT_FAULT_PROXY_PARTS_H

#include <pthread.h>
#include <time.h>

#include "tests/support/fault_proxy.h"
#include "tests/support/fault_proxy_wire.h"

enum { FAULT_MAX_CONNECTIONS = 128 };

struct fault_connection {
    struct fault_proxy *proxy;
    pthread_t thread;
    struct wire client, node;   /* node.fd -1: not connected yet */
    int is_used;                /* the thread is to be joined */
    int is_over;                /* it has nothing left to do */
};

struct fault_proxy {
    int node_port, port;
    char url[64];
    pthread_t accepter;
    pthread_mutex_t lock;
    pthread_cond_t changed;     /* of CLOCK_MONOTONIC */
    int wake;                   /* an eventfd: the accepter looks again */
    int is_listening, is_stopping;
    struct fault_order order;
    unsigned order_number;      /* another one with every order */
    size_t item_counter;        /* of FAULT_ITEMS */
    struct fault_counts counts;
    struct fault_connection connections[FAULT_MAX_CONNECTIONS];
};

struct fault_order fault_order_copy(const struct fault_order *order);
void fault_order_release(struct fault_order *order);

/* CLOCK_MONOTONIC, so many ms from now. */
struct timespec fault_moment_in(int ms);

/* Read one request and let it meet the order. 1 when the connection goes on. */
int fault_serve_one(struct fault_connection *connection);

#endif
