#include "ingest/wire/wire_parts.h"

#include <jansson.h>

#include "proto/json_text.h"

/* What the one document is answered, made when it was taken in. */
static json_t *
answer_doc(struct text index, struct text id, const struct intake_result *result)
{
    char own_id[EVENT_ID_TEXT_LEN];
    json_t *answer = json_pack("{s:i, s:s, s:{s:i, s:i, s:i}, s:I, s:i}", "_version", 1,
                               "result", "created", "_shards", "total", 1, "successful", 1,
                               "failed", 0, "_seq_no", (json_int_t)result->sequence,
                               "_primary_term", 1);

    event_id_format(&result->id, own_id);
    if (answer != NULL &&
        json_set(answer, text_of("_index"), json_text(index)) == 0 &&
        json_set(answer, text_of("_id"),
                 json_text(id.ptr != NULL ? id : text_of(own_id))) == 0)
        return answer;
    json_decref(answer);
    return NULL;
}

static void
doc_is_stored(struct requests *requests, struct requests_waiting *waiting)
{
    (void)requests;
    wire_mark(waiting->req);
    http_reply_json(waiting->req, 201, waiting->own);
    waiting->own = NULL;
}

static void
release_doc(struct requests_waiting *waiting)
{
    json_decref(waiting->own);
    waiting->own = NULL;
}

static const struct requests_answer doc_answer = { .stored = doc_is_stored,
                                                   .release = release_doc };

void
wire_doc(struct http_request *req, void *self)
{
    struct wire *wire = self;
    struct intake *intake = requests_intake(wire->requests);
    const struct intake_origin origin = { .received_from = http_peer(req),
                                          .key_id = http_key_id(req),
                                          .key_name = http_key_name(req) };
    const struct text index = http_param(req, "index"), id = http_param(req, "...");
    struct requests_waiting waiting = { .req = req, .answer = &doc_answer, .accepted = 1 };
    struct intake_result result = { .stop = JOURNAL_RETRY };
    enum intake_outcome outcome;
    struct journal_mark mark;

    if (id.len > BULK_MAX_ID || (id.ptr != NULL && id.len == 0)) {
        http_reply_problem(req, 400, "_id: must be a text of 1 to %d bytes",
                           (int)BULK_MAX_ID);
        return;
    }
    if (wire_check_index(req) != 0 || !requests_begin(wire->requests, req))
        return;
    mark = journal_mark(intake_journal(intake));
    outcome = intake_document(intake, &origin, http_body(req), index, id, &result);
    http_charge_events(req, outcome == INTAKE_STOPPED ? 0 : 1);
    if (outcome == INTAKE_ACCEPTED &&
        (waiting.own = answer_doc(index, id, &result)) == NULL) {
        journal_cancel(intake_journal(intake), &mark);
        err_set(&result.reason, "out of memory");
        outcome = INTAKE_STOPPED;
    }
    if (outcome == INTAKE_ACCEPTED)
        requests_wait(wire->requests, &waiting);
    else
        requests_refuse(wire->requests, req, outcome, &result);
}
