/*
 * window_clock.c - how late an event may be: a key's clock for each journal
 *
 * Windows that wait have their clocks go on, too, while the key is silent: by as much
 * as the stream's time of receipt does.
 */
#include <stdlib.h>

#include "detector/window/window_inner.h"

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

/* Nobody waits for a journal that is gone, as in window_clock_slowest. */
static int
is_idle(const struct window *win, const struct window_clock *clock)
{
    return clock->touched + WINDOW_CLOCK_IDLE < win->adds;
}

/* All windows that end before this are final; INT64_MIN: none is. */
int64_t
window_wait_final(struct window *win, const struct window_rule *rule, int64_t now_us)
{
    int64_t final_us = INT64_MAX;

    for (size_t i = 0; i < win->clock_count; i++) {
        const struct window_clock *clock = window_clock(win, i);
        int64_t silent_us = now_us - win->wait->seen_us[i];
        int64_t at_us = clock->at_us + (silent_us > 0 ? silent_us : 0);

        if (!is_idle(win, clock) && at_us < final_us)
            final_us = at_us;
    }
    return win->clock_count == 0 ? INT64_MIN : final_us - rule->lateness_us;
}

int64_t
window_due(struct window *win, const struct window_rule *rule)
{
    int64_t due_us = INT64_MIN;

    if (win->wait == NULL || win->wait->tail == win->count || win->clock_count == 0)
        return INT64_MAX;
    for (size_t i = 0; i < win->clock_count; i++) {
        const struct window_clock *clock = window_clock(win, i);
        int64_t lag_us = win->wait->seen_us[i] - clock->at_us;

        if (!is_idle(win, clock) && lag_us > due_us)
            due_us = lag_us;
    }
    return due_us + window_wait_end(rule, window_at(win, win->wait->tail)) + rule->lateness_us + 1;
}

/* The number of the origin's clock, or of clocks. */
static size_t
clock_of(struct window *win, uint64_t origin)
{
    size_t i = 0;

    while (i < win->clock_count && window_clock(win, i)->origin != origin)
        i++;
    return i;
}

int
window_wait_clock(struct window *win, const struct window_rule *rule,
                  const struct window_entry *entry, uint64_t origin)
{
    size_t i = clock_of(win, origin);
    int64_t before_us = i < win->clock_count ? window_clock(win, i)->at_us : INT64_MIN;
    int is_late = window_clock_check(win, rule, entry, origin);

    if (is_late < 0)
        return -1;
    i = clock_of(win, origin);
    if (window_clock(win, i)->at_us > before_us)
        win->wait->seen_us[i] = entry->received_us;
    return is_late || entry->at_us < win->wait->final_us;
}
