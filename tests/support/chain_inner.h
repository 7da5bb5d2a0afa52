/*
 * chain_inner.h - what the sources of chain.h share; tests use chain.h
 */
#ifndef TESTS_SUPPORT_CHAIN_INNER_H
#define TESTS_SUPPORT_CHAIN_INNER_H

#include <stddef.h>
#include <sys/types.h>

#include "tests/support/chain.h"

enum { CHAIN_MAX_ENV = 32 };

struct chain {
    char dir[256];
    char ingest_url[64], api_url[64];
    char ingest_listen[64], api_listen[64];
    char slack_url[256];
    char *env[CHAIN_MAX_ENV];
    int env_count;
    pid_t pids[PROCESSES];
};

/* What was answered: NULL when nothing; else ends with a NUL. The caller frees bytes. */
struct chain_answer {
    char *bytes;
    size_t len;
};

/* One request with the right key, on a connection of its own: its status, 0 when
 * nobody answered. A body makes it a POST; unix_socket may be NULL. */
struct chain_request {
    const char *url, *unix_socket, *content_type, *body;
    size_t len;
};
long chain_request(const struct chain *chain, const struct chain_request *request,
                   struct chain_answer *answer);

#endif
