#include "detector/tool/explain_rule.h"

#include <string.h>

#include "detector/match/source_map.h"
#include "detector/tool/explain_parts.h"
#include "detector/tool/explain_words.h"
#include "proto/codec_json.h"

json_t *
explain_field(const struct explaining *all, int field)
{
    const struct value *value = field_table_value(ruleset_fields(all->rules), field);
    json_t *json = NULL;

    if (value == NULL)
        return json_null();
    if (value->kind != VALUE_TEXT)
        json = value_to_json(value);
    return json != NULL ? json : explain_text(value_get_text(value));
}

/* --- the logsource --- */

static const char *const part_names[SOURCE_PARTS] = { "product", "category", "service" };

static const char *const answers[] = {
    [ROUTE_APPLIES] = NULL,
    [ROUTE_DIFFERS] = "the event has another product, category or service",
    [ROUTE_NOT_ALL] = "the rule would hold for an event without any field: it needs one that "
                      "has all of its logsource",
    [ROUTE_NO_PART] = "a rule of nothing but keywords needs an event that has a part of its "
                      "logsource",
    [ROUTE_NO_CATEGORY] = "of this product the category is known, and it is not the event's",
};

static json_t *
explain_route(const struct explaining *all, const struct sigma_rule *rule,
              const struct match_verdict *verdict)
{
    const struct text wanted[SOURCE_PARTS] = { rule->logsource.product,
                                               rule->logsource.category,
                                               rule->logsource.service };
    json_t *json = json_pack("{s:b, s:{}, s:{}}", "applies", verdict->route == ROUTE_APPLIES,
                             "rule", "event");
    const char *why = answers[verdict->route];

    for (int part = 0; part < SOURCE_PARTS; part++) {
        struct text words[SOURCE_MAX_WORDS];
        size_t count = matcher_words(ruleset_matcher(all->rules), part, words);
        json_t *has = json_array();

        for (size_t i = 0; i < count; i++)
            json_array_append_new(has, explain_text(words[i].len == 0 ? text_of("(another)")
                                                                      : words[i]));
        json_object_set_new(json_object_get(json, "event"), part_names[part], has);
        if (wanted[part].len > 0)
            json_object_set_new(json_object_get(json, "rule"), part_names[part],
                                explain_text(wanted[part]));
    }
    if (rule->is_any_source)
        json_object_set_new(json, "any_source", json_true());
    if (verdict->route == ROUTE_DIFFERS)
        json_object_set_new(json, "differs", json_string(part_names[verdict->part]));
    if (why != NULL)
        json_object_set_new(json, "why", json_string(why));
    return json;
}

/* --- the whole --- */

json_t *
explain_head(const struct explaining *all, size_t i, int is_match)
{
    const struct rule *rule = ruleset_rule(all->rules, i);
    const struct sigma_rule *sigma = &rule->sigma;

    return json_pack("{s:s, s:s, s:s, s:s, s:i, s:b, s:b}", "id", sigma->id, "title",
                     sigma->title == NULL ? "" : sigma->title, "level",
                     sigma->level == NULL ? "" : sigma->level, "file", sigma->file, "at",
                     sigma->line, "matches", is_match, "incidents", rule->is_alerting);
}

json_t *
explain_key(const struct explaining *all, const struct text *names, const int *fields,
            size_t count, int *ret_is_whole)
{
    json_t *key = json_object();

    *ret_is_whole = 1;
    for (size_t i = 0; i < count; i++) {
        struct text text = field_table_text(ruleset_fields(all->rules), fields[i]);
        json_t *name = explain_text(names[i]);

        *ret_is_whole &= text.ptr != NULL;
        json_object_set_new(key, json_string_value(name),
                            text.ptr == NULL ? json_null() : explain_text(text));
        json_decref(name);
    }
    return key;
}

/* Which entry of the allow list takes the event from this rule, if one does. */
static void
add_allowed(const struct explaining *all, const struct sigma_rule *rule, json_t *json)
{
    const struct allow_question question = {
        value_get_text(&all->event->known[EVENT_SOURCE_ADDRESS]),
        field_table_text(ruleset_fields(all->rules), all->host_field),
        value_get_text(&all->event->known[EVENT_USERNAME]), all->event->at_us,
    };
    const struct allow_entry *entry;
    long found;

    if (all->allow == NULL || allow_list_count(all->allow) == 0)
        return;
    allow_list_ask(all->allow, &question);
    found = allow_list_find(all->allow, rule);
    if (found < 0)
        return;
    entry = allow_list_entry(all->allow, (size_t)found);
    json_object_set_new(json, "allowed", json_pack("{s:o, s:o, s:i}", "entry",
                                                   explain_text(text_of(entry->name)), "reason",
                                                   explain_text(entry->reason), "at",
                                                   entry->line));
}

/* A rule that fires at what was not seen before. */
static void
add_first_seen(const struct explaining *all, const struct rule *rule, json_t *json)
{
    const struct sigma_correlation *cor = &rule->sigma.correlation;
    char seen[32], learn[32];
    int is_whole;
    json_t *key;

    if (rule->sigma.seen_us == 0)
        return;
    key = explain_key(all, cor->group_by, rule->seen_fields, cor->group_count, &is_whole);
    explain_span(rule->sigma.seen_us, seen);
    explain_span(rule->sigma.learn_us, learn);
    json_object_set_new(json, "first_seen",
                        json_pack("{s:o, s:b, s:s, s:s}", "key", key, "whole", is_whole,
                                  "remembers", seen, "learns", learn));
}

/* The correlations that a match goes on to. */
static void
add_feeds(const struct explaining *all, const struct rule *rule, json_t *json)
{
    json_t *feeds = json_array();

    for (size_t i = 0; i < rule->watcher_count; i++)
        json_array_append_new(feeds, json_string(
            ruleset_rule(all->rules, rule->watchers[i].rule)->sigma.id));
    if (json_array_size(feeds) > 0)
        json_object_set(json, "feeds", feeds);
    json_decref(feeds);
}

/* The filter that takes the event from the rule, with its parts, which are compiled as
 * the rule's logsource means their fields. 0, or -1 with the reason. */
static int
add_filter(const struct explain_parts *of, const struct match_verdict *verdict, json_t *json)
{
    const struct rule_filter *filter = ruleset_filter(of->all->rules, (size_t)verdict->filter);
    struct sigma_rule body = filter->sigma.body;
    struct explain_parts parts = { of->all, &body, of->table, of->err };
    json_t *selections;

    body.logsource = of->rule->logsource;
    selections = explain_selections(&parts);
    if (selections == NULL)
        return -1;
    json_object_set_new(json, "filter", json_pack(
        "{s:s, s:s, s:s, s:i, s:o, s:o}", "id", body.id, "title",
        body.title == NULL ? "" : body.title, "file", body.file, "at", body.line, "condition",
        explain_conditions(&parts, body.conditions, body.condition_count, selections),
        "selections", selections));
    return 0;
}

/* Its own, and that of bongsu.detection where it has one: both must hold. */
static void
add_conditions(const struct explain_parts *parts, json_t *selections, json_t *json)
{
    const struct sigma_rule *rule = parts->rule;

    json_object_set_new(json, "condition",
                        explain_conditions(parts, rule->conditions, rule->condition_count,
                                           selections));
    if (rule->own_condition_count > 0)
        json_object_set_new(json, "bongsu_condition",
                            explain_conditions(parts, rule->own_conditions,
                                               rule->own_condition_count, selections));
}

json_t *
explain_detection(const struct explaining *all, size_t i, struct err *err)
{
    const struct rule *rule = ruleset_rule(all->rules, i);
    const struct match_verdict *verdict = &all->verdicts[i];
    struct explain_parts parts = { all, &rule->sigma,
                           predicate_table_new(ruleset_fields(all->rules)), err };
    json_t *selections = NULL, *checks = NULL, *json = NULL;

    err_set(err, "out of memory");
    if (parts.table == NULL)
        return NULL;
    selections = explain_selections(&parts);
    checks = selections == NULL ? NULL : explain_checks(&parts);
    if (checks != NULL)
        json = explain_head(all, i, verdict->is_match);
    if (json != NULL) {
        json_object_set_new(json, "type", json_string("detection"));
        json_object_set_new(json, "logsource", explain_route(all, &rule->sigma, verdict));
        json_object_set_new(json, "holds", json_boolean(verdict->holds));
        json_object_set_new(json, "missing", json_integer(verdict->near.missing));
        json_object_set_new(json, "met", json_integer(verdict->near.met));
        add_conditions(&parts, selections, json);
        json_object_set(json, "selections", selections);
        json_object_set(json, "checks", checks);
        add_first_seen(all, rule, json);
        add_feeds(all, rule, json);
        add_allowed(all, &rule->sigma, json);
        if (verdict->filter >= 0 && add_filter(&parts, verdict, json) != 0) {
            json_decref(json);
            json = NULL;
        }
    }
    json_decref(selections);
    json_decref(checks);
    predicate_table_destroy(&parts.table);
    return json;
}
