#include "ingest/requests.h"

#include <string.h>

#include "ingest/answers.h"
#include "proto/base/timestamp.h"

/* --- a request that names itself --- */

enum { NAME_MAX_LEN = 512 };

#define NAME_HEADER "Idempotency-Key"

/* The name, behind a NUL, which keeps it apart from what people call a source. */
struct request_name {
    char bytes[1 + NAME_MAX_LEN];
};

/* With Idempotency-Key each line is keyed by it, by where it stands in the body and by
 * what it says, as lines of a source are; which goes before it. 0, or -1 and the
 * request was answered. */
static int
read_name(struct http_request *req, struct request_name *name, struct intake_origin *origin)
{
    struct text sent = http_header(req, NAME_HEADER);

    if (sent.ptr == NULL || origin->source.ptr != NULL)
        return 0;
    if (sent.len == 0 || sent.len > NAME_MAX_LEN) {
        http_reply_problem(req, 400, NAME_HEADER ": must be a text of 1 to %d bytes",
                           (int)NAME_MAX_LEN);
        return -1;
    }
    name->bytes[0] = '\0';
    memcpy(name->bytes + 1, sent.ptr, sent.len);
    origin->source = (struct text){ name->bytes, 1 + sent.len };
    return 0;
}

/* --- POST /log --- */

static void
one_is_stored(struct requests *self, struct requests_waiting *waiting)
{
    answer_id(requests_answers(self), waiting->req, &waiting->id);
}

static const struct requests_answer answer_one = { .stored = one_is_stored };

void
requests_post_log(struct http_request *req, void *arg)
{
    struct requests *self = arg;
    struct intake_origin origin = { .received_from = http_peer(req),
                                    .key_id = http_key_id(req),
                                    .key_name = http_key_name(req) };
    const struct intake_item item = { .text = http_body(req) };
    struct requests_waiting waiting = { .req = req, .answer = &answer_one, .accepted = 1 };
    struct request_name name;
    struct intake_result result;
    enum intake_outcome outcome;

    if (read_name(req, &name, &origin) != 0)
        return;
    if (!requests_begin(self, req))
        return;
    outcome = intake_json(requests_intake(self), &origin, item, &result);
    http_charge_events(req, outcome == INTAKE_STOPPED ? 0 : 1);
    if (outcome != INTAKE_ACCEPTED) {
        requests_refuse(self, req, outcome, &result);
        return;
    }
    waiting.id = result.id;
    requests_wait(self, &waiting);
}

/* --- POST /logs: its query --- */

struct query {
    struct intake_origin *origin;
    int has_offset;
    struct err err;             /* empty: all is well */
};

static void
take_parameter(void *ctx, struct text name, struct text value)
{
    struct query *query = ctx;
    int64_t number = 0, at_us;

    if (query->err.text[0] != '\0')
        return;
    if (text_is(name, "source") && value.len > 0) {
        query->origin->source = value;
    } else if (text_is(name, "source")) {
        err_set(&query->err, "source: is empty");
    } else if (text_is(name, "offset")) {
        query->origin->is_offset_each = text_is(value, "each");
        if (!query->origin->is_offset_each &&
            text_to_int(value, 0, INT64_MAX / 2, &number) != 0)
            err_set(&query->err, "offset: must be a number of bytes, or each");
        query->origin->offset = (uint64_t)number;
        query->has_offset = 1;
    } else if (text_is(name, "default_time")) {
        query->origin->default_time = value;
        if (timestamp_parse(value, &at_us, &query->err) != 0)
            err_add(&query->err, "default_time");
    }
}

/* 0, or -1 with the reason in query->err. */
static int
read_query(struct http_request *req, struct query *query)
{
    http_each_query(req, take_parameter, query);
    if (query->err.text[0] == '\0' && query->has_offset != (query->origin->source.ptr != NULL))
        err_set(&query->err, "source and offset: one needs the other");
    return query->err.text[0] == '\0' ? 0 : -1;
}

/* --- POST /logs --- */

static void
many_are_stored(struct requests *self, struct requests_waiting *waiting)
{
    (void)self;
    http_reply_json(waiting->req, 202, waiting->own);
    waiting->own = NULL;
}

static void
release_tally(struct requests_waiting *waiting)
{
    json_decref(waiting->own);
    waiting->own = NULL;
}

static const struct requests_answer answer_many = { .stored = many_are_stored,
                                                    .release = release_tally };

static void
wait_with_tally(struct requests *self, struct http_request *req,
                const struct intake_tally *tally, const struct journal_mark *mark)
{
    const struct requests_waiting waiting = { .req = req, .answer = &answer_many,
                                              .own = answer_tally(tally),
                                              .accepted = tally->accepted };
    struct intake_result none = { .stop = JOURNAL_RETRY };

    if (waiting.own != NULL) {
        requests_wait(self, &waiting);
        return;
    }
    journal_cancel(intake_journal(requests_intake(self)), mark);
    err_set(&none.reason, "out of memory");
    requests_refuse(self, req, INTAKE_STOPPED, &none);
}

void
requests_post_logs(struct http_request *req, void *arg)
{
    struct requests *self = arg;
    struct intake_origin origin = { .received_from = http_peer(req),
                                    .key_id = http_key_id(req),
                                    .key_name = http_key_name(req) };
    struct query query = { .origin = &origin };
    struct request_name name;
    enum intake_form form = text_is(http_content_type(req), "text/plain") ? INTAKE_LINES
                                                                          : INTAKE_JSON;
    struct journal *journal = intake_journal(requests_intake(self));
    enum intake_outcome outcome;
    struct intake_tally tally;
    struct journal_mark mark;

    if (read_query(req, &query) != 0) {
        http_reply_problem(req, 400, "%s", query.err.text);
        return;
    }
    if (read_name(req, &name, &origin) != 0)
        return;
    if (!requests_begin(self, req))
        return;
    mark = journal_mark(journal);
    outcome = intake_body(requests_intake(self), &origin, form, http_body(req), &tally);
    if (outcome != INTAKE_STOPPED)
        http_charge_events(req, tally.accepted + tally.refused);
    if (outcome != INTAKE_ACCEPTED)
        requests_refuse(self, req, outcome, &tally.last);
    else if (tally.accepted == 0)
        answer_all_refused(req, &tally);
    else
        wait_with_tally(self, req, &tally, &mark);
    intake_tally_release(&tally);
}
