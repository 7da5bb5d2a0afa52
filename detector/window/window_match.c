/*
 * window_match.c - what adding an event brought: at which ends, with which entries
 */
#include <stdlib.h>

#include "detector/window/window_inner.h"

void
window_match_release(struct window_match *match)
{
    free(match->taken);
    free(match->ends);
    free(match->marks);
    tally_release(&match->scratch);
    ranking_release(&match->ranking);
    *match = (struct window_match){ 0 };
}

int
window_end(struct window_match *match, size_t i)
{
    if (match->end_count == match->end_cap) {
        size_t cap = match->end_cap == 0 ? 64 : match->end_cap * 2;
        size_t *grown = realloc(match->ends, cap * sizeof(*grown));

        if (grown == NULL)
            return -1;
        match->ends = grown;
        match->end_cap = cap;
    }
    match->ends[match->end_count++] = i;
    return 0;
}

int
window_take(struct window *win, struct window_match *match, size_t i)
{
    if (match->taken_count == match->taken_cap) {
        size_t cap = match->taken_cap == 0 ? 64 : match->taken_cap * 2;
        size_t *grown = realloc(match->taken, cap * sizeof(*grown));

        if (grown == NULL)
            return -1;
        match->taken = grown;
        match->taken_cap = cap;
    }
    window_at(win, i)->is_counted = 1;
    if (i >= win->head && (win->wait == NULL || i < win->wait->tail))
        win->uncounted--;
    match->taken[match->taken_count++] = i;
    return 0;
}

void
window_match_reverse(struct window_match *match)
{
    for (size_t i = 0; i < match->taken_count / 2; i++) {
        size_t other = match->taken[match->taken_count - 1 - i];

        match->taken[match->taken_count - 1 - i] = match->taken[i];
        match->taken[i] = other;
    }
}
