#include "detector/match/allow_list.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "detector/text/until.h"
#include "proto/base/arena.h"
#include "proto/base/hash.h"
#include "proto/base/networks.h"
#include "proto/base/yaml.h"

/* No network of fewer bits is known and harmless as a whole. */
enum { MAX_TEXT = 256, FEW_BITS = 8 };

struct allow_list {
    struct arena arena;
    struct allow_entry *entries;
    size_t count;
    struct networks networks;
    uint32_t *anywhere;         /* entries without a source */
    size_t anywhere_count;
    uint32_t *found;            /* entries that hold for the event asked for, but for
                                 * their rule */
    size_t found_count;
    const struct allow_question *question;      /* while asking */
};

/* The keys of an entry, each a text. */
static const struct key {
    const char *name;
    size_t at;
    int is_condition;
} keys[] = {
    { "source", offsetof(struct allow_entry, source), 1 },
    { "host",   offsetof(struct allow_entry, host),   1 },
    { "user",   offsetof(struct allow_entry, user),   1 },
    { "rule",   offsetof(struct allow_entry, rule),   1 },
    { "reason", offsetof(struct allow_entry, reason), 0 },
    { "until",  offsetof(struct allow_entry, until),  0 },
};
enum { KEYS = sizeof(keys) / sizeof(keys[0]) };

struct reading {
    struct sigma_source src;
    struct allow_list *list;
    struct allow_entry *entry;
    unsigned source_bits;       /* of the entry's network */
};

static struct text *
text_at(struct allow_entry *entry, const struct key *key)
{
    return (struct text *)((char *)entry + key->at);
}

static int
read_text(struct reading *reading, const char *name, json_t *value)
{
    size_t k = 0;
    struct text text = { json_string_value(value), json_string_length(value) };

    while (k < KEYS && strcmp(keys[k].name, name) != 0)
        k++;
    if (k == KEYS)
        return sigma_refuse(&reading->src, value, "unknown key \"%.40s\"", name);
    if (!json_is_string(value))
        return sigma_refuse(&reading->src, value, "%s: must be a text", name);
    if (text.len == 0 || text.len > MAX_TEXT)
        return sigma_refuse(&reading->src, value, "%s: must have 1 to %d bytes", name,
                            (int)MAX_TEXT);
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < ' ' || text.ptr[i] == 0x7F)
            return sigma_refuse(&reading->src, value, "%s: a control character", name);
    *text_at(reading->entry, &keys[k]) = arena_copy(&reading->list->arena, text);
    return text_at(reading->entry, &keys[k])->ptr != NULL ? 0
                                                          : sigma_no_memory(&reading->src);
}

static int
read_until(struct reading *reading, json_t *value)
{
    struct allow_entry *entry = reading->entry;
    struct err why = { "" };

    entry->until_us = INT64_MAX;
    if (entry->until.ptr == NULL || until_parse(entry->until, &entry->until_us, &why) == 0)
        return 0;
    return sigma_refuse(&reading->src, value, "until: %.250s", why.text);
}

static int
read_source(struct reading *reading, json_t *value)
{
    struct network network;
    struct err why = { "" };

    if (reading->entry->source.ptr == NULL)
        return 0;
    if (network_parse(reading->entry->source, &network, &why) != 0)
        return sigma_refuse(&reading->src, value, "source: %.200s", why.text);
    reading->source_bits = network.bits;
    network.owner = (uint32_t)(reading->entry - reading->list->entries);
    return networks_add(&reading->list->networks, &network) == 0
           ? 0 : sigma_no_memory(&reading->src);
}

static int
read_pattern(struct reading *reading, struct text text, struct pattern *ret)
{
    if (text.ptr == NULL)
        return 0;
    return pattern_parse(&reading->list->arena, text, 0, 0, ret) == 0
           ? 0 : sigma_no_memory(&reading->src);
}

/* FNV-1a of a name in any case. */
static uint64_t
hash_name(struct text name)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < name.len; i++)
        hash = (hash ^ (unsigned char)fold_char(name.ptr[i])) * UINT64_C(0x100000001b3);
    return hash;
}

/* Its conditions as one text, which is its name and makes its id. */
static int
name_entry(struct reading *reading)
{
    struct allow_entry *entry = reading->entry;
    struct buf name = { 0 };
    struct text copy = { NULL, 0 };
    int rc = 0;

    for (size_t k = 0; k < KEYS; k++)
        if (keys[k].is_condition && text_at(entry, &keys[k])->ptr != NULL)
            rc |= buf_printf(&name, "%s%s=%.*s", name.len > 0 ? " " : "", keys[k].name,
                             (int)text_at(entry, &keys[k])->len,
                             text_at(entry, &keys[k])->ptr);
    if (rc == 0)
        copy = arena_copy(&reading->list->arena, buf_text(&name));
    entry->name = copy.ptr;
    for (size_t i = 0; i < name.len; i++)
        name.ptr[i] = fold_char(name.ptr[i]);
    if (copy.ptr != NULL)
        snprintf(entry->id, sizeof(entry->id), "%016" PRIx64, hash64(name.ptr, name.len));
    buf_release(&name);
    return copy.ptr != NULL ? 0 : sigma_no_memory(&reading->src);
}

/* "*", "?*": like every name. */
static int
is_any(struct text text)
{
    size_t stars = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '*' && text.ptr[i] != '?')
            return 0;
        stars += text.ptr[i] == '*';
    }
    return text.ptr == NULL || stars > 0;
}

/* One that names a rule and nothing else switches that rule off: that is meant. */
static int
is_broad(const struct reading *reading)
{
    const struct allow_entry *entry = reading->entry;

    return entry->rule.ptr == NULL && is_any(entry->host) && is_any(entry->user) &&
           (entry->source.ptr == NULL || reading->source_bits < FEW_BITS);
}

static int
read_entry(struct reading *reading, json_t *map)
{
    struct allow_entry *entry = reading->entry;
    json_t *value;
    const char *name;

    if (!json_is_object(map))
        return sigma_refuse(&reading->src, map, "an entry must be a map");
    entry->line = yaml_line(reading->src.yaml, map);
    json_object_foreach(map, name, value)
        if (read_text(reading, name, value) != 0)
            return -1;
    if (entry->reason.ptr == NULL)
        return sigma_refuse(&reading->src, map, "reason: is missing");
    if (entry->source.ptr == NULL && entry->host.ptr == NULL && entry->user.ptr == NULL &&
        entry->rule.ptr == NULL)
        return sigma_refuse(&reading->src, map,
                            "an entry needs a source, host, user or rule: it would allow all");
    if (read_until(reading, json_object_get(map, "until")) != 0 ||
        read_source(reading, json_object_get(map, "source")) != 0 ||
        read_pattern(reading, entry->host, &entry->host_pattern) != 0 ||
        read_pattern(reading, entry->user, &entry->user_pattern) != 0 ||
        name_entry(reading) != 0)
        return -1;
    entry->is_broad = is_broad(reading);
    entry->rule_hash = hash_name(entry->rule);
    for (struct allow_entry *other = reading->list->entries; other < entry; other++)
        if (strcmp(other->id, entry->id) == 0)
            return sigma_refuse(&reading->src, map, "the same conditions as on line %d",
                                other->line);
    return 0;
}

static int
read_list(struct reading *reading, json_t *entries)
{
    struct allow_list *list = reading->list;
    size_t count = json_array_size(entries);

    if (entries != NULL && !json_is_array(entries) && !json_is_null(entries))
        return sigma_refuse(&reading->src, entries, "allow: must be a list");
    if (count > ALLOW_MAX_ENTRIES)
        return sigma_refuse(&reading->src, entries, "allow: more than %d entries",
                            (int)ALLOW_MAX_ENTRIES);
    list->entries = calloc(count + 1, sizeof(list->entries[0]));
    list->anywhere = calloc(count + 1, sizeof(list->anywhere[0]));
    list->found = calloc(count + 1, sizeof(list->found[0]));
    if (list->entries == NULL || list->anywhere == NULL || list->found == NULL)
        return sigma_no_memory(&reading->src);
    for (size_t i = 0; i < count; i++) {
        reading->entry = &list->entries[i];
        if (read_entry(reading, json_array_get(entries, i)) != 0)
            return -1;
        if (list->entries[i].source.ptr == NULL)
            list->anywhere[list->anywhere_count++] = (uint32_t)i;
        list->count++;
    }
    networks_sort(&list->networks);
    return 0;
}

/* One document, a map with nothing but "allow". */
static int
read_file(struct reading *reading)
{
    json_t *document = yaml_document(reading->src.yaml, 0), *value;
    json_t *second = yaml_document(reading->src.yaml, 1);
    const char *name;

    if (document == NULL)
        return read_list(reading, NULL);
    if (second != NULL || !json_is_object(document))
        return sigma_refuse(&reading->src, second != NULL ? second : document,
                            "must be one map with \"allow\"");
    json_object_foreach(document, name, value)
        if (strcmp(name, "allow") != 0)
            return sigma_refuse(&reading->src, value, "unknown key \"%.40s\"", name);
    return read_list(reading, json_object_get(document, "allow"));
}

struct allow_list *
allow_list_parse(const char *name, const char *bytes, size_t len, struct err *err)
{
    struct allow_list *list = calloc(1, sizeof(*list));
    struct yaml *yaml = yaml_parse(name, bytes, len, err);
    struct reading reading = { .list = list };
    int rc = -1;

    if (yaml == NULL)
        goto done;
    if (list == NULL) {
        err_set(err, "%s: out of memory", name);
        goto done;
    }
    reading.src = (struct sigma_source){ .file = name, .yaml = yaml,
                                         .arena = &list->arena, .err = err };
    rc = read_file(&reading);

done:
    yaml_destroy(&yaml);
    if (rc != 0)
        allow_list_destroy(&list);
    return list;
}

void
allow_list_destroy(struct allow_list **list)
{
    if (*list == NULL)
        return;
    networks_release(&(*list)->networks);
    arena_release(&(*list)->arena);
    free((*list)->entries);
    free((*list)->anywhere);
    free((*list)->found);
    free(*list);
    *list = NULL;
}

size_t
allow_list_count(const struct allow_list *list)
{
    return list == NULL ? 0 : list->count;
}

const struct allow_entry *
allow_list_entry(const struct allow_list *list, size_t i)
{
    return &list->entries[i];
}

/* What an event does not say is like nothing, not even "*". */
static int
is_like(const struct pattern *pattern, struct text text)
{
    return text.len > 0 && pattern_matches(pattern, text);
}

/* An entry whose source holds: does the rest but for the rule? Kept by number. */
static void
consider(void *self, uint32_t number)
{
    struct allow_list *list = self;
    const struct allow_entry *entry = &list->entries[number];
    const struct allow_question *question = list->question;
    size_t at = list->found_count;

    if (question->at_us >= entry->until_us ||
        (entry->host.ptr != NULL && !is_like(&entry->host_pattern, question->host)) ||
        (entry->user.ptr != NULL && !is_like(&entry->user_pattern, question->user)))
        return;
    for (; at > 0 && list->found[at - 1] > number; at--)
        list->found[at] = list->found[at - 1];
    list->found[at] = number;
    list->found_count++;
}

void
allow_list_ask(struct allow_list *list, const struct allow_question *question)
{
    list->found_count = 0;
    list->question = question;
    networks_find(&list->networks, question->source, consider, list);
    for (size_t i = 0; i < list->anywhere_count; i++)
        consider(list, list->anywhere[i]);
    list->question = NULL;
}

int
allow_entry_is_for(const struct allow_entry *entry, const struct sigma_rule *rule)
{
    return entry->rule.ptr == NULL || text_equals_nocase(entry->rule, text_of(rule->id)) ||
           text_equals_nocase(entry->rule, text_of(rule->title)) ||
           (rule->name != NULL && text_equals_nocase(entry->rule, text_of(rule->name)));
}

long
allow_list_find(const struct allow_list *list, const struct sigma_rule *rule)
{
    for (size_t i = 0; i < list->found_count; i++)
        if (allow_entry_is_for(&list->entries[list->found[i]], rule))
            return (long)list->found[i];
    return -1;
}

void
allow_list_mark(const struct allow_list *list, const struct sigma_rule *rule,
                unsigned char *marks)
{
    const uint64_t id = hash_name(text_of(rule->id)), title = hash_name(text_of(rule->title));
    const uint64_t name = rule->name == NULL ? id : hash_name(text_of(rule->name));

    for (size_t i = 0; i < allow_list_count(list); i++) {
        const struct allow_entry *entry = &list->entries[i];

        if ((entry->rule_hash == id || entry->rule_hash == title ||
             entry->rule_hash == name) && entry->rule.ptr != NULL &&
            allow_entry_is_for(entry, rule))
            marks[i] = 1;
    }
}
