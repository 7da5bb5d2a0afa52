/*
 * Names: an event's fields as keys of a document, and back. A further field
 * keeps its name (or gets its ECS name) unless that would be refused or would
 * hide another: then it stands in bongsu.as_sent, whole.
 */
#include <stdlib.h>
#include <string.h>

#include "proto/fields.h"
#include "proto/store/elastic/elastic.h"

/* What is made by us and stands in no row of fields.yml. */
static const char *const ours[] = {
    "bongsu.as_sent", "bongsu.at", "bongsu.day", "bongsu.journal", "bongsu.sent",
    "bongsu.sequence", "bongsu.text", "bongsu.timestamp", "ecs.version", "event.id",
    "event.ingested", "event.kind", "event.severity", "related.hosts", "related.ip",
    "related.user",
};

/* Made by us unless the client sent them. */
static const char *const derived[] = { "event.category", "event.outcome", "event.type" };

/* Names that a mapping alias has: the seed's. They are those of event_fields[]. */
enum { OUR_NAMES = sizeof(ours) / sizeof(ours[0]),
       DERIVED_NAMES = sizeof(derived) / sizeof(derived[0]),
       MAX_NAMES = FIELD_NUMBERS * 2 + OUR_NAMES + DERIVED_NAMES + EVENT_FIELD_COUNT };

struct name_row {
    const char *name;
    const struct field_row *row;        /* NULL: ours */
    int is_ecs;                         /* name is the row's ECS name */
};

/* All names that a document has or must not have, sorted. */
static struct {
    struct name_row rows[MAX_NAMES];
    size_t count;
    const char *known[EVENT_FIELD_COUNT];
} table;

static int
by_name(const void *left, const void *right)
{
    const struct name_row *a = left, *b = right;

    return strcmp(a->name, b->name);
}

static void
add_name(const char *name, const struct field_row *row, int is_ecs)
{
    table.rows[table.count++] = (struct name_row){ name, row, is_ecs };
}

static void
fill_table(void)
{
    for (size_t i = 0; i < FIELD_NUMBERS; i++) {
        const struct field_row *row = &field_rows[i];
        int field = row->is_own ? event_field_find(text_of(row->name)) : -1;

        add_name(row->ecs, row, 1);
        if (strcmp(row->ecs, row->name) != 0)
            add_name(row->name, row, 0);
        if (field >= 0)
            table.known[field] = row->ecs;
    }
    for (size_t i = 0; i < OUR_NAMES; i++)
        add_name(ours[i], NULL, 0);
    qsort(table.rows, table.count, sizeof(table.rows[0]), by_name);
}

/* text against a C string, as strcmp orders them. */
static int
compare(struct text text, const char *name)
{
    size_t len = strlen(name);
    int order = memcmp(text.ptr, name, text.len < len ? text.len : len);

    return order != 0 ? order : (text.len > len) - (text.len < len);
}

/* The first row that is not below name, and whether it is name. */
static size_t
place_of(struct text name, int *ret_is_there)
{
    size_t low = 0, high;

    if (table.count == 0)
        fill_table();
    high = table.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (compare(name, table.rows[middle].name) > 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_is_there = low < table.count && compare(name, table.rows[low].name) == 0;
    return low;
}

const char *
elastic_name_of_known(enum event_field field)
{
    if (table.count == 0)
        fill_table();
    return table.known[field];
}

static int
is_derived(struct text name)
{
    for (size_t i = 0; i < DERIVED_NAMES; i++)
        if (text_is(name, derived[i]))
            return 1;
    return 0;
}

int
elastic_name_parts(struct text name)
{
    int is_part_empty = 1, parts = 1;

    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '*' || (unsigned char)name.ptr[i] < ' ')
            return 0;
        if (name.ptr[i] == '.') {
            if (is_part_empty)
                return 0;
            is_part_empty = 1;
            parts++;
        } else if (name.ptr[i] != ' ') {
            is_part_empty = 0;
        }
    }
    return is_part_empty ? 0 : parts;
}

/* No name of Elasticsearch's own, and none that no mapping takes. */
static int
is_well_formed(struct text name)
{
    int parts = elastic_name_parts(name);

    return name.ptr[0] != '_' && parts > 0 && parts <= ELASTIC_MAX_PARTS;
}

/* Is there a name that has `name` as its first parts, or that is the first
 * parts of it? One would have to be an object and a value at once. */
static int
is_in_the_way(struct text name)
{
    int is_there;

    for (size_t i = table.count > 0 ? place_of(name, &is_there) : 0; i < table.count; i++) {
        const char *other = table.rows[i].name;

        if (strncmp(other, name.ptr, name.len) != 0)
            break;
        if (other[name.len] == '.')
            return 1;
    }
    for (size_t len = 1; len < name.len; len++)
        if (name.ptr[len] == '.') {
            place_of((struct text){ name.ptr, len }, &is_there);
            if (is_there)
                return 1;
        }
    return 0;
}

enum elastic_name
elastic_name_of_extra(struct text name, int is_nested, struct text *ret_name)
{
    int is_there;
    size_t at = place_of(name, &is_there);
    const struct name_row *row = &table.rows[at];

    *ret_name = name;
    if (is_there) {
        if (row->row == NULL || row->row->is_own || is_nested ||
            (row->is_ecs && strcmp(row->row->ecs, row->row->name) != 0))
            return ELASTIC_NAME_AS_SENT;
        *ret_name = text_of(row->row->ecs);
        return ELASTIC_NAME_EXTRA;
    }
    if (is_derived(name))
        return ELASTIC_NAME_EXTRA;
    if (!is_well_formed(name) || is_in_the_way(name))
        return ELASTIC_NAME_AS_SENT;
    return ELASTIC_NAME_EXTRA;
}

enum elastic_name
elastic_name_read(struct text key, enum event_field *ret_field, struct text *ret_name)
{
    int is_there;
    const struct name_row *row = &table.rows[place_of(key, &is_there)];

    *ret_name = key;
    if (text_is(key, "bongsu.as_sent"))
        return ELASTIC_NAME_AS_SENT;
    if (!is_there)
        return ELASTIC_NAME_EXTRA;
    if (row->row == NULL)
        return ELASTIC_NAME_OURS;
    if (!row->row->is_own) {
        *ret_name = text_of(row->row->name);
        return ELASTIC_NAME_EXTRA;
    }
    *ret_field = (enum event_field)event_field_find(text_of(row->row->name));
    return ELASTIC_NAME_KNOWN;
}
