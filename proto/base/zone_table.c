#include "proto/base/zone_table.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/zone.h"
#include "proto/base/zone_rule.h"

/* The largest zone of a fat tzdata is below 4 KiB. */
enum { MAX_FILE = 64 * 1024, MAX_CHANGES = 4096, HEADER = 44, DAY_S = 86400,
       MAX_OFFSET_S = 26 * 3600 };

struct zone_table {
    const char *name;
    size_t count;
    const int64_t *changes;     /* in rising order, UTC */
    const int32_t *offsets;     /* one more: [i] is before changes[i] */
    struct zone_rule rule;      /* after the last change, when there is one */
    int has_rule;
};

/* One of the two blocks of a file: how many of each, and where it begins. */
struct block {
    uint32_t utcs, standards, leaps, changes, types, letters;
    size_t at, time_len;
};

static const char not_a_zone[] = "its zone file makes no sense";

static uint32_t
read_u32(const unsigned char *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static int64_t
read_time(const unsigned char *at, size_t len)
{
    uint64_t high = read_u32(at);

    return len == 4 ? (int32_t)high : (int64_t)(high << 32 | read_u32(at + 4));
}

static size_t
block_len(const struct block *block)
{
    return (size_t)block->changes * (block->time_len + 1) + (size_t)block->types * 6 +
           block->letters + (size_t)block->leaps * (block->time_len + 4) + block->standards +
           block->utcs;
}

/* The header at `at`. 0, or -1 when it or what it says goes beyond the end. */
static int
read_header(const unsigned char *bytes, size_t len, size_t at, size_t time_len,
            struct block *ret_block)
{
    const unsigned char *counts = bytes + at + 20;

    if (len < HEADER || at > len - HEADER || memcmp(bytes + at, "TZif", 4) != 0)
        return -1;
    *ret_block = (struct block){
        read_u32(counts), read_u32(counts + 4), read_u32(counts + 8), read_u32(counts + 12),
        read_u32(counts + 16), read_u32(counts + 20), at + HEADER, time_len,
    };
    for (int i = 0; i < 6; i++)
        if (read_u32(counts + (size_t)i * 4) > MAX_FILE)
            return -1;
    return block_len(ret_block) <= len - at - HEADER ? 0 : -1;
}

/* The changes of a block. 0, or -1 when they make no sense or memory is out. */
static int
read_changes(const unsigned char *bytes, const struct block *block, struct arena *arena,
             struct zone_table *zone)
{
    const unsigned char *times = bytes + block->at;
    const unsigned char *kinds = times + (size_t)block->changes * block->time_len;
    const unsigned char *types = kinds + block->changes;
    int64_t *changes = arena_alloc(arena, (block->changes + 1) * sizeof(*changes));
    int32_t *offsets = arena_alloc(arena, (block->changes + 1) * sizeof(*offsets));

    if (changes == NULL || offsets == NULL || block->types == 0 || block->leaps > 0 ||
        block->changes > MAX_CHANGES)
        return -1;
    offsets[0] = (int32_t)read_u32(types);
    for (size_t i = 0; i < block->changes; i++) {
        if (kinds[i] >= block->types)
            return -1;
        changes[i] = read_time(times + i * block->time_len, block->time_len);
        if (i > 0 && changes[i] <= changes[i - 1])
            return -1;
        offsets[i + 1] = (int32_t)read_u32(types + (size_t)kinds[i] * 6);
    }
    for (size_t i = 0; i <= block->changes; i++)
        if (offsets[i] < -MAX_OFFSET_S || offsets[i] > MAX_OFFSET_S)
            return -1;
    zone->changes = changes;
    zone->offsets = offsets;
    zone->count = block->changes;
    return 0;
}

/* "\nCET-1CEST,M3.5.0,M10.5.0/3\n", or nothing between. */
static int
read_footer(const unsigned char *bytes, size_t len, size_t at, struct zone_table *zone)
{
    char text[128] = "";
    const unsigned char *end;

    if (at >= len || bytes[at] != '\n')
        return -1;
    at++;
    end = memchr(bytes + at, '\n', len - at);
    if (end == NULL || (size_t)(end - (bytes + at)) >= sizeof(text))
        return -1;
    memcpy(text, bytes + at, (size_t)(end - (bytes + at)));
    zone->has_rule = text[0] != '\0';
    return zone->has_rule ? zone_rule_parse(text, &zone->rule) : 0;
}

static int
read_file(const unsigned char *bytes, size_t len, struct arena *arena, struct zone_table *zone)
{
    struct block block;

    if (read_header(bytes, len, 0, 4, &block) != 0)
        return -1;
    if (bytes[4] < '2')
        return read_changes(bytes, &block, arena, zone);
    if (read_header(bytes, len, block.at + block_len(&block), 8, &block) != 0 ||
        read_changes(bytes, &block, arena, zone) != 0)
        return -1;
    return read_footer(bytes, len, block.at + block_len(&block), zone);
}

const struct zone_table *
zone_table_parse(const char *name, const unsigned char *bytes, size_t len,
                 struct arena *arena, struct err *err)
{
    struct zone_table *zone = arena_alloc(arena, sizeof(*zone));
    struct text copy = arena_copy(arena, text_of(name));

    if (zone == NULL || copy.ptr == NULL) {
        err_set(err, "out of memory");
        return NULL;
    }
    *zone = (struct zone_table){ .name = copy.ptr };
    if (read_file(bytes, len, arena, zone) == 0)
        return zone;
    err_set(err, "%s", not_a_zone);
    return NULL;
}

/* Names of folders and files only: nothing leads out of the zones' folder. */
static int
is_name(const char *name)
{
    size_t len = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                        "0123456789_+-/");

    return len > 0 && len < ZONE_NAME_LEN && name[len] == '\0' && name[0] != '/';
}

const struct zone_table *
zone_table_load(const char *name, struct arena *arena, struct err *err)
{
    const char *dir = getenv("TZDIR");
    const struct zone_table *zone = NULL;
    unsigned char *bytes = malloc(MAX_FILE);
    char path[PATH_MAX];
    ssize_t got = 1;
    size_t len = 0;
    int fd = -1;

    if (dir == NULL || dir[0] == '\0')
        dir = "/usr/share/zoneinfo";
    if (is_name(name) && snprintf(path, sizeof(path), "%s/%s", dir, name) < (int)sizeof(path))
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    while (fd >= 0 && bytes != NULL && got > 0 && len < MAX_FILE) {
        got = read(fd, bytes + len, MAX_FILE - len);
        len += got > 0 ? (size_t)got : 0;
    }
    if (bytes == NULL)
        err_set(err, "out of memory");
    else if (fd < 0 || got < 0)
        err_set(err, "this machine has no such time zone (zones look like Asia/Seoul,"
                " Europe/Berlin or UTC)");
    else
        zone = zone_table_parse(name, bytes, len, arena, err);
    if (fd >= 0)
        close(fd);
    free(bytes);
    return zone;
}

const char *
zone_table_name(const struct zone_table *zone)
{
    return zone->name;
}

int
zone_table_offset(const struct zone_table *zone, int64_t second)
{
    size_t low = 0, high = zone->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (zone->changes[middle] <= second)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == zone->count && zone->has_rule)
        return zone_rule_offset(&zone->rule, second);
    return zone->offsets[low];
}

int64_t
zone_table_to_utc(const struct zone_table *zone, int64_t local_second)
{
    int before = zone_table_offset(zone, local_second - DAY_S);
    int after = zone_table_offset(zone, local_second + DAY_S);

    if (before == after || zone_table_offset(zone, local_second - before) == before)
        return local_second - before;
    if (zone_table_offset(zone, local_second - after) == after)
        return local_second - after;
    return local_second - before;
}
