/* What was held long enough, and what goes first. */
#include "detector/memory/holding.h"

#include "detector/memory/state_table.h"

/* Each event drops so many rows more than were added: enough for a memory that is full to
 * be gone within some 100,000 events, and few enough for one commit to write. */
enum { EXPIRED_MORE = 2, WASTE_AT_ONCE = 16 };

void
state_waste(struct state_table *table, struct state *state)
{
    state->next_in_bucket = table->waste;
    table->waste = state;
}

void
state_waste_free(struct state_table *table, size_t most)
{
    for (; table->waste != NULL && most > 0; most--) {
        struct state *state = table->waste;

        table->waste = state->next_in_bucket;
        state_free(state);
    }
}

static int
is_over(const struct holding *holding, const struct state *state, int64_t stream_us)
{
    return holding->hold_us < INT64_MAX / 2 && stream_us - state->touched_us > holding->hold_us;
}

int
state_is_over(const struct state_table *table, const struct state *state, int64_t stream_us)
{
    return is_over(state_holding(table, state), state, stream_us);
}

struct state *
holding_first_over(const struct holding *holding, int64_t stream_us)
{
    for (int is_known = 0; is_known < 2; is_known++) {
        struct state *oldest = holding->queues[is_known].oldest;

        if (oldest != NULL && is_over(holding, oldest, stream_us))
            return oldest;
    }
    return NULL;
}

struct state *
state_first_over(struct state_table *table, int64_t stream_us)
{
    struct age_heap *timed = &table->timed;

    while (timed->count > 0 && timed->items[0].age < stream_us) {
        struct holding *holding = &table->holdings[timed->items[0].at / 2];
        struct age_queue *queue = &holding->queues[timed->items[0].at % 2];
        struct state *oldest = queue->oldest;

        if (oldest == NULL) {
            queue->is_timed = 0;
            age_heap_pop(timed);
        } else if (is_over(holding, oldest, stream_us)) {
            return oldest;
        } else {
            age_heap_settle(timed, oldest->touched_us + holding->hold_us);
        }
    }
    return NULL;
}

void
state_expire(struct state_table *table, int64_t stream_us)
{
    size_t most = EXPIRED_MORE + table->added;
    struct state *state;

    table->added = 0;
    state_waste_free(table, WASTE_AT_ONCE);
    while (most-- > 0 && (state = state_first_over(table, stream_us)) != NULL)
        state_drop(table, state);
}

struct state *
holding_oldest(const struct holding *holding, const struct state *but)
{
    size_t count = holding_rows(holding), known = holding->queues[1].count;
    int first = (count - known) * 4 <= count;

    for (int i = 0; i < 2; i++) {
        struct state *oldest = holding->queues[first ^ i].oldest;

        if (oldest != NULL && oldest == but)
            oldest = oldest->newer;
        if (oldest != NULL)
            return oldest;
    }
    return NULL;
}

struct state *
holding_oldest_memory(const struct holding *holding)
{
    return holding->queues[holding->queues[0].count == 0].oldest;
}

struct state *
state_oldest(const struct state_table *table)
{
    const struct holding *largest = state_largest(table, SIZE_ROWS, NULL);

    return largest == NULL ? NULL : holding_oldest(largest, NULL);
}

struct state *
state_oldest_window(const struct state_table *table, const struct state *but)
{
    const struct holding *largest = state_largest(table, SIZE_ENTRIES, NULL);
    struct state *oldest = largest == NULL ? NULL : holding_oldest(largest, but);

    if (oldest != NULL || largest == NULL)
        return oldest;
    largest = state_largest(table, SIZE_ENTRIES, largest);
    return largest == NULL ? NULL : holding_oldest(largest, but);
}
