/*
 * rig.h - a chain with a Slack of its own and a load on it: what most tests of
 * the whole start from
 *
 * A test of its own settings calls chain_set(rig.chain, ...) before it starts.
 */
#ifndef TESTS_SUPPORT_RIG_H
#define TESTS_SUPPORT_RIG_H

#include "tests/support/chain.h"
#include "tests/support/http_stub.h"
#include "tests/support/load.h"

struct rig {
    struct stub *slack;
    struct chain *chain;
    struct load *load;          /* NULL, or the test's; goes with the rig */
};

/* A Slack, and a chain that tells it each incident for itself, with a link; nothing
 * started. parent is as of chain_new. */
void rig_open(struct rig *rig, const char *parent);

/* Away with all that is there. */
void rig_close(struct rig *rig);

/* Stop the load: what was accepted is stored, judged, and told within told_ms, nothing
 * else is. */
void rig_check_nothing_lost(struct rig *rig, int64_t told_ms);

#endif
