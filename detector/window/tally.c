#include "detector/window/tally.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAP = 8, SMALL_CAP = 256, MAX_CAP = 1 << 30 };

void
tally_release(struct tally *tally)
{
    free(tally->slots);
    *tally = (struct tally){ 0 };
}

/* The size is what one large key may have left behind: clearing it for each
 * small key after that would cost more than making it anew. */
void
tally_clear(struct tally *tally)
{
    if (tally->cap > SMALL_CAP && tally->distinct < tally->cap / 16)
        tally_release(tally);
    else if (tally->distinct > 0)
        memset(tally->slots, 0, tally->cap * sizeof(tally->slots[0]));
    tally->distinct = 0;
}

static uint32_t
home_of(const struct tally *tally, uint64_t number)
{
    return (uint32_t)((number * UINT64_C(0x9E3779B97F4A7C15)) >> 32) & (tally->cap - 1);
}

/* The slot that holds number, or the free one where it belongs. */
static uint32_t
slot_find(const struct tally *tally, uint64_t number)
{
    uint32_t i = home_of(tally, number);

    while (tally->slots[i].times != 0 && tally->slots[i].number != number)
        i = (i + 1) & (tally->cap - 1);
    return i;
}

static int
resize(struct tally *tally, uint32_t cap)
{
    struct tally other = { .cap = cap, .distinct = tally->distinct };

    other.slots = cap > MAX_CAP ? NULL : calloc(cap, sizeof(other.slots[0]));
    if (other.slots == NULL)
        return -1;
    for (size_t i = 0; i < tally->cap; i++)
        if (tally->slots[i].times != 0)
            other.slots[slot_find(&other, tally->slots[i].number)] = tally->slots[i];
    free(tally->slots);
    *tally = other;
    return 0;
}

void
tally_fit(struct tally *tally)
{
    uint32_t cap = FIRST_CAP;

    if (tally->cap <= SMALL_CAP || tally->distinct >= tally->cap / 8)
        return;
    while (cap < tally->distinct * 2)
        cap *= 2;
    resize(tally, cap);         /* if it fails, it is only larger */
}

uint32_t *
tally_times(struct tally *tally, uint64_t number)
{
    struct tally_slot *slot;

    if (tally->distinct >= tally->cap - tally->cap / 4 &&
        resize(tally, tally->cap == 0 ? FIRST_CAP : tally->cap * 2) != 0)
        return NULL;
    slot = &tally->slots[slot_find(tally, number)];
    if (slot->times == 0) {
        slot->number = number;
        tally->distinct++;
    }
    return &slot->times;
}

int
tally_add(struct tally *tally, uint64_t number)
{
    uint32_t *times = tally_times(tally, number);

    if (times == NULL)
        return -1;
    ++*times;
    return 0;
}

/* Move what follows into the gap, so that no mark of it is needed. */
static void
close_gap(struct tally *tally, uint32_t gap)
{
    uint32_t mask = tally->cap - 1;

    for (uint32_t i = (gap + 1) & mask; tally->slots[i].times != 0; i = (i + 1) & mask) {
        uint32_t home = home_of(tally, tally->slots[i].number);

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
    uint32_t i;

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
