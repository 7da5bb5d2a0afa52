#include "detector/detector.h"

#include <string.h>

#include "detector/state/checkpoint.h"
#include "detector/engine/engine.h"
#include "detector/sources/sources.h"
#include "proto/base/clock.h"
#include "proto/base/fault.h"
#include "proto/base/log.h"
#include "proto/run/poison.h"

/* A row killed us this often before: go event by event. */
enum { ATTEMPTS_BEFORE_CARE = 3 };

/* How long after lost rows (or a lost state) incidents may miss events of before. */
static const int64_t incomplete_us = INT64_C(3600) * 1000000;

/* What became of a row: judged, none of it yet, or not to be read. */
enum judged { JUDGED, JUDGED_LATER, JUDGED_NEVER };

/* Half a row is in the engine and the rest cannot be: neither may its commit
 * hold the half nor may it be judged twice. The state on disk is that of a moment
 * before the row, where the next process begins. */
static void
die_amid(const struct bus_batch *batch, struct err *err)
{
    err_add(err, "row %llu cannot be judged to its end",
            (unsigned long long)batch->head.first);
    daemon_die(EXIT_SOFTWARE, err->text);
}

/* An event at which we died before is set aside. 1: it was; 0: judge it; -1:
 * the disk takes nothing now. */
static int
pass_over(struct detector *det, uint64_t origin, const struct ahead_event *one,
          struct err *err)
{
    int seen = poison_begin_event(det->poison, origin, one->sequence, err);

    if (seen != 1)
        return seen;
    if (poison_set_aside(det->poison, &(struct dead_letter){
            .key = dead_key_of(&one->event), .at_us = clock_real_us(),
            .received_us = one->event.received_us, .encoded = one->encoded,
            .reason = text_of("the detector died while judging it") }, err) != 0)
        return -1;
    ++*det->poisoned;
    return 1;
}

/* Judge the events of a row; by_event after it killed us twice before. */
static enum judged
judge_row(struct detector *det, const struct bus_batch *batch, int by_event, struct err *err)
{
    enum judged judged = JUDGED;
    struct ahead_event *one;
    uint64_t before = *det->judged;
    int rc = read_ahead_begin(&det->ahead, det->engine, &batch->head, batch->body, by_event,
                              err);

    if (rc != 0)
        goto done;
    while ((rc = read_ahead_next(&det->ahead, &one, err)) == 1) {
        int passed = by_event ? pass_over(det, batch->head.origin, one, err) : 0;

        if (passed == 0)
            fault_on_text("detector.event", one->encoded);
        if (passed < 0 && *det->judged == before) {
            judged = JUDGED_LATER;
            goto done;
        }
        if (passed < 0 || (passed == 0 && engine_judge(det->engine, &one->event,
                                                       batch->head.origin, err) != 0))
            die_amid(batch, err);
        if (passed == 0)
            sources_hear(det->sources, &one->event);
        *det->judged += passed == 0;
    }

done:
    read_ahead_end(&det->ahead);
    return rc < 0 ? JUDGED_NEVER : judged;
}

/* The next report asks for this journal's rows after our place. */
static void
ask_again(struct detector *det, uint64_t origin)
{
    for (size_t i = 0; i < det->resend_count; i++)
        if (det->resend[i] == origin)
            return;
    if (det->resend_count < DETECTOR_MAX_JOURNALS)
        det->resend[det->resend_count++] = origin;
}

/* The disk or memory is full: the row comes again, for its journal keeps it. */
static void
put_off(struct detector *det, uint64_t origin, const struct err *err)
{
    detector_refuse(det, err);
    ask_again(det, origin);
}

static void
count_row(struct detector *det, const struct batch_head *head, uint64_t judged)
{
    struct ledger *ledger = checkpoint_ledger(det->checkpoint);
    int64_t hour = ledger_hour(head->received_us);

    ledger_add(ledger, head->origin, hour, LEDGER_JUDGED, (int64_t)judged);
    ledger_add(ledger, head->origin, hour, LEDGER_NOT_JUDGED,
               (int64_t)head->count - (int64_t)judged);
}

static void
take_row(struct detector *det, const struct bus_batch *batch, struct position *pos)
{
    const struct batch_head *head = &batch->head;
    int is_careful = poison_is_careful(det->poison, clock_steady_ms());
    unsigned attempts = 0;
    enum judged judged;
    uint64_t before;
    struct err err;

    if (is_careful) {
        attempts = poison_attempt(det->poison, head->origin, head->first, &err);
        if (attempts == 0) {
            put_off(det, head->origin, &err);
            return;
        }
    }
    before = *det->judged;
    if (checkpoint_share(det->checkpoint, head->origin, head->first + head->count - 1,
                         &det->share)) {
        engine_set_share(det->engine, &det->share);
        sources_set_share(det->sources, &det->share);
    }
    sources_tick(det->sources, head->origin, head->received_us, 0);
    judged = judge_row(det, batch, attempts >= ATTEMPTS_BEFORE_CARE, &err);
    if (judged == JUDGED_LATER) {
        put_off(det, head->origin, &err);
        return;
    }
    if (judged == JUDGED_NEVER) {
        /* the rest of a row that cannot be read is lost to rules; it is stored all the same */
        ++*det->refused_rows;
        log_error("row cannot be judged", "first=%llu reason=\"%s\"",
                  (unsigned long long)head->first, err.text);
    }
    ++*det->rows;
    count_row(det, head, *det->judged - before);
    pos->last = head->first + head->count - 1;
    det->is_dirty = 1;
    if (is_careful) {
        detector_commit(det, 0);
        if (!det->is_refused)
            poison_done(det->poison, head->origin, head->first, &err);
    } else if (commit_pace_is_full(&det->pace, engine_changed(det->engine), zclock_usecs())) {
        detector_commit(det, 0);
    } else if (engine_is_urgent(det->engine)) {
        detector_commit_soon(det);
    }
}

static void
seen_gap(struct detector *det, const struct bus_batch *batch, const struct position *pos)
{
    ++*det->gaps;
    log_warn_burst(&det->gap_burst, "gap in the stream, asking again",
                   "journal=%016llx have=%llu previous=%llu",
                   (unsigned long long)batch->head.origin, (unsigned long long)pos->last,
                   (unsigned long long)batch->head.previous);
    ask_again(det, batch->head.origin);
    detector_report(det);
}

/* 1 when the journal holds nothing between our place and this row, or up to the
 * place that an empty head names: it is gone for good. */
static int
is_gone(const struct batch_head *head)
{
    return head->count > 0 ? head->first == head->oldest : head->oldest > head->previous;
}

static void
skip_lost(struct detector *det, const struct bus_batch *batch, struct position *pos)
{
    const struct batch_head *head = &batch->head;
    int64_t now_us = head->count > 0 ? head->received_us : clock_real_us();

    ++*det->lost;
    log_error("rows of the journal are gone before they were judged",
              "journal=%016llx after=%llu to=%llu", (unsigned long long)head->origin,
              (unsigned long long)pos->last, (unsigned long long)head->previous);
    engine_set_incomplete_until(det->engine, now_us + incomplete_us);
    pos->last = head->previous;
    det->is_dirty = 1;
}

/* Nothing else was received until then: who is silent, and what never came, is known
 * by that. */
static void
pass_idle(struct detector *det, const struct bus_batch *batch)
{
    const struct batch_head *head = &batch->head;
    struct err err;
    int rc = engine_pass(det->engine, head->origin, head->received_us, &err);

    if (rc < 0)
        die_amid(batch, &err);
    sources_tick(det->sources, head->origin, head->received_us, 1);
    det->is_dirty |= rc;
    if (engine_is_urgent(det->engine))
        detector_commit_soon(det);
}

int
detector_on_batch(void *self, struct link *link, struct bus_batch *batch)
{
    struct detector *det = self;
    const struct batch_head *head = &batch->head;
    struct position *pos = checkpoint_position(det->checkpoint, head->origin);

    (void)link;
    if (batch->kind != BUS_EVENTS)
        return 0;
    if (pos == NULL) {
        ++*det->unplaced;
        log_warn_burst(&det->place_burst, "too many journals, rows are not judged",
                       "journal=%016llx most=%d", (unsigned long long)head->origin,
                       DETECTOR_MAX_JOURNALS);
        return 0;
    }
    if (head->count > 0 && head->first <= pos->last) {
        ++*det->repeats;
        return 0;
    }
    if (head->previous > pos->last) {
        if (!is_gone(head)) {
            seen_gap(det, batch, pos);
            return 0;
        }
        skip_lost(det, batch, pos);
    }
    if (head->count > 0)
        take_row(det, batch, pos);
    else if (head->previous == pos->last)
        pass_idle(det, batch);
    return det->is_refused;
}
