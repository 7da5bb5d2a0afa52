#include "detector/engine/id_memory.h"

#include <stdlib.h>
#include <string.h>

/* Sixteen bits an id, six of them set: 0.1 % when full. */
enum { BITS = 16 * ID_MEMORY_SHARE, WORDS = BITS / 64, PROBES = 6 };
_Static_assert((BITS & (BITS - 1)) == 0, "a bit's number is cut from a hash");

void
id_memory_release(struct id_memory *memory)
{
    free(memory->filters[0]);
    free(memory->filters[1]);
    *memory = (struct id_memory){ 0 };
}

static int
open_filters(struct id_memory *memory)
{
    for (int i = 0; i < 2; i++)
        if (memory->filters[i] == NULL)
            memory->filters[i] = calloc(WORDS, sizeof(uint64_t));
    return memory->filters[0] != NULL && memory->filters[1] != NULL ? 0 : -1;
}

/* 1 when all bits of the id were set; sets them when asked to. */
static int
visit(uint64_t *filter, const uint64_t halves[2], int is_set)
{
    int was_there = 1;

    for (uint64_t i = 0; i < PROBES; i++) {
        uint64_t bit = (halves[0] + i * (halves[1] | 1)) & (BITS - 1);
        uint64_t mask = UINT64_C(1) << (bit % 64);

        was_there &= (filter[bit / 64] & mask) != 0;
        if (is_set)
            filter[bit / 64] |= mask;
    }
    return was_there;
}

int
id_memory_add(struct id_memory *memory, const uint8_t id[HASH_ID_LEN])
{
    uint64_t halves[2], *filled;

    _Static_assert(sizeof(halves) <= HASH_ID_LEN, "an id has two halves");
    if (open_filters(memory) != 0)
        return 0;
    memcpy(halves, id, sizeof(halves));
    if (visit(memory->filters[0], halves, 0) || visit(memory->filters[1], halves, 0)) {
        visit(memory->filters[0], halves, 1);
        return 1;
    }
    visit(memory->filters[0], halves, 1);
    if (++memory->taken < ID_MEMORY_SHARE)
        return 0;
    filled = memory->filters[0];
    memory->filters[0] = memory->filters[1];
    memory->filters[1] = filled;
    memset(memory->filters[0], 0, WORDS * sizeof(uint64_t));
    memory->taken = 0;
    return 0;
}
