#include "detector/tool/found.h"

#include <stdlib.h>
#include <string.h>

#include "detector/tool/found_inner.h"
#include "proto/base/hash.h"
#include "proto/base/timestamp.h"
#include "proto/json_text.h"

enum { FIRST_SLOTS = 1024 };

struct found *
found_new(void)
{
    return calloc(1, sizeof(struct found));
}

void
found_destroy(struct found **found)
{
    if (*found == NULL)
        return;
    for (int side = 0; side < FOUND_SIDES; side++) {
        struct found_list *list = &(*found)->lists[side];

        for (size_t i = 0; i < list->count; i++)
            free(list->items[i].text);
        free(list->items);
        free(list->slots);
    }
    free(*found);
    *found = NULL;
}

/* --- by id --- */

static uint64_t
hash_of(const char *id)
{
    return hash64(id, strlen(id));
}

static size_t *
slot_of(const struct found_list *list, const char *id)
{
    size_t at = hash_of(id) % list->slot_count;

    while (list->slots[at] != 0 && strcmp(list->items[list->slots[at] - 1].id, id) != 0)
        at = (at + 1) % list->slot_count;
    return &list->slots[at];
}

static int
grow_slots(struct found_list *list)
{
    size_t count = list->slot_count == 0 ? FIRST_SLOTS : list->slot_count * 2;
    size_t *slots = calloc(count, sizeof(*slots));

    if (slots == NULL)
        return -1;
    free(list->slots);
    list->slots = slots;
    list->slot_count = count;
    for (size_t i = 0; i < list->count; i++)
        *slot_of(list, list->items[i].id) = i + 1;
    return 0;
}

struct found_item *
found_find(const struct found_list *list, const char *id)
{
    size_t slot = list->slot_count == 0 ? 0 : *slot_of(list, id);

    return slot == 0 ? NULL : &list->items[slot - 1];
}

/* The incident of this id; a new one (its text NULL) where there was none. */
static struct found_item *
item_of(struct found_list *list, const char *id, struct err *err)
{
    size_t *slot;

    err_set(err, "out of memory");
    if (list->count * 2 >= list->slot_count && grow_slots(list) != 0)
        return NULL;
    slot = slot_of(list, id);
    if (*slot != 0)
        return &list->items[*slot - 1];
    if (list->count == FOUND_MAX) {
        err_set(err, "more than %d incidents: ask for a shorter time, or mend the rule that makes "
                "so many", FOUND_MAX);
        return NULL;
    }
    if (list->count == list->cap) {
        size_t cap = list->cap == 0 ? 256 : list->cap * 2;
        struct found_item *grown = realloc(list->items, cap * sizeof(*grown));

        if (grown == NULL)
            return NULL;
        list->items = grown;
        list->cap = cap;
    }
    list->items[list->count] = (struct found_item){ .text = NULL };
    memcpy(list->items[list->count].id, id, strlen(id) + 1);
    *slot = ++list->count;
    return &list->items[list->count - 1];
}

/* --- taking one in --- */

/* "<rule>\0<title>\0<key as JSON>\0": what makes two the same, and what is shown. */
static char *
make_text(const char *rule, const char *title, json_t *key)
{
    char *json = json_dumps(key, JSON_COMPACT | JSON_SORT_KEYS), *text = NULL;
    size_t rule_len = strlen(rule) + 1, title_len = strlen(title) + 1;

    if (json != NULL)
        text = malloc(rule_len + title_len + strlen(json) + 1);
    if (text != NULL) {
        memcpy(text, rule, rule_len);
        memcpy(text + rule_len, title, title_len);
        memcpy(text + rule_len + title_len, json, strlen(json) + 1);
    }
    free(json);
    return text;
}

int
found_add(struct found *found, enum found_side side, const struct incident *inc,
          struct err *err)
{
    struct found_item *item = item_of(&found->lists[side], inc->id, err);

    if (item == NULL)
        return -1;
    if (item->text == NULL) {
        json_t *key = json_object();

        for (size_t i = 0; i < inc->key_count; i++)
            json_set(key, text_of(inc->keys[i].field), json_text(text_of(inc->keys[i].value)));
        item->text = make_text(inc->rule_id, inc->rule_title == NULL ? "" : inc->rule_title, key);
        json_decref(key);
    }
    if (item->text == NULL) {
        err_set(err, "out of memory");
        return -1;
    }
    item->opened_us = inc->opened_us;
    item->last_us = inc->last_seen_us;
    item->count = inc->count;
    item->severity = inc->severity;
    return 0;
}

static const char *
text_in(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text == NULL ? "" : text;
}

static int
time_in(const json_t *object, const char *name, int64_t *ret_us)
{
    return timestamp_parse(text_of(text_in(object, name)), ret_us, NULL);
}

int
found_add_json(struct found *found, enum found_side side, const json_t *json, struct err *err)
{
    const json_t *rule = json_object_get(json, "rule");
    const char *id = text_in(json, "id");
    struct found_item one = { .count = (uint64_t)json_integer_value(json_object_get(json,
                                                                                    "count")),
                              .severity = severity_parse(text_of(text_in(json, "severity"))) };
    struct found_item *item;
    char *text;

    if (strlen(id) >= sizeof(one.id) || id[0] == '\0' ||
        time_in(json, "opened_at", &one.opened_us) != 0 ||
        time_in(json, "last_seen", &one.last_us) != 0 ||
        !json_is_object(json_object_get(json, "key"))) {
        err_set(err, "the api gives an incident that is none: is it Bongsu's?");
        return -1;
    }
    item = item_of(&found->lists[side], id, err);
    text = item == NULL ? NULL : make_text(text_in(rule, "id"), text_in(rule, "title"),
                                           json_object_get(json, "key"));
    if (text == NULL)
        return -1;
    free(item->text);
    memcpy(one.id, item->id, sizeof(one.id));
    one.text = text;
    *item = one;
    return 0;
}

size_t
found_leave_out(struct found *found, const char *rule_id)
{
    size_t left = 0;

    for (int side = 0; side < FOUND_SIDES; side++)
        for (size_t i = 0; i < found->lists[side].count; i++) {
            struct found_item *item = &found->lists[side].items[i];

            if (!item->is_left_out && strcmp(item->text, rule_id) == 0) {
                item->is_left_out = 1;
                left++;
            }
        }
    return left;
}
