/*
 * fake_http.h - a request without a server, for what takes in by HTTP
 *
 * The handlers of ingest/wire are called as the server would call them; what they
 * answer is looked at here. Stands in for proto/server/http_server.h and
 * ingest/requests.h in a target that is linked with it: nothing is committed, and
 * who waits for a commit is answered at once.
 */
#ifndef TESTS_FUZZ_FAKE_HTTP_H
#define TESTS_FUZZ_FAKE_HTTP_H

#include <stdint.h>

#include "proto/server/http_server.h"

enum { FAKE_MAX_PAIRS = 8 };

struct fake_pair {
    const char *name;           /* NULL at the end */
    struct text value;
};

/* What is sent; and what became of it. */
struct http_request {
    struct text body;
    struct fake_pair params[FAKE_MAX_PAIRS], queries[FAKE_MAX_PAIRS], headers[FAKE_MAX_PAIRS];
    const struct http_route *route;
    http_say *say;
    int is_waiting;             /* it was to wait for a commit */
    uint64_t accepted;          /* events that it waits with */
    uint64_t kept;              /* events that it left in the journal's turn */
    uint64_t charged;
    unsigned answers, status;
    char *answer;
    size_t answer_len;
};

struct requests;

/* Those who take in by it. */
struct requests *fake_requests(void);
struct metrics *fake_metrics(void);

/* Call the route that was added under this very pattern. What always holds is looked
 * at here: one answer, of JSON, no 5xx, and of what is refused nothing is kept. */
void fake_call(const char *method, const char *pattern, struct http_request *req);

/* Free the answer; forget what was kept. */
void fake_forget(struct http_request *req);

#endif
