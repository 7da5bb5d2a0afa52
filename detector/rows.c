#include "detector/detector.h"

#include <string.h>

#include "detector/checkpoint.h"
#include "detector/engine.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/run/poison.h"

/* How long after a lost state its incidents may miss events that came before. */
static const int64_t incomplete_us = INT64_C(3600) * 1000000;

/* Judge the events of a row; by_event after it killed us twice before. */
static int
judge_row(struct detector *det, const struct bus_batch *batch, int by_event, struct err *err)
{
    struct batch_reader reader;
    int rc = batch_reader_init(&reader, &batch->head, batch->body.ptr, batch->body.len, err);

    if (rc != 0)
        return -1;
    while ((rc = batch_reader_next(&reader, &det->event, err)) == 1) {
        if (by_event) {
            int seen = poison_begin_event(det->poison, batch->head.origin,
                                          batch->head.first + reader.index - 1, err);

            if (seen == 1) {
                rc = poison_set_aside(det->poison, &det->event.id, clock_real_us(),
                                      "the detector died while judging it", reader.encoded, err);
                ++*det->poisoned;
                if (rc == 0)
                    continue;
            }
            if (seen != 0)
                break;
        }
        if (engine_judge(det->engine, &det->event, batch->head.origin, err) != 0) {
            rc = -1;
            break;
        }
        ++*det->judged;
    }
    batch_reader_release(&reader);
    return rc == 0 ? 0 : -1;
}

static void
take_row(struct detector *det, const struct bus_batch *batch, struct position *pos)
{
    int is_careful = poison_is_careful(det->poison, clock_steady_ms());
    unsigned attempts = 0;
    struct err err;

    if (is_careful)
        attempts = poison_attempt(det->poison, batch->head.origin, batch->head.first, &err);
    if (judge_row(det, batch, attempts >= 3, &err) != 0) {
        /* the rest of a row that cannot be read is lost to rules; it is stored all the same */
        ++*det->refused_rows;
        log_error("row cannot be judged", "first=%llu reason=\"%s\"",
                  (unsigned long long)batch->head.first, err.text);
    }
    ++*det->rows;
    pos->last = batch->head.first + batch->head.count - 1;
    det->is_dirty = 1;
    if (is_careful) {
        detector_commit(det);
        poison_done(det->poison, batch->head.origin, batch->head.first, &err);
    } else if (engine_is_urgent(det->engine)) {
        detector_commit_soon(det);
    }
}

static void
ask_again(struct detector *det, const struct bus_batch *batch, const struct position *pos)
{
    ++*det->gaps;
    log_warn_burst(&det->gap_burst, "gap in the stream, asking again",
                   "journal=%016llx have=%llu previous=%llu",
                   (unsigned long long)batch->head.origin, (unsigned long long)pos->last,
                   (unsigned long long)batch->head.previous);
    for (size_t i = 0; i < det->resend_count; i++)
        if (det->resend[i] == batch->head.origin)
            return;
    if (det->resend_count < DETECTOR_MAX_JOURNALS)
        det->resend[det->resend_count++] = batch->head.origin;
    detector_report(det);
}

/* The journal holds nothing between our place and this row: it is gone for good. */
static void
skip_lost(struct detector *det, const struct bus_batch *batch, const struct position *pos)
{
    ++*det->lost;
    log_error("rows of the journal are gone before they were judged",
              "journal=%016llx after=%llu to=%llu", (unsigned long long)batch->head.origin,
              (unsigned long long)pos->last, (unsigned long long)batch->head.previous);
    if (checkpoint_is_new(det->checkpoint))
        engine_set_incomplete_until(det->engine, batch->head.received_us + incomplete_us);
}

int
detector_on_batch(void *self, struct link *link, struct bus_batch *batch)
{
    struct detector *det = self;
    const struct batch_head *head = &batch->head;
    struct position *pos = checkpoint_position(det->checkpoint, head->origin);

    (void)link;
    if (batch->kind != BUS_EVENTS || pos == NULL)
        return 0;
    if (head->count > 0 && head->first <= pos->last) {
        ++*det->repeats;
        return 0;
    }
    if (head->previous > pos->last) {
        if (head->count == 0 || head->first != head->oldest) {
            ask_again(det, batch, pos);
            return 0;
        }
        skip_lost(det, batch, pos);
    }
    if (head->count > 0)
        take_row(det, batch, pos);
    return det->is_refused;
}
