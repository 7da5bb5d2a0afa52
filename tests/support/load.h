/*
 * load.h - clients that post numbered events, and whether all of them arrived
 *
 * Every event carries a nonce, from which all of it follows. Whatever was
 * answered 2xx must be stored once, as it was sent; nothing else may be.
 * Functions that check fail the test themselves.
 */
#ifndef TESTS_SUPPORT_LOAD_H
#define TESTS_SUPPORT_LOAD_H

#include <stdint.h>

#include "tests/support/chain.h"
#include "tests/support/http_stub.h"

struct load;

struct load_spec {
    struct chain *chain;
    unsigned clients;           /* threads, each with a connection of its own */
    unsigned batch;             /* events a request: 1 goes to /log, more to /logs */
    unsigned per_second;        /* events, all clients together; 0: as fast as it goes */
    unsigned padding;           /* further bytes in each event */
    unsigned sources;           /* addresses that fail to log in; 0: no rule fires */
};

/* Start posting; stop and wait for the last answers (can be started again);
 * stop and free. */
struct load *load_new(const struct load_spec *spec);
void load_start(struct load *load);
void load_stop(struct load *load);
void load_destroy(struct load **load);

/* Events answered 2xx, requests answered 503, 503 without Retry-After,
 * requests with any other answer, the longest wait for a 2xx. */
struct load_numbers {
    unsigned accepted, unavailable, without_retry, others;
    int64_t slowest_ms;
};
struct load_numbers load_numbers(struct load *load);

/* Until so many more events were accepted. */
void load_wait_accepted(struct load *load, unsigned more, int64_t deadline_ms);

/* Post these bytes and give the status; *ret_retry_after is -1 without the header. */
long load_post(struct chain *chain, const char *path, const char *type, const char *body,
               size_t len, long *ret_retry_after);

/* All is delivered; every accepted event is stored once, as it was sent. */
void load_check_stored(struct load *load, int64_t deadline_ms);

/* The incidents are those of the engine run once over what is stored (there
 * is at least one). */
void load_check_incidents(struct chain *chain, int64_t deadline_ms);

/* Each incident from medium on was told to this Slack (its link is in a
 * message), and none of them more than 1 + extra times. */
void load_check_told(struct chain *chain, struct stub *slack, unsigned extra,
                     int64_t deadline_ms);

#endif
