/*
 * window_inner.h - what window.c, window_sweep.c and window_tidy.c share
 */
#ifndef DETECTOR_WINDOW_WINDOW_INNER_H
#define DETECTOR_WINDOW_WINDOW_INNER_H

#include <math.h>

#include "detector/window/window.h"

static inline struct window_entry *
window_at(const struct window *win, size_t i)
{
    return &win->entries[win->start + i];
}

/* What the entries of a window come to; which of it is kept depends on the kind. */
struct window_totals {
    size_t count;
    double sum;
    const struct tally *values;
    const struct ranking *ranking;
};

/* Which of its windows a term holds in. */
enum { WINDOW_BEFORE = 1, WINDOW_AHEAD = 2 };

/* What holds of a boolean condition's terms; steps are those of the moment that is
 * judged. Without terms that look ahead, there need be nothing there. */
int window_terms_hold(const struct window_rule *rule, const struct tally *before,
                      const struct tally *ahead, uint64_t steps);

/* 1 when that meets the condition. Events are counted one by one in every kind,
 * so a sum of nothing or a repeated value still costs an entry. */
static inline int
window_holds(const struct window_rule *rule, const struct window_totals *totals)
{
    double reached = 0;

    switch (rule->kind) {
    case WINDOW_COUNT:
        reached = (double)totals->count;
        break;
    case WINDOW_SUM:
        reached = totals->sum;
        break;
    case WINDOW_AVERAGE:
        reached = totals->sum / (double)totals->count;
        break;
    case WINDOW_PERCENTILE:
        reached = ranking_percentile(totals->ranking, rule->percentile);
        break;
    case WINDOW_DISTINCT:
    case WINDOW_STEPS:
    case WINDOW_ORDERED:
        if (rule->term_count > 0)
            return window_terms_hold(rule, totals->values, NULL, 0) != 0;
        reached = (double)totals->values->distinct;
    }
    if (!(rule->is_strict ? reached > rule->threshold : reached >= rule->threshold))
        return 0;
    return !rule->is_waiting || (reached != rule->except &&
                                 (rule->is_most_strict ? reached < rule->most
                                                       : reached <= rule->most));
}

/* Add to a sum, and keep what rounding takes from it: a large number that comes and
 * goes must leave the small ones there. */
static inline void
window_sum_add(double *sum, double *rest, double weight)
{
    double next = *sum + weight;

    *rest += fabs(*sum) >= fabs(weight) ? (*sum - next) + weight : (weight - next) + *sum;
    *sum = next;
}

static inline double
window_sum(const struct window *win, const struct window_rule *rule)
{
    return window_has_sum(rule->kind) ? win->sum + win->sum_rest : 0;
}

static inline int
window_has_values(enum window_kind kind)
{
    return kind == WINDOW_DISTINCT || kind == WINDOW_STEPS;
}

static inline int
window_has_steps(const struct window_rule *rule)
{
    return rule->kind >= WINDOW_STEPS;
}

/* Count an entry's steps, or take them out again. 0, or -1 when out of memory. */
int window_steps_add(struct tally *values, const struct window_entry *entry);
void window_steps_remove(struct tally *values, const struct window_entry *entry);

/* The same of what an entry adds to the different values, in any kind of window. */
static inline int
window_values_add(struct tally *values, const struct window_rule *rule,
                  const struct window_entry *entry)
{
    if (rule->kind == WINDOW_DISTINCT)
        return tally_add(values, entry->as.value);
    return rule->kind == WINDOW_STEPS ? window_steps_add(values, entry) : 0;
}

static inline void
window_values_remove(struct tally *values, const struct window_rule *rule,
                     const struct window_entry *entry)
{
    if (rule->kind == WINDOW_DISTINCT)
        tally_remove(values, entry->as.value);
    else if (rule->kind == WINDOW_STEPS)
        window_steps_remove(values, entry);
}

/* The order before any entry; with one more, which is the newest; and 1 when a
 * sequence is whole that lies in [from_us, the newest]. */
void window_order_clear(struct window_order *order, const struct window_rule *rule);
void window_order_pass(struct window_order *order, const struct window_rule *rule,
                       const struct window_entry *entry);
int window_order_holds(const struct window_order *order, const struct window_rule *rule,
                       int64_t from_us);

/* Entries of the newest window were put in, changed or removed: find its order
 * again. */
void window_order_renew(struct window *win, const struct window_rule *rule);

/* Put an event's steps to those of its entry, when it has one: QUIET when there
 * is none. */
enum window_result window_merge(struct window *win, const struct window_rule *rule,
                                const struct window_entry *entry,
                                struct window_match *match);

/* Move the clock of origin; 1 when the entry is too late for it, -1 without memory. */
int window_clock_check(struct window *win, const struct window_rule *rule,
                       const struct window_entry *entry, uint64_t origin);

/* The clock that is furthest behind, of those not idle. */
int64_t window_clock_slowest(struct window *win);

static inline int64_t
window_clock_oldest(struct window *win)
{
    return win->clock_count == 1 ? win->clock.at_us : window_clock_slowest(win);
}

/* The id's number in the tally of keyed ids. */
uint64_t window_id_number(const struct short_id *id);

/* The first entry with at_us >= at. */
size_t window_lower_bound(const struct window *win, int64_t at_us);

/* An entry into the totals, the oldest out of them; room for one more; and its id
 * into those that are known. 0, or -1 when out of memory. */
int window_head_take(struct window *win, const struct window_rule *rule,
                     const struct window_entry *entry);
void window_head_pass(struct window *win, const struct window_rule *rule);
int window_make_room(struct window *win);
int window_remember(struct window *win, const struct window_entry *entry);

/* What waits: an event that is added, one that is given back, and the end. */
enum window_result window_wait_add(struct window *win, const struct window_rule *rule,
                                   const struct window_entry *entry, uint64_t origin,
                                   struct window_match *match);
int window_wait_restore(struct window *win, const struct window_rule *rule,
                        const struct window_entry *entry);
void window_wait_release(struct window *win);

/* When the window that is judged for an entry ends. */
static inline int64_t
window_wait_end(const struct window_rule *rule, const struct window_entry *entry)
{
    return entry->at_us + (rule->is_ahead ? rule->span_us : 0);
}

/* All windows that end before this are final, now; INT64_MIN: none is. And move the clock
 * of origin, noting when it went on, for one that stands still while events come is as one
 * of a silent key: 1 when the entry is late, -1 without memory. */
int64_t window_wait_final(struct window *win, const struct window_rule *rule,
                          int64_t now_us);
int window_wait_clock(struct window *win, const struct window_rule *rule,
                      const struct window_entry *entry, uint64_t origin);

/* The entry of an event's id, or the count of entries. */
size_t window_find_same(const struct window *win, const struct window_entry *entry);

/* What was taken from the newest on stands by time. */
void window_match_reverse(struct window_match *match);

/* Count entry i into the match. 0, or -1 when out of memory. */
int window_take(struct window *win, struct window_match *match, size_t i);

/* Note that the condition holds at entry i's time. 0, or -1 when out of memory. */
int window_end(struct window_match *match, size_t i);

/* Judge every window that contains the entry at `place`. 1 when one holds, 0, or -1 when out of memory. */
int window_sweep(struct window *win, const struct window_rule *rule, size_t place,
                 struct window_match *match);

/* How far tidying goes. */
enum window_tidiness {
    WINDOW_EXACT,               /* only what can change no answer */
    WINDOW_TIGHT                /* what loses no alarm, counted in match->dropped */
};

/* Remove entries. 0, or -1 when out of memory: then not all that could go went. */
int window_tidy(struct window *win, const struct window_rule *rule,
                enum window_tidiness tidiness, struct window_match *match);

#endif
