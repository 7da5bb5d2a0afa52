#include "detector/tool/explain_parts.h"

#include "detector/match/compiled.h"
#include "detector/tool/explain_rule.h"
#include "detector/tool/explain_words.h"

/* Of a line with many values so many are shown. */
enum { SHOWN_VALUES = 20 };

/* A part is compiled before the event is looked at, for a field that is new to the table
 * has no value until then. The answer, or -1. */
static int
ask_compiled(const struct explain_parts *parts, struct compiled *code)
{
    int holds;

    field_table_begin(ruleset_fields(parts->all->rules), parts->all->event);
    predicate_table_begin(parts->table);
    holds = compiled_matches(code, parts->table);
    compiled_release(code);
    return holds;
}

static int
ask_item(const struct explain_parts *parts, const struct sigma_item *item)
{
    struct compiled code;

    return compiled_init_item(&code, parts->rule, item, parts->table, parts->err) != 0
               ? -1 : ask_compiled(parts, &code);
}

static int
ask_selection(const struct explain_parts *parts, const struct sigma_selection *selection)
{
    struct compiled code;

    return compiled_init_selection(&code, parts->rule, selection, parts->table,
                                   parts->err) != 0
               ? -1 : ask_compiled(parts, &code);
}

/* --- a line --- */

/* The values, some of them, and which of them hold by themselves. */
static int
add_values(const struct explain_parts *parts, const struct sigma_item *item, json_t *json)
{
    json_t *values = json_array(), *matched = json_array();

    for (size_t i = 0; i < item->value_count; i++) {
        struct sigma_item one = *item;
        int holds;

        one.values = &item->values[i];
        one.value_count = 1;
        one.is_all = one.is_negated = 0;
        holds = ask_item(parts, &one);
        if (holds < 0) {
            json_decref(values);
            json_decref(matched);
            return -1;
        }
        if (i < SHOWN_VALUES)
            json_array_append_new(values, explain_value(item, one.values));
        if (holds && json_array_size(matched) < SHOWN_VALUES)
            json_array_append_new(matched, explain_value(item, one.values));
    }
    json_object_set_new(json, "values", values);
    json_object_set_new(json, "value_count", json_integer((json_int_t)item->value_count));
    json_object_set_new(json, "matched", matched);
    return 0;
}

static json_t *
explain_item(const struct explain_parts *parts, const struct sigma_item *item)
{
    struct field_table *fields = ruleset_fields(parts->all->rules);
    int holds = ask_item(parts, item), field = -1;
    json_t *json = NULL;
    struct buf name = { 0 };

    if (holds >= 0 && explain_item_name(item, &name) == 0)
        json = json_pack("{s:o, s:b, s:i}", "line", explain_text(buf_text(&name)), "holds",
                         holds, "at", item->line);
    buf_release(&name);
    if (json == NULL)
        return NULL;
    if (item->field.ptr != NULL) {
        field = field_table_add_for(fields, item->field, &parts->rule->logsource);
        json_object_set_new(json, "present",
                            json_boolean(field >= 0 && field_table_value(fields, field) != NULL));
        json_object_set_new(json, "value", explain_field(parts->all, field));
    }
    if (add_values(parts, item, json) != 0) {
        json_decref(json);
        return NULL;
    }
    return json;
}

/* --- selections --- */

static json_t *
explain_group(const struct explain_parts *parts, const struct sigma_group *group)
{
    json_t *items = json_array();

    for (size_t i = 0; i < group->item_count; i++)
        if (json_array_append_new(items, explain_item(parts, &group->items[i])) != 0) {
            json_decref(items);
            return NULL;
        }
    return items;
}

static json_t *
explain_selection(const struct explain_parts *parts, const struct sigma_selection *selection)
{
    int holds = ask_selection(parts, selection);
    json_t *groups = json_array();

    for (size_t i = 0; holds >= 0 && i < selection->group_count; i++)
        if (json_array_append_new(groups, explain_group(parts, &selection->groups[i])) != 0)
            holds = -1;
    if (holds < 0) {
        json_decref(groups);
        return NULL;
    }
    return json_pack("{s:o, s:b, s:i, s:o}", "name", explain_text(selection->name), "holds",
                     holds, "at", selection->line, "groups", groups);
}

json_t *
explain_selections(const struct explain_parts *parts)
{
    json_t *all = json_array();

    for (size_t i = 0; i < parts->rule->selection_count; i++)
        if (json_array_append_new(all, explain_selection(parts,
                                                         &parts->rule->selections[i])) != 0) {
            json_decref(all);
            return NULL;
        }
    return all;
}

/* --- the condition --- */

/* What a selection says, for condition_eval. */
static int
says(void *ctx, uint32_t arg)
{
    return json_is_true(json_object_get(json_array_get(ctx, arg), "holds"));
}

static json_t *
explain_node(const struct explain_parts *parts, const struct condition_node *nodes, size_t at,
             json_t *selections)
{
    static const char *const words[] = { "selection", "not", "and", "or", "at_least" };
    const struct condition_node *node = &nodes[at];
    json_t *json = json_pack("{s:s, s:b}", "kind", words[node->kind], "holds",
                             condition_eval(nodes, at, says, selections));
    json_t *below = json_array();

    if (node->kind == CONDITION_TEST)
        json_object_set_new(json, "name",
                            explain_text(parts->rule->selections[node->arg].name));
    if (node->kind == CONDITION_AT_LEAST)
        json_object_set_new(json, "count", json_integer(node->arg));
    for (size_t i = at + 1; i < node->end; i = nodes[i].end)
        json_array_append_new(below, explain_node(parts, nodes, i, selections));
    if (json_array_size(below) > 0)
        json_object_set(json, "of", below);
    json_decref(below);
    return json;
}

json_t *
explain_conditions(const struct explain_parts *parts,
                   const struct sigma_condition *conditions, size_t count,
                   json_t *selections)
{
    json_t *all = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(all, explain_node(parts, conditions[i].nodes, 0, selections));
    return all;
}

/* --- bongsu.checks --- */

json_t *
explain_checks(const struct explain_parts *parts)
{
    struct field_table *fields = ruleset_fields(parts->all->rules);
    json_t *all = json_array();

    for (size_t i = 0; i < parts->rule->check_count; i++) {
        const struct sigma_check *check = &parts->rule->checks[i];
        struct compiled code;
        int holds;

        if (compiled_init_check(&code, parts->rule, check, parts->table, parts->err) != 0) {
            json_decref(all);
            return NULL;
        }
        holds = ask_compiled(parts, &code);
        json_array_append_new(all, json_pack(
            "{s:s, s:o, s:b, s:o}", "attack", attack_names[check->attack], "field",
            explain_text(check->field), "holds", holds, "value",
            explain_field(parts->all, field_table_add_for(fields, check->field,
                                                          &parts->rule->logsource))));
        if (check->unless.ptr != NULL)
            json_object_set_new(json_array_get(all, i), "unless", explain_text(check->unless));
    }
    return all;
}
