/* How the rules of each logsource write the names of fields: what most of them write is
 * likely to be what their events have. */
#include <stdlib.h>
#include <string.h>

#include "detector/ruleset/lint_internal.h"
#include "detector/text/pattern.h"

/* A field's name as rules of a logsource write it. */
struct spelling {
    const struct logsource *of;
    struct text name;
    uint32_t rules;             /* that write it so; in `usual`, of all spellings */
    const struct sigma_rule *last;
};

struct lint_spellings {
    struct spelling *all;
    size_t count, cap;
};

static int
compare_texts(struct text a, struct text b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len == 0 ? 0 : memcmp(a.ptr, b.ptr, len);

    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* Names that differ only in case stand together. */
static int
compare_loosely(const struct spelling *a, const struct spelling *b)
{
    int order = fold_compare(a->of->product, b->of->product);

    order = order != 0 ? order : fold_compare(a->of->category, b->of->category);
    order = order != 0 ? order : fold_compare(a->of->service, b->of->service);
    return order != 0 ? order : fold_compare(a->name, b->name);
}

static int
compare_spellings(const void *left, const void *right)
{
    const struct spelling *a = left, *b = right;
    int order = compare_loosely(a, b);

    return order != 0 ? order : compare_texts(a->name, b->name);
}

static int
add_spelling(struct lint_spellings *spellings, const struct sigma_rule *rule, struct text name)
{
    if (spellings->count == spellings->cap) {
        size_t cap = spellings->cap == 0 ? 256 : spellings->cap * 2;
        struct spelling *grown = realloc(spellings->all, cap * sizeof(*grown));

        if (grown == NULL)
            return -1;
        spellings->all = grown;
        spellings->cap = cap;
    }
    spellings->all[spellings->count++] =
        (struct spelling){ &rule->logsource, name, 1, rule };
    return 0;
}

int
lint_each_item(const struct sigma_rule *rule,
               int (*visit)(void *ctx, const struct sigma_rule *rule,
                            const struct sigma_item *item), void *ctx)
{
    int rc = 0;

    for (size_t s = 0; s < rule->selection_count; s++)
        for (size_t g = 0; g < rule->selections[s].group_count; g++) {
            const struct sigma_group *group = &rule->selections[s].groups[g];

            for (size_t i = 0; i < group->item_count && rc == 0; i++)
                if (group->items[i].field.ptr != NULL)
                    rc = visit(ctx, rule, &group->items[i]);
        }
    return rc;
}

static int
collect(void *ctx, const struct sigma_rule *rule, const struct sigma_item *item)
{
    return add_spelling(ctx, rule, item->field);
}

/* One of each spelling is left, with the number of its rules. */
static void
sum_up(struct lint_spellings *spellings)
{
    size_t kept = 0;

    if (spellings->count > 0)
        qsort(spellings->all, spellings->count, sizeof(spellings->all[0]), compare_spellings);
    for (size_t i = 0; i < spellings->count; i++) {
        struct spelling *last = kept == 0 ? NULL : &spellings->all[kept - 1];

        if (last == NULL || compare_spellings(last, &spellings->all[i]) != 0) {
            spellings->all[kept++] = spellings->all[i];
        } else if (last->last != spellings->all[i].last) {
            last->rules++;
            last->last = spellings->all[i].last;
        }
    }
    spellings->count = kept;
}

struct lint_spellings *
lint_spellings_new(const struct sigma_rule *const *rules, size_t count)
{
    struct lint_spellings *spellings = calloc(1, sizeof(*spellings));
    int rc = spellings == NULL ? -1 : 0;

    for (size_t i = 0; i < count && rc == 0; i++)
        if (rules[i]->correlation.type == SIGMA_NONE)
            rc = lint_each_item(rules[i], collect, spellings);
    if (rc != 0)
        lint_spellings_destroy(&spellings);
    else
        sum_up(spellings);
    return spellings;
}

void
lint_spellings_destroy(struct lint_spellings **spellings)
{
    if (*spellings == NULL)
        return;
    free((*spellings)->all);
    free(*spellings);
    *spellings = NULL;
}

struct text
lint_usual_spelling(const struct lint_spellings *spellings, const struct logsource *of,
                    struct text name)
{
    const struct spelling key = { .of = of, .name = name };
    const struct spelling *own = bsearch(&key, spellings->all, spellings->count,
                                         sizeof(key), compare_spellings), *best = own;
    const struct spelling *end = spellings->all + spellings->count;

    for (const struct spelling *at = own; at != NULL && at < end; at++) {
        if (compare_loosely(at, own) != 0)
            break;
        best = at->rules > best->rules ? at : best;
    }
    for (const struct spelling *at = own; at != NULL; at--) {
        if (compare_loosely(at, own) != 0)
            break;
        best = at->rules > best->rules ? at : best;
        if (at == spellings->all)
            break;
    }
    return best == own ? (struct text){ NULL, 0 } : best->name;
}
