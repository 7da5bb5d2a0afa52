/* Which rows stand where. */
#include <stdlib.h>

#include "detector/memory/state_table.h"
#include "detector/match/allow_list.h"

/* Ranks that holdings of a kind stand in; HOLDING_SIZES: none. */
static const enum holding_size row_rank[] = {
    [STATE_WINDOWS] = SIZE_ROWS, [STATE_PLAIN] = SIZE_ROWS, [STATE_MEMORY] = SIZE_MEMORY,
    [STATE_KEPT] = HOLDING_SIZES,
};

static void
enter(struct state_table *table, struct holding *holding, enum holding_size size)
{
    struct holding_rank *rank = &table->ranks[size];

    holding->ranks[size] = (uint32_t)rank->count++;
    holding_rank(table, holding, size);
}

static void
enter_ranks(struct state_table *table, struct holding *holding)
{
    if (row_rank[holding->kind] != HOLDING_SIZES)
        enter(table, holding, row_rank[holding->kind]);
    if (holding->kind == STATE_WINDOWS)
        enter(table, holding, SIZE_ENTRIES);
}

int
state_open_holdings(struct state_table *table, size_t rule_count)
{
    size_t count = HOLDS_RULES + rule_count;
    uint32_t *ranks = calloc(HOLDING_SIZES * count, sizeof(*ranks));

    for (size_t size = 0; size < HOLDING_SIZES; size++)
        table->ranks[size].items = ranks == NULL ? NULL : ranks + size * count;
    table->timed.items = calloc(2 * count, sizeof(table->timed.items[0]));
    table->holdings = calloc(count, sizeof(table->holdings[0]));
    table->holding_count = count;
    return ranks == NULL || table->timed.items == NULL || table->holdings == NULL ? -1 : 0;
}

void
state_release_holdings(struct state_table *table)
{
    free(table->ranks[0].items);
    free(table->timed.items);
    free(table->holdings);
}

void
state_clear_holdings(struct state_table *table)
{
    table->timed.count = table->known_count = table->memory_count = table->added = 0;
    for (size_t size = 0; size < HOLDING_SIZES; size++)
        table->ranks[size].count = 0;
    for (size_t i = 0; i < table->holding_count; i++) {
        struct holding *holding = &table->holdings[i];

        holding->queues[0] = holding->queues[1] = (struct age_queue){ 0 };
        enter_ranks(table, holding);
    }
}

struct holding *
state_hold(struct state_table *table, size_t at, uint64_t name, enum state_kind kind,
           int64_t hold_us)
{
    struct holding *holding = &table->holdings[at];

    *holding = (struct holding){ .name = name, .kind = kind, .hold_us = hold_us,
                                 .most_rows = SIZE_MAX, .most_entries = SIZE_MAX };
    enter_ranks(table, holding);
    return holding;
}

struct holding *
state_holding_at(const struct state_table *table, uint32_t rule, size_t key_len)
{
    struct holding *of_rule = &table->holdings[HOLDS_RULES];

    switch (rule) {
    case RULE_SEEN: return &table->holdings[HOLDS_SEEN];
    case RULE_TOLD: return &table->holdings[HOLDS_TOLD];
    case RULE_ALLOW:                    /* of a day: the key has it */
        return &table->holdings[key_len > ALLOW_ID_LEN ? HOLDS_ALLOWED_DAYS : HOLDS_ALLOWED];
    case RULE_LATE: case RULE_FORGOTTEN: return &table->holdings[HOLDS_LATE];
    default: of_rule += rule;
    }
    /* where its stream began, for a rule that learns */
    return of_rule->kind == STATE_MEMORY && key_len == 0 ? &table->holdings[HOLDS_STARTS]
                                                          : of_rule;
}

struct holding *
state_holding(const struct state_table *table, const struct state *state)
{
    return state_holding_at(table, state->rule, state->key_len);
}

size_t
holding_rows(const struct holding *holding)
{
    return holding->queues[0].count + holding->queues[1].count;
}

static void
join(struct state_table *table, struct holding *holding, struct state *state)
{
    struct age_queue *queue = &holding->queues[state->is_known];

    state->newer = NULL;
    state->older = queue->newest;
    *(queue->newest != NULL ? &queue->newest->newer : &queue->oldest) = state;
    queue->newest = state;
    queue->count++;
    /* times beyond half of all are for ever */
    if (queue->is_timed || holding->hold_us >= INT64_MAX / 2)
        return;
    queue->is_timed = 1;
    age_heap_put(&table->timed, state->touched_us + holding->hold_us,
                 (uint32_t)(2 * (holding - table->holdings)) + state->is_known);
}

static void
leave(struct holding *holding, struct state *state)
{
    struct age_queue *queue = &holding->queues[state->is_known];

    *(state->newer != NULL ? &state->newer->older : &queue->newest) = state->older;
    *(state->older != NULL ? &state->older->newer : &queue->oldest) = state->newer;
    queue->count--;
}

static void
note_rows(struct state_table *table, struct holding *holding)
{
    if (row_rank[holding->kind] != HOLDING_SIZES)
        holding_rank(table, holding, row_rank[holding->kind]);
}

void
state_link_age(struct state_table *table, struct state *state)
{
    struct holding *holding = state_holding(table, state);

    join(table, holding, state);
    table->known_count += state->is_known;
    table->memory_count += holding->kind == STATE_MEMORY;
    note_rows(table, holding);
}

void
state_unlink_age(struct state_table *table, struct state *state)
{
    struct holding *holding = state_holding(table, state);

    leave(holding, state);
    table->known_count -= state->is_known;
    table->memory_count -= holding->kind == STATE_MEMORY;
    note_rows(table, holding);
}

void
state_know(struct state_table *table, struct state *state)
{
    struct holding *holding = state_holding(table, state);

    leave(holding, state);
    table->known_count += !state->is_known;
    state->is_known = 1;
    join(table, holding, state);
}

void
state_note_entries(struct state_table *table, const struct state *state, size_t before,
                   size_t now)
{
    struct holding *holding = state_holding(table, state);

    if (now == before)
        return;
    table->entries += now - before;
    holding->entries += now - before;
    holding_rank(table, holding, SIZE_ENTRIES);
}
