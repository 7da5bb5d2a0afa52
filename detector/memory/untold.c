/*
 * Which rows have incidents to be told. News goes with the next commit; a row that
 * only grew waits its turn: under an attack of thousands of keys, every event is
 * growth of some incident, and what nobody could read would cost more than judging.
 */
#include "detector/memory/state_table.h"

static void
append(struct untold_list *list, struct state *state)
{
    if (list->first == NULL)
        list->end = &list->first;
    state->next_untold = NULL;
    state->untold_at = list->end;
    *list->end = state;
    list->end = &state->next_untold;
    list->count++;
}

void
state_unlink_untold(struct state_table *table, struct state *state)
{
    struct untold_list *list = &table->untold[state->untold];

    if (state->untold == UNTOLD_NOTHING)
        return;
    *state->untold_at = state->next_untold;
    if (state->next_untold != NULL)
        state->next_untold->untold_at = state->untold_at;
    else
        list->end = state->untold_at;
    list->count--;
    state->untold = UNTOLD_NOTHING;
}

void
state_untold(struct state_table *table, struct state *state, enum untold what)
{
    if (what <= state->untold)
        return;
    state_unlink_untold(table, state);
    state->untold = (uint8_t)what;
    append(&table->untold[what], state);
}

int
state_is_told(const struct state_table *table, const struct state *state)
{
    return state->taken == table->round;
}

int
state_tell(struct state_table *table, size_t most_grown,
           int (*visit)(void *ctx, const struct state *state), void *ctx)
{
    const size_t most[UNTOLD_KINDS] = { [UNTOLD_GROWTH] = most_grown, [UNTOLD_NEWS] = SIZE_MAX };
    int rc = 0;

    table->round++;
    for (const struct state *state = table->gone; state != NULL && rc == 0;
         state = state->next_changed)
        rc = visit(ctx, state);
    for (int what = UNTOLD_NEWS; what > UNTOLD_NOTHING; what--) {
        struct untold_list *list = &table->untold[what];
        struct state *state = list->first;

        for (list->taken = 0; state != NULL && rc == 0 && list->taken < most[what];
             state = state->next_untold) {
            list->taken++;
            state->taken = table->round;
            rc = visit(ctx, state);
        }
    }
    return rc;
}

void
state_settle_told(struct state_table *table)
{
    for (int what = UNTOLD_GROWTH; what < UNTOLD_KINDS; what++)
        for (; table->untold[what].taken > 0; table->untold[what].taken--) {
            struct state *state = table->untold[what].first;

            open_incidents_free(&state->closed);
            for (struct open_incident *inc = state->incidents; inc != NULL; inc = inc->next)
                inc->untold = UNTOLD_NOTHING;
            state_unlink_untold(table, state);
        }
    table->round++;             /* what changes from now on is not told */
}
