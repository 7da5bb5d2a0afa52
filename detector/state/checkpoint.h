/*
 * checkpoint.h - the detector's one state file
 *
 * The engine's rows, the place in each journal, and the incidents that no
 * indexer has confirmed (the outbox) change in one transaction: after a
 * crash all three speak of the same moment. Nothing is published before the
 * commit that holds it.
 */
#ifndef DETECTOR_STATE_CHECKPOINT_H
#define DETECTOR_STATE_CHECKPOINT_H

#include <stddef.h>
#include <stdint.h>

#include "detector/engine/engine.h"
#include "detector/sources/sources.h"
#include "proto/base/db.h"
#include "proto/base/err.h"
#include "proto/codec_msgpack.h"
#include "proto/ledger.h"

struct checkpoint;

/* How far the stream of one journal was judged. */
struct position {
    uint64_t origin;
    uint64_t last;          /* last sequence judged */
    uint64_t durable;       /* the same as of the last commit */
    int is_heard;           /* its journal was named since the file was opened */
};

/* Open path, created when missing. A file that is no database, or a damaged
 * one, is set aside under another name and a new one begun. NULL with the reason. */
struct checkpoint *checkpoint_open(const char *path, int64_t now_us, struct err *err);
void checkpoint_close(struct checkpoint **checkpoint);

/* 1 when the file was begun by this open: state there may have been is lost. */
int checkpoint_is_new(const struct checkpoint *checkpoint);

/* The state file's id (origin of its incidents) and creation time (their rev_epoch). */
uint64_t checkpoint_id(const struct checkpoint *checkpoint);
int64_t checkpoint_epoch(const struct checkpoint *checkpoint);

/* The rev counter of the newest snapshot that is on disk. */
uint64_t checkpoint_counter(const struct checkpoint *checkpoint);

/* Give every kept row to the engine. Rows that make no sense are counted
 * into *ret_refused and dropped. 0 or -1. */
int checkpoint_restore(struct checkpoint *checkpoint, struct engine *engine,
                       uint64_t *ret_refused, struct err *err);

/* The same for the log sources; before the first commit that holds any. */
int checkpoint_restore_sources(struct checkpoint *checkpoint, struct sources *sources,
                               uint64_t *ret_refused, struct err *err);

/* The position of a journal (made at 0 when unknown); NULL when there are too many
 * journals. One that was not named since the open makes room, the one that ended
 * first. Valid until close; the caller moves `last`. */
struct position *checkpoint_position(struct checkpoint *checkpoint, uint64_t origin);
const struct position *checkpoint_positions(const struct checkpoint *checkpoint, size_t *ret_count);

/* One transaction: the engine's changes, the log sources', every position, the incidents
 * changed (each gets the next rev and goes to the outbox; an older snapshot
 * of it that was not sent yet, above `sent`, is replaced), and what is
 * acknowledged (counters up to `acked`) leaves the outbox. published is called
 * for each snapshot after the commit. On DB_DONE engine and sources are settled; else
 * nothing was written and the next commit tries all of it again. */
struct checkpoint_commit {
    struct engine *engine;
    struct sources *sources;    /* written when it is due; NULL: none */
    size_t most_grown;          /* as engine_incidents has it */
    uint64_t sent, acked;
    void (*published)(void *ctx, const struct incident *inc, const struct batch_head *head,
                      struct text body);
    void *ctx;
};
enum db_outcome checkpoint_commit(struct checkpoint *checkpoint,
                                  const struct checkpoint_commit *commit, struct err *err);

/* The outbox as a sender's source: the first snapshot with a counter above
 * `after`. body is a msgpack array of one incident. 1, 0, -1. */
int checkpoint_next(struct checkpoint *checkpoint, uint64_t after, struct batch_head *ret_head,
                    struct text *ret_body, struct err *err);

/* The lowest counter still in the outbox, minus one; the sender starts there.
 * 0 when the outbox cannot be read. */
uint64_t checkpoint_frontier(struct checkpoint *checkpoint);

/* How many slots the state is divided among; 0: the file does not say. */
unsigned checkpoint_slots(const struct checkpoint *checkpoint);
int checkpoint_set_slots(struct checkpoint *checkpoint, unsigned slots, struct err *err);

/* Before a row of a journal that ends with `last`: which slots of earlier divisions have
 * judged it. 1 when this differs from what share says. */
int checkpoint_share(const struct checkpoint *checkpoint, uint64_t origin, uint64_t last,
                     struct share *share);

/* What each hour brought (proto/ledger.h); the caller counts, each commit keeps it. */
struct ledger *checkpoint_ledger(struct checkpoint *checkpoint);

#endif
