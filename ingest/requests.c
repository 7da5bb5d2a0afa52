#include "ingest/requests.h"

#include <stdlib.h>
#include <string.h>

#include "ingest/answers.h"
#include "ingest/journal_places.h"
#include "proto/base/clock.h"
#include "proto/base/fault.h"
#include "proto/base/log.h"
#include "proto/base/timestamp.h"

/* A turn is committed early when it holds this much, so that the next
 * request has the rest of JOURNAL_MAX_PENDING to itself. */
enum { EARLY_COMMIT_BYTES = 8 * 1024 * 1024 };

struct waiting {
    struct http_request *req;
    struct event_id id;         /* POST /log */
    json_t *body;               /* POST /logs; NULL: /log */
    uint64_t accepted;
};

struct requests {
    struct requests_spec spec;
    struct answers *answers;
    struct waiting *waiting;
    size_t count, cap;
    int is_turn_open, is_broken;
    uint64_t *accepted, *bytes, *commits, *unavailable;
    struct log_burst burst;
};

struct requests *
requests_new(const struct requests_spec *spec)
{
    struct requests *self = calloc(1, sizeof(*self));

    if (self == NULL)
        return NULL;
    self->spec = *spec;
    self->answers = answers_new();
    if (self->answers == NULL) {
        requests_destroy(&self);
        return NULL;
    }
    self->accepted = metrics_number(spec->metrics, METRIC_COUNTER,
        "bongsu_ingest_events_accepted_total", "",
        "events on disk: answered 2xx, or read from watched files");
    self->bytes = metrics_number(spec->metrics, METRIC_COUNTER,
        "bongsu_ingest_event_bytes_total", "", "encoded bytes of events on disk");
    self->commits = metrics_number(spec->metrics, METRIC_COUNTER,
        "bongsu_ingest_commits_total", "", "commits of the journal");
    self->unavailable = metrics_number(spec->metrics, METRIC_COUNTER,
        "bongsu_ingest_requests_unavailable_total", "", "requests answered 503");
    return self;
}

void
requests_destroy(struct requests **requests)
{
    if (*requests == NULL)
        return;
    for (size_t i = 0; i < (*requests)->count; i++)
        json_decref((*requests)->waiting[i].body);
    free((*requests)->waiting);
    answers_destroy(&(*requests)->answers);
    free(*requests);
    *requests = NULL;
}

/* --- taking in --- */

static void
refuse_for_now(struct requests *self, struct http_request *req, enum journal_outcome why,
               const char *reason)
{
    ++*self->unavailable;
    log_warn_burst(&self->burst, "requests refused for now", "reason=\"%s\"", reason);
    answer_unavailable(req, why, reason);
}

/* 1 when the request may be looked at; it has a place to wait then. */
static int
open_turn(struct requests *self, struct http_request *req)
{
    struct journal *journal = intake_journal(self->spec.intake);
    struct waiting *more;
    size_t cap;

    if (journal_pending_bytes(journal) >= EARLY_COMMIT_BYTES)
        requests_end_turn(self);
    if (self->is_broken) {
        refuse_for_now(self, req, JOURNAL_UNCLEAR, "the journal's disk fails");
        return 0;
    }
    if (self->count == self->cap) {
        cap = self->cap == 0 ? 64 : self->cap * 2;
        more = realloc(self->waiting, cap * sizeof(*more));
        if (more == NULL) {
            refuse_for_now(self, req, JOURNAL_RETRY, "out of memory");
            return 0;
        }
        self->waiting = more;
        self->cap = cap;
    }
    if (!self->is_turn_open)
        intake_set_time(self->spec.intake, clock_real_us());
    self->is_turn_open = 1;
    return 1;
}

static void
wait_for_commit(struct requests *self, const struct waiting *waiting)
{
    self->waiting[self->count++] = *waiting;
    http_defer(waiting->req);
}

static void
answer_refused(struct requests *self, struct http_request *req, enum intake_outcome outcome,
               const struct intake_result *result)
{
    if (outcome == INTAKE_STOPPED && result->stop != JOURNAL_TURN_FULL)
        refuse_for_now(self, req, result->stop, result->reason.text);
    else if (outcome == INTAKE_STOPPED || outcome == INTAKE_TOO_BIG)
        http_reply_problem(req, 413, "%s", result->reason.text);
    else
        http_reply_problem(req, 400, "%s", result->reason.text);
}

void
requests_post_log(struct http_request *req, void *arg)
{
    struct requests *self = arg;
    const struct intake_origin origin = { .received_from = http_peer(req),
                                          .key_id = http_key_id(req) };
    const struct intake_item item = { .text = http_body(req) };
    struct waiting waiting = { .req = req, .accepted = 1 };
    struct intake_result result;
    enum intake_outcome outcome;

    if (!open_turn(self, req))
        return;
    outcome = intake_json(self->spec.intake, &origin, item, &result);
    if (outcome != INTAKE_ACCEPTED) {
        answer_refused(self, req, outcome, &result);
        return;
    }
    waiting.id = result.id;
    wait_for_commit(self, &waiting);
}

/* --- the query of /logs --- */

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

static void
wait_with_tally(struct requests *self, struct http_request *req,
                const struct intake_tally *tally, const struct journal_mark *mark)
{
    const struct waiting waiting = { .req = req, .body = answer_tally(tally),
                                     .accepted = tally->accepted };

    if (waiting.body != NULL) {
        wait_for_commit(self, &waiting);
        return;
    }
    journal_cancel(intake_journal(self->spec.intake), mark);
    refuse_for_now(self, req, JOURNAL_RETRY, "out of memory");
}

void
requests_post_logs(struct http_request *req, void *arg)
{
    struct requests *self = arg;
    struct intake_origin origin = { .received_from = http_peer(req),
                                    .key_id = http_key_id(req) };
    struct query query = { .origin = &origin };
    enum intake_form form = text_is(http_content_type(req), "text/plain") ? INTAKE_LINES
                                                                          : INTAKE_JSON;
    struct journal *journal = intake_journal(self->spec.intake);
    enum intake_outcome outcome;
    struct intake_tally tally;
    struct journal_mark mark;

    if (read_query(req, &query) != 0) {
        http_reply_problem(req, 400, "%s", query.err.text);
        return;
    }
    if (!open_turn(self, req))
        return;
    mark = journal_mark(journal);
    outcome = intake_body(self->spec.intake, &origin, form, http_body(req), &tally);
    if (outcome != INTAKE_ACCEPTED)
        answer_refused(self, req, outcome, &tally.last);
    else if (tally.accepted == 0)
        answer_all_refused(req, &tally);
    else
        wait_with_tally(self, req, &tally, &mark);
    intake_tally_release(&tally);
}

/* --- the end of a turn --- */

static void
answer_one(struct requests *self, struct waiting *waiting)
{
    *self->accepted += waiting->accepted;
    if (waiting->body == NULL)
        answer_id(self->answers, waiting->req, &waiting->id);
    else
        http_reply_json(waiting->req, 202, waiting->body);
    waiting->body = NULL;
    fault_point("ingest.after_reply");
}

static void
answer_failed(struct requests *self, enum journal_outcome outcome, const char *reason)
{
    for (size_t i = 0; i < self->count; i++) {
        struct waiting *waiting = &self->waiting[i];

        json_decref(waiting->body);
        waiting->body = NULL;
        refuse_for_now(self, waiting->req, outcome, reason);
    }
    self->count = 0;
    if (outcome == JOURNAL_UNCLEAR && !self->is_broken) {
        self->is_broken = 1;
        self->spec.on_unclear(self->spec.self, reason);
    }
}

enum journal_outcome
requests_commit(struct requests *self, struct err *err)
{
    struct journal *journal = intake_journal(self->spec.intake);
    size_t bytes = journal_pending_bytes(journal);
    enum journal_outcome outcome;

    self->is_turn_open = 0;
    if (self->is_broken) {
        err_set(err, "the journal's disk fails");
        return JOURNAL_UNCLEAR;
    }
    if (!journal_has_turn(journal) && self->count == 0)
        return JOURNAL_DONE;
    outcome = journal_commit(journal, err);
    if (outcome != JOURNAL_DONE) {
        answer_failed(self, outcome, err->text);
        return outcome;
    }
    ++*self->commits;
    *self->bytes += bytes;
    for (size_t i = 0; i < self->count; i++)
        answer_one(self, &self->waiting[i]);
    self->count = 0;
    self->spec.on_commit(self->spec.self);
    journal_tidy(journal);
    return JOURNAL_DONE;
}

void
requests_end_turn(void *arg)
{
    struct err err;

    requests_commit(arg, &err);
}
