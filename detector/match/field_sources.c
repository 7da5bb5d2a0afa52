#include "detector/match/field_sources.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAP = 64 };

void
field_sources_init(struct field_sources *sources)
{
    *sources = (struct field_sources){ .all = NULL };
    for (size_t i = 0; i < EVENT_FIELD_COUNT; i++)
        sources->rows[i] = -1;
}

void
field_sources_release(struct field_sources *sources)
{
    free(sources->all);
    free(sources->buckets);
    field_sources_init(sources);
}

/* Names are looked up, never added, while events are judged: whoever makes them collide
 * gains nothing. */
static uint64_t
hash_of(struct text name)
{
    uint64_t first = 0, last = 0;
    size_t part = name.len < 8 ? name.len : 8;

    memcpy(&first, name.ptr, part);
    memcpy(&last, name.ptr + name.len - part, part);
    first = (first ^ (uint64_t)name.len << 56) * UINT64_C(0x9e3779b97f4a7c15);
    first = (first ^ first >> 29 ^ last) * UINT64_C(0xbf58476d1ce4e5b9);
    return first ^ first >> 32;
}

static int32_t *
bucket_of(const struct field_sources *sources, uint64_t hash)
{
    return &sources->buckets[hash & (sources->bucket_count - 1)];
}

static int
make_room(struct field_sources *sources)
{
    size_t cap = sources->cap == 0 ? FIRST_CAP : sources->cap * 2;
    struct field_source *all;
    int32_t *buckets;

    if (sources->count < sources->cap)
        return 0;
    all = realloc(sources->all, cap * sizeof(*all));
    if (all == NULL)
        return -1;
    sources->all = all;
    buckets = realloc(sources->buckets, cap * 2 * sizeof(*buckets));
    if (buckets == NULL)
        return -1;
    sources->buckets = buckets;
    sources->bucket_count = cap * 2;
    sources->cap = cap;
    memset(buckets, 0xff, sources->bucket_count * sizeof(*buckets));
    for (size_t i = 0; i < sources->count; i++) {
        if (all[i].name.ptr == NULL)
            continue;
        all[i].next = *bucket_of(sources, all[i].hash);
        *bucket_of(sources, all[i].hash) = (int32_t)i;
    }
    return 0;
}

static void
add(struct field_sources *sources, const struct field_source *source, int32_t *list)
{
    sources->all[sources->count] = *source;
    sources->all[sources->count].next = *list;
    *list = (int32_t)sources->count++;
}

int
field_sources_add_row(struct field_sources *sources, int row, uint32_t field,
                      enum field_rank rank)
{
    const struct field_source source = { .field = field, .rank = rank };

    if (row < 0)
        return 0;
    if (make_room(sources) != 0)
        return -1;
    add(sources, &source, &sources->rows[row]);
    return 0;
}

int
field_sources_add_name(struct field_sources *sources, struct text name, uint32_t field,
                       enum field_rank rank)
{
    struct field_source source = { .name = name, .field = field, .rank = rank };

    if (name.len == 0)
        return 0;
    if (make_room(sources) != 0)
        return -1;
    source.hash = hash_of(name);
    add(sources, &source, bucket_of(sources, source.hash));
    return 0;
}

/* From `at` on in its list, the first of this name. */
static const struct field_source *
find(const struct field_sources *sources, int32_t at, struct text name, uint64_t hash)
{
    for (; at >= 0; at = sources->all[at].next) {
        const struct field_source *source = &sources->all[at];

        if (source->hash == hash && source->name.len == name.len &&
            memcmp(source->name.ptr, name.ptr, name.len) == 0)
            return source;
    }
    return NULL;
}

const struct field_source *
field_sources_first(const struct field_sources *sources, struct text name)
{
    uint64_t hash;

    if (sources->count == 0 || name.len == 0)
        return NULL;
    hash = hash_of(name);
    return find(sources, *bucket_of(sources, hash), name, hash);
}

const struct field_source *
field_sources_next(const struct field_sources *sources, const struct field_source *source)
{
    return find(sources, source->next, source->name, source->hash);
}
