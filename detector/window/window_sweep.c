/*
 * window_sweep.c - an event out of order: all windows that contain it
 */
#include "detector/window/window_inner.h"

/* Walks the windows that contain an entry out of order. */
struct sweep {
    struct window *win;
    const struct window_rule *rule;
    struct window_match *match;
    size_t low;                 /* first entry of the window */
    size_t taken_to;            /* all before it are counted in, this time */
    double sum, sum_rest;
    int64_t at_us;              /* of the entry that came in last, and */
    size_t end;                 /* the last of that moment that may end a window, */
    int has_end;                /* if there is one: not what only belongs to others */
    int is_held;
};

static int
enter(struct sweep *sweep, size_t i)
{
    const struct window_entry *entry = window_at(sweep->win, i);

    if (entry->at_us != sweep->at_us)
        sweep->has_end = 0;
    sweep->at_us = entry->at_us;
    if (!window_has_steps(sweep->rule) || entry->as.value != 0) {
        sweep->has_end = 1;
        sweep->end = i;
    }
    if (window_has_sum(sweep->rule->kind))
        window_sum_add(&sweep->sum, &sweep->sum_rest, entry->as.weight);
    if (sweep->rule->kind == WINDOW_PERCENTILE)
        return ranking_add(&sweep->match->ranking, entry->as.weight);
    if (sweep->rule->kind == WINDOW_ORDERED)
        window_order_pass(&sweep->match->order, sweep->rule, entry);
    return window_values_add(&sweep->match->scratch, sweep->rule, entry);
}

static void
leave_before(struct sweep *sweep, int64_t from_us)
{
    while (window_at(sweep->win, sweep->low)->at_us < from_us) {
        const struct window_entry *entry = window_at(sweep->win, sweep->low++);

        if (window_has_sum(sweep->rule->kind))
            window_sum_add(&sweep->sum, &sweep->sum_rest, -entry->as.weight);
        if (sweep->rule->kind == WINDOW_PERCENTILE)
            ranking_remove(&sweep->match->ranking, entry->as.weight);
        window_values_remove(&sweep->match->scratch, sweep->rule, entry);
    }
}

/* 1 when the window of sweep->low .. last, which ends at end_us, holds. */
static int
is_held(const struct sweep *sweep, size_t last, int64_t end_us)
{
    if (sweep->rule->kind == WINDOW_ORDERED)
        return window_order_holds(&sweep->match->order, sweep->rule,
                                  end_us - sweep->rule->span_us);
    return window_holds(sweep->rule, &(struct window_totals){
        last + 1 - sweep->low, sweep->sum + sweep->sum_rest, &sweep->match->scratch,
        &sweep->match->ranking });
}

/* Judge the window that ends with entry `last`. */
static int
judge(struct sweep *sweep, size_t last)
{
    int64_t end_us = window_at(sweep->win, last)->at_us;
    size_t i;

    leave_before(sweep, end_us - sweep->rule->span_us);
    if (!sweep->has_end || !is_held(sweep, last, end_us))
        return 0;
    if (window_end(sweep->match, sweep->end) != 0)
        return -1;
    if (!sweep->is_held)
        sweep->match->first_us = end_us;
    sweep->match->last_us = end_us;
    sweep->is_held = 1;
    i = sweep->low > sweep->taken_to ? sweep->low : sweep->taken_to;
    for (; i <= last; i++)
        if (!window_at(sweep->win, i)->is_counted &&
            window_take(sweep->win, sweep->match, i) != 0)
            return -1;
    sweep->taken_to = last + 1;
    return 0;
}

int
window_sweep(struct window *win, const struct window_rule *rule, size_t place,
             struct window_match *match)
{
    int64_t at_us = window_at(win, place)->at_us;
    struct sweep sweep = { win, rule, match,
                           .low = window_lower_bound(win, at_us - rule->span_us) };

    tally_clear(&match->scratch);
    ranking_clear(&match->ranking);
    if (rule->kind == WINDOW_ORDERED)
        window_order_clear(&match->order, rule);
    for (size_t i = sweep.low; i < win->count; i++) {
        const struct window_entry *entry = window_at(win, i);

        if (entry->at_us > at_us + rule->span_us)
            break;
        if (enter(&sweep, i) != 0)
            return -1;
        if (i < place ||
            (i + 1 < win->count && window_at(win, i + 1)->at_us == entry->at_us))
            continue;
        if (judge(&sweep, i) != 0)
            return -1;
    }
    return sweep.is_held;
}
