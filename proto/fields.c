#include "proto/fields.h"

#include <stddef.h>

#define FIELD_ROW(id, name, ecs, type, sigma, own) { name, ecs, ECS_##type, sigma, own },
const struct field_row field_rows[FIELD_NUMBERS] = { FIELD_TABLE(FIELD_ROW) };
#undef FIELD_ROW

static int
is_listed(const char *list, struct text name)
{
    struct text rest = text_of(list);

    while (rest.len > 0)
        if (text_equals(text_split(&rest, ' '), name))
            return 1;
    return 0;
}

const struct field_row *
field_find(struct text name)
{
    const struct field_row *end = field_rows + FIELD_NUMBERS;

    if (name.len == 0)
        return NULL;
    for (const struct field_row *row = field_rows; row < end; row++)
        if (text_is(name, row->name))
            return row;
    for (const struct field_row *row = field_rows; row < end; row++)
        if (text_is(name, row->ecs) || is_listed(row->sigma, name))
            return row;
    return NULL;
}
