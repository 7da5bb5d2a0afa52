/*
 * holding.h - rows by their age: what was held long enough, and what goes first
 *
 * The rows of a rule stand apart, and so do those of each thing that the engine keeps for
 * itself: each is a holding, with a bound of its own. Where memory is short, the holding
 * that has most gives: a flood that feeds one rule costs no other rule what it knows.
 */
#ifndef DETECTOR_MEMORY_HOLDING_H
#define DETECTOR_MEMORY_HOLDING_H

#include <stddef.h>
#include <stdint.h>

struct state;
struct state_table;

/* What rows are, and when memory is short: those of a memory make room only for
 * each other, for a flood of keys must not wipe out what was learnt in weeks; and so
 * do those that are kept, which are few. */
enum state_kind { STATE_WINDOWS, STATE_PLAIN, STATE_MEMORY, STATE_KEPT };

/* The engine's own holdings; that of rule 0 comes after them. */
enum { HOLDS_SEEN, HOLDS_LATE, HOLDS_TOLD, HOLDS_ALLOWED, HOLDS_ALLOWED_DAYS, HOLDS_STARTS,
       HOLDS_RULES };

/* What a holding may have most of: rows with windows and plain ones, rows of a memory, or
 * entries of windows. */
enum holding_size { SIZE_ROWS, SIZE_MEMORY, SIZE_ENTRIES, HOLDING_SIZES };

/* Rows by their last touch. */
struct age_queue {
    struct state *newest, *oldest;
    size_t count;
    int is_timed;                       /* the heap of times has it */
};

/* Those touched once stand apart: a flood of keys that never come again pushes out its
 * own, not the key under attack. */
struct holding {
    int64_t hold_us;                    /* a row is dropped so long after its touch */
    size_t most_rows, most_entries;     /* beyond them its own rows make room */
    size_t entries;                     /* in its windows */
    enum state_kind kind;
    uint64_t name;                      /* a hash: the same whatever other rules there are */
    uint32_t ranks[HOLDING_SIZES];      /* where it stands among the others */
    struct age_queue queues[2];         /* by is_known */
};

/* Holdings, the one with most first; of equals the one of the smaller name. */
struct holding_rank {
    uint32_t *items;
    size_t count;
};

/* Queues by the time at which their oldest row is over, the first on top. What is noted
 * of a queue is never too late, for its oldest row only ever becomes younger; it is looked
 * at again when it has come to the top. */
struct age_heap {
    struct aged {
        int64_t age;
        uint32_t at;
    } *items;                           /* room for all queues that may come in */
    size_t count;
};
void age_heap_put(struct age_heap *heap, int64_t age, uint32_t at);
void age_heap_settle(struct age_heap *heap, int64_t age);   /* the top's true age */
void age_heap_pop(struct age_heap *heap);

/* Room for the holdings of so many rules. 0, or -1 when out of memory. */
int state_open_holdings(struct state_table *table, size_t rule_count);
void state_release_holdings(struct state_table *table);
void state_clear_holdings(struct state_table *table);       /* without any row */

/* A holding is to be of this name and kind, its rows held this long (INT64_MAX: for ever),
 * without a bound. Once for each. */
struct holding *state_hold(struct state_table *table, size_t at, uint64_t name,
                           enum state_kind kind, int64_t hold_us);

/* Where rows of this rule (or RULE_*) and key stand. */
struct holding *state_holding_at(const struct state_table *table, uint32_t rule,
                                 size_t key_len);
struct holding *state_holding(const struct state_table *table, const struct state *state);
size_t holding_rows(const struct holding *holding);

/* The row stands in its holding as the youngest; or no more. */
void state_link_age(struct state_table *table, struct state *state);
void state_unlink_age(struct state_table *table, struct state *state);

/* The row's window holds so many entries now, where it held so many before. */
void state_note_entries(struct state_table *table, const struct state *state, size_t before,
                        size_t now);

/* It has more or less of this than before; and the one that has most, but for this one
 * (NULL: of all). NULL: none has any. */
void holding_rank(struct state_table *table, struct holding *holding, enum holding_size size);
struct holding *state_largest(const struct state_table *table, enum holding_size size,
                              const struct holding *but);

/* The row that goes first when memory is short, of a holding: of those touched once, while
 * they are more than a quarter, else of the others, the one untouched longest; never the
 * one given (NULL: any). Of a memory: of those touched once as long as there are any. NULL:
 * there is none. */
struct state *holding_oldest(const struct holding *holding, const struct state *but);
struct state *holding_oldest_memory(const struct holding *holding);

/* Of the holding with most rows that are no memory's; of the one with most entries. NULL:
 * there is none. */
struct state *state_oldest(const struct state_table *table);
struct state *state_oldest_window(const struct state_table *table, const struct state *but);

/* Drop what was held long enough: a few more rows than were added since the last time,
 * for when all that a day brought grows old at once the stream must not wait for it. What
 * stays a while longer does no harm. */
void state_expire(struct state_table *table, int64_t stream_us);

/* A row that is over, of all and of a holding: it makes room at no cost. Only when there
 * is none, sizes say what is in use; that must not depend on how many events came since.
 * NULL: there is none. */
struct state *state_first_over(struct state_table *table, int64_t stream_us);
struct state *holding_first_over(const struct holding *holding, int64_t stream_us);

/* 1 when it was held long enough, and only waits to be dropped. */
int state_is_over(const struct state_table *table, const struct state *state,
                  int64_t stream_us);

/* A row that stands in no table and has nothing to be told (given): freed when rows are
 * looked at for their age, or with the table. */
void state_waste(struct state_table *table, struct state *state);
void state_waste_free(struct state_table *table, size_t most);

#endif
