/*
 * window_sweep.c - an event out of order: all windows that contain it
 */
#include "detector/window_inner.h"

/* Walks the windows that contain an entry out of order. */
struct sweep {
    struct window *win;
    const struct window_rule *rule;
    struct window_match *match;
    size_t low;                 /* first entry of the window */
    size_t taken_to;            /* all before it are counted in, this time */
    double sum;
    int is_held;
};

static int
enter(struct sweep *sweep, const struct window_entry *entry)
{
    if (sweep->rule->kind == WINDOW_SUM)
        sweep->sum += entry->as.weight;
    if (sweep->rule->kind != WINDOW_DISTINCT)
        return 0;
    return tally_add(&sweep->match->scratch, entry->as.value);
}

static void
leave_before(struct sweep *sweep, int64_t from_us)
{
    while (window_at(sweep->win, sweep->low)->at_us < from_us) {
        const struct window_entry *entry = window_at(sweep->win, sweep->low++);

        if (sweep->rule->kind == WINDOW_SUM)
            sweep->sum -= entry->as.weight;
        if (sweep->rule->kind == WINDOW_DISTINCT)
            tally_remove(&sweep->match->scratch, entry->as.value);
    }
}

/* Judge the window that ends with entry `last`. */
static int
judge(struct sweep *sweep, size_t last)
{
    int64_t end_us = window_at(sweep->win, last)->at_us;
    size_t i;

    leave_before(sweep, end_us - sweep->rule->span_us);
    if (!window_holds(sweep->rule, last + 1 - sweep->low, sweep->sum,
                      sweep->match->scratch.distinct))
        return 0;
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
    for (size_t i = sweep.low; i < win->count; i++) {
        const struct window_entry *entry = window_at(win, i);

        if (entry->at_us > at_us + rule->span_us)
            break;
        if (enter(&sweep, entry) != 0)
            return -1;
        if (i < place ||
            (i + 1 < win->count && window_at(win, i + 1)->at_us == entry->at_us))
            continue;
        if (judge(&sweep, i) != 0)
            return -1;
    }
    return sweep.is_held;
}
