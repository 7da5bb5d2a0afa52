#include "ingest/wire/wire_parts.h"

#include <stdlib.h>

#include "ingest/wire/bulk_answer.h"
#include "proto/base/clock.h"

/* One request, until its answer. */
struct taking {
    struct bulk_answer answer;
    int64_t since_ms;
    uint64_t accepted;
};

static void
taking_destroy(struct taking **taking)
{
    if (*taking == NULL)
        return;
    bulk_answer_release(&(*taking)->answer);
    free(*taking);
    *taking = NULL;
}

static void
send_answer(struct http_request *req, struct taking *taking)
{
    struct text body = bulk_answer_finish(&taking->answer,
                                          clock_steady_ms() - taking->since_ms);

    if (body.ptr == NULL) {
        http_reply_problem(req, 503, "out of memory: what was stored is not known");
        return;
    }
    wire_mark(req);
    http_reply(req, 200, "application/json", body);
}

static void
bulk_is_stored(struct requests *requests, struct requests_waiting *waiting)
{
    (void)requests;
    send_answer(waiting->req, waiting->own);
}

static void
release_taking(struct requests_waiting *waiting)
{
    struct taking *taking = waiting->own;

    taking_destroy(&taking);
    waiting->own = NULL;
}

static const struct requests_answer answer_bulk = { .stored = bulk_is_stored,
                                                    .release = release_taking };

/* --- one action --- */

static void
refuse_item(struct bulk_outcome *outcome, int status, const char *type, const char *reason)
{
    outcome->status = status;
    outcome->type = type;
    outcome->reason = reason;
}

/* 1 when the action is one that a store of events has. */
static int
is_possible(struct wire *wire, const struct bulk_item *item, struct bulk_outcome *outcome)
{
    const char *reason = NULL;

    if (item->op == BULK_UPDATE)
        reason = "update: an event is never changed; send create or index";
    else if (item->op == BULK_DELETE)
        reason = "delete: an event is never removed before its time";
    else if (item->id.ptr != NULL && item->id.len == 0)
        reason = "if _id is specified it must not be empty";
    else if (item->id.len > BULK_MAX_ID)
        reason = "id is too long, must be no longer than 512 bytes";
    else if (item->index.len > BULK_MAX_INDEX)
        reason = "index name is too long, must be no longer than 255 bytes";
    if (reason == NULL)
        return 1;
    ++*wire->refused_actions;
    refuse_item(outcome, 400, "illegal_argument_exception", reason);
    return 0;
}

static enum intake_outcome
take_item(struct wire *wire, const struct intake_origin *origin, const struct bulk_item *item,
          struct taking *taking, struct intake_result *result)
{
    struct intake *intake = requests_intake(wire->requests);
    struct bulk_outcome outcome = { .status = 201, .id = item->id };
    enum intake_outcome rc = INTAKE_ACCEPTED;
    char id[EVENT_ID_TEXT_LEN];

    ++*wire->items;
    if (is_possible(wire, item, &outcome)) {
        rc = intake_document(intake, origin, item->document, item->index, item->id, result);
        if (rc == INTAKE_STOPPED)
            return rc;
        if (rc != INTAKE_ACCEPTED)
            refuse_item(&outcome, rc == INTAKE_TOO_BIG ? 413 : 400,
                        "document_parsing_exception", result->reason.text);
        taking->accepted += rc == INTAKE_ACCEPTED;
        outcome.sequence = result->sequence;
        if (rc == INTAKE_ACCEPTED && outcome.id.ptr == NULL && !taking->answer.is_short) {
            event_id_format(&result->id, id);
            outcome.id = text_of(id);
        }
    }
    if (bulk_answer_add(&taking->answer, item, &outcome) == 0)
        return INTAKE_ACCEPTED;
    result->stop = JOURNAL_RETRY;
    err_set(&result->reason, "out of memory");
    return INTAKE_STOPPED;
}

/* --- the body --- */

static enum intake_outcome
take_all(struct wire *wire, struct http_request *req, struct taking *taking,
         struct intake_result *result)
{
    const struct intake_origin origin = { .received_from = http_peer(req),
                                          .key_id = http_key_id(req),
                                          .key_name = http_key_name(req) };
    enum intake_outcome outcome;
    struct bulk_item item;
    int rc;

    bulk_reader_open(wire->reader, http_body(req), http_param(req, "index"));
    while ((rc = bulk_next(wire->reader, &item, &result->reason)) == 1) {
        if (taking->answer.count == INTAKE_MAX_EVENTS) {
            err_set(&result->reason, "more than %d actions in one request",
                    (int)INTAKE_MAX_EVENTS);
            return INTAKE_TOO_BIG;
        }
        outcome = take_item(wire, &origin, &item, taking, result);
        if (outcome != INTAKE_ACCEPTED)
            return outcome;
    }
    if (rc == 0 && taking->answer.count == 0)
        err_set(&result->reason, "request body is required");
    return rc == 0 && taking->answer.count > 0 ? INTAKE_ACCEPTED : INTAKE_BAD_JSON;
}

static struct taking *
taking_new(struct http_request *req)
{
    struct taking *taking = calloc(1, sizeof(*taking));

    if (taking == NULL)
        return NULL;
    taking->since_ms = clock_steady_ms();
    if (bulk_answer_init(&taking->answer, http_query(req, "filter_path")) != 0)
        taking_destroy(&taking);
    return taking;
}

void
wire_bulk(struct http_request *req, void *self)
{
    struct wire *wire = self;
    struct journal *journal = intake_journal(requests_intake(wire->requests));
    struct intake_result result = { .stop = JOURNAL_RETRY };
    struct requests_waiting waiting = { .req = req, .answer = &answer_bulk };
    enum intake_outcome outcome;
    struct journal_mark mark;
    struct taking *taking;

    if (wire_check_index(req) != 0 || !requests_begin(wire->requests, req))
        return;
    taking = taking_new(req);
    if (taking == NULL) {
        err_set(&result.reason, "out of memory");
        requests_refuse(wire->requests, req, INTAKE_STOPPED, &result);
        return;
    }
    mark = journal_mark(journal);
    outcome = take_all(wire, req, taking, &result);
    if (outcome != INTAKE_STOPPED)
        http_charge_events(req, taking->answer.count);
    if (outcome != INTAKE_ACCEPTED) {
        journal_cancel(journal, &mark);
        requests_refuse(wire->requests, req, outcome, &result);
    } else if (taking->accepted == 0) {
        send_answer(req, taking);
    } else {
        waiting.accepted = taking->accepted;
        waiting.own = taking;
        waiting.own_bytes = taking->answer.bytes.cap;
        taking = NULL;                  /* its answer's now */
        requests_wait(wire->requests, &waiting);
    }
    taking_destroy(&taking);
}
