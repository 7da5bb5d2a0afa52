#include "detector/match/field_table.h"

#include <stdlib.h>
#include <string.h>

#include "detector/match/field_sources.h"
#include "detector/match/nested.h"
#include "proto/base/arena.h"
#include "proto/base/buf.h"
#include "proto/base/hash.h"

struct slot {
    char *name, *prefixed;
    struct text name_text;
    struct text prefixed_name;  /* where rules of its logsource look first; else ptr NULL */
    struct text other_name;     /* ours, where a rule has ECS's or Sigma's; else ptr NULL */
    const struct field_row *row;
    int known;                  /* row of event_fields[], or -1 */
    enum field_rank rank;       /* of what gave the value */
    uint64_t found_in;          /* the event that value is of, by number */
    uint64_t written_in;
    const struct value *value;
    struct value nested;        /* what value points to, when it is within another */
    struct text text;
    char space[32];
};

/* A name in rules of a logsource, by hash, and its slot. */
struct alias {
    uint64_t hash;              /* 0: none is here */
    int slot;
};

struct field_table {
    struct slot *slots;
    size_t count, cap;
    struct alias *aliases;      /* a power of two, half empty */
    size_t alias_count, alias_cap;
    struct field_sources sources;
    uint32_t *present;          /* the slots that the event has a value for */
    size_t present_count;
    struct arena arena;         /* nested values of the event at hand */
    const struct event *ev;
    uint64_t number;            /* of the event, from 1 */
};

struct field_table *
field_table_new(void)
{
    struct field_table *table = calloc(1, sizeof(*table));

    if (table != NULL)
        field_sources_init(&table->sources);
    return table;
}

void
field_table_destroy(struct field_table **table)
{
    if (*table == NULL)
        return;
    for (size_t i = 0; i < (*table)->count; i++) {
        free((*table)->slots[i].name);
        free((*table)->slots[i].prefixed);
    }
    free((*table)->slots);
    free((*table)->aliases);
    free((*table)->present);
    field_sources_release(&(*table)->sources);
    arena_release(&(*table)->arena);
    free(*table);
    *table = NULL;
}

static uint64_t
hash_alias(struct text name, const struct logsource *of)
{
    struct text parts[4] = { name };
    unsigned char id[HASH_ID_LEN];
    uint64_t hash;

    if (of != NULL) {
        parts[1] = of->product;
        parts[2] = of->category;
        parts[3] = of->service;
    }
    hash_id(parts, 4, id);
    memcpy(&hash, id, sizeof(hash));
    return hash == 0 ? 1 : hash;
}

/* Where the hash stands, or is to stand; NULL when there is no table yet. */
static struct alias *
alias_find(const struct field_table *table, uint64_t hash)
{
    size_t at = hash & (table->alias_cap - 1);

    if (table->alias_cap == 0)
        return NULL;
    while (table->aliases[at].hash != 0 && table->aliases[at].hash != hash)
        at = (at + 1) & (table->alias_cap - 1);
    return &table->aliases[at];
}

static int
aliases_grow(struct field_table *table)
{
    struct field_table grown = { .alias_cap = table->alias_cap == 0 ? 64
                                                                    : table->alias_cap * 2 };

    if (table->alias_count * 2 < table->alias_cap)
        return 0;
    grown.aliases = calloc(grown.alias_cap, sizeof(grown.aliases[0]));
    if (grown.aliases == NULL)
        return -1;
    for (size_t i = 0; i < table->alias_cap; i++)
        if (table->aliases[i].hash != 0)
            *alias_find(&grown, table->aliases[i].hash) = table->aliases[i];
    free(table->aliases);
    table->aliases = grown.aliases;
    table->alias_cap = grown.alias_cap;
    return 0;
}

/* Every map that a field of this name may be a part of: "a" and "a.b" for "a.b.c". */
static int
add_parents(struct field_sources *sources, struct text name, uint32_t number)
{
    for (size_t i = 1; i < name.len; i++)
        if (name.ptr[i] == '.' &&
            field_sources_add_name(sources, (struct text){ name.ptr, i }, number, RANK_PARENT) != 0)
            return -1;
    return 0;
}

/* Rules may use ECS's or Sigma's name for what is one of our fields; and a client may have
 * sent the rule's name itself, as a further field. */
static int
add_sources(struct field_table *table, struct slot *slot, uint32_t number)
{
    struct field_sources *sources = &table->sources;
    const struct field_row *row = slot->row;
    int name_known = event_field_find(slot->name_text);

    slot->known = event_field_find(row == NULL ? slot->name_text : text_of(row->name));
    if (row != NULL && slot->known < 0 && !text_is(slot->name_text, row->name))
        slot->other_name = text_of(row->name);
    if (name_known == slot->known)
        name_known = -1;
    return field_sources_add_name(sources, slot->prefixed_name, number, RANK_PREFIXED) != 0 ||
           field_sources_add_row(sources, slot->known, number, RANK_KNOWN) != 0 ||
           field_sources_add_row(sources, name_known, number, RANK_NAME_KNOWN) != 0 ||
           field_sources_add_name(sources, slot->name_text, number, RANK_NAME) != 0 ||
           field_sources_add_row(sources, event_field_find(slot->other_name), number,
                                 RANK_OTHER_KNOWN) != 0 ||
           field_sources_add_name(sources, slot->other_name, number, RANK_OTHER) != 0 ||
           add_parents(sources, slot->name_text, number) != 0 ||
           add_parents(sources, slot->other_name, number) != 0 ? -1 : 0;
}

/* One that means the same, or -1. */
static int
slot_find(const struct field_table *table, struct text name, const struct field_row *row,
          const char *prefix)
{
    for (size_t i = 0; i < table->count; i++)
        if (table->slots[i].row == row && text_equals(table->slots[i].name_text, name) &&
            (table->slots[i].prefixed != NULL) == (prefix != NULL))
            return (int)i;
    return -1;
}

static int
slot_add(struct field_table *table, struct text name, const struct field_row *row,
         const char *prefix)
{
    struct buf prefixed = { 0 };
    struct slot *slot;

    if (table->count == table->cap) {
        size_t cap = table->cap == 0 ? 32 : table->cap * 2;
        struct slot *grown = realloc(table->slots, cap * sizeof(*grown));
        uint32_t *present = NULL;

        if (grown != NULL) {
            table->slots = grown;
            present = realloc(table->present, cap * sizeof(*present));
        }
        if (present == NULL)
            return -1;
        table->present = present;
        table->cap = cap;
    }
    slot = &table->slots[table->count];
    *slot = (struct slot){ .name = text_dup(name), .row = row };
    if (slot->name == NULL ||
        (prefix != NULL && (buf_append_str(&prefixed, prefix) != 0 ||
                            buf_append_text(&prefixed, name) != 0))) {
        free(slot->name);
        buf_release(&prefixed);
        return -1;
    }
    slot->name_text = text_of(slot->name);
    if (prefix != NULL) {
        slot->prefixed_name.len = prefixed.len;
        slot->prefixed = buf_take(&prefixed);
        slot->prefixed_name.ptr = slot->prefixed;
    }
    table->count++;             /* from here on the table frees it */
    return add_sources(table, slot, (uint32_t)(table->count - 1)) == 0 ? (int)table->count - 1 : -1;
}

int
field_table_add_for(struct field_table *table, struct text name, const struct logsource *of)
{
    uint64_t hash = hash_alias(name, of);
    const struct field_row *row;
    struct alias *alias;
    const char *prefix;
    int slot;

    if (aliases_grow(table) != 0)
        return -1;
    alias = alias_find(table, hash);
    if (alias->hash != 0)
        return alias->slot;
    row = field_find_for(name, of);
    /* our names and ECS's are of no source */
    prefix = row != NULL && (text_is(name, row->name) || text_is(name, row->ecs))
             ? NULL : field_prefix_for(of);
    slot = slot_find(table, name, row, prefix);
    if (slot < 0)
        slot = slot_add(table, name, row, prefix);
    if (slot < 0)
        return -1;
    *alias = (struct alias){ hash, slot };
    table->alias_count++;
    return slot;
}

int
field_table_add(struct field_table *table, struct text name)
{
    return field_table_add_for(table, name, NULL);
}

int
field_table_known(const struct field_table *table, int field)
{
    return table->slots[field].known;
}

static void
offer(struct field_table *table, const struct field_source *source, const struct value *value)
{
    struct slot *slot = &table->slots[source->field];

    if (slot->found_in == table->number && slot->rank <= source->rank)
        return;
    if (slot->found_in != table->number)
        table->present[table->present_count++] = source->field;
    slot->found_in = table->number;
    slot->rank = source->rank;
    slot->value = value;
}

/* A field "a.b" may be b in the map a: of that name, and else by its other name. */
static void
offer_part(struct field_table *table, const struct field_source *source)
{
    struct slot *slot = &table->slots[source->field];

    if (slot->found_in == table->number)
        return;
    if (nested_find(table->ev, slot->name_text, &table->arena, &slot->nested) != 0 &&
        (slot->other_name.ptr == NULL ||
         nested_find(table->ev, slot->other_name, &table->arena, &slot->nested) != 0))
        return;
    offer(table, source, &slot->nested);
}

static void
offer_extra(struct field_table *table, const struct extra *extra, int is_for_parts)
{
    const struct field_source *source = field_sources_first(&table->sources, extra->name);

    for (; source != NULL; source = field_sources_next(&table->sources, source)) {
        if (is_for_parts && source->rank == RANK_PARENT)
            offer_part(table, source);
        else if (!is_for_parts && source->rank != RANK_PARENT)
            offer(table, source, &extra->value);
    }
}

void
field_table_begin(struct field_table *table, const struct event *ev)
{
    int has_nested = 0;

    table->ev = ev;
    table->number++;
    table->present_count = 0;
    if (table->arena.used > 0)
        arena_clear(&table->arena);
    for (size_t i = 0; i < EVENT_FIELD_COUNT; i++)
        if (ev->known[i].kind != VALUE_ABSENT)
            for (int32_t at = table->sources.rows[i]; at >= 0; at = table->sources.all[at].next)
                offer(table, &table->sources.all[at], &ev->known[i]);
    for (size_t i = 0; i < ev->extra_count; i++) {
        has_nested |= ev->extras[i].value.kind == VALUE_OBJECT;
        if (ev->extras[i].value.kind != VALUE_ABSENT)
            offer_extra(table, &ev->extras[i], 0);
    }
    for (size_t i = 0; has_nested && i < ev->extra_count; i++)
        if (ev->extras[i].value.kind == VALUE_OBJECT)
            offer_extra(table, &ev->extras[i], 1);
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
