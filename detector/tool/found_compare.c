#include <stdlib.h>
#include <string.h>

#include "detector/tool/found_inner.h"
#include "proto/base/timestamp.h"

/* Items of one rule and key, of a side: a stretch of the sorted list. */
struct stretch {
    struct found_item **items;
    size_t count;
};

struct comparing {
    const struct found_span *span;
    const struct found_list *after;
    json_t *lists[3];
    size_t counts[3], same;
};

/* As long as an incident stays open for further matches, unless its rule says more. */
static const int64_t together_us = INT64_C(3600) * 1000000;

enum { ADDED, GONE, CHANGED };
static const char *const kinds[] = { "added", "gone", "changed" };

static const char *
key_of(const struct found_item *item)
{
    const char *title = item->text + strlen(item->text) + 1;

    return title + strlen(title) + 1;
}

static int
compare_groups(const struct found_item *a, const struct found_item *b)
{
    int rc = strcmp(a->text, b->text);

    return rc != 0 ? rc : strcmp(key_of(a), key_of(b));
}

static int
compare_items(const void *a, const void *b)
{
    const struct found_item *x = *(struct found_item *const *)a,
                            *y = *(struct found_item *const *)b;
    int rc = compare_groups(x, y);

    if (rc != 0)
        return rc;
    if (x->opened_us != y->opened_us)
        return x->opened_us < y->opened_us ? -1 : 1;
    return strcmp(x->id, y->id);
}

/* --- as JSON --- */

static json_t *
time_to_json(int64_t us)
{
    char text[TIMESTAMP_LEN];

    timestamp_format_local(us, text);
    return json_string(text);
}

static json_t *
item_to_json(const struct found_item *item)
{
    return json_pack("{s:s, s:{s:s, s:s}, s:o?, s:s, s:o, s:o, s:I}", "id", item->id, "rule",
                     "id", item->text, "title", item->text + strlen(item->text) + 1, "key",
                     json_loads(key_of(item), 0, NULL), "severity",
                     severity_name(item->severity < 0 ? 0 : item->severity), "first_seen",
                     time_to_json(item->opened_us), "last_seen", time_to_json(item->last_us),
                     "count", (json_int_t)item->count);
}

static void
note(struct comparing *work, int kind, const struct found_item *before,
     const struct found_item *after)
{
    if (work->counts[kind]++ >= FOUND_LISTED)
        return;
    if (before != NULL && after != NULL)
        json_array_append_new(work->lists[kind],
                              json_pack("{s:o, s:o}", "before", item_to_json(before), "after",
                                        item_to_json(after)));
    else
        json_array_append_new(work->lists[kind],
                              item_to_json(before != NULL ? before : after));
}

/* --- one rule and key --- */

/* 1 when no more than this lies between them. */
static int
meet(const struct found_item *a, const struct found_item *b, int64_t between_us)
{
    return a->opened_us - between_us <= b->last_us && b->opened_us - between_us <= a->last_us;
}

static int
differ(const struct found_item *before, const struct found_item *after,
       const struct found_span *span)
{
    int is_begun = !span->is_whole && (before->opened_us < span->since_us ||
                                       after->opened_us < span->since_us);
    int is_going_on = before->last_us >= span->until_us || after->last_us >= span->until_us;

    if (!is_begun && before->opened_us != after->opened_us)
        return 1;
    if (!is_going_on && before->last_us != after->last_us)
        return 1;
    return !is_begun && !is_going_on &&
           (before->count != after->count || before->severity != after->severity);
}

static void
pair(struct comparing *work, struct found_item *before, struct found_item *after)
{
    before->is_paired = after->is_paired = 1;
    if (differ(before, after, work->span))
        note(work, CHANGED, before, after);
    else
        work->same++;
}

static int
is_ours(const struct found_item *item, const struct found_span *span)
{
    return !item->is_left_out && item->last_us >= span->since_us &&
           item->opened_us < span->until_us;
}

static void
pair_those_that_meet(struct comparing *work, const struct stretch *before,
                     const struct stretch *after, int64_t between_us)
{
    for (size_t i = 0, j = 0; i < before->count; i++) {
        struct found_item *item = before->items[i];

        while (!item->is_paired && j < after->count &&
               (after->items[j]->is_paired ||
                after->items[j]->last_us < item->opened_us - between_us))
            j++;
        if (!item->is_paired && j < after->count && meet(item, after->items[j], between_us))
            pair(work, item, after->items[j]);
    }
}

/* Those of the same id first; then those whose times meet; then those that would have
 * been one incident, had one side found both. */
static void
compare_stretches(struct comparing *work, const struct stretch *before,
                  const struct stretch *after)
{
    for (size_t i = 0; i < before->count; i++) {
        struct found_item *same = found_find(work->after, before->items[i]->id);

        if (same != NULL && !same->is_paired && is_ours(same, work->span) &&
            compare_groups(before->items[i], same) == 0)
            pair(work, before->items[i], same);
    }
    pair_those_that_meet(work, before, after, 0);
    pair_those_that_meet(work, before, after, together_us);
    for (size_t i = 0; i < before->count; i++)
        if (!before->items[i]->is_paired)
            note(work, GONE, before->items[i], NULL);
    for (size_t i = 0; i < after->count; i++)
        if (!after->items[i]->is_paired)
            note(work, ADDED, NULL, after->items[i]);
}

/* --- all --- */

/* The items that count, sorted; *ret_count. NULL when out of memory. */
static struct found_item **
sort(struct found_list *list, const struct found_span *span, size_t *ret_count)
{
    struct found_item **sorted = calloc(list->count + 1, sizeof(struct found_item *));

    *ret_count = 0;
    for (size_t i = 0; sorted != NULL && i < list->count; i++) {
        list->items[i].is_paired = 0;
        if (is_ours(&list->items[i], span))
            sorted[(*ret_count)++] = &list->items[i];
    }
    if (sorted != NULL)
        qsort(sorted, *ret_count, sizeof(sorted[0]), compare_items);
    return sorted;
}

static struct stretch
take_stretch(struct found_item **items, size_t count, const struct found_item *like)
{
    struct stretch stretch = { items, 0 };

    while (stretch.count < count && compare_groups(items[stretch.count], like) == 0)
        stretch.count++;
    return stretch;
}

static void
compare_all(struct comparing *work, struct found_item **before, size_t before_count,
            struct found_item **after, size_t after_count)
{
    while (before_count > 0 || after_count > 0) {
        const struct found_item *next =
            after_count == 0 || (before_count > 0 && compare_groups(before[0], after[0]) <= 0)
                ? before[0] : after[0];
        struct stretch left = take_stretch(before, before_count, next),
                       right = take_stretch(after, after_count, next);

        compare_stretches(work, &left, &right);
        before += left.count;
        before_count -= left.count;
        after += right.count;
        after_count -= right.count;
    }
}

json_t *
found_compare(struct found *found, const struct found_span *span, int *ret_differs)
{
    struct comparing work = { .span = span, .after = &found->lists[FOUND_AFTER] };
    size_t counts[FOUND_SIDES] = { 0 };
    struct found_item **before = sort(&found->lists[FOUND_BEFORE], span, &counts[0]);
    struct found_item **after = sort(&found->lists[FOUND_AFTER], span, &counts[1]);
    json_t *json = NULL, *numbers = json_object();

    for (int kind = ADDED; kind <= CHANGED; kind++)
        work.lists[kind] = json_array();
    if (before != NULL && after != NULL) {
        compare_all(&work, before, counts[0], after, counts[1]);
        json = json_pack("{s:I, s:I, s:I, s:O}", "before", (json_int_t)counts[0], "after",
                         (json_int_t)counts[1], "same", (json_int_t)work.same, "counts", numbers);
    }
    *ret_differs = 0;
    for (int kind = ADDED; kind <= CHANGED; kind++) {
        json_object_set_new(numbers, kinds[kind], json_integer((json_int_t)work.counts[kind]));
        json_object_set(json, kinds[kind], work.lists[kind]);
        json_decref(work.lists[kind]);
        *ret_differs |= work.counts[kind] > 0;
    }
    json_decref(numbers);
    free(before);
    free(after);
    return json;
}
