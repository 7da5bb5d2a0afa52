#include "proto/store/store_tally.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/hash.h"

enum { FIRST_ENTRIES = 256 };

void
store_tally_release(struct tally *tally)
{
    free(tally->entries);
    free(tally->slots);
    arena_release(&tally->values);
    *tally = (struct tally){ 0 };
}

void
store_tally_clear(struct tally *tally)
{
    tally->count = 0;
    if (tally->slots != NULL)
        memset(tally->slots, 0, tally->slot_count * sizeof(*tally->slots));
    arena_clear(&tally->values);
}

static uint32_t
hash_of(int kind, int64_t bucket, struct text value)
{
    uint64_t mix = (uint64_t)bucket * 0x9e3779b97f4a7c15u + (uint64_t)(unsigned)kind;

    mix ^= value.len == 0 ? 0 : hash64(value.ptr, value.len);
    mix *= 0xff51afd7ed558ccdu;
    return (uint32_t)(mix >> 32);
}

/* The slot that holds the entry, or the empty one where it belongs. */
static uint32_t *
slot_of(const struct tally *tally, uint32_t hash, int kind, int64_t bucket,
        struct text value)
{
    size_t mask = tally->slot_count - 1, i = hash & mask;

    for (; tally->slots[i] != 0; i = (i + 1) & mask) {
        const struct tally_entry *entry = &tally->entries[tally->slots[i] - 1];

        if (entry->hash == hash && entry->kind == kind && entry->bucket == bucket &&
            text_equals(entry->value, value))
            break;
    }
    return &tally->slots[i];
}

/* Twice the room, the slots at most half full. */
static int
grow(struct tally *tally)
{
    size_t cap = tally->cap == 0 ? FIRST_ENTRIES : tally->cap * 2;
    struct tally_entry *entries = realloc(tally->entries, cap * sizeof(*entries));
    uint32_t *slots = entries == NULL ? NULL : calloc(cap * 2, sizeof(*slots));

    if (entries != NULL)
        tally->entries = entries;
    if (slots == NULL)
        return -1;
    free(tally->slots);
    tally->slots = slots;
    tally->slot_count = cap * 2;
    tally->cap = cap;
    for (size_t i = 0; i < tally->count; i++) {
        size_t at = entries[i].hash & (tally->slot_count - 1);

        while (slots[at] != 0)
            at = (at + 1) & (tally->slot_count - 1);
        slots[at] = (uint32_t)i + 1;
    }
    return 0;
}

struct tally_entry *
store_tally_find(const struct tally *tally, int kind, int64_t bucket, struct text value)
{
    uint32_t slot;

    if (tally->count == 0)
        return NULL;
    slot = *slot_of(tally, hash_of(kind, bucket, value), kind, bucket, value);
    return slot == 0 ? NULL : &tally->entries[slot - 1];
}

struct tally_entry *
store_tally_add(struct tally *tally, int kind, int64_t bucket, struct text value,
                 uint64_t events)
{
    uint32_t hash = hash_of(kind, bucket, value), *slot;
    struct tally_entry *entry;

    if (tally->count == tally->cap && grow(tally) != 0)
        return NULL;
    slot = slot_of(tally, hash, kind, bucket, value);
    if (*slot == 0) {
        struct text copy = arena_copy(&tally->values, value);

        if (copy.ptr == NULL)
            return NULL;
        tally->entries[tally->count++] = (struct tally_entry){
            .bucket = bucket,
            .value = copy,
            .hash = hash,
            .kind = kind,
        };
        *slot = (uint32_t)tally->count;
    }
    entry = &tally->entries[*slot - 1];
    entry->events += events;
    return entry;
}

static int
compare_buckets(const void *left, const void *right)
{
    const struct tally_entry *a = left, *b = right;

    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    return a->bucket < b->bucket ? -1 : a->bucket > b->bucket;
}

void
store_tally_by_bucket(struct tally *tally)
{
    if (tally->count > 1)
        qsort(tally->entries, tally->count, sizeof(*tally->entries), compare_buckets);
}

static int
compare_events(const void *left, const void *right)
{
    const struct tally_entry *a = left, *b = right;
    size_t len = a->value.len < b->value.len ? a->value.len : b->value.len;
    int order;

    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    if (a->events != b->events)
        return a->events > b->events ? -1 : 1;
    order = memcmp(a->value.ptr, b->value.ptr, len);
    return order != 0 ? order
                      : (a->value.len > b->value.len) - (a->value.len < b->value.len);
}

void
store_tally_most_first(struct tally_entry *entries, size_t count)
{
    if (count > 1)
        qsort(entries, count, sizeof(*entries), compare_events);
}
