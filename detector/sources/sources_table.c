/* The registry: sources by name, and in the order in which they were heard. */
#include <string.h>

#include "detector/sources/sources_inner.h"

/* Regular: heard in so many hours of the days that are remembered. */
enum { REGULAR_HOURS = 24 };

struct source *
source_find(struct sources *sources, struct text name, uint64_t hash)
{
    struct source *source = sources->buckets[hash % SOURCE_BUCKETS];

    while (source != NULL && (source->hash != hash || source->name_len != name.len ||
                              memcmp(source->name, name.ptr, name.len) != 0))
        source = source->next;
    return source;
}

static void
queue_leave(struct sources *all, struct source *source)
{
    struct source_queue *queue = &all->queues[source->is_regular];

    *(source->older != NULL ? &source->older->newer : &queue->oldest) = source->newer;
    *(source->newer != NULL ? &source->newer->older : &queue->newest) = source->older;
}

/* Behind all that were heard no later; at the end, but for rows given back. */
static void
queue_enter(struct sources *all, struct source *source)
{
    struct source_queue *queue = &all->queues[source->is_regular];
    struct source *older = queue->newest;

    while (older != NULL && older->heard_us > source->heard_us)
        older = older->older;
    source->older = older;
    source->newer = older != NULL ? older->newer : queue->oldest;
    *(source->newer != NULL ? &source->newer->older : &queue->newest) = source;
    *(older != NULL ? &older->newer : &queue->oldest) = source;
}

static unsigned
hours_of(const struct source *source)
{
    unsigned hours = 0;

    for (size_t i = 0; i < SOURCE_DAYS; i++)
        hours += source->days[i].hours;
    return hours;
}

void
source_link(struct sources *sources, struct source *source)
{
    struct source **bucket = &sources->buckets[source->hash % SOURCE_BUCKETS];

    source->next = *bucket;
    *bucket = source;
    source->is_regular = hours_of(source) >= REGULAR_HOURS;
    queue_enter(sources, source);
    ++*sources->count;
}

static void
source_unlink(struct sources *sources, struct source *source)
{
    struct source **at = &sources->buckets[source->hash % SOURCE_BUCKETS];

    while (*at != source)
        at = &(*at)->next;
    *at = source->next;
    queue_leave(sources, source);
    --*sources->count;
}

/* A slot for one more. Names are what senders say: a flood of new ones takes the
 * places of newcomers, and no regular source is forgotten for it. */
static struct source *
make_room(struct sources *all)
{
    struct source *source;

    while (all->free_from < all->options.max && all->all[all->free_from].name_len != 0)
        all->free_from++;
    if (all->free_from < all->options.max)
        return &all->all[all->free_from];
    source = all->queues[0].oldest != NULL ? all->queues[0].oldest : all->queues[1].oldest;
    source_unlink(all, source);
    ++*all->forgotten;
    return source;
}

struct source *
source_add(struct sources *all, struct text name, uint64_t hash, int64_t received_us)
{
    struct source *source = make_room(all);

    *source = (struct source){ .name_len = name.len, .hash = hash, .first_us = received_us,
                               .known_us = all->awake_us, .heard_us = all->awake_us };
    memcpy(source->name, name.ptr, name.len);
    source->days[all->awake_us / SOURCE_DAY % SOURCE_DAYS] = (struct source_day){ 0, 1, 1 };
    source_link(all, source);
    return source;
}

void
source_requeue(struct sources *sources, struct source *source)
{
    queue_leave(sources, source);
    source->is_regular = hours_of(source) >= REGULAR_HOURS;
    queue_enter(sources, source);
}
