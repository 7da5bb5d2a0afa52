#include "detector/sources/sources.h"

#include <stdlib.h>
#include <string.h>

#include "detector/sources/sources_inner.h"
#include "proto/base/hash.h"

/* Of a gap in a stream this much counts: heads come each second. */
#define OUTAGE SOURCE_MINUTE
/* Times that could overflow a sum come from no real clock. */
#define MAX_TIME (INT64_MAX / 4)

struct sources *
sources_new(const struct sources_options *options, struct metrics *metrics)
{
    struct sources *all = calloc(1, sizeof(*all));

    if (all == NULL)
        return NULL;
    all->options = *options;
    if (all->options.max == 0 || all->options.max > SOURCES_MAX)
        all->options.max = SOURCES_MAX;
    all->all = calloc(all->options.max, sizeof(all->all[0]));
    if (all->all == NULL) {
        sources_destroy(&all);
        return NULL;
    }
    all->saved_us = -SOURCE_DAY;
    all->count = metrics_number(metrics, METRIC_GAUGE, "bongsu_detector_sources", "",
                                "log sources that are known");
    all->silent = metrics_number(metrics, METRIC_GAUGE, "bongsu_detector_sources_silent", "",
                                 "log sources that went silent");
    all->skewed = metrics_number(metrics, METRIC_GAUGE, "bongsu_detector_sources_skewed", "",
                                 "log sources whose clock is off");
    all->forgotten = metrics_number(metrics, METRIC_COUNTER,
                                    "bongsu_detector_sources_forgotten_total", "",
                                    "log sources that made room for new ones");
    return all;
}

void
sources_destroy(struct sources **sources)
{
    if (*sources == NULL)
        return;
    buf_release(&(*sources)->pack);
    free((*sources)->all);
    free(*sources);
    *sources = NULL;
}

/* --- time --- */

/* The clock of a journal; the one that stands still longest makes room. */
static struct source_clock *
clock_of(struct sources *all, uint64_t origin, int64_t at_us)
{
    struct source_clock *clock = all->clock, *stalest = all->clocks;

    if (clock != NULL && clock->origin == origin)
        return clock;
    for (clock = all->clocks; clock < all->clocks + SOURCE_CLOCKS; clock++) {
        if (clock->origin == origin)
            return clock;
        if (clock->now_us < stalest->now_us)
            stalest = clock;
    }
    *stalest = (struct source_clock){ origin, at_us, all->awake_us };
    return stalest;
}

/* Each journal adds its own time; the one that is furthest says what time it is.
 * One that was away and has nothing more to tell is where the others are. */
void
sources_tick(struct sources *sources, uint64_t origin, int64_t at_us, int is_idle)
{
    struct source_clock *clock;
    int64_t passed_us;

    if (at_us <= 0 || at_us > MAX_TIME || origin == 0)
        return;
    clock = sources->clock = clock_of(sources, origin, at_us);
    passed_us = at_us - clock->now_us;
    if (passed_us > 0)
        clock->awake_us += passed_us < OUTAGE ? passed_us : OUTAGE;
    if (passed_us > 0 || passed_us < -OUTAGE)
        clock->now_us = at_us;          /* that clock was put back, if it is earlier */
    if (clock->awake_us > sources->awake_us)
        sources->awake_us = clock->awake_us;
    else if (is_idle)
        clock->awake_us = sources->awake_us;
}

/* --- who it is, and what its habits are --- */

/* host.name as it is mostly written, or as {"host": {"name": ...}}. */
static struct text
host_of(const struct extra *extra)
{
    const msgpack_object_map *map;
    struct text none = { NULL, 0 };

    if (extra->name.len == 9 && memcmp(extra->name.ptr, "host.name", 9) == 0)
        return value_get_text(&extra->value);
    if (extra->name.len != 4 || memcmp(extra->name.ptr, "host", 4) != 0 ||
        extra->value.kind != VALUE_OBJECT || extra->value.as.object->type != MSGPACK_OBJECT_MAP)
        return none;
    map = &extra->value.as.object->via.map;
    for (size_t i = 0; i < map->size; i++) {
        const msgpack_object *key = &map->ptr[i].key, *value = &map->ptr[i].val;

        if (key->type == MSGPACK_OBJECT_STR && value->type == MSGPACK_OBJECT_STR &&
            key->via.str.size == 4 && memcmp(key->via.str.ptr, "name", 4) == 0)
            return (struct text){ value->via.str.ptr, value->via.str.size };
    }
    return none;
}

static struct text
name_of(const struct event *ev)
{
    struct text name = { NULL, 0 };

    for (size_t i = 0; i < ev->extra_count && name.len == 0; i++)
        name = host_of(&ev->extras[i]);
    if (name.len == 0)
        name = value_get_text(&ev->known[EVENT_RECEIVED_FROM]);
    return name.len == 0 ? text_of("unknown") : name;
}

/* A source is known by its name as it is shown: what is long or no text is cut
 * and mended first. A slot in the cache may hold another by now. NULL: it is another
 * detector's. */
static struct source *
source_of(struct sources *all, const struct event *ev)
{
    struct text name = name_of(ev);
    unsigned char first = (unsigned char)name.ptr[0], last = (unsigned char)name.ptr[name.len - 1];
    struct source **cached = &all->cache[(first * 7 + last + name.len * 13) % SOURCE_CACHE];
    struct source *source = *cached;
    char shown[NAME_SHOWN_LEN];
    uint64_t hash;

    if (source != NULL && source->name_len == name.len &&
        memcmp(source->name, name.ptr, name.len) == 0)
        return share_owns(&all->share, source->hash) ? source : NULL;
    name = text_of(name_show(name, shown));
    hash = hash64(name.ptr, name.len);
    if (!share_owns(&all->share, hash))
        return NULL;
    source = source_find(all, name, hash);
    if (source == NULL)
        source = source_add(all, name, hash, ev->received_us);
    *cached = source;
    return source;
}

/* It is heard after a second or more: what the pause was, and when it is over. */
static void
note_pause(struct sources *all, struct source *source)
{
    int64_t now_us = all->awake_us, before_us = source->heard_us;
    int64_t today = now_us / SOURCE_DAY, gap_s = (now_us - before_us) / SOURCE_SECOND;
    int64_t day = before_us / SOURCE_DAY;
    struct source_day *now = &source->days[today % SOURCE_DAYS];

    if (today - day > SOURCE_DAYS)
        day = today - SOURCE_DAYS;
    while (day < today)
        source->days[++day % SOURCE_DAYS] = (struct source_day){ 0 };
    if (gap_s > now->gap_s)
        now->gap_s = gap_s < UINT32_MAX ? (uint32_t)gap_s : UINT32_MAX;
    now->hours += now_us / SOURCE_HOUR != before_us / SOURCE_HOUR;
    now->minutes += now_us / SOURCE_MINUTE != before_us / SOURCE_MINUTE;
    source->heard_us = now_us;
    source->silence = SOURCE_HEARD;
    source_requeue(all, source);
}

void
sources_set_share(struct sources *sources, const struct share *share)
{
    sources->share = *share;
}

void
sources_hear(struct sources *sources, const struct event *ev)
{
    struct source *source = source_of(sources, ev);

    if (source == NULL)
        return;
    source->events++;
    source->last_us = ev->received_us;
    source->is_dirty = 1;
    if (sources->awake_us - source->heard_us >= SOURCE_SECOND)
        note_pause(sources, source);
    if (ev->at_us > -MAX_TIME && ev->at_us < MAX_TIME && ev->received_us > 0 &&
        ev->received_us < MAX_TIME)
        source_note_lag(source, sources->awake_us, ev->received_us - ev->at_us);
}
