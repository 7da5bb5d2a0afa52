/* The number of detectors has changed: the sources go to those who own them now. */
#include <string.h>

#include "detector/sources/sources_inner.h"

/* Days stand by their number: those of a source that is moved in time move along. */
static void
copy_days(const struct source *from, struct source *to)
{
    int64_t before = from->heard_us / SOURCE_DAY, after = to->heard_us / SOURCE_DAY;
    struct source_day days[SOURCE_DAYS];

    for (int64_t back = 0; back < SOURCE_DAYS; back++)
        days[(after + SOURCE_DAYS - back) % SOURCE_DAYS] =
            from->days[(before + SOURCE_DAYS - back) % SOURCE_DAYS];
    memcpy(to->days, days, sizeof(days));
}

/* Time awake is each detector's own: the one that was awake longest says what time it is. */
static void
shift(struct sources *all, int64_t by_us)
{
    for (size_t i = 0; i < all->options.max; i++) {
        struct source *source = &all->all[i], before = *source;

        if (source->name_len == 0)
            continue;
        source->known_us += by_us;
        source->heard_us += by_us;
        copy_days(&before, source);
        source->is_dirty = 1;
    }
    for (size_t i = 0; i < SOURCE_CLOCKS; i++)
        if (all->clocks[i].origin != 0)
            all->clocks[i].awake_us += by_us;
    all->awake_us += by_us;
}

/* Of a journal that both know, the one that is behind: what it has not heard comes again. */
static void
take_clock(struct sources *all, const struct source_clock *clock, int64_t by_us)
{
    struct source_clock *to = NULL;

    for (size_t i = 0; i < SOURCE_CLOCKS; i++) {
        struct source_clock *one = &all->clocks[i];

        if (one->origin == clock->origin) {
            to = one->now_us <= clock->now_us ? NULL : one;
            if (to == NULL)
                return;
            break;
        }
        if (one->origin == 0 && to == NULL)
            to = one;
    }
    if (to == NULL)
        return;
    *to = *clock;
    to->awake_us += by_us;
}

static void
take_source(struct sources *all, const struct source *from, int64_t by_us)
{
    struct source *to = source_add(all, (struct text){ from->name, from->name_len },
                                   from->hash, from->first_us);

    to->last_us = from->last_us;
    to->events = from->events;
    to->known_us = from->known_us + by_us;
    to->heard_us = from->heard_us + by_us;
    to->silence = from->silence;
    to->skew_us = from->skew_us;
    copy_days(from, to);
    to->is_dirty = 1;
    source_requeue(all, to);
}

void
sources_take(struct sources *sources, const struct sources *from)
{
    int64_t by_us = sources->awake_us - from->awake_us;

    if (by_us < 0) {
        shift(sources, -by_us);
        by_us = 0;
    }
    for (size_t i = 0; i < SOURCE_CLOCKS; i++)
        if (from->clocks[i].origin != 0)
            take_clock(sources, &from->clocks[i], by_us);
    for (size_t i = 0; i < from->options.max; i++) {
        const struct source *one = &from->all[i];

        if (one->name_len > 0 && share_owns(&from->share, one->hash) &&
            share_owns(&sources->share, one->hash) &&
            source_find(sources, (struct text){ one->name, one->name_len }, one->hash) == NULL)
            take_source(sources, one, by_us);
    }
    sources->reviewed_us = sources->awake_us;
}
