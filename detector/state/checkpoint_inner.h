/*
 * checkpoint_inner.h - what checkpoint*.c share
 *
 * One file, one transaction: checkpoint.c writes state and positions and
 * asks the others to write incidents and sources beside them. Private to them.
 */
#ifndef DETECTOR_STATE_CHECKPOINT_INNER_H
#define DETECTOR_STATE_CHECKPOINT_INNER_H

#include "detector/state/checkpoint.h"
#include "proto/base/buf.h"

enum { CHECKPOINT_MAX_JOURNALS = 256 };

enum checkpoint_statement {
    PUT_STATE, DROP_STATE, PUT_POSITION, DROP_POSITION, PUT_COUNTER,
    PUT_OUTBOX, REPLACE_OUTBOX, CLEAR_OUTBOX, NEXT_OUTBOX,
    CHECKPOINT_STATEMENTS
};

/* A snapshot of this commit, to be published once it is on disk. */
struct snapshot {
    struct incident *inc;
    struct buf body;
};

struct checkpoint {
    sqlite3 *db;
    sqlite3_stmt *stmts[CHECKPOINT_STATEMENTS];
    int is_new;
    uint64_t id, counter;
    int64_t created_us;
    struct position positions[CHECKPOINT_MAX_JOURNALS];
    size_t position_count;
    struct ledger ledger;
    sqlite3_stmt *put_ledger;
    struct snapshot *snapshots;
    size_t snapshot_count, snapshot_cap;
    struct buf next_body;
    int has_extra;              /* rows of a division, to be written as ours */
    unsigned slots;             /* that the state is divided among */
    struct former *formers;     /* what was judged before by the slots of then */
    size_t former_count;
    uint64_t former_until;      /* rows from here on matter to none of them */
};

/* A slot of an earlier division, and what it had judged of a journal. */
struct former {
    unsigned generation;        /* 0 is the newest */
    unsigned slots, slot;
    uint64_t origin, last;
};

/* What one commit hands to its visitors. */
struct checkpoint_work {
    struct checkpoint *cp;
    const struct checkpoint_commit *commit;
    enum db_outcome outcome;
    struct err *err;
};

/* What a walk over the engine came to: it may have run out of memory itself. */
enum db_outcome checkpoint_walked(struct checkpoint_work *work, int rc);

/* Inside the transaction: what has changed of the log sources, when that is due. */
enum db_outcome checkpoint_sources_write(struct checkpoint_work *work);

/* Inside the transaction: the engine's changed incidents, each with the next
 * rev, and what is acknowledged goes. The outcome is in work too. */
enum db_outcome checkpoint_outbox_write(struct checkpoint_work *work);

/* After the commit: hand each of its snapshots to the caller's published. */
void checkpoint_outbox_publish(struct checkpoint *cp, const struct checkpoint_commit *commit);

void checkpoint_forget_snapshots(struct checkpoint *cp);

/* checkpoint_ledger.c: read, written inside the transaction, and then settled. */
int checkpoint_ledger_open(struct checkpoint *cp, struct err *err);
void checkpoint_ledger_close(struct checkpoint *cp);
enum db_outcome checkpoint_ledger_write(struct checkpoint *cp, struct err *err);

/* checkpoint_slots.c: the tables of a division, and what they say. */
int checkpoint_slots_open(struct checkpoint *cp, struct err *err);
void checkpoint_slots_close(struct checkpoint *cp);

#endif
