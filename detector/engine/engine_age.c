/* Rows by their age: what was held long enough, and what goes first. */
#include "detector/engine/engine_state.h"

/* What is touched from now on, and what stands first in each queue, is held so long. */
static int64_t
quiet_until(const struct state_table *table, int64_t stream_us)
{
    int64_t least = INT64_MAX;

    for (size_t i = 0; i < 2 * table->class_count; i++) {
        const struct age_class *all = &table->classes[i / 2];
        const struct state *oldest = all->queues[i % 2].oldest;
        int64_t from_us = oldest != NULL && oldest->touched_us < stream_us
                          ? oldest->touched_us : stream_us;

        if (all->hold_us < INT64_MAX / 2 && from_us + all->hold_us < least)
            least = from_us + all->hold_us;
    }
    return least;
}

void
state_expire(struct state_table *table, int64_t stream_us)
{
    if (stream_us <= table->quiet_until_us)
        return;
    for (size_t i = 0; i < table->class_count; i++) {
        struct age_class *all = &table->classes[i];

        if (all->hold_us == INT64_MAX)
            continue;
        for (struct age_queue *queue = all->queues; queue < all->queues + 2; queue++)
            while (queue->oldest != NULL &&
                   stream_us - queue->oldest->touched_us > all->hold_us)
                state_drop(table, queue->oldest);
    }
    table->quiet_until_us = quiet_until(table, stream_us);
}

size_t
state_memory_count(const struct state_table *table)
{
    size_t count = 0;

    for (size_t i = 0; i < table->class_count; i++)
        if (table->classes[i].kind == STATE_MEMORY)
            count += table->classes[i].queues[0].count + table->classes[i].queues[1].count;
    return count;
}

static struct state *
oldest_of(const struct state_table *table, enum state_kind least, enum state_kind most,
          int is_known)
{
    struct state *oldest = NULL;

    for (size_t i = 0; i < table->class_count; i++) {
        struct state *state = table->classes[i].queues[is_known].oldest;

        if (state != NULL && state->rule != RULE_LATE &&
            table->classes[i].kind >= least && table->classes[i].kind <= most &&
            (oldest == NULL || state->touch < oldest->touch))
            oldest = state;
    }
    return oldest;
}

struct state *
state_oldest(const struct state_table *table, enum state_kind least)
{
    int is_known = (table->count - table->known_count) * 4 <= table->count;
    struct state *oldest = oldest_of(table, least, STATE_WINDOWS, is_known);

    return oldest != NULL ? oldest : oldest_of(table, least, STATE_WINDOWS, !is_known);
}

struct state *
state_oldest_memory(const struct state_table *table)
{
    struct state *oldest = oldest_of(table, STATE_MEMORY, STATE_MEMORY, 0);

    return oldest != NULL ? oldest : oldest_of(table, STATE_MEMORY, STATE_MEMORY, 1);
}
