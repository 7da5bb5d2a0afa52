#include "detector/tally.h"

#include <stdlib.h>
#include <string.h>

void
tally_release(struct tally *tally)
{
    free(tally->slots);
    *tally = (struct tally){ 0 };
}

void
tally_clear(struct tally *tally)
{
    if (tally->distinct > 0)
        memset(tally->slots, 0, tally->cap * sizeof(tally->slots[0]));
    tally->distinct = 0;
}

static size_t
home_of(const struct tally *tally, uint64_t number)
{
    return (size_t)((number * UINT64_C(0x9E3779B97F4A7C15)) >> 32) & (tally->cap - 1);
}

/* The slot that holds number, or the free one where it belongs. */
static size_t
slot_find(const struct tally *tally, uint64_t number)
{
    size_t i = home_of(tally, number);

    while (tally->slots[i].times != 0 && tally->slots[i].number != number)
        i = (i + 1) & (tally->cap - 1);
    return i;
}

static int
grow(struct tally *tally)
{
    struct tally bigger = { .cap = tally->cap == 0 ? 16 : tally->cap * 2,
                            .distinct = tally->distinct };

    bigger.slots = calloc(bigger.cap, sizeof(bigger.slots[0]));
    if (bigger.slots == NULL)
        return -1;
    for (size_t i = 0; i < tally->cap; i++)
        if (tally->slots[i].times != 0)
            bigger.slots[slot_find(&bigger, tally->slots[i].number)] = tally->slots[i];
    free(tally->slots);
    *tally = bigger;
    return 0;
}

int
tally_add(struct tally *tally, uint64_t number)
{
    struct tally_slot *slot;

    if (tally->distinct * 4 >= tally->cap * 3 && grow(tally) != 0)
        return -1;
    slot = &tally->slots[slot_find(tally, number)];
    if (slot->times == 0) {
        slot->number = number;
        tally->distinct++;
    }
    slot->times++;
    return 0;
}

/* Move what follows into the gap, so that no mark of it is needed. */
static void
close_gap(struct tally *tally, size_t gap)
{
    size_t mask = tally->cap - 1;

    for (size_t i = (gap + 1) & mask; tally->slots[i].times != 0; i = (i + 1) & mask) {
        size_t home = home_of(tally, tally->slots[i].number);

        if (((i - home) & mask) < ((i - gap) & mask))
            continue;
        tally->slots[gap] = tally->slots[i];
        gap = i;
    }
    tally->slots[gap].times = 0;
}

void
tally_remove(struct tally *tally, uint64_t number)
{
    size_t i;

    if (tally->cap == 0)
        return;
    i = slot_find(tally, number);
    if (tally->slots[i].times == 0)
        return;
    if (--tally->slots[i].times > 0)
        return;
    tally->distinct--;
    close_gap(tally, i);
}

int
tally_has(const struct tally *tally, uint64_t number)
{
    return tally->cap > 0 && tally->slots[slot_find(tally, number)].times != 0;
}
