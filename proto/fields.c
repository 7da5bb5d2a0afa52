#include "proto/fields.h"

#include <stddef.h>

#define FIELD_ROW(id, name, ecs, type, sigma, own) { name, ecs, ECS_##type, sigma, own },
const struct field_row field_rows[FIELD_NUMBERS] = { FIELD_TABLE(FIELD_ROW) };
#undef FIELD_ROW

#define LOGSOURCE_ROW(when, product, category, service) { when, product, category, service },
const struct logsource_row logsource_rows[] = { LOGSOURCE_TABLE(LOGSOURCE_ROW) };
#undef LOGSOURCE_ROW

const size_t logsource_row_count = sizeof(logsource_rows) / sizeof(logsource_rows[0]);

#define PREFIX_ROW(prefix, product) { prefix, product },
static const struct { const char *prefix, *product; } prefixes[] = {
    FIELD_PREFIX_TABLE(PREFIX_ROW)
};
#undef PREFIX_ROW

static int
is_listed(const char *list, struct text name)
{
    struct text rest = text_of(list);

    while (rest.len > 0)
        if (text_equals(text_split(&rest, ' '), name))
            return 1;
    return 0;
}

static int
is_word_of(struct text word, const struct logsource *of)
{
    return text_equals_nocase(word, of->product) || text_equals_nocase(word, of->category) ||
           text_equals_nocase(word, of->service);
}

/* NAME@WORD */
static int
is_listed_for(const char *list, struct text name, const struct logsource *of)
{
    struct text rest = text_of(list);

    while (rest.len > 0) {
        struct text scope = text_split(&rest, ' '), word = text_split(&scope, '@');

        if (scope.ptr != NULL && text_equals(word, name) && is_word_of(scope, of))
            return 1;
    }
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

const struct field_row *
field_find_for(struct text name, const struct logsource *of)
{
    for (size_t i = 0; of != NULL && name.len > 0 && i < FIELD_NUMBERS; i++)
        if (is_listed_for(field_rows[i].sigma, name, of))
            return &field_rows[i];
    return field_find(name);
}

const char *
field_prefix_for(const struct logsource *of)
{
    for (size_t i = 0; of != NULL && i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
        if (text_equals_nocase(of->product, text_of(prefixes[i].product)))
            return prefixes[i].prefix;
    return NULL;
}
