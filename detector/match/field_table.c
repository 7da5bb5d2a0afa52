#include "detector/match/field_table.h"

#include <stdlib.h>
#include <string.h>

#include "proto/fields.h"

struct slot {
    char *name;
    struct text name_text;
    int known;                  /* row of event_fields[], or -1 */
    int rank;                   /* of what gave the value: the lowest counts */
    uint64_t found_in;          /* the event that value is of, by number */
    uint64_t written_in;
    const struct value *value;
    struct text text;
    char space[32];
};

/* Where a slot's value may come from, the best first. */
enum rank { RANK_KNOWN, RANK_NAME_KNOWN, RANK_NAME, RANK_OTHER_KNOWN, RANK_OTHER };

/* A further field by this name, or a row of event_fields[], is a value for a slot. */
struct source {
    struct text name;
    uint64_t hash;
    uint32_t slot;
    enum rank rank;
    int32_t next;               /* of its bucket or row; -1: none */
};

struct field_table {
    struct slot *slots;
    size_t count, cap;
    struct source *sources;
    size_t source_count, source_cap;
    int32_t *buckets;           /* of names; a power of two */
    size_t bucket_count;
    int32_t rows[EVENT_FIELD_COUNT];
    uint32_t *present;          /* the slots that the event has a value for */
    size_t present_count;
    const struct event *ev;
    uint64_t number;            /* of the event, from 1 */
};

enum { FIRST_SLOTS = 32, SOURCES_A_SLOT = 5 };

struct field_table *
field_table_new(void)
{
    struct field_table *table = calloc(1, sizeof(*table));

    for (size_t i = 0; table != NULL && i < EVENT_FIELD_COUNT; i++)
        table->rows[i] = -1;
    return table;
}

void
field_table_destroy(struct field_table **table)
{
    if (*table == NULL)
        return;
    for (size_t i = 0; i < (*table)->count; i++)
        free((*table)->slots[i].name);
    free((*table)->slots);
    free((*table)->sources);
    free((*table)->buckets);
    free((*table)->present);
    free(*table);
    *table = NULL;
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

/* Room for one more slot and its sources. 0 or -1. */
static int
make_room(struct field_table *table)
{
    size_t cap = table->cap == 0 ? FIRST_SLOTS : table->cap * 2;
    void *slots, *sources, *present, *buckets;

    if (table->count < table->cap)
        return 0;
    if ((slots = realloc(table->slots, cap * sizeof(table->slots[0]))) == NULL)
        return -1;
    table->slots = slots;
    sources = realloc(table->sources, cap * SOURCES_A_SLOT * sizeof(table->sources[0]));
    if (sources == NULL)
        return -1;
    table->sources = sources;
    if ((present = realloc(table->present, cap * sizeof(table->present[0]))) == NULL)
        return -1;
    table->present = present;
    if ((buckets = realloc(table->buckets, cap * 4 * sizeof(table->buckets[0]))) == NULL)
        return -1;
    table->buckets = buckets;
    table->cap = cap;
    table->bucket_count = cap * 4;
    memset(table->buckets, 0xff, table->bucket_count * sizeof(table->buckets[0]));
    for (size_t i = 0; i < table->source_count; i++) {
        struct source *source = &table->sources[i];
        int32_t *bucket = &table->buckets[source->hash & (table->bucket_count - 1)];

        if (source->name.ptr == NULL)
            continue;
        source->next = *bucket;
        *bucket = (int32_t)i;
    }
    return 0;
}

static void
add_source(struct field_table *table, const struct source *source, int32_t *list)
{
    table->sources[table->source_count] = *source;
    table->sources[table->source_count].next = *list;
    *list = (int32_t)table->source_count++;
}

static void
add_row(struct field_table *table, int known, uint32_t slot, enum rank rank)
{
    const struct source source = { .slot = slot, .rank = rank };

    if (known >= 0)
        add_source(table, &source, &table->rows[known]);
}

static void
add_name(struct field_table *table, struct text name, uint32_t slot, enum rank rank)
{
    const struct source source = { .name = name, .hash = hash_of(name), .slot = slot,
                                   .rank = rank };

    add_source(table, &source, &table->buckets[source.hash & (table->bucket_count - 1)]);
}

/* Rules may use ECS's or Sigma's name for what is one of our fields; and a client may have
 * sent the rule's name itself, as a further field. */
static void
add_sources(struct field_table *table, uint32_t number)
{
    struct slot *slot = &table->slots[number];
    const struct field_row *row = field_find(slot->name_text);
    int name_known = event_field_find(slot->name_text);

    slot->known = event_field_find(row == NULL ? slot->name_text : text_of(row->name));
    add_row(table, slot->known, number, RANK_KNOWN);
    if (name_known != slot->known)
        add_row(table, name_known, number, RANK_NAME_KNOWN);
    add_name(table, slot->name_text, number, RANK_NAME);
    if (row == NULL || slot->known >= 0 || text_is(slot->name_text, row->name))
        return;
    add_row(table, event_field_find(text_of(row->name)), number, RANK_OTHER_KNOWN);
    add_name(table, text_of(row->name), number, RANK_OTHER);
}

static int
find_slot(const struct field_table *table, struct text name)
{
    uint64_t hash = hash_of(name);
    int32_t at = table->cap == 0 ? -1 : table->buckets[hash & (table->bucket_count - 1)];

    for (; at >= 0; at = table->sources[at].next)
        if (table->sources[at].rank == RANK_NAME && text_equals(table->sources[at].name, name))
            return (int)table->sources[at].slot;
    return -1;
}

int
field_table_add(struct field_table *table, struct text name)
{
    struct slot *slot;
    int there = find_slot(table, name);

    if (there >= 0)
        return there;
    if (make_room(table) != 0)
        return -1;
    slot = &table->slots[table->count];
    *slot = (struct slot){ .name = text_dup(name) };
    if (slot->name == NULL)
        return -1;
    slot->name_text = text_of(slot->name);
    add_sources(table, (uint32_t)table->count);
    return (int)table->count++;
}

int
field_table_known(const struct field_table *table, int field)
{
    return table->slots[field].known;
}

static void
offer(struct field_table *table, const struct source *source, const struct value *value)
{
    struct slot *slot = &table->slots[source->slot];

    if (slot->found_in == table->number && slot->rank <= (int)source->rank)
        return;
    if (slot->found_in != table->number)
        table->present[table->present_count++] = source->slot;
    slot->found_in = table->number;
    slot->rank = (int)source->rank;
    slot->value = value;
}

void
field_table_begin(struct field_table *table, const struct event *ev)
{
    table->ev = ev;
    table->number++;
    table->present_count = 0;
    if (table->count == 0)
        return;
    for (size_t i = 0; i < EVENT_FIELD_COUNT; i++)
        if (ev->known[i].kind != VALUE_ABSENT)
            for (int32_t at = table->rows[i]; at >= 0; at = table->sources[at].next)
                offer(table, &table->sources[at], &ev->known[i]);
    for (size_t i = 0; i < ev->extra_count; i++) {
        const struct extra *extra = &ev->extras[i];
        uint64_t hash = hash_of(extra->name);
        int32_t at = table->buckets[hash & (table->bucket_count - 1)];

        for (; at >= 0 && extra->value.kind != VALUE_ABSENT; at = table->sources[at].next)
            if (table->sources[at].hash == hash &&
                text_equals(table->sources[at].name, extra->name))
                offer(table, &table->sources[at], &extra->value);
    }
}

size_t
field_table_present(const struct field_table *table, const uint32_t **ret_fields)
{
    *ret_fields = table->present;
    return table->present_count;
}

uint64_t
field_table_number(const struct field_table *table)
{
    return table->number;
}

const struct event *
field_table_event(const struct field_table *table)
{
    return table->ev;
}

const struct value *
field_table_value(const struct field_table *table, int field)
{
    const struct slot *slot = &table->slots[field];

    return slot->found_in == table->number ? slot->value : NULL;
}

struct text
field_table_text(struct field_table *table, int field)
{
    struct slot *slot = &table->slots[field];

    if (slot->written_in != table->number) {
        const struct value *value = field_table_value(table, field);

        slot->written_in = table->number;
        slot->text = value == NULL ? (struct text){ NULL, 0 }
                                   : value_as_text(value, slot->space);
    }
    return slot->text;
}
