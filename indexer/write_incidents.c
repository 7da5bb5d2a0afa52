#include "indexer/indexer.h"

#include "proto/base/clock.h"

/* Attempts at incidents are counted for all that wait as one: they are many
 * and small. No journal has this id. */
enum { NO_JOURNAL = 0, ALL_INCIDENTS = 1 };

enum { PAUSE_SHARE = 4, PAUSE_LONGEST_MS = 1000 };

/* What poison calls it: a number that is not below ALL_INCIDENTS. */
static uint64_t
name_of(const struct batch_head *head)
{
    return ((head->origin ^ head->first) & INT64_MAX) | ALL_INCIDENTS;
}

/* One incident a message: an array header of one byte, then its map. */
static int
unpack_incident(const struct bus_batch *batch, struct incident **ret_inc, struct err *err)
{
    if (batch->body.len < 2 || (unsigned char)batch->body.ptr[0] != 0x91) {
        err_set(err, "incident message: not an array of one");
        return -1;
    }
    return incident_unpack(batch->body.ptr + 1, batch->body.len - 1, ret_inc, err);
}

/* An incident that makes no sense goes to the dead letters. */
static int
set_incident_aside(struct indexer *ix, const struct bus_batch *batch, const struct err *why)
{
    return indexer_set_aside(ix, &(struct dead_letter){
        .key.id = event_id_make(batch->head.origin, 0, batch->head.first),
        .received_us = batch->head.received_us, .reason = text_of(why->text),
        .encoded = batch->body });
}

/* 0, or -1: try again later. */
static int
put_one(struct indexer *ix, const struct bus_batch *batch)
{
    struct incident *inc = NULL;
    enum store_outcome outcome;
    struct err err;
    int rc;

    if (unpack_incident(batch, &inc, &err) != 0)
        return set_incident_aside(ix, batch, &err);
    outcome = ix->store->ops->put_incidents(ix->store, &inc, 1, &err);
    incident_destroy(&inc);
    if (outcome == STORE_REFUSED)
        return set_incident_aside(ix, batch, &err);
    rc = indexer_judge(ix, outcome, &err);
    *ix->incidents_stored += rc == 0;
    return rc;
}

/* Where one of them is refused: each alone. 0, or -1: try again later. */
static int
write_each(struct indexer *ix)
{
    int rc = 0;

    for (size_t i = 0; i < ix->queue_count && rc == 0; i++) {
        struct waiting *item = ix->queue[i];

        if (item->batch.kind != BUS_INCIDENTS || item->is_done)
            continue;
        rc = put_one(ix, &item->batch);
        item->is_done = rc == 0;
    }
    return rc;
}

/* 0, or -1: try again later. */
static int
write_one_by_one(struct indexer *ix)
{
    struct err err, died;
    int rc = 0;

    err_set(&died, "%s", indexer_died);
    for (size_t i = 0; i < ix->queue_count && rc == 0; i++) {
        struct waiting *item = ix->queue[i];
        int seen;

        if (item->batch.kind != BUS_INCIDENTS || item->is_done)
            continue;
        seen = poison_begin_event(ix->poison, NO_JOURNAL, name_of(&item->batch.head), &err);
        if (seen < 0) {
            indexer_wait(ix, &err);
            return -1;
        }
        rc = seen == 1 ? set_incident_aside(ix, &item->batch, &died)
                       : put_one(ix, &item->batch);
        item->is_done = rc == 0;
    }
    return rc;
}

/* All waiting incidents in one transaction. 0, or -1: try again later. */
static int
write_together(struct indexer *ix)
{
    struct incident *incs[INDEXER_MAX_QUEUE];
    size_t places[INDEXER_MAX_QUEUE], count = 0;
    enum store_outcome outcome = STORE_DONE;
    struct err err;
    int rc = 0;

    for (size_t i = 0; i < ix->queue_count && rc == 0; i++) {
        struct waiting *item = ix->queue[i];

        if (item->batch.kind != BUS_INCIDENTS || item->is_done)
            continue;
        if (unpack_incident(&item->batch, &incs[count], &err) == 0) {
            places[count++] = i;
        } else {
            rc = set_incident_aside(ix, &item->batch, &err);
            item->is_done = rc == 0;
        }
    }
    if (rc == 0 && count > 0)
        outcome = ix->store->ops->put_incidents(ix->store, incs, count, &err);
    for (size_t i = 0; i < count; i++) {
        ix->queue[places[i]]->is_done = rc == 0 && outcome == STORE_DONE;
        incident_destroy(&incs[i]);
    }
    if (outcome == STORE_REFUSED)
        return write_each(ix);
    if (rc == 0)
        rc = indexer_judge(ix, outcome, &err);
    if (rc == 0)
        *ix->incidents_stored += count;
    return rc;
}

static int
has_incidents(const struct indexer *ix)
{
    for (size_t i = 0; i < ix->queue_count; i++)
        if (ix->queue[i]->batch.kind == BUS_INCIDENTS && !ix->queue[i]->is_done)
            return 1;
    return 0;
}

/* A store far away takes as long for one as for many, and events wait meanwhile. So the next
 * ones wait four times as long as these took, but not so long that people would notice. */
static int
write_in_turn(struct indexer *ix)
{
    int64_t began_ms = clock_steady_ms(), pause_ms;
    int rc;

    if (began_ms < ix->incidents_at_ms) {
        indexer_write_soon(ix);
        return 0;
    }
    rc = write_together(ix);
    pause_ms = (clock_steady_ms() - began_ms) * PAUSE_SHARE;
    pause_ms = pause_ms > PAUSE_LONGEST_MS ? PAUSE_LONGEST_MS : pause_ms;
    ix->incidents_at_ms = rc == 0 ? clock_steady_ms() + pause_ms : 0;
    return rc;
}

int
indexer_write_incidents(struct indexer *ix)
{
    struct err err;
    unsigned attempts;
    int rc;

    if (!has_incidents(ix))
        return 0;
    if (!poison_is_careful(ix->poison, clock_steady_ms()))
        return write_in_turn(ix);
    attempts = poison_attempt(ix->poison, NO_JOURNAL, ALL_INCIDENTS, &err);
    if (attempts == 0) {
        indexer_wait(ix, &err);
        return -1;
    }
    rc = attempts < INDEXER_ATTEMPTS ? write_together(ix) : write_one_by_one(ix);
    if (rc == 0 && poison_done(ix->poison, NO_JOURNAL, ALL_INCIDENTS, &err) != 0) {
        indexer_wait(ix, &err);
        rc = -1;
    }
    return rc;
}
