#include "ctl/seen_ids.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/hash.h"

enum { FIRST_SLOTS = 1024 };

struct slot {
    uint64_t hash;              /* 0: empty */
    int64_t at_us;
};

/* A table of hashes, at most half full. Ids are made by us or are hashes, so
 * nobody can choose two that meet. */
struct seen_ids {
    struct slot *slots;
    size_t slot_count, count;
};

struct seen_ids *
seen_ids_new(void)
{
    struct seen_ids *seen = calloc(1, sizeof *seen);

    if (seen == NULL)
        return NULL;
    seen->slot_count = FIRST_SLOTS;
    seen->slots = calloc(FIRST_SLOTS, sizeof *seen->slots);
    if (seen->slots == NULL)
        seen_ids_destroy(&seen);
    return seen;
}

void
seen_ids_destroy(struct seen_ids **seen)
{
    if (*seen == NULL)
        return;
    free((*seen)->slots);
    free(*seen);
    *seen = NULL;
}

static struct slot *
find_slot(struct slot *slots, size_t count, uint64_t hash)
{
    size_t i = (size_t)hash & (count - 1);

    while (slots[i].hash != 0 && slots[i].hash != hash)
        i = (i + 1) & (count - 1);
    return &slots[i];
}

/* Move what is not older into a table of so many slots. */
static int
move(struct seen_ids *seen, size_t slot_count, int64_t from_us)
{
    struct slot *slots = calloc(slot_count, sizeof *slots);

    if (slots == NULL)
        return -1;
    seen->count = 0;
    for (size_t i = 0; i < seen->slot_count; i++)
        if (seen->slots[i].hash != 0 && seen->slots[i].at_us >= from_us) {
            *find_slot(slots, slot_count, seen->slots[i].hash) = seen->slots[i];
            seen->count++;
        }
    free(seen->slots);
    seen->slots = slots;
    seen->slot_count = slot_count;
    return 0;
}

int
seen_ids_add(struct seen_ids *seen, const char *id, int64_t at_us)
{
    uint64_t hash = hash64(id, strlen(id));
    struct slot *slot;

    hash += hash == 0;
    slot = find_slot(seen->slots, seen->slot_count, hash);
    if (slot->hash != 0)
        return 0;
    if (seen->count >= SEEN_IDS_MAX)
        return -1;
    if ((seen->count + 1) * 2 > seen->slot_count) {
        if (move(seen, seen->slot_count * 2, INT64_MIN) != 0)
            return -1;
        slot = find_slot(seen->slots, seen->slot_count, hash);
    }
    *slot = (struct slot){ hash, at_us };
    seen->count++;
    return 1;
}

/* When memory is out they are remembered a while longer. */
void
seen_ids_forget_before(struct seen_ids *seen, int64_t at_us)
{
    (void)move(seen, seen->slot_count, at_us);
}

size_t
seen_ids_count(const struct seen_ids *seen)
{
    return seen->count;
}
