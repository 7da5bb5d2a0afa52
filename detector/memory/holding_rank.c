/* Which holding has most. */
#include "detector/memory/state_table.h"

static size_t
size_of(const struct holding *holding, enum holding_size size)
{
    return size == SIZE_ENTRIES ? holding->entries : holding_rows(holding);
}

/* 1 when the one of the items[a] stands before that of items[b]. */
static int
is_before(const struct state_table *table, enum holding_size size, uint32_t a, uint32_t b)
{
    size_t of_a = size_of(&table->holdings[a], size), of_b = size_of(&table->holdings[b], size);

    return of_a != of_b ? of_a > of_b : table->holdings[a].name < table->holdings[b].name;
}

static void
set_at(struct state_table *table, enum holding_size size, size_t at, uint32_t item)
{
    table->ranks[size].items[at] = item;
    table->holdings[item].ranks[size] = (uint32_t)at;
}

void
holding_rank(struct state_table *table, struct holding *holding, enum holding_size size)
{
    const struct holding_rank *rank = &table->ranks[size];
    const uint32_t *items = rank->items;
    uint32_t item = (uint32_t)(holding - table->holdings);
    size_t at = holding->ranks[size];

    for (; at > 0 && is_before(table, size, item, items[(at - 1) / 2]); at = (at - 1) / 2)
        set_at(table, size, at, items[(at - 1) / 2]);
    for (size_t child = 2 * at + 1; child < rank->count; child = 2 * at + 1) {
        if (child + 1 < rank->count && is_before(table, size, items[child + 1], items[child]))
            child++;
        if (!is_before(table, size, items[child], item))
            break;
        set_at(table, size, at, items[child]);
        at = child;
    }
    set_at(table, size, at, item);
}

struct holding *
state_largest(const struct state_table *table, enum holding_size size,
              const struct holding *but)
{
    const struct holding_rank *rank = &table->ranks[size];
    size_t at = 0;

    if (rank->count > 0 && &table->holdings[rank->items[0]] == but) {
        at = 1;                 /* the next is one of the two below */
        if (rank->count > 2 && is_before(table, size, rank->items[2], rank->items[1]))
            at = 2;
    }
    if (at >= rank->count || size_of(&table->holdings[rank->items[at]], size) == 0)
        return NULL;
    return &table->holdings[rank->items[at]];
}
