/*
 * indexer.h - the indexer process: batches in, into the store, acknowledged
 *
 * Batches wait (indexer.c) until there are enough for one
 * transaction or the oldest has waited long enough (write.c, then
 * write_ledger.c; write_incidents.c for incidents), or go to a store over the
 * network (flight.c); after the commit, and only then, they are acknowledged
 * where they came from. Whatever the store
 * cannot take now stays here and keeps being reported as held, so nobody
 * sends it again. Private to this program.
 */
#ifndef INDEXER_INDEXER_H
#define INDEXER_INDEXER_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/log.h"
#include "proto/bus.h"
#include "proto/dead_letter.h"
#include "proto/run/daemon.h"
#include "proto/run/fan.h"
#include "proto/run/poison.h"
#include "proto/run/turn.h"
#include "proto/store/store.h"

extern const struct daemon_spec indexer_spec;

/* More batches than this do not wait here; the journal keeps them. */
enum { INDEXER_MAX_QUEUE = 1024 };

/* From this attempt on, a batch whose attempts are counted goes event by event. */
enum { INDEXER_ATTEMPTS = 3 };

/* A batch that is not yet in the store, or is and not yet acknowledged. */
struct waiting {
    struct link *link;
    struct bus_batch batch;
    int is_written;                 /* in the store, and not yet in the ledger */
    int is_done;
    uint64_t dead;                  /* of its events, set aside when it was written last */
    uint64_t elsewhere;             /* of its events, brought by another row before */
    uint64_t left;                  /* of its events, on the way to the store (flight.h) */
    int is_on_the_way;
};

void waiting_destroy(struct waiting **item);

struct indexer {
    struct daemon *daemon;
    struct store *store;
    struct poison *poison;
    struct turn *turn;              /* NULL: of this store, all indexers write */
    int number;                     /* of those that share the data folder */
    struct fan *events, *incidents; /* NULL: another one writes */
    uint64_t boot;
    struct waiting *queue[INDEXER_MAX_QUEUE];
    struct flights *flights;        /* NULL: the store is written here and now */
    struct letters *letters;        /* dead ones, on their way into the store */
    size_t queue_count;
    size_t queue_events, queue_bytes;
    int64_t oldest_ms;              /* when the first of the queue came */
    int64_t retry_at_ms;            /* 0: not waiting for the store to recover */
    int64_t retry_ms;
    int64_t incidents_at_ms;        /* not before: events have most of the time */
    int is_store_unwell;            /* /readyz says so */
    int is_write_due;
    struct store_event *rows;       /* what one transaction writes */
    struct event *views;
    struct waiting **owners;        /* of a row: the batch that it came in */
    size_t row_count, row_cap;
    struct log_burst burst;
    uint64_t *stored, *repeated, *incidents_stored, *dead, *retries, *commits, *files_deleted;
    uint64_t *held, *turned_away;
};

/* A links_spec's on_batch: put the batch into the queue. 1 when it is full. */
int indexer_on_batch(void *self, struct link *link, struct bus_batch *batch);

/* Write what waits, acknowledge what was written. */
void indexer_write(struct indexer *ix);

/* All waiting incidents in one transaction, if they are due: when many come, those of some
 * time together. 0, or -1: try again later. */
int indexer_write_incidents(struct indexer *ix);

/* The store has answered a flight: note what came to its end, acknowledge it, and
 * send what has come meanwhile. */
void indexer_arrived(struct indexer *ix);

/* Events of the queue that are on no way yet; and: write them, but not at once. */
size_t indexer_waiting_events(const struct indexer *ix);
int indexer_is_full(const struct indexer *ix);
void indexer_write_soon(struct indexer *ix);

/* The store cannot take anything now: keep all, go on reporting it as held. */
void indexer_wait(struct indexer *ix, const struct err *err);

/* What a write came to: 0, or -1 (indexer_wait was called). An unclear outcome
 * ends the process. */
int indexer_judge(struct indexer *ix, enum store_outcome outcome, const struct err *err);

/* The reason of what killed two processes. */
extern const char indexer_died[];

/* Durable before acknowledged: what cannot be stored is set aside (letter: key, receipt,
 * reason, bytes). 0, or -1 (indexer_wait was called). */
int indexer_set_aside(struct indexer *ix, const struct dead_letter *letter);

/* Many with one wait for the disk (their at_us is filled): all of them, or none. */
int indexer_set_all_aside(struct indexer *ix, struct dead_letter *letters, size_t count);

/* What is left of a batch whose bytes make no sense: all of it when not even its
 * beginning does. */
int indexer_set_rest_aside(struct indexer *ix, struct waiting *item,
                           const struct batch_reader *reader, const struct err *why);

/* The balance sheet: what was written of each batch, and then it is done. 0, or
 * -1 (indexer_wait was called). */
int indexer_enter_in_ledger(struct indexer *ix);

/* Tell every producer what is written since the last time, and what is held. */
void indexer_report(struct indexer *ix);

#endif
