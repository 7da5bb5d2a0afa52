/*
 * window_steps.c - windows over the steps of a sequence, in order or not
 *
 * Which steps an entry is, its value's bits say. A window in order keeps, for
 * each step, the latest start of a sequence that came so far: a step that
 * comes takes over the start of the step before it, O(steps) an event. Steps
 * of one moment count as in order, for a log's clock may only have seconds.
 */
#include <string.h>

#include "detector/window/window_inner.h"

int
window_steps_add(struct tally *values, const struct window_entry *entry)
{
    for (uint64_t step = 0; step < WINDOW_MAX_STEPS; step++) {
        if (!(entry->as.value >> step & 1) || tally_add(values, step) == 0)
            continue;
        while (step-- > 0)
            if (entry->as.value >> step & 1)
                tally_remove(values, step);
        return -1;
    }
    return 0;
}

void
window_steps_remove(struct tally *values, const struct window_entry *entry)
{
    for (uint64_t step = 0; step < WINDOW_MAX_STEPS; step++)
        if (entry->as.value >> step & 1)
            tally_remove(values, step);
}

/* 1 when the tally has all of these steps; and when it has one of them. */
static int
has_all(const struct tally *values, uint64_t steps)
{
    for (; steps != 0; steps &= steps - 1)
        if (!tally_has(values, (uint64_t)__builtin_ctzll(steps)))
            return 0;
    return 1;
}

static int
has_one(const struct tally *values, uint64_t steps)
{
    for (; steps != 0; steps &= steps - 1)
        if (tally_has(values, (uint64_t)__builtin_ctzll(steps)))
            return 1;
    return 0;
}

int
window_terms_hold(const struct window_rule *rule, const struct tally *before,
                  const struct tally *ahead, uint64_t steps)
{
    int held = 0;

    for (size_t i = 0; i < rule->term_count; i++) {
        const struct window_term *term = &rule->terms[i];

        if (term->none == 0)
            held |= has_all(before, term->all) ? WINDOW_BEFORE : 0;
        else if ((term->all & steps) != 0 && has_all(ahead, term->all) &&
                 !has_one(ahead, term->none))
            held |= WINDOW_AHEAD;
    }
    return held;
}

void
window_order_clear(struct window_order *order, const struct window_rule *rule)
{
    order->at_us = INT64_MIN;
    order->steps = 0;
    for (size_t i = 0; i < rule->steps; i++)
        order->starts[i] = INT64_MIN;
}

void
window_order_pass(struct window_order *order, const struct window_rule *rule,
                  const struct window_entry *entry)
{
    if (entry->at_us != order->at_us)
        order->steps = 0;
    order->at_us = entry->at_us;
    order->steps |= entry->as.value;
    for (unsigned i = 0; i < rule->steps; i++) {
        int64_t start = i == 0 ? entry->at_us : order->starts[i - 1];

        if (order->steps >> i & 1 && start > order->starts[i])
            order->starts[i] = start;
    }
}

int
window_order_holds(const struct window_order *order, const struct window_rule *rule,
                   int64_t from_us)
{
    int64_t start = order->starts[rule->steps - 1];

    return start != INT64_MIN && start >= from_us;
}

void
window_order_renew(struct window *win, const struct window_rule *rule)
{
    if (rule->kind != WINDOW_ORDERED)
        return;
    window_order_clear(win->order, rule);
    for (size_t i = win->head; i < win->count; i++)
        window_order_pass(win->order, rule, window_at(win, i));
}

/* The entry of an event's id, or the count of entries. A keyed one may stand at
 * another time, for its client may have said another. */
size_t
window_find_same(const struct window *win, const struct window_entry *entry)
{
    size_t i = 0, end = win->count;

    if (!entry->is_keyed) {
        i = window_lower_bound(win, entry->at_us);
        end = window_lower_bound(win, entry->at_us + 1);
    } else if (!tally_has(&win->keyed, window_id_number(&entry->id))) {
        return win->count;
    }
    for (; i < end; i++)
        if (window_at(win, i)->is_keyed == entry->is_keyed &&
            memcmp(&window_at(win, i)->id, &entry->id, sizeof(entry->id)) == 0)
            return i;
    return win->count;
}

enum window_result
window_merge(struct window *win, const struct window_rule *rule,
             const struct window_entry *entry, struct window_match *match)
{
    size_t place = window_find_same(win, entry);
    struct window_entry news = *entry, *old;
    int held;

    if (place == win->count)
        return WINDOW_QUIET;
    old = window_at(win, place);
    news.as.value &= ~old->as.value;
    if (news.as.value == 0)
        return WINDOW_REPEATED;
    if (place >= win->head && window_values_add(&win->values, rule, &news) != 0)
        return WINDOW_NO_MEMORY;
    old->as.value |= news.as.value;
    if (place >= win->head)
        window_order_renew(win, rule);
    held = window_sweep(win, rule, place, match);
    if (held < 0)
        return WINDOW_NO_MEMORY;
    return held ? WINDOW_HOLDS : WINDOW_MERGED;
}
