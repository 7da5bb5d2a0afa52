#include "indexer/indexer.h"

#include <stdlib.h>
#include <string.h>

#include "indexer/flight.h"
#include "proto/base/clock.h"
#include "proto/base/fault.h"

enum { RETRY_FIRST_MS = 200, RETRY_LAST_MS = 5000 };

const char indexer_died[] = "the indexer died while storing it";

static int
grow_rows(struct indexer *ix)
{
    size_t cap = ix->row_cap == 0 ? 8192 : ix->row_cap * 2;
    struct store_event *rows = realloc(ix->rows, cap * sizeof(*rows));
    struct waiting **owners;
    struct event *views;

    if (rows == NULL)
        return -1;
    ix->rows = rows;
    views = realloc(ix->views, cap * sizeof(*views));
    if (views == NULL)
        return -1;
    ix->views = views;
    owners = realloc(ix->owners, cap * sizeof(*owners));
    if (owners == NULL)
        return -1;
    ix->owners = owners;
    ix->row_cap = cap;
    return 0;
}

/* Keep a view of the known fields; the further ones are in encoded. */
static int
add_row(struct indexer *ix, struct waiting *item, const struct event *ev,
        const struct batch_reader *reader)
{
    uint64_t sequence = item->batch.head.first + reader->index - 1;
    struct text encoded = reader->encoded;
    struct event *view;

    fault_on_text("indexer.event", encoded);
    if (ix->row_count == ix->row_cap && grow_rows(ix) != 0)
        return -1;
    view = &ix->views[ix->row_count];
    *view = *ev;
    view->extras = NULL;
    view->extra_count = view->extra_cap = 0;
    ix->owners[ix->row_count] = item;
    ix->rows[ix->row_count++] = (struct store_event){
        .encoded = encoded, .journal = item->batch.head.origin, .sequence = sequence };
    return 0;
}

void
indexer_wait(struct indexer *ix, const struct err *err)
{
    ix->retry_ms = ix->retry_ms == 0 ? RETRY_FIRST_MS : ix->retry_ms * 2;
    if (ix->retry_ms > RETRY_LAST_MS)
        ix->retry_ms = RETRY_LAST_MS;
    ix->retry_at_ms = clock_steady_ms() + ix->retry_ms;
    ix->is_store_unwell = 1;
    ++*ix->retries;
    fan_pause(ix->events, 1);
    fan_pause(ix->incidents, 1);
    health_set(ix->daemon->health, "store", 0, err->text);
    log_warn_burst(&ix->burst, "store cannot be written, trying again",
                   "in_ms=%lld reason=\"%s\"", (long long)ix->retry_ms, err->text);
}

static void
store_recovered(struct indexer *ix)
{
    if (!ix->is_store_unwell)
        return;
    ix->is_store_unwell = 0;
    ix->retry_at_ms = ix->retry_ms = 0;
    fan_pause(ix->events, 0);
    fan_pause(ix->incidents, 0);
    health_set(ix->daemon->health, "store", 1, NULL);
    log_info("store can be written again", "");
}

int
indexer_judge(struct indexer *ix, enum store_outcome outcome, const struct err *err)
{
    if (outcome == STORE_UNCLEAR)
        daemon_die(EXIT_IO, err->text);
    if (outcome == STORE_RETRY) {
        indexer_wait(ix, err);
        return -1;
    }
    return 0;
}

int
indexer_set_all_aside(struct indexer *ix, struct dead_letter *letters, size_t count)
{
    int64_t now_us = clock_real_us();
    struct err err;

    for (size_t i = 0; i < count; i++)
        letters[i].at_us = now_us;
    if (poison_set_all_aside(ix->poison, letters, count, &err) != 0) {
        indexer_wait(ix, &err);
        return -1;
    }
    *ix->dead += count;
    for (size_t i = 0; i < count; i++)
        log_error("event set aside", "reason=\"%.*s\"", (int)letters[i].reason.len,
                  letters[i].reason.ptr);
    return 0;
}

int
indexer_set_aside(struct indexer *ix, const struct dead_letter *letter)
{
    struct dead_letter one = *letter;

    return indexer_set_all_aside(ix, &one, 1);
}

/* Some of the rows will never be in the store. Which, only each row alone can
 * tell; those that are stored already are met again. 0, or -1: try again later. */
static int
set_refused_aside(struct indexer *ix, struct err *err)
{
    for (size_t i = 0; i < ix->row_count; i++) {
        struct store_written written = { 0 };
        enum store_outcome outcome = ix->store->ops->put_events(ix->store, &ix->rows[i], 1,
                                                                &written, err);

        if (indexer_judge(ix, outcome, err) != 0)
            return -1;
        ix->owners[i]->dead += written.refused;
        if (written.refused > 0 &&
            indexer_set_aside(ix, &(struct dead_letter){
                .key = dead_key_of(&ix->views[i]), .received_us = ix->views[i].received_us,
                .reason = text_of(err->text), .encoded = ix->rows[i].encoded }) != 0)
            return -1;
    }
    return 0;
}

/* 0, or -1: try again later. */
static int
put_rows(struct indexer *ix, struct err *err)
{
    struct store_written written = { 0 };
    enum store_outcome outcome;
    int rc;

    for (size_t i = 0; i < ix->row_count; i++)
        ix->rows[i].ev = &ix->views[i];
    outcome = ix->row_count == 0 ? STORE_DONE
                                 : ix->store->ops->put_events(ix->store, ix->rows, ix->row_count,
                                                              &written, err);
    *ix->stored += written.inserted;
    *ix->repeated += written.repeated;
    if (written.elsewhere > 0)          /* batch by batch then, see write_carefully() */
        ix->owners[0]->elsewhere += written.elsewhere;
    *ix->commits += outcome == STORE_DONE;
    rc = indexer_judge(ix, outcome, err);
    if (rc == 0 && written.refused > 0)
        rc = set_refused_aside(ix, err);
    ix->row_count = 0;
    return rc;
}

int
indexer_set_rest_aside(struct indexer *ix, struct waiting *item,
                       const struct batch_reader *reader, const struct err *why)
{
    const struct bus_batch *batch = &item->batch;
    const struct batch_head *head = &batch->head;

    item->dead += head->count > reader->index ? head->count - reader->index : 0;
    return indexer_set_aside(ix, &(struct dead_letter){
        .key.id = event_id_make(head->origin, head->nonce, head->first + reader->index),
        .received_us = head->received_us, .reason = text_of(why->text),
        .encoded = { batch->body.ptr + reader->offset, batch->body.len - reader->offset } });
}

/* Read a batch's events into rows. 0, or -1: try again later. */
static int
read_batch(struct indexer *ix, struct waiting *item)
{
    const struct bus_batch *batch = &item->batch;
    struct batch_reader reader;
    struct event ev = { 0 };
    struct err err;
    int rc = batch_reader_init(&reader, &batch->head, batch->body.ptr, batch->body.len, &err);

    while (rc >= 0 && (rc = batch_reader_next(&reader, &ev, &err)) == 1)
        if (add_row(ix, item, &ev, &reader) != 0) {
            err_set(&err, "out of memory");
            indexer_wait(ix, &err);
            break;
        }
    if (rc < 0)
        rc = indexer_set_rest_aside(ix, item, &reader, &err);
    else if (rc == 1)
        rc = -1;
    batch_reader_release(&reader);
    event_release(&ev);
    return rc;
}

/* The one at which we died before. */
static int
set_deadly_aside(struct indexer *ix, const struct event *ev, const struct batch_reader *reader)
{
    return indexer_set_aside(ix, &(struct dead_letter){
        .key = dead_key_of(ev), .received_us = ev->received_us, .encoded = reader->encoded,
        .reason = text_of(indexer_died) });
}

static int
write_one(struct indexer *ix, struct waiting *item, const struct event *ev,
          const struct batch_reader *reader)
{
    struct err err;

    ix->row_count = 0;
    if (add_row(ix, item, ev, reader) != 0) {
        err_set(&err, "out of memory");
        indexer_wait(ix, &err);
        return -1;
    }
    return put_rows(ix, &err);
}

/* One transaction per event; the one at which we died before is set aside. */
static int
write_by_event(struct indexer *ix, struct waiting *item)
{
    const struct bus_batch *batch = &item->batch;
    struct batch_reader reader;
    struct event ev = { 0 };
    struct err err;
    int rc = batch_reader_init(&reader, &batch->head, batch->body.ptr, batch->body.len, &err);

    while (rc >= 0 && (rc = batch_reader_next(&reader, &ev, &err)) == 1) {
        int seen = poison_begin_event(ix->poison, batch->head.origin,
                                      batch->head.first + reader.index - 1, &err);

        if (seen < 0) {
            indexer_wait(ix, &err);
            break;
        }
        item->dead += seen == 1;
        if ((seen == 1 ? set_deadly_aside(ix, &ev, &reader)
                       : write_one(ix, item, &ev, &reader)) != 0)
            break;
    }
    if (rc < 0)
        rc = indexer_set_rest_aside(ix, item, &reader, &err);
    batch_reader_release(&reader);
    event_release(&ev);
    return rc == 0 ? 0 : -1;
}

/* After an unclean exit: each batch alone, its attempts counted. */
static int
write_carefully(struct indexer *ix, struct waiting *item)
{
    const struct batch_head *head = &item->batch.head;
    struct err err;
    unsigned attempts = poison_attempt(ix->poison, head->origin, head->first, &err);
    int rc;

    if (attempts == 0) {
        indexer_wait(ix, &err);
        return -1;
    }
    if (attempts >= INDEXER_ATTEMPTS) {
        rc = write_by_event(ix, item);
    } else {
        ix->row_count = 0;
        rc = read_batch(ix, item) == 0 ? put_rows(ix, &err) : -1;
    }
    if (rc == 0 && poison_done(ix->poison, head->origin, head->first, &err) != 0) {
        indexer_wait(ix, &err);
        rc = -1;
    }
    return rc;
}

/* Into the store. 0, or -1: try again later. */
static int
write_events(struct indexer *ix)
{
    int is_careful = poison_is_careful(ix->poison, clock_steady_ms());
    struct err err;

    ix->row_count = 0;
    for (size_t i = 0; i < ix->queue_count; i++) {
        struct waiting *item = ix->queue[i];

        if (item->batch.kind != BUS_EVENTS || item->is_written || item->is_done)
            continue;
        item->dead = item->elsewhere = 0;
        if ((is_careful ? write_carefully(ix, item) : read_batch(ix, item)) != 0)
            return -1;
        item->is_written = is_careful;
    }
    if (is_careful)
        return 0;
    if (put_rows(ix, &err) != 0)
        return -1;
    for (size_t i = 0; i < ix->queue_count; i++)
        ix->queue[i]->is_written = ix->queue[i]->batch.kind == BUS_EVENTS;
    return 0;
}

/* Take out of the queue what is acknowledged. */
static void
drop_done(struct indexer *ix)
{
    size_t kept = 0;

    ix->queue_events = ix->queue_bytes = 0;
    for (size_t i = 0; i < ix->queue_count; i++) {
        if (ix->queue[i]->is_done) {
            waiting_destroy(&ix->queue[i]);
            continue;
        }
        ix->queue_events += ix->queue[i]->batch.head.count;
        ix->queue_bytes += ix->queue[i]->batch.body.len;
        ix->queue[kept++] = ix->queue[i];
    }
    ix->queue_count = kept;
    *ix->held = kept;
    if (ix->flights != NULL && ix->retry_at_ms == 0)
        fan_pause(ix->events, indexer_is_full(ix));
}

/* Incidents wait with the events: who heard that the store is well again would
 * never come back to the events. */
static void
settle(struct indexer *ix)
{
    if (indexer_enter_in_ledger(ix) == 0 && !flights_are_failing(ix->flights) &&
        indexer_write_incidents(ix) == 0)
        store_recovered(ix);
    fault_point("indexer.before_ack");
    indexer_report(ix);
    fault_point("indexer.after_ack");
    drop_done(ix);
}

/* Over the network: what waits goes on its way, and is settled when it is there.
 * 0, or -1: try again later. */
static int
send_away(struct indexer *ix)
{
    struct err err;

    if (indexer_judge(ix, ix->store->ops->set_up(ix->store, &err), &err) != 0)
        return -1;
    flights_launch(ix->flights);
    return 0;
}

void
indexer_write(struct indexer *ix)
{
    int rc;

    ix->is_write_due = 0;
    if (ix->queue_count == 0 || clock_steady_ms() < ix->retry_at_ms)
        return;
    if (ix->flights != NULL && !poison_is_careful(ix->poison, clock_steady_ms()))
        rc = send_away(ix);
    else
        rc = write_events(ix);
    /* settling what failed would find nothing left to fail, and call the store well */
    if (rc == 0)
        settle(ix);
}

void
indexer_arrived(struct indexer *ix)
{
    settle(ix);
    if (indexer_waiting_events(ix) >= (size_t)ix->daemon->settings->elastic_bulk_events)
        indexer_write(ix);
    else if (ix->queue_count > 0)
        indexer_write_soon(ix);
}
