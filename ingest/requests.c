#include "ingest/requests.h"

#include <stdlib.h>
#include <string.h>

#include "ingest/answers.h"
#include "ingest/journal_places.h"
#include "proto/base/clock.h"
#include "proto/base/fault.h"
#include "proto/base/log.h"

/* A turn is committed early when it holds this much, so that the next request has the
 * rest of JOURNAL_MAX_PENDING to itself; or when answers that wait do, which then
 * count as what their clients have in memory. */
enum { EARLY_COMMIT_BYTES = 8 * 1024 * 1024 };

struct requests {
    struct requests_spec spec;
    struct answers *answers;
    struct requests_waiting *waiting;
    size_t count, cap, own_bytes;
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

static void
release_waiting(struct requests_waiting *waiting)
{
    if (waiting->answer->release != NULL)
        waiting->answer->release(waiting);
}

void
requests_destroy(struct requests **requests)
{
    if (*requests == NULL)
        return;
    for (size_t i = 0; i < (*requests)->count; i++)
        release_waiting(&(*requests)->waiting[i]);
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

const struct answers *
requests_answers(const struct requests *self)
{
    return self->answers;
}

struct intake *
requests_intake(const struct requests *self)
{
    return self->spec.intake;
}

int
requests_begin(struct requests *self, struct http_request *req)
{
    struct journal *journal = intake_journal(self->spec.intake);
    struct requests_waiting *more;
    size_t cap;

    if (journal_pending_bytes(journal) >= EARLY_COMMIT_BYTES ||
        self->own_bytes >= EARLY_COMMIT_BYTES)
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

void
requests_wait(struct requests *self, const struct requests_waiting *waiting)
{
    self->waiting[self->count++] = *waiting;
    self->own_bytes += waiting->own_bytes;
    http_defer(waiting->req);
}

void
requests_refuse(struct requests *self, struct http_request *req, enum intake_outcome outcome,
                const struct intake_result *result)
{
    if (outcome == INTAKE_STOPPED && result->stop != JOURNAL_TURN_FULL)
        refuse_for_now(self, req, result->stop, result->reason.text);
    else if (outcome == INTAKE_STOPPED || outcome == INTAKE_TOO_BIG)
        http_reply_problem(req, 413, "%s", result->reason.text);
    else
        http_reply_problem(req, 400, "%s", result->reason.text);
}

/* --- the end of a turn --- */

static void
answer_stored(struct requests *self, struct requests_waiting *waiting)
{
    *self->accepted += waiting->accepted;
    waiting->answer->stored(self, waiting);
    release_waiting(waiting);
    fault_point("ingest.after_reply");
}

static void
answer_failed(struct requests *self, enum journal_outcome outcome, const char *reason)
{
    for (size_t i = 0; i < self->count; i++) {
        struct requests_waiting *waiting = &self->waiting[i];

        release_waiting(waiting);
        refuse_for_now(self, waiting->req, outcome, reason);
    }
    self->count = self->own_bytes = 0;
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
        answer_stored(self, &self->waiting[i]);
    self->count = self->own_bytes = 0;
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
