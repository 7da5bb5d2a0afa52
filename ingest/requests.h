/*
 * requests.h - POST /log and /logs: taken in by turns, answered after the commit
 *
 * A request waits until the turn that holds its events is on disk. All
 * requests of one turn of the loop share one commit.
 */
#ifndef INGEST_REQUESTS_H
#define INGEST_REQUESTS_H

#include "ingest/intake.h"
#include "proto/base/metrics.h"
#include "proto/run/http_server.h"

struct requests;

struct requests_spec {
    struct intake *intake;          /* lent */
    struct metrics *metrics;
    /* New rows are in the journal and everybody is answered. */
    void (*on_commit)(void *self);
    /* What is on disk is not known: end the process when the answers are out. */
    void (*on_unclear)(void *self, const char *reason);
    void *self;
};

/* NULL when out of memory. */
struct requests *requests_new(const struct requests_spec *spec);
void requests_destroy(struct requests **requests);

/* Handlers; self is the struct requests. */
void requests_post_log(struct http_request *req, void *self);
void requests_post_logs(struct http_request *req, void *self);

/* Commit the turn and answer all who wait (an http_server_on_turn). */
void requests_end_turn(void *self);

/* The same for one who put events into the turn without a request. */
enum journal_outcome requests_commit(struct requests *self, struct err *err);

#endif
