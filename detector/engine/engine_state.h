/*
 * engine_state.h - the engine's memory: a row for each rule and key
 *
 * Internal to engine*.c. Rows are found by hash, aged in the order in which
 * they were touched, and listed while changed. Nothing here depends on the
 * order of the hash table, so that a replay gives the same answers.
 */
#ifndef DETECTOR_ENGINE_ENGINE_STATE_H
#define DETECTOR_ENGINE_ENGINE_STATE_H

#include <stddef.h>
#include <stdint.h>

#include "detector/text/details.h"
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

struct state {
    /* what each event of the key needs, together */
    struct state *next_in_bucket;
    uint64_t hash;                      /* of the key: decides its slot, but for SEEN */
    uint32_t rule;                      /* number, or RULE_* */
    uint32_t key_len;
    struct state *newer, *older;        /* of its age class's queue */
    uint64_t touch;                     /* rises with each touch of any row */
    int64_t touched_us;                 /* the stream's received time then */
    uint8_t age_class;
    uint8_t is_dirty, is_kept;          /* kept: a checkpoint has it */
    uint8_t is_known;                   /* touched more than once, or its condition held */
    uint8_t untold;                     /* enum untold: the most of its incidents */
    uint8_t has_room;                   /* for a window, behind the key */
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

/* Rows by their last touch. */
struct age_queue {
    struct state *newest, *oldest;
    size_t count;
};

/* What rows are, and when memory is short: those of a memory make room only for
 * each other, for a flood of keys must not wipe out what was learnt in weeks; and so
 * do those that are kept, which are few. */
enum state_kind { STATE_KEPT = -2, STATE_MEMORY, STATE_PLAIN, STATE_WINDOWS };

/* Rows that are kept equally long. Those touched once stand apart: a flood of
 * keys that never come again pushes out its own, not the key under attack. */
struct age_class {
    int64_t hold_us;
    enum state_kind kind;
    struct age_queue queues[2];         /* by is_known */
};

enum { MAX_AGE_CLASSES = 64 };

/* Rows with incidents to be told, the one that waits longest first. */
struct untold_list {
    struct state *first, **end;
    size_t count, taken;                /* taken: so many from the first, in this round */
};

/* Rows whose windows wait, rows[1] first (engine_due.c). */
struct due_queue {
    struct state **rows;
    size_t count, cap;
};

struct state_table {
    struct state **buckets;
    size_t bucket_count, count;
    size_t known_count;
    size_t entries;                     /* in all windows */
    size_t details;                     /* values, of all keys */
    uint64_t salt;                      /* so that nobody can aim at a bucket */
    struct age_class classes[MAX_AGE_CLASSES];
    size_t class_count;
    uint64_t touch;
    struct state *dirty;
    struct state *gone, **gone_end;     /* in the order in which they went */
    struct untold_list untold[UNTOLD_KINDS];    /* by the most that their rows have */
    struct due_queue due;
    uint64_t round;                     /* of telling */
    int64_t quiet_until_us;             /* no row expires before */
};

/* 0, or -1 when out of memory. */
int state_table_init(struct state_table *table);
void state_table_release(struct state_table *table);

/* The class for rows of this kind held this long; made when new, the next longer one
 * of the kind (or its last) when there are too many. */
uint8_t state_class(struct state_table *table, int64_t hold_us, enum state_kind kind);

/* The row, or NULL. */
struct state *state_find(const struct state_table *table, uint32_t rule, struct text key,
                         uint64_t hash);

/* A new row (the caller knows there is none), untouched. NULL: out of memory. */
struct state *state_add(struct state_table *table, uint32_t rule, struct text key,
                        uint64_t hash, uint8_t age_class);

/* Its window, made when it has none, within the row where that has room; and away with
 * it. NULL when out of memory. */
struct window *state_open_window(struct state *state);
void state_close_window(struct state *state);

/* It was used now: youngest of its class, and changed. */
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
/* Put a row that waits where its time has it (INT64_MAX: it waits for nothing); take
 * it out, if it is in; the first one, when it is due. */
int due_put(struct due_queue *due, struct state *state, int64_t due_us);
int due_reserve(struct due_queue *due, size_t count);   /* so many rows need no memory */
void due_remove(struct due_queue *due, struct state *state);
struct state *due_first(const struct due_queue *due, int64_t now_us);

/* Put rows given back by a checkpoint into the order of their touches. 0 or -1. */
int state_sort(struct state_table *table);

/* Drop what was held long enough. */
void state_expire(struct state_table *table, int64_t stream_us);

/* The row that goes first when memory is short: of those touched once, while
 * they are more than a quarter, else of the others, the one untouched longest.
 * The late counts are left out; least: so are rows of a lesser kind. */
struct state *state_oldest(const struct state_table *table, enum state_kind least);

/* How many rows are a memory's; and the one of those that goes first. */
size_t state_memory_count(const struct state_table *table);
struct state *state_oldest_memory(const struct state_table *table);

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
