#include "detector/field_table.h"

#include <stdlib.h>
#include <string.h>

struct slot {
    char *name;
    struct text name_text;
    int known;                  /* row of event_fields[], or -1 */
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

/* Rules may use ECS names for what is one of our fields. */
static int
known_find(struct text name)
{
    int known = event_field_find(name);

    for (int i = 0; known < 0 && i < EVENT_FIELD_COUNT; i++)
        if (event_fields[i].ecs != NULL && text_is(name, event_fields[i].ecs))
            known = i;
    return known;
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
    *slot = (struct slot){ .name = text_dup(name), .known = known_find(name) };
    if (slot->name == NULL)
        return -1;
    slot->name_text = text_of(slot->name);
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

const struct event *
field_table_event(const struct field_table *table)
{
    return table->ev;
}

static const struct value *
lookup(const struct field_table *table, const struct slot *slot)
{
    if (slot->known >= 0 && table->ev->known[slot->known].kind != VALUE_ABSENT)
        return &table->ev->known[slot->known];
    /* A client may have sent the ECS name itself, as a further field. */
    return event_get(table->ev, slot->name_text);
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
