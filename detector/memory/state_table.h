/*
 * state_table.h - the engine's memory: a row for each rule and key
 *
 * Internal to the engine. Rows are found by hash, aged in the order in which
 * they were touched, and listed while changed. Nothing here depends on the
 * order of the hash table, so that a replay gives the same answers.
 */
#ifndef DETECTOR_MEMORY_STATE_TABLE_H
#define DETECTOR_MEMORY_STATE_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "detector/text/details.h"
#include "detector/memory/holding.h"
#include "detector/window/window.h"
#include "proto/base/hash.h"
#include "proto/incident.h"

/* Rows of the engine's own stand under these instead of a rule's number. */
#define RULE_SEEN UINT32_MAX            /* ids keyed by clients, for 24 h */
#define RULE_LATE (UINT32_MAX - 1)      /* late events of a source */
#define RULE_ALLOW (UINT32_MAX - 2)     /* what an entry of the allow list ate */
#define RULE_TOLD (UINT32_MAX - 3)      /* by how much one log is ahead of another */
#define RULE_FORGOTTEN (UINT32_MAX - 4) /* of a rule that is no more: only to be told;
                                         * the lowest of these */

enum { STATE_MAX_INCIDENTS = 4, MAX_LATE_SOURCES = 256, MAX_ALLOW_ROWS = 65536 };

struct open_evidence {
    struct short_id id;
    int32_t day;
    uint8_t is_keyed;
};

/* What an incident has that nobody was told: it went on, or it opened or became worse. */
enum untold { UNTOLD_NOTHING, UNTOLD_GROWTH, UNTOLD_NEWS, UNTOLD_KINDS };

/* An incident that its key may still add to. */
struct open_incident {
    struct open_incident *next;
    uint8_t id[HASH_ID_LEN];
    uint8_t severity, untold, is_incomplete;    /* untold: enum untold */
    uint8_t evidence_count, evidence_cap;
    int64_t opened_us, last_us;         /* ends at which the condition held */
    int64_t first_us;                   /* of its oldest event */
    int64_t newest_received_us;
    uint64_t count;
    uint64_t steps;                     /* of a sequence, that are in its evidence */
    struct open_evidence *evidence;
};

/* A row is a block of memory: this, its key, and its window where it has room for one.
 * It begins with a line of the processor's cache; what each event of the key needs stands
 * in few of them: the first, and those from the key on. */
struct state {
    struct state *next_in_bucket;
    uint64_t hash;                      /* of the key: decides its slot, but for SEEN */
    uint32_t rule;                      /* number, or RULE_* */
    uint32_t key_len;
    struct state *newer, *older;        /* of its holding's queue */
    uint64_t touch;                     /* rises with each touch of any row */
    int64_t touched_us;                 /* the stream's received time then */
    uint8_t is_dirty, is_kept;          /* kept: a checkpoint has it */
    uint8_t is_known;                   /* touched more than once, or its condition held */
    uint8_t untold;                     /* enum untold: the most of its incidents */
    uint8_t has_room;                   /* for a window, behind the key */
    uint8_t has_abandoned;              /* a window there that is of no use */
    uint8_t is_detailed;                /* its details are noted, though none came yet */
    struct window *window;              /* correlations */
    struct state *next_changed;         /* dirty, or gone */
    struct state **changed_at;          /* what points to it in that list */
    struct state *next_untold, **untold_at;     /* likewise, while untold */
    uint64_t taken;                     /* the round of telling in which it was last told */
    struct open_incident *incidents;    /* last touched first */
    struct details *details;            /* of rules that name some */
    struct open_incident *closed;       /* pushed out, not told yet */
    uint64_t number;                    /* RULE_LATE, _ALLOW: how many; RULE_SEEN, and of rules
                                         * that feed others: what decides its slot; of
                                         * first_seen: when it was seen last;
                                         * RULE_TOLD: see engine_echo.c;
                                         * RULE_FORGOTTEN: the length of the
                                         * rule's id, before the key */
    char key[];
};

/* Rows with incidents to be told, the one that waits longest first. */
struct untold_list {
    struct state *first, **end;
    size_t count, taken;                /* taken: so many from the first, in this round */
};

/* Rows whose windows wait, rows[1] first (due_queue.c). */
struct due_queue {
    struct state **rows;
    size_t count, cap;
};

struct state_table {
    struct state **buckets;
    size_t bucket_count, count;
    size_t known_count, memory_count;   /* touched more than once; of STATE_MEMORY */
    size_t entries;                     /* in all windows */
    size_t details;                     /* values, of all keys */
    uint64_t salt;                      /* so that nobody can aim at a bucket */
    struct holding *holdings;           /* the engine's own, then one for each rule */
    size_t holding_count;
    struct age_heap timed;              /* 2 * holding + is_known: by when a row is over */
    struct holding_rank ranks[HOLDING_SIZES];
    uint64_t touch;
    struct state *dirty;
    struct state *gone, **gone_end;     /* in the order in which they went */
    struct state *waste;                /* to be freed, a few at a time */
    size_t changed;                     /* rows in both: what a commit has to write */
    size_t added;                       /* since rows were looked at for their age */
    struct untold_list untold[UNTOLD_KINDS];    /* by the most that their rows have */
    struct due_queue due;
    uint64_t round;                     /* of telling */
};

/* For so many rules, whose holdings the caller then sets (state_hold). 0, or -1 when out
 * of memory. */
int state_table_init(struct state_table *table, size_t rule_count);
void state_table_release(struct state_table *table);

/* The row, or NULL. */
struct state *state_find(const struct state_table *table, uint32_t rule, struct text key,
                         uint64_t hash);

/* A row, when there is one, that is needed soon: fetch where it is found, then the row,
 * then what it leads to. Each step takes a while, and needs the one before. */
enum state_nearness { STATE_FAR, STATE_NEARER, STATE_NEAREST };
void state_expect(const struct state_table *table, uint32_t rule, uint64_t hash,
                  enum state_nearness nearness);

/* A new row (the caller knows there is none), untouched. NULL: out of memory. */
struct state *state_add(struct state_table *table, uint32_t rule, struct text key,
                        uint64_t hash);

/* Its window, made when it has none, within the row where that has room; and away with
 * it. NULL when out of memory. */
struct window *state_open_window(struct state *state);
void state_close_window(struct state *state);

/* It has no window any more; what that took is freed with the row, or for another one: of
 * hundreds of thousands, now would be too long. */
void state_abandon_window(struct state *state);

/* It was used now: youngest of its holding, and changed. */
void state_touch(struct state_table *table, struct state *state, int64_t stream_us);
void state_mark(struct state_table *table, struct state *state);

/* It was touched more than once, or is worth as much. */
void state_know(struct state_table *table, struct state *state);

/* Take it out; freed unless a checkpoint or a reader has yet to hear of it. */
void state_drop(struct state_table *table, struct state *state);

/* Begin anew with these buckets (given), whose number is a power of two, without any row;
 * then take rows that stand in no table, each touched after the one before. What their
 * windows and details hold is counted by the caller. */
void state_table_fill(struct state_table *table, struct state ***buckets, size_t bucket_count);
void state_table_take(struct state_table *table, struct state *state);
void state_fetch(const struct state *state);    /* it is needed soon */
void state_free(struct state *state);           /* it stands in no table */

/* Put a row that waits where its time has it (INT64_MAX: it waits for nothing); take
 * it out, if it is in; the first one, when it is due. */
int due_put(struct due_queue *due, struct state *state, int64_t due_us);
int due_reserve(struct due_queue *due, size_t count);   /* so many rows need no memory */
void due_remove(struct due_queue *due, struct state *state);
struct state *due_first(const struct due_queue *due, int64_t now_us);

/* Put rows given back by a checkpoint into the order of their touches. 0 or -1. */
int state_sort(struct state_table *table);

/* What changed was heard of: forget it. */
void state_settle(struct state_table *table);

/* An incident of the row has this to be told. */
void state_untold(struct state_table *table, struct state *state, enum untold what);

/* Begin a round of telling: all that went and all news, and of the rows that only grew
 * those that wait longest, at most so many. Call visit for each row, until it returns
 * other than 0: that is returned. Told is what state_settle hears of. */
int state_tell(struct state_table *table, size_t most_grown,
               int (*visit)(void *ctx, const struct state *state), void *ctx);

/* 1 when the row is told of in this round. */
int state_is_told(const struct state_table *table, const struct state *state);

/* state_tell's round was heard of: what it told is no news any more. */
void state_settle_told(struct state_table *table);

/* Leave the rows that are to be told, before the row goes. */
void state_unlink_untold(struct state_table *table, struct state *state);

/* Free an incident and those after it. */
void open_incidents_free(struct open_incident **incidents);

#endif
