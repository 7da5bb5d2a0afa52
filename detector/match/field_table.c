#include "detector/match/field_table.h"

#include <stdlib.h>
#include <string.h>

#include "proto/fields.h"

struct slot {
    char *name;
    struct text name_text;
    struct text other_name;     /* ours, where a rule has ECS's or Sigma's; else ptr NULL */
    int known;                  /* row of event_fields[], or -1 */
    int name_known, other_known;        /* the same of the names alone */
    uint64_t found_in;          /* the event that value is of, by number */
    uint64_t written_in;
    const struct value *value;
    struct text text;
    char space[32];
};

struct field_table {
    struct slot *slots;
    size_t count, cap;
    const struct event *ev;
    uint64_t number;            /* of the event, from 1 */
};

struct field_table *
field_table_new(void)
{
    return calloc(1, sizeof(struct field_table));
}

void
field_table_destroy(struct field_table **table)
{
    if (*table == NULL)
        return;
    for (size_t i = 0; i < (*table)->count; i++)
        free((*table)->slots[i].name);
    free((*table)->slots);
    free(*table);
    *table = NULL;
}

/* Rules may use ECS's or Sigma's name for what is one of our fields. */
static void
find_names(struct slot *slot)
{
    const struct field_row *row = field_find(slot->name_text);

    slot->known = event_field_find(row == NULL ? slot->name_text : text_of(row->name));
    if (row != NULL && slot->known < 0 && !text_is(slot->name_text, row->name))
        slot->other_name = text_of(row->name);
    slot->name_known = event_field_find(slot->name_text);
    slot->other_known = event_field_find(slot->other_name);
}

int
field_table_add(struct field_table *table, struct text name)
{
    struct slot *slot;

    for (size_t i = 0; i < table->count; i++)
        if (text_equals(table->slots[i].name_text, name))
            return (int)i;
    if (table->count == table->cap) {
        size_t cap = table->cap == 0 ? 32 : table->cap * 2;
        struct slot *grown = realloc(table->slots, cap * sizeof(*grown));

        if (grown == NULL)
            return -1;
        table->slots = grown;
        table->cap = cap;
    }
    slot = &table->slots[table->count];
    *slot = (struct slot){ .name = text_dup(name) };
    if (slot->name == NULL)
        return -1;
    slot->name_text = text_of(slot->name);
    find_names(slot);
    return (int)table->count++;
}

int
field_table_known(const struct field_table *table, int field)
{
    return table->slots[field].known;
}

void
field_table_begin(struct field_table *table, const struct event *ev)
{
    table->ev = ev;
    table->number++;
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

/* event_get for a name that was looked up before. */
static const struct value *
get(const struct event *ev, struct text name, int known)
{
    if (known >= 0 && ev->known[known].kind != VALUE_ABSENT)
        return &ev->known[known];
    for (size_t i = 0; i < ev->extra_count; i++)
        if (ev->extras[i].name.len == name.len &&
            memcmp(ev->extras[i].name.ptr, name.ptr, name.len) == 0)
            return &ev->extras[i].value;
    return NULL;
}

static const struct value *
lookup(const struct field_table *table, const struct slot *slot)
{
    const struct value *value;

    if (slot->known >= 0 && table->ev->known[slot->known].kind != VALUE_ABSENT)
        return &table->ev->known[slot->known];
    /* A client may have sent the rule's name itself, as a further field. */
    value = get(table->ev, slot->name_text, slot->name_known);
    if (value == NULL && slot->other_name.ptr != NULL)
        value = get(table->ev, slot->other_name, slot->other_known);
    return value;
}

const struct value *
field_table_value(struct field_table *table, int field)
{
    struct slot *slot = &table->slots[field];

    if (slot->found_in != table->number) {
        slot->found_in = table->number;
        slot->value = lookup(table, slot);
        if (slot->value != NULL && slot->value->kind == VALUE_ABSENT)
            slot->value = NULL;
    }
    return slot->value;
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
