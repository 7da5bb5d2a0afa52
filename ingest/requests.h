/*
 * requests.h - POST /log and /logs: taken in by turns, answered after the commit
 *
 * A request waits until the turn that holds its events is on disk. All
 * requests that come while a commit is under way share the next one. Other ways in by HTTP
 * (the _bulk of wire.h) wait here too, each with an answer of its own.
 */
#ifndef INGEST_REQUESTS_H
#define INGEST_REQUESTS_H

#include "ingest/intake/intake.h"
#include "proto/base/metrics.h"
#include "proto/server/http_server.h"

struct answers;
struct requests;
struct requests_waiting;

/* What one who waits is answered, and what becomes of what he holds. */
struct requests_answer {
    void (*stored)(struct requests *self, struct requests_waiting *waiting);
    void (*release)(struct requests_waiting *waiting);  /* free own; NULL: nothing */
};

struct requests_waiting {
    struct http_request *req;
    const struct requests_answer *answer;
    uint64_t accepted;          /* events */
    struct event_id id;         /* of the one, for who answers with it */
    void *own;                  /* the answer's, given */
    size_t own_bytes;           /* of it, where it may be much */
};

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

/* Begin with a request that brings events: 1, and it has a place to wait then; or 0,
 * and it was answered. */
int requests_begin(struct requests *self, struct http_request *req);

/* Its events are in the turn: *waiting (copied) is answered after the commit, with a
 * 503 when that fails. */
void requests_wait(struct requests *self, const struct requests_waiting *waiting);

/* Answer why nothing of it is kept: 400, 413, or 503 for what may be tried again. */
void requests_refuse(struct requests *self, struct http_request *req,
                     enum intake_outcome outcome, const struct intake_result *result);

struct intake *requests_intake(const struct requests *self);
const struct answers *requests_answers(const struct requests *self);

/* Have the turn's commit under way, or gather on while another is (an
 * http_server_on_turn). */
void requests_end_turn(void *self);

/* The journal's commit descriptor is readable: answer all whose commit is over, and begin
 * the next. */
void requests_on_disk(void *self);

/* Commit now, for one who put events into the turn without a request. */
enum journal_outcome requests_commit(struct requests *self, struct err *err);

/* The same without waiting for it; one that is under way is waited for. over is told once
 * how it ended, perhaps before this returns; at most REQUESTS_MAX_OVERS are untold. When a
 * commit fails those told of it are told in the order of their calls. */
enum { REQUESTS_MAX_OVERS = 2 };
struct requests_over {
    void (*tell)(void *self, enum journal_outcome outcome, const char *reason);
    void *self;
};
void requests_commit_then(struct requests *self, const struct requests_over *over);

#endif
