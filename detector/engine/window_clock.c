/*
 * window_clock.c - how late an event may be: a key's clock for each journal
 */
#include <stdlib.h>

#include "detector/engine/window_inner.h"

struct window_clock *
window_clock(struct window *win, size_t i)
{
    return i == 0 ? &win->clock : &win->others[i - 1];
}

struct window_clock *
window_clock_add(struct window *win)
{
    if (win->clock_count == WINDOW_MAX_CLOCKS)
        return NULL;
    if (win->clock_count > 0 && win->others == NULL) {
        win->others = calloc(WINDOW_MAX_CLOCKS - 1, sizeof(win->others[0]));
        if (win->others == NULL)
            return NULL;
    }
    return window_clock(win, win->clock_count++);
}

/* The clock of origin; the journal silent longest makes room for a new one.
 * NULL: out of memory. */
static struct window_clock *
clock_find(struct window *win, uint64_t origin)
{
    struct window_clock *oldest = &win->clock;

    for (size_t i = 0; i < win->clock_count; i++) {
        struct window_clock *clock = window_clock(win, i);

        if (clock->origin == origin)
            return clock;
        if (clock->touched < oldest->touched)
            oldest = clock;
    }
    if (win->clock_count < WINDOW_MAX_CLOCKS)
        oldest = window_clock_add(win);
    if (oldest != NULL)
        *oldest = (struct window_clock){ .origin = origin, .at_us = INT64_MIN };
    return oldest;
}

int
window_clock_check(struct window *win, const struct window_rule *rule,
                   const struct window_entry *entry, uint64_t origin)
{
    struct window_clock *clock = &win->clock;
    int64_t now = entry->at_us < entry->received_us ? entry->at_us : entry->received_us;

    if (win->clock_count != 1 || clock->origin != origin)
        clock = clock_find(win, origin);
    if (clock == NULL)
        return -1;
    clock->touched = ++win->adds;
    if (clock->at_us != INT64_MIN && entry->at_us < clock->at_us - rule->lateness_us)
        return 1;
    if (now > clock->at_us)
        clock->at_us = now;
    return 0;
}

int64_t
window_clock_slowest(struct window *win)
{
    int64_t oldest = INT64_MAX;

    for (size_t i = 0; i < win->clock_count; i++) {
        const struct window_clock *clock = window_clock(win, i);

        if (clock->at_us < oldest && clock->touched + WINDOW_CLOCK_IDLE >= win->adds)
            oldest = clock->at_us;
    }
    return oldest;
}
