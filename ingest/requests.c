#include "ingest/requests.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/answers.h"
#include "ingest/journal/journal_places.h"
#include "proto/base/clock.h"
#include "proto/base/fault.h"
#include "proto/base/log.h"

/* A turn is committed early when it holds this much, so that the next request has the
 * rest of JOURNAL_MAX_PENDING to itself; or when answers that wait do, which then
 * count as what their clients have in memory. */
enum { EARLY_COMMIT_BYTES = 8 * 1024 * 1024 };

/* Those who wait for one commit. */
struct crowd {
    struct requests_waiting *all;
    size_t count, cap;
    size_t bytes;               /* of their events, and of those without a request */
    size_t own_bytes;           /* of what their answers hold */
    struct requests_over overs[REQUESTS_MAX_OVERS];
    size_t over_count;
};

struct requests {
    struct requests_spec spec;
    struct answers *answers;
    struct journal *journal;    /* the intake's */
    struct crowd next, flying;  /* whose commit is to come, and under way */
    int is_flying;
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
    self->journal = intake_journal(spec->intake);
    self->answers = answers_new();
    if (self->answers == NULL) {
        requests_destroy(&self);
        return NULL;
    }
    self->accepted = metrics_number(spec->metrics, METRIC_COUNTER,
        "bongsu_ingest_events_accepted_total", "",
        "events on disk: answered 2xx, read from watched files, or from syslog");
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

static void
release_crowd(struct crowd *crowd)
{
    for (size_t i = 0; i < crowd->count; i++)
        release_waiting(&crowd->all[i]);
    free(crowd->all);
}

void
requests_destroy(struct requests **requests)
{
    if (*requests == NULL)
        return;
    release_crowd(&(*requests)->flying);
    release_crowd(&(*requests)->next);
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

/* A place for one more. 0, or -1 when out of memory. */
static int
make_place(struct crowd *crowd)
{
    size_t cap = crowd->cap == 0 ? 64 : crowd->cap * 2;
    struct requests_waiting *more;

    if (crowd->count < crowd->cap)
        return 0;
    more = realloc(crowd->all, cap * sizeof(*more));
    if (more == NULL)
        return -1;
    crowd->all = more;
    crowd->cap = cap;
    return 0;
}

/* No more may gather before a commit. */
static int
has_enough(const struct requests *self)
{
    return journal_pending_bytes(self->journal) >= EARLY_COMMIT_BYTES ||
           self->next.own_bytes >= EARLY_COMMIT_BYTES;
}

int
requests_begin(struct requests *self, struct http_request *req)
{
    if (has_enough(self))
        requests_end_turn(self);
    if (self->is_broken) {
        refuse_for_now(self, req, JOURNAL_UNCLEAR, "the journal's disk fails");
        return 0;
    }
    if (make_place(&self->next) != 0) {
        refuse_for_now(self, req, JOURNAL_RETRY, "out of memory");
        return 0;
    }
    if (!self->is_turn_open)
        intake_set_time(self->spec.intake, clock_real_us());
    self->is_turn_open = 1;
    return 1;
}

void
requests_wait(struct requests *self, const struct requests_waiting *waiting)
{
    self->next.all[self->next.count++] = *waiting;
    self->next.own_bytes += waiting->own_bytes;
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
tell_overs(struct crowd *crowd, enum journal_outcome outcome, const char *reason)
{
    const size_t count = crowd->over_count;

    crowd->over_count = 0;
    for (size_t i = 0; i < count; i++)
        crowd->overs[i].tell(crowd->overs[i].self, outcome, reason);
}

static void
answer_stored(struct requests *self, struct crowd *crowd)
{
    ++*self->commits;
    *self->bytes += crowd->bytes;
    for (size_t i = 0; i < crowd->count; i++) {
        struct requests_waiting *waiting = &crowd->all[i];

        *self->accepted += waiting->accepted;
        waiting->answer->stored(self, waiting);
        release_waiting(waiting);
        fault_point("ingest.after_reply");
    }
    crowd->count = crowd->own_bytes = 0;
    tell_overs(crowd, JOURNAL_DONE, "");
    self->spec.on_commit(self->spec.self);
}

static void
answer_failed(struct requests *self, struct crowd *crowd, enum journal_outcome outcome,
              const char *reason)
{
    for (size_t i = 0; i < crowd->count; i++) {
        release_waiting(&crowd->all[i]);
        refuse_for_now(self, crowd->all[i].req, outcome, reason);
    }
    crowd->count = crowd->own_bytes = 0;
    tell_overs(crowd, outcome, reason);
    if (outcome == JOURNAL_UNCLEAR && !self->is_broken) {
        self->is_broken = 1;
        self->spec.on_unclear(self->spec.self, reason);
    }
}

/* The commit under way, if there is one, is over (or is waited for). */
static enum journal_outcome
land(struct requests *self, struct err *err)
{
    enum journal_outcome outcome = journal_end_commit(self->journal, err);

    if (outcome != JOURNAL_DONE) {
        /* what came after it is not kept either */
        answer_failed(self, &self->flying, outcome, err->text);
        answer_failed(self, &self->next, outcome, err->text);
    } else if (self->is_flying) {
        answer_stored(self, &self->flying);
    }
    self->is_flying = 0;
    return outcome;
}

/* 1 when nothing has gathered; who waits for that has nothing to wait for. */
static int
is_empty(struct requests *self)
{
    if (journal_has_turn(self->journal) || self->next.count > 0)
        return 0;
    tell_overs(&self->next, JOURNAL_DONE, "");
    return 1;
}

/* Have the commit of what has gathered under way. */
static void
depart(struct requests *self)
{
    struct crowd empty = self->flying;
    enum journal_outcome outcome;
    struct err err;

    if (self->is_broken || is_empty(self))
        return;
    self->next.bytes = journal_pending_bytes(self->journal);
    self->flying = self->next;
    self->next = empty;
    outcome = journal_begin_commit(self->journal, &err);
    self->is_flying = outcome == JOURNAL_DONE;
    if (outcome != JOURNAL_DONE)
        answer_failed(self, &self->flying, outcome, err.text);
}

void
requests_on_disk(void *arg)
{
    struct requests *self = arg;
    struct err err;

    land(self, &err);
    journal_tidy(self->journal);
    if (!journal_is_flying(self->journal))
        depart(self);
}

void
requests_end_turn(void *arg)
{
    struct requests *self = arg;

    self->is_turn_open = 0;
    if (!journal_is_flying(self->journal))
        depart(self);
    /* too much to gather on: wait for the disk, and for a checkpoint that it begins then */
    while (journal_is_flying(self->journal) && has_enough(self))
        requests_on_disk(self);
}

enum journal_outcome
requests_commit(struct requests *self, struct err *err)
{
    enum journal_outcome outcome;

    self->is_turn_open = 0;
    if (self->is_broken) {
        err_set(err, "the journal's disk fails");
        return JOURNAL_UNCLEAR;
    }
    outcome = land(self, err);
    if (outcome != JOURNAL_DONE || is_empty(self))
        return outcome;
    self->next.bytes = journal_pending_bytes(self->journal);
    outcome = journal_commit(self->journal, err);
    if (outcome != JOURNAL_DONE) {
        answer_failed(self, &self->next, outcome, err->text);
        return outcome;
    }
    answer_stored(self, &self->next);
    journal_tidy(self->journal);
    return JOURNAL_DONE;
}

void
requests_commit_then(struct requests *self, const struct requests_over *over)
{
    struct crowd *next = &self->next;
    struct err err;

    self->is_turn_open = 0;
    if (self->is_broken) {
        over->tell(over->self, JOURNAL_UNCLEAR, "the journal's disk fails");
        return;
    }
    assert(next->over_count < REQUESTS_MAX_OVERS);
    next->overs[next->over_count++] = *over;
    if (land(self, &err) != JOURNAL_DONE)
        return;
    journal_tidy(self->journal);
    if (!journal_is_flying(self->journal))
        depart(self);
    /* else a checkpoint: it departs after that */
}
