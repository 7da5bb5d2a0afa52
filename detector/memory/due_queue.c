/*
 * due_queue.c - rows whose windows wait, in a heap by the time at which they are judged
 */
#include <stdlib.h>

#include "detector/memory/state_table.h"

enum { FIRST_CAP = 64 };

/* Ties go by what every replay has alike. */
static int
is_before(const struct state *a, const struct state *b)
{
    int64_t a_us = a->window->wait->due_us, b_us = b->window->wait->due_us;

    if (a_us != b_us)
        return a_us < b_us;
    return a->rule != b->rule ? a->rule < b->rule : a->hash < b->hash;
}

static void
set_at(struct due_queue *due, size_t at, struct state *state)
{
    due->rows[at] = state;
    state->window->wait->due_at = at;
}

/* Let the row at `at` find its place, up or down. */
static void
settle_at(struct due_queue *due, size_t at)
{
    struct state *state = due->rows[at];

    for (; at > 1 && is_before(state, due->rows[at / 2]); at /= 2)
        set_at(due, at, due->rows[at / 2]);
    for (;;) {
        size_t child = at * 2;

        if (child < due->count && is_before(due->rows[child + 1], due->rows[child]))
            child++;
        if (child > due->count || !is_before(due->rows[child], state))
            break;
        set_at(due, at, due->rows[child]);
        at = child;
    }
    set_at(due, at, state);
}

void
due_remove(struct due_queue *due, struct state *state)
{
    struct window_wait *wait = state->window == NULL ? NULL : state->window->wait;
    size_t at = wait == NULL ? 0 : wait->due_at;

    if (at == 0)
        return;
    wait->due_at = 0;
    if (at < due->count) {
        set_at(due, at, due->rows[due->count]);
        due->count--;
        settle_at(due, at);
    } else {
        due->count--;
    }
}

int
due_reserve(struct due_queue *due, size_t count)
{
    struct state **grown;

    if (count + 1 < due->cap)
        return 0;
    grown = realloc(due->rows, (count + 2) * sizeof(*grown));
    if (grown == NULL)
        return -1;
    due->rows = grown;
    due->cap = count + 2;
    return 0;
}

int
due_put(struct due_queue *due, struct state *state, int64_t due_us)
{
    struct window_wait *wait = state->window->wait;

    if (due_us == INT64_MAX) {
        due_remove(due, state);
        return 0;
    }
    if (wait->due_at == 0 && due->count + 1 >= due->cap) {
        size_t cap = due->cap == 0 ? FIRST_CAP : due->cap * 2;
        struct state **grown = realloc(due->rows, cap * sizeof(*grown));

        if (grown == NULL)
            return -1;
        due->rows = grown;
        due->cap = cap;
    }
    wait->due_us = due_us;
    if (wait->due_at == 0)
        set_at(due, ++due->count, state);
    settle_at(due, wait->due_at);
    return 0;
}

struct state *
due_first(const struct due_queue *due, int64_t now_us)
{
    if (due->count == 0 || due->rows[1]->window->wait->due_us > now_us)
        return NULL;
    return due->rows[1];
}
