/*
 * window_wait.c - windows that are judged when nothing more can come into them
 *
 * What a condition says of few events, or of none, is known only when no further
 * event can come: when the key's clocks, less the lateness, are past the window's
 * end. So the totals follow not the newest entry but the oldest that is not judged
 * yet (the tail); each entry enters them once and leaves them once, and one out of
 * order only takes its place among those that wait. What comes for a window that
 * was judged is late.
 */
#include <stdlib.h>
#include <string.h>

#include "detector/window/window_inner.h"

int
window_wait_init(struct window *win)
{
    if (win->wait != NULL)
        return 0;
    win->wait = calloc(1, sizeof(*win->wait));
    if (win->wait == NULL)
        return -1;
    win->wait->final_us = win->wait->lost_us = INT64_MIN;
    return 0;
}

void
window_wait_release(struct window *win)
{
    if (win->wait != NULL)
        tally_release(&win->wait->ahead);
    free(win->wait);
    win->wait = NULL;
}

/* What no window needs that is still to be judged. */
static void
shed(struct window *win)
{
    struct window_wait *wait = win->wait;

    if (win->head == 0)
        return;
    for (size_t i = 0; i < win->head; i++)
        if (window_at(win, i)->is_keyed)
            tally_remove(&win->keyed, window_id_number(&window_at(win, i)->id));
    wait->tail -= win->head;
    wait->ahead_to -= win->head;
    win->start += win->head;
    win->count -= win->head;
    win->head = 0;
    if (window_has_values((enum window_kind)win->kind))
        tally_fit(&win->values);
    tally_fit(&win->keyed);
}

static int
ahead_enter(struct window *win, const struct window_entry *entry)
{
    if (window_steps_add(&win->wait->ahead, entry) != 0)
        return -1;
    win->wait->ahead_uncounted += !entry->is_counted;
    return 0;
}

/* The tail goes past it: it lies behind all that is still to be judged. */
static void
ahead_leave(struct window *win, const struct window_entry *entry)
{
    window_steps_remove(&win->wait->ahead, entry);
    win->wait->ahead_uncounted -= !entry->is_counted;
}

/* The oldest entry has to go, judged or not; what it was part of is not judged. */
static void
lose_oldest(struct window *win, const struct window_rule *rule, struct window_match *match)
{
    struct window_wait *wait = win->wait;
    const struct window_entry *oldest = window_at(win, 0);

    wait->lost_us = oldest->at_us;
    if (wait->tail > 0) {
        window_head_pass(win, rule);
    } else {
        if (wait->ahead_to > 0)
            ahead_leave(win, oldest);
        else
            wait->ahead_to++;
        wait->tail++;
        win->head++;
    }
    match->dropped++;
    shed(win);
}

static enum window_result
merge(struct window *win, const struct window_entry *entry, size_t place)
{
    struct window_entry *old = window_at(win, place), news = *entry;

    news.as.value &= ~old->as.value;
    if (news.as.value == 0)
        return WINDOW_REPEATED;
    if (place < win->wait->tail)
        return WINDOW_LATE;
    if (place < win->wait->ahead_to && window_steps_add(&win->wait->ahead, &news) != 0)
        return WINDOW_NO_MEMORY;
    old->as.value |= news.as.value;
    return WINDOW_MERGED;
}

/* One that is no step, but only belongs to one, moves no clock and is no news. */
static int
is_only_part(const struct window_rule *rule, const struct window_entry *entry)
{
    return window_has_steps(rule) && entry->as.value == 0;
}

/* Among those that wait, by its time. */
static int
put_in(struct window *win, const struct window_entry *entry)
{
    size_t place = window_lower_bound(win, entry->at_us + 1);

    if (place < win->wait->ahead_to) {
        if (ahead_enter(win, entry) != 0)
            return -1;
        win->wait->ahead_to++;
    }
    memmove(window_at(win, place + 1), window_at(win, place),
            (win->count - place) * sizeof(win->entries[0]));
    *window_at(win, place) = *entry;
    win->count++;
    return 0;
}

/* Near the limit nobody is waited for any longer than the newest eighth is old, so
 * that what is judged can go; what is in the window still cannot, and so at the limit
 * the oldest goes. */
static void
keep_within(struct window *win, const struct window_rule *rule, struct window_match *match)
{
    size_t eighth = rule->max_entries / 8, room = rule->max_entries - eighth;
    int64_t at_us;

    if (win->count >= room && win->count > 0) {
        at_us = window_at(win, win->count - 1 - win->count / 8)->at_us;
        if (at_us > win->wait->final_us)
            win->wait->final_us = at_us;
    }
    while (win->count >= rule->max_entries && win->count > 1)
        lose_oldest(win, rule, match);
}

enum window_result
window_wait_add(struct window *win, const struct window_rule *rule,
                const struct window_entry *entry, uint64_t origin,
                struct window_match *match)
{
    size_t place;
    int is_late;

    if (window_has_steps(rule)) {
        place = window_find_same(win, entry);
        if (place < win->count)
            return merge(win, entry, place);
    }
    if (is_only_part(rule, entry) && entry->at_us < win->wait->final_us)
        return WINDOW_MERGED;
    is_late = is_only_part(rule, entry) ? 0 : window_wait_clock(win, rule, entry, origin);
    if (is_late != 0)
        return is_late < 0 ? WINDOW_NO_MEMORY : WINDOW_LATE;
    shed(win);
    keep_within(win, rule, match);
    if (window_make_room(win) != 0 || window_remember(win, entry) != 0 ||
        put_in(win, entry) != 0)
        return WINDOW_NO_MEMORY;
    return WINDOW_QUIET;
}

/* Take the entries of the oldest moment that waits into the totals, and what is too
 * old for its window out. 0 or -1. */
static int
enter_moment(struct window *win, const struct window_rule *rule)
{
    struct window_wait *wait = win->wait;
    int64_t at_us = window_at(win, wait->tail)->at_us;

    for (; rule->is_ahead && wait->ahead_to < win->count; wait->ahead_to++) {
        const struct window_entry *entry = window_at(win, wait->ahead_to);

        if (entry->at_us > at_us + rule->span_us)
            break;
        if (ahead_enter(win, entry) != 0)
            return -1;
    }
    while (wait->tail < win->count && window_at(win, wait->tail)->at_us == at_us) {
        if (window_head_take(win, rule, window_at(win, wait->tail)) != 0)
            return -1;
        wait->tail++;
    }
    if (wait->ahead_to < wait->tail)
        wait->ahead_to = wait->tail;
    while (window_at(win, win->head)->at_us < at_us - rule->span_us)
        window_head_pass(win, rule);
    return 0;
}

/* The last entry of from .. tail that a window may end with, or the tail. */
static size_t
last_end(const struct window *win, const struct window_rule *rule, size_t from,
         uint64_t *ret_steps)
{
    size_t end = win->wait->tail;

    *ret_steps = 0;
    for (size_t i = from; i < win->wait->tail; i++) {
        if (window_has_steps(rule)) {
            *ret_steps |= window_at(win, i)->as.value;
            if (window_at(win, i)->as.value == 0)
                continue;
        }
        end = i;
    }
    return end;
}

/* Count in what is not yet, of the window before the tail, of that ahead, or of both. */
static int
take_all(struct window *win, const struct window_rule *rule, int held,
         struct window_match *match)
{
    struct window_wait *wait = win->wait;
    size_t from = held & WINDOW_AHEAD ? wait->ahead_to : wait->tail;
    size_t to = held & WINDOW_BEFORE ? win->head : wait->anchor;

    for (size_t i = from; i > to; i--) {
        if ((!(held & WINDOW_AHEAD) || wait->ahead_uncounted == 0) &&
            (!(held & WINDOW_BEFORE) || win->uncounted == 0))
            break;
        if (window_at(win, i - 1)->is_counted)
            continue;
        wait->ahead_uncounted -= rule->is_ahead && i - 1 >= wait->anchor;
        if (window_take(win, match, i - 1) != 0)
            return -1;
    }
    window_match_reverse(match);
    return 0;
}

/* Which windows of the moment that was entered hold, as WINDOW_BEFORE and _AHEAD. */
static int
which_hold(const struct window *win, const struct window_rule *rule, int64_t at_us,
           uint64_t steps)
{
    const struct window_wait *wait = win->wait;
    const struct window_totals totals = { wait->tail - win->head, window_sum(win, rule),
                                          &win->values, win->ranking };

    if (rule->term_count > 0)
        return window_terms_hold(rule, &win->values, &wait->ahead, steps);
    /* of a window that lost something nobody knows how little it had */
    if (wait->lost_us != INT64_MIN && at_us - rule->span_us <= wait->lost_us)
        return 0;
    return window_holds(rule, &totals) ? WINDOW_BEFORE : 0;
}

/* Judge the windows of the oldest moment that waits: 1 when one holds, 0, or -1. */
static int
judge_moment(struct window *win, const struct window_rule *rule, struct window_match *match)
{
    struct window_wait *wait = win->wait;
    int64_t at_us = window_at(win, wait->tail)->at_us;
    uint64_t steps;
    size_t end;
    int held = 0;

    wait->anchor = wait->tail;
    if (enter_moment(win, rule) != 0)
        return -1;
    end = last_end(win, rule, wait->anchor, &steps);
    if (end < wait->tail)
        held = which_hold(win, rule, at_us, steps);
    if (held != 0) {
        match->first_us = match->last_us = at_us;
        if (window_end(match, end) != 0 || take_all(win, rule, held, match) != 0)
            return -1;
    }
    for (size_t i = wait->anchor; rule->is_ahead && i < wait->tail; i++)
        ahead_leave(win, window_at(win, i));
    return held != 0;
}

enum window_result
window_settle(struct window *win, const struct window_rule *rule, int64_t now_us,
              struct window_match *match)
{
    struct window_wait *wait = win->wait;
    int64_t final_us;
    int held = 0;

    match->taken_count = match->end_count = 0;
    if (wait == NULL)
        return WINDOW_QUIET;
    final_us = window_wait_final(win, rule, now_us);
    if (final_us > wait->final_us)
        wait->final_us = final_us;
    shed(win);
    while (held == 0 && wait->tail < win->count &&
           window_wait_end(rule, window_at(win, wait->tail)) < wait->final_us)
        held = judge_moment(win, rule, match);
    if (held < 0)
        return WINDOW_NO_MEMORY;
    return held ? WINDOW_HOLDS : WINDOW_QUIET;
}

int
window_wait_restore(struct window *win, const struct window_rule *rule,
                    const struct window_entry *entry)
{
    struct window_wait *wait = win->wait;

    *window_at(win, win->count++) = *entry;
    if (window_wait_end(rule, entry) >= wait->final_us)
        return 0;
    if (window_head_take(win, rule, entry) != 0)
        return -1;
    wait->ahead_to = ++wait->tail;
    while (window_at(win, win->head)->at_us < entry->at_us - rule->span_us)
        window_head_pass(win, rule);
    return 0;
}
