/* What is kept of the sources: a msgpack array each; and one for each journal's clock. */
#include <string.h>

#include "detector/sources/sources_inner.h"
#include "proto/base/hash.h"
#include "proto/wire.h"

/* Numbers of rows: clocks first. */
enum { FIRST_SOURCE = SOURCE_CLOCKS };
enum { CLOCK_FIELDS = 3, SOURCE_FIELDS = 8, FIELDS_A_DAY = 3 };
enum { MINUTES_A_DAY = 1440, HOURS_A_DAY = 24 };

#define SAVE_EVERY SOURCE_MINUTE
#define MAX_TIME (INT64_MAX / 4)

int
sources_is_due(const struct sources *sources)
{
    return sources->is_hastened || sources->awake_us - sources->saved_us >= SAVE_EVERY;
}

void
sources_hasten(struct sources *sources)
{
    sources->is_hastened = 1;
}

static int
pack_clock(const struct source_clock *clock, struct buf *out)
{
    msgpack_packer packer;
    int rc;

    wire_packer_init(&packer, out);
    rc = msgpack_pack_array(&packer, CLOCK_FIELDS);
    rc |= msgpack_pack_uint64(&packer, clock->origin);
    rc |= msgpack_pack_int64(&packer, clock->now_us);
    rc |= msgpack_pack_int64(&packer, clock->awake_us);
    return rc;
}

static int
pack_source(const struct source *source, struct buf *out)
{
    msgpack_packer packer;
    int rc;

    wire_packer_init(&packer, out);
    rc = msgpack_pack_array(&packer, SOURCE_FIELDS + SOURCE_DAYS * FIELDS_A_DAY);
    rc |= wire_pack_text(&packer, (struct text){ source->name, source->name_len });
    rc |= msgpack_pack_int64(&packer, source->first_us);
    rc |= msgpack_pack_int64(&packer, source->last_us);
    rc |= msgpack_pack_int64(&packer, (int64_t)source->events);
    rc |= msgpack_pack_int64(&packer, source->known_us);
    rc |= msgpack_pack_int64(&packer, source->heard_us);
    rc |= msgpack_pack_int64(&packer, source->silence);
    rc |= msgpack_pack_int64(&packer, source->skew_us);
    for (size_t i = 0; i < SOURCE_DAYS; i++) {
        rc |= msgpack_pack_int64(&packer, source->days[i].gap_s);
        rc |= msgpack_pack_int64(&packer, source->days[i].minutes);
        rc |= msgpack_pack_int64(&packer, source->days[i].hours);
    }
    return rc;
}

int
sources_changes(struct sources *sources,
                int (*visit)(void *ctx, const struct source_row *row), void *ctx)
{
    struct source_row row;
    int rc = 0;

    if (!sources_is_due(sources))
        return 0;
    for (int64_t i = 0; i < SOURCE_CLOCKS && rc == 0; i++) {
        if (sources->clocks[i].origin == 0)
            continue;
        buf_clear(&sources->pack);
        if (pack_clock(&sources->clocks[i], &sources->pack) != 0)
            return -1;
        row = (struct source_row){ i, buf_text(&sources->pack) };
        rc = visit(ctx, &row);
    }
    for (int64_t i = 0; i < (int64_t)sources->options.max && rc == 0; i++) {
        if (!sources->all[i].is_dirty)
            continue;
        buf_clear(&sources->pack);
        if (pack_source(&sources->all[i], &sources->pack) != 0)
            return -1;
        row = (struct source_row){ FIRST_SOURCE + i, buf_text(&sources->pack) };
        rc = visit(ctx, &row);
    }
    return rc;
}

void
sources_settle(struct sources *sources)
{
    if (!sources_is_due(sources))
        return;
    for (size_t i = 0; i < sources->options.max; i++)
        sources->all[i].is_dirty = 0;
    sources->saved_us = sources->awake_us;
    sources->is_hastened = 0;
}

/* --- and back --- */

/* A further number of the array, from 0 to most. */
static int
take_number(const msgpack_object_array *array, uint32_t at, int64_t most, int64_t *ret_number)
{
    return wire_get_int(&array->ptr[at], ret_number) == 0 && *ret_number >= 0 &&
           *ret_number <= most ? 0 : -1;
}

static int
restore_clock(struct sources *all, int64_t number, const msgpack_object_array *array)
{
    struct source_clock clock = { 0 };

    if (array->size != CLOCK_FIELDS || wire_get_uint(&array->ptr[0], &clock.origin) != 0 ||
        clock.origin == 0 || take_number(array, 1, MAX_TIME, &clock.now_us) != 0 ||
        take_number(array, 2, MAX_TIME, &clock.awake_us) != 0)
        return -1;
    all->clocks[number] = clock;
    return 0;
}

static int
unpack_days(const msgpack_object_array *array, struct source *source)
{
    for (uint32_t i = 0; i < SOURCE_DAYS; i++) {
        uint32_t at = SOURCE_FIELDS + i * FIELDS_A_DAY;
        int64_t gap_s, minutes, hours;

        if (take_number(array, at, UINT32_MAX, &gap_s) != 0 ||
            take_number(array, at + 1, MINUTES_A_DAY, &minutes) != 0 ||
            take_number(array, at + 2, HOURS_A_DAY, &hours) != 0)
            return -1;
        source->days[i] = (struct source_day){ (uint32_t)gap_s, (uint16_t)minutes,
                                               (uint8_t)hours };
    }
    return 0;
}

static int
unpack_source(const msgpack_object_array *array, struct source *source)
{
    struct text name;
    int64_t events, silence;

    if (array->size != SOURCE_FIELDS + SOURCE_DAYS * FIELDS_A_DAY ||
        wire_get_text(&array->ptr[0], &name) != 0 || name.len == 0 ||
        name.len >= sizeof(source->name) || !text_is_utf8(name) ||
        take_number(array, 1, MAX_TIME, &source->first_us) != 0 ||
        take_number(array, 2, MAX_TIME, &source->last_us) != 0 ||
        take_number(array, 3, INT64_MAX, &events) != 0 ||
        take_number(array, 4, MAX_TIME, &source->known_us) != 0 ||
        take_number(array, 5, MAX_TIME, &source->heard_us) != 0 ||
        take_number(array, 6, SOURCE_GIVEN_UP, &silence) != 0 ||
        wire_get_int(&array->ptr[7], &source->skew_us) != 0 ||
        source->skew_us < -MAX_TIME || source->skew_us > MAX_TIME ||
        source->known_us > source->heard_us)
        return -1;
    memcpy(source->name, name.ptr, name.len);
    source->name_len = name.len;
    source->hash = hash64(source->name, source->name_len);
    source->events = (uint64_t)events;
    source->silence = (enum source_silence)silence;
    return unpack_days(array, source);
}

static int
restore_source(struct sources *all, int64_t number, const msgpack_object_array *array)
{
    struct source source = { 0 };

    if (number >= (int64_t)all->options.max || all->all[number].name_len != 0 ||
        unpack_source(array, &source) != 0 ||
        source_find(all, (struct text){ source.name, source.name_len }, source.hash) != NULL)
        return -1;
    all->all[number] = source;
    source_link(all, &all->all[number]);
    return 0;
}

/* All of it is as of one moment: the latest that is named. */
static void
catch_up(struct sources *all, int64_t awake_us)
{
    if (awake_us > all->awake_us)
        all->awake_us = awake_us;
    all->reviewed_us = all->saved_us = all->awake_us;
}

int
sources_restore(struct sources *sources, const struct source_row *row, struct err *err)
{
    const msgpack_object_array *array;
    msgpack_unpacked unpacked;
    int rc = -1;

    msgpack_unpacked_init(&unpacked);
    if (wire_open(row->bytes.ptr, row->bytes.len, &unpacked, err) != 0)
        goto done;
    array = &unpacked.data.via.array;
    if (unpacked.data.type == MSGPACK_OBJECT_ARRAY && row->number >= 0)
        rc = row->number < FIRST_SOURCE
                 ? restore_clock(sources, row->number, array)
                 : restore_source(sources, row->number - FIRST_SOURCE, array);
    if (rc != 0)
        err_set(err, "no log source, nor a journal's clock");
    else if (row->number < FIRST_SOURCE)
        catch_up(sources, sources->clocks[row->number].awake_us);
    else
        catch_up(sources, sources->all[row->number - FIRST_SOURCE].heard_us);

done:
    if (rc != 0)
        err_add(err, "source %lld", (long long)row->number);
    msgpack_unpacked_destroy(&unpacked);
    return rc;
}
