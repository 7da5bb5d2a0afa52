/*
 * journal_inner.h - the journal's own state, for journal*.c alone
 *
 * journal.c opens and closes, journal_turn.c takes events in, journal_commit.c puts
 * them on disk, journal_read.c serves the consumers and deletes, journal_cursors.c keeps
 * their places, journal_ledger.c the balance sheet.
 */
#ifndef INGEST_JOURNAL_JOURNAL_INNER_H
#define INGEST_JOURNAL_JOURNAL_INNER_H

#include "ingest/journal/journal.h"
#include "ingest/journal/journal_places.h"
#include "ingest/journal/journal_segment.h"
#include "ingest/journal/journal_writer.h"
#include "proto/base/log.h"

/* BODY_SPACE bytes before the maps, for the array's header, which is known
 * when the row is closed. */
enum { RING_ROWS = 96, SPARE_BUFS = 8, BODY_SPACE = 5, MAX_OPEN_SEGMENTS = 4 };
enum { RECENT_MAX_BYTES = 4 * 1024 * 1024, CHECKPOINT_BYTES = 4 * 1024 * 1024,
       ROOM_PLENTY = 256 * 1024 * 1024, ROOM_FOR_US = 50000 };

struct row {
    struct batch_head head;
    struct buf buf;
    size_t start;               /* where the body starts in buf, once closed */
};

/* A place of a watched file, to be written or deleted with the turn. */
struct pending_place {
    struct file_place place;    /* without its path */
    char *path;
    int is_dropped;
};

struct journal {
    char *dir;
    struct journal_options options;
    struct journal_meta meta;   /* id, and the cursors as they are now */
    uint32_t nonce;
    int is_cursor_moved;        /* since they were last written */
    struct ledger ledger;       /* what each hour brought */
    int is_ledger_due;          /* refusals were counted since it was last written */

    struct segment *segments;   /* ascending; the last is written */
    size_t segment_count, segment_cap;
    uint64_t reads;             /* for closing what was not read for longest */

    uint64_t last;              /* last committed sequence */
    uint64_t last_given;        /* of the last row or pending row */
    uint64_t next;              /* the next event's sequence */

    /* the last committed rows, for consumers that keep up, after them those whose
     * COMMIT is under way, and then the turn's; a ring from ring_first on */
    struct row ring[RING_ROWS];
    size_t ring_first, recent_count, flying_count, pending_count;
    size_t recent_bytes, flying_bytes, pending_bytes;
    uint64_t flying_last;
    struct journal_writer *writer;      /* NULL until the first journal_begin_commit */
    int is_committing;          /* else the writer's work is a checkpoint */
    int has_landed;             /* a COMMIT is over, and nobody was told how it ended: */
    enum journal_outcome landed;
    struct err landed_err;
    int64_t room_bytes;         /* what may be added */
    int64_t room_at_us;         /* when that was measured */
    struct buf spare[SPARE_BUFS];
    size_t spare_count;

    struct pending_place *places;       /* of this turn */
    size_t place_count, place_cap;
    struct buf carried;         /* SQL of all places, for a new segment */

    struct buf read_body;
    struct log_burst tidy_burst;
};

/* The i-th row of the ring, recent ones first. */
struct row *journal_row(struct journal *journal, size_t i);

/* The i-th row of the turn. */
struct row *journal_pending_row(struct journal *journal, size_t i);

/* Wait for what the writer does: from here on the newest file's connection may be used. */
void journal_land(struct journal *journal);

/* The last segment. */
struct segment *journal_newest(struct journal *journal);

/* Start a new segment after the newest. 0, or -1 with the reason. */
int journal_roll(struct journal *journal, struct err *err);

/* Forget the oldest of the recent rows (there is one). */
void journal_drop_recent(struct journal *journal);

/* Make the cursors those of the configured consumers, with the positions that
 * the journal knows. 1 when others were known before. */
int journal_settle_cursors(struct journal *journal);

/* Write exactly these cursors. A full disk must not keep us from starting
 * (what is stored can still go out): then the next commit, or start, does it. */
void journal_replace_cursors(struct journal *journal);

/* Write the cursors that have moved, at a clean end. */
void journal_write_cursors(struct journal *journal);

/* The pending rows into the ledger, and, flying, out again when they were not committed;
 * and: what it says is in the transaction. */
void journal_count_pending(struct journal *journal);
void journal_uncount_flying(struct journal *journal);
void journal_ledger_is_written(struct journal *journal);
/* Write the turn's places, inside the caller's transaction. */
enum db_outcome journal_write_places(struct journal *journal, struct segment *seg,
                                     struct err *err);

/* Put the SQL that makes this segment's places anew into `carried`. 0, or -1
 * with the reason. */
int journal_carry_places(struct journal *journal, struct segment *seg, struct err *err);

/* 1 when every cursor is past this segment. */
int journal_is_done(const struct journal *journal, const struct segment *seg);

#endif
