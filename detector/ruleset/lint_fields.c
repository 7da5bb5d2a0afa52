/* Fields that events of a rule's logsource do not have. The case of a name matters. */
#include <string.h>

#include "detector/ruleset/lint_internal.h"
#include "proto/fields.h"

struct looking {
    const struct lint *lint;
    const struct lint_spellings *spellings;
    const char *known;
    struct text told[32];       /* each name once */
    size_t told_count;
};

static int
is_told(struct looking *looking, struct text name)
{
    for (size_t i = 0; i < looking->told_count; i++)
        if (text_equals(looking->told[i], name))
            return 1;
    if (looking->told_count < sizeof(looking->told) / sizeof(looking->told[0]))
        looking->told[looking->told_count++] = name;
    return 0;
}

/* Our own names and ECS's are for every rule, and so is a name with a path. */
static int
is_of_all(struct text name)
{
    const struct field_row *row = field_find(name);

    return memchr(name.ptr, '.', name.len) != NULL ||
           (row != NULL && (text_is(name, row->name) || text_is(name, row->ecs)));
}

static int
say(const struct looking *looking, const struct sigma_item *item, const char *who,
    struct text other)
{
    return lint_note(looking->lint, LINT_FIELD, item->line, "field \"%.*s\": %s \"%.*s\"",
                     (int)(item->field.len < 100 ? item->field.len : 100), item->field.ptr, who,
                     (int)(other.len < 100 ? other.len : 100), other.ptr);
}

/* Where all fields are known. */
static int
look_in(const struct looking *looking, const struct sigma_item *item)
{
    struct text rest = text_of(looking->known);

    if (lint_is_in_list(rest, item->field) ||
        lint_is_in_list(text_of(lint_windows_fields), item->field))
        return 0;
    while (rest.len > 0) {
        struct text one = text_split(&rest, ' ');

        if (text_equals_nocase(one, item->field))
            return say(looking, item, "there is none, but there is", one);
    }
    return say(looking, item, "there is none in events of",
               looking->lint->rule->logsource.category);
}

static int
look_at(void *ctx, const struct sigma_rule *rule, const struct sigma_item *item)
{
    struct looking *looking = ctx;
    struct text other;

    if (is_told(looking, item->field))
        return 0;
    if (looking->known != NULL && !is_of_all(item->field))
        return look_in(looking, item);
    other = lint_usual_spelling(looking->spellings, &rule->logsource, item->field);
    if (other.len > 0)
        return say(looking, item, "most rules of this logsource write", other);
    other = lint_known_as(item->field, &rule->logsource);
    return other.len == 0 ? 0 : say(looking, item, "it is not known, but there is", other);
}

int
lint_fields(const struct lint *lint, const struct lint_spellings *spellings)
{
    struct looking looking = { .lint = lint, .spellings = spellings,
                               .known = lint_known_fields(&lint->rule->logsource) };

    return lint_each_item(lint->rule, look_at, &looking);
}
