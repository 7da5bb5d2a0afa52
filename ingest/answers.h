/*
 * answers.h - what ingest answers, as JSON
 */
#ifndef INGEST_ANSWERS_H
#define INGEST_ANSWERS_H

#include <jansson.h>

#include "ingest/intake/intake.h"
#include "proto/server/http_server.h"

struct answers;

/* Prepared texts for the answer that goes out most. NULL when out of memory. */
struct answers *answers_new(void);
void answers_destroy(struct answers **answers);

/* 202 with the event's id. */
void answer_id(const struct answers *answers, struct http_request *req,
               const struct event_id *id);

/* The body of a 202 to POST /logs; a new reference, NULL when out of memory. */
json_t *answer_tally(const struct intake_tally *tally);

/* 400 for a body of which nothing was accepted. */
void answer_all_refused(struct http_request *req, const struct intake_tally *tally);

/* 503 with Retry-After. */
void answer_unavailable(struct http_request *req, enum journal_outcome why,
                        const char *reason);

#endif
