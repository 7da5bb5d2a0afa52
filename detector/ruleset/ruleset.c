#include "detector/ruleset/ruleset.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "detector/ruleset/rule_choice.h"
#include "detector/ruleset/ruleset_internal.h"
#include "proto/base/hash.h"

struct ruleset *
ruleset_new(void)
{
    struct ruleset *rules = calloc(1, sizeof(*rules));

    if (rules == NULL)
        return NULL;
    rules->fields = field_table_new();
    if (rules->fields != NULL)
        rules->matcher = matcher_new(rules->fields);
    if (rules->matcher == NULL)
        ruleset_destroy(&rules);
    return rules;
}

struct ruleset *
ruleset_new_like(struct ruleset *lender)
{
    struct ruleset *rules = calloc(1, sizeof(*rules));

    if (rules == NULL)
        return NULL;
    rules->lender = lender;
    rules->fields = lender->fields;
    rules->matcher = matcher_new_like(lender->matcher);
    if (rules->matcher == NULL)
        ruleset_destroy(&rules);
    return rules;
}

void
ruleset_destroy(struct ruleset **rules)
{
    if (*rules == NULL)
        return;
    matcher_destroy(&(*rules)->matcher);
    if ((*rules)->lender == NULL)
        field_table_destroy(&(*rules)->fields);
    free((*rules)->rules);
    free((*rules)->filters);
    free((*rules)->refused.all);
    free((*rules)->notes.all);
    arena_release(&(*rules)->arena);
    free(*rules);
    *rules = NULL;
}

void
ruleset_expand(struct ruleset *rules, const struct placeholders *placeholders)
{
    rules->placeholders = placeholders;
}

void
ruleset_try(struct ruleset *rules, rule_try *try_rule)
{
    rules->try_rule = try_rule;
}

static int
list_reason(struct ruleset *rules, struct refusals *list, size_t file, const char *reason)
{
    struct text copy = arena_copy(&rules->arena, text_of(reason));

    if (list->count == list->cap) {
        size_t cap = list->cap == 0 ? 16 : list->cap * 2;
        struct refused *grown = realloc(list->all, cap * sizeof(*grown));

        if (grown == NULL)
            return -1;
        list->all = grown;
        list->cap = cap;
    }
    if (copy.ptr == NULL)
        return -1;
    list->all[list->count++] = (struct refused){ copy.ptr, file };
    return 0;
}

int
ruleset_refuse(struct ruleset *rules, size_t file, const char *reason)
{
    return list_reason(rules, &rules->refused, file, reason);
}

int
ruleset_add_note(struct ruleset *rules, size_t file, const char *note)
{
    return list_reason(rules, &rules->notes, file, note);
}

struct rule *
ruleset_append(struct ruleset *rules)
{
    if (rules->count == rules->cap) {
        size_t cap = rules->cap == 0 ? 16 : rules->cap * 2;
        struct rule *grown = realloc(rules->rules, cap * sizeof(*grown));

        if (grown == NULL)
            return NULL;
        rules->rules = grown;
        rules->cap = cap;
    }
    rules->rules[rules->count] = (struct rule){ .file = rules->file };
    return &rules->rules[rules->count++];
}

/* 1 when an earlier rule has this id or name. */
static int
is_taken(const struct ruleset *rules, const struct sigma_rule *sigma,
         const struct sigma_rule **ret_other)
{
    for (size_t i = 0; i < rules->count; i++) {
        const struct sigma_rule *other = &rules->rules[i].sigma;

        if (strcmp(other->id, sigma->id) == 0 ||
            (other->name != NULL && sigma->name != NULL &&
             strcmp(other->name, sigma->name) == 0)) {
            *ret_other = other;
            return 1;
        }
    }
    return 0;
}

/* A changed rule begins with new windows, and this is how it is noticed. */
static int
hash_part(const json_t *part, uint64_t *ret_hash)
{
    char *text = json_dumps(part, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);

    if (text == NULL)
        return -1;
    *ret_hash = hash64(text, strlen(text));
    free(text);
    return 0;
}

/* What placeholders stand for is as good as written in the rule. */
static void
hash_expanded(struct rule *rule)
{
    const struct sigma_rule *sigma = &rule->sigma;

    for (size_t s = 0; s < sigma->selection_count; s++)
        for (size_t g = 0; g < sigma->selections[s].group_count; g++) {
            const struct sigma_group *group = &sigma->selections[s].groups[g];

            for (size_t i = 0; i < group->item_count; i++)
                if (sigma_item_is_expanded(&group->items[i]))
                    rule->text_hash = rule->text_hash * 31 +
                                      sigma_item_hash(&group->items[i]);
        }
}

/* With another logsource it counts other events. */
static void
hash_source(struct rule *rule)
{
    const struct logsource *of = &rule->sigma.logsource;
    const struct text parts[] = { of->product, of->category, of->service };
    unsigned char id[HASH_ID_LEN];
    uint64_t hash;

    if (rule->sigma.is_any_source || rule->sigma.correlation.type != SIGMA_NONE)
        return;
    hash_id(parts, 3, id);
    memcpy(&hash, id, sizeof(hash));
    rule->text_hash = rule->text_hash * 31 + hash;
}

/* In another zone it counts other events; so it does by weight. */
static void
hash_own(struct rule *rule)
{
    const struct zone_table *zone = rule->sigma.zone;

    if (zone != NULL)
        rule->text_hash = rule->text_hash * 31 +
                          hash64(zone_table_name(zone), strlen(zone_table_name(zone)));
    if (rule->sigma.is_weighed)
        rule->text_hash = rule->text_hash * 31 + 1;
}

/* What narrows a detection makes another one of it. */
static int
hash_narrowing(json_t *bongsu, const char *key, struct rule *rule)
{
    const json_t *part = json_object_get(bongsu, key);
    uint64_t hash;

    if (part == NULL)
        return 0;
    if (hash_part(part, &hash) != 0)
        return -1;
    rule->text_hash = rule->text_hash * 31 + hash;
    return 0;
}

static int
hash_document(json_t *document, struct rule *rule)
{
    json_t *body = json_object_get(document, "correlation");

    if (hash_part(body != NULL ? body : json_object_get(document, "detection"),
                  &rule->text_hash) != 0)
        return -1;
    hash_expanded(rule);
    hash_source(rule);
    hash_own(rule);
    body = json_object_get(document, "bongsu");
    if (hash_narrowing(body, "detection", rule) != 0 ||
        hash_narrowing(body, "checks", rule) != 0)
        return -1;
    if (rule->sigma.seen_us == 0)
        return 0;
    /* what was seen of other fields is no memory of these */
    body = json_object_get(json_object_get(document, "bongsu"), "first_seen");
    return hash_part(json_object_get(body, "fields"), &rule->shape);
}

static int
add_document(struct ruleset *rules, const struct sigma_source *src, json_t *document)
{
    const struct sigma_rule *other = NULL;
    struct sigma_rule sigma;
    struct rule *rule;

    if (sigma_rule_read(src, document, &sigma) != 0)
        return -1;
    if (rules->choice != NULL &&
        !rule_choice_is_on(rules->choice, rules->choice_file, &sigma)) {
        rules->off_count++;
        return 0;
    }
    if (is_taken(rules, &sigma, &other))
        return sigma_refuse(src, document, "the id or name is that of %s:%d already",
                            other->file, other->line);
    rule = ruleset_append(rules);
    if (rule == NULL)
        return sigma_no_memory(src);
    rule->sigma = sigma;
    return hash_document(document, rule) == 0 ? 0 : sigma_no_memory(src);
}

static int
add_documents(struct ruleset *rules, const char *file, const struct yaml *yaml)
{
    size_t before = rules->count, filters_before = rules->filter_count, off = rules->off_count;
    struct text name = arena_copy(&rules->arena, text_of(file));
    struct err why;
    const struct sigma_source src = { .file = name.ptr, .yaml = yaml, .arena = &rules->arena,
                                      .placeholders = rules->placeholders, .err = &why };

    if (name.ptr == NULL)
        return -1;
    for (size_t i = 0; i < yaml_count(yaml); i++) {
        json_t *document = yaml_document(yaml, i);

        if (sigma_is_filter(document)) {
            if (ruleset_add_filter(rules, &src, document) != 0)
                return -1;
        } else if (add_document(rules, &src, document) != 0) {
            rules->count = before;
            rules->filter_count = filters_before;
            rules->off_count = off;
            return ruleset_refuse(rules, rules->file, why.text);
        }
    }
    return 0;
}

int
ruleset_add(struct ruleset *rules, const char *file, const char *bytes, size_t len)
{
    struct err why;
    struct yaml *yaml = yaml_parse(file, bytes, len, &why);
    int rc;

    rules->file++;
    if (yaml == NULL)
        return ruleset_refuse(rules, rules->file, why.text);
    rc = add_documents(rules, file, yaml);
    yaml_destroy(&yaml);
    return rc;
}

size_t
ruleset_count(const struct ruleset *rules)
{
    return rules->count;
}

const struct rule *
ruleset_rule(const struct ruleset *rules, size_t i)
{
    return &rules->rules[i];
}

size_t
ruleset_off_count(const struct ruleset *rules)
{
    return rules->off_count;
}

size_t
ruleset_refused_count(const struct ruleset *rules)
{
    return rules->refused.count;
}

const char *
ruleset_refused(const struct ruleset *rules, size_t i)
{
    return rules->refused.all[i].reason;
}

size_t
ruleset_note_count(const struct ruleset *rules)
{
    return rules->notes.count;
}

const char *
ruleset_note(const struct ruleset *rules, size_t i)
{
    return rules->notes.all[i].reason;
}

size_t
ruleset_filter_count(const struct ruleset *rules)
{
    return rules->filter_count;
}

const struct rule_filter *
ruleset_filter(const struct ruleset *rules, size_t i)
{
    return &rules->filters[i];
}

struct matcher *
ruleset_matcher(struct ruleset *rules)
{
    return rules->matcher;
}

struct field_table *
ruleset_fields(struct ruleset *rules)
{
    return rules->fields;
}
