#include <string.h>

#include "detector/sigma/sigma_modifier.h"
#include "detector/sigma/sigma_rule.h"
#include "proto/event.h"

enum { MAX_GROUPS = 20000, MAX_SELECTIONS = 1000, MAX_ITEMS = 1000 };

/* "field|modifier|modifier"; an empty field is a search for keywords. */
static int
read_item(const struct sigma_source *src, const char *name, json_t *values,
          struct sigma_item *item)
{
    struct text rest = text_of(name), field = text_split(&rest, '|');
    struct err why;

    item->line = yaml_line(src->yaml, values);
    if (field.len > EVENT_MAX_NAME)
        return sigma_refuse(src, values, "field name too long");
    if (field.len > 0)
        item->field = arena_copy(src->arena, field);
    if (field.len > 0 && item->field.ptr == NULL)
        return sigma_no_memory(src);
    while (rest.ptr != NULL)
        if (sigma_modifier_apply(item, text_split(&rest, '|'), &why) != 0)
            return sigma_refuse(src, values, "%.300s", why.text);
    if (sigma_modifiers_check(item, &why) != 0)
        return sigma_refuse(src, values, "%.300s", why.text);
    if (item->op == SIGMA_ATTACK && !src->is_own)
        return sigma_refuse(src, values, "modifier \"%s\" is not Sigma's: it stands below"
                            " bongsu.detection", attack_names[item->attack]);
    if (field.len == 0)
        item->open = PATTERN_OPEN_START | PATTERN_OPEN_END;
    return sigma_values_read(src, item, values);
}

static int
read_map(const struct sigma_source *src, json_t *map, struct sigma_group *group)
{
    json_t *values;
    const char *name;

    if (json_object_size(map) == 0 || json_object_size(map) > MAX_ITEMS)
        return sigma_refuse(src, map, "a selection must have 1 to %d fields", MAX_ITEMS);
    group->items =
        arena_alloc(src->arena, json_object_size(map) * sizeof(group->items[0]));
    if (group->items == NULL)
        return sigma_no_memory(src);
    memset(group->items, 0, json_object_size(map) * sizeof(group->items[0]));
    json_object_foreach(map, name, values)
        if (read_item(src, name, values, &group->items[group->item_count++]) != 0)
            return -1;
    return 0;
}

/* A plain value where a map could stand is a keyword. */
static int
read_group(const struct sigma_source *src, json_t *value, struct sigma_group *group)
{
    if (json_is_object(value))
        return read_map(src, value, group);
    if (json_is_array(value) || json_is_null(value))
        return sigma_refuse(src, value, "a selection takes maps and keywords");
    group->items = arena_alloc(src->arena, sizeof(group->items[0]));
    if (group->items == NULL)
        return sigma_no_memory(src);
    memset(group->items, 0, sizeof(group->items[0]));
    group->item_count = 1;
    return read_item(src, "", value, &group->items[0]);
}

static int
read_selection(const struct sigma_source *src, const char *name, json_t *value,
               struct sigma_selection *sel)
{
    size_t count = json_is_array(value) ? json_array_size(value) : 1;

    sel->line = yaml_line(src->yaml, value);
    sel->name = arena_copy(src->arena, text_of(name));
    if (sel->name.ptr == NULL)
        return sigma_no_memory(src);
    if (count == 0 || count > MAX_GROUPS)
        return sigma_refuse(src, value, "selection \"%.60s\" is empty or too long", name);
    sel->groups = arena_alloc(src->arena, count * sizeof(sel->groups[0]));
    if (sel->groups == NULL)
        return sigma_no_memory(src);
    memset(sel->groups, 0, count * sizeof(sel->groups[0]));
    for (size_t i = 0; i < count; i++) {
        json_t *group = json_is_array(value) ? json_array_get(value, i) : value;

        if (read_group(src, group, &sel->groups[sel->group_count++]) != 0)
            return -1;
    }
    return 0;
}

/* Of the rule's selections, those from `own` on are what patterns stand for. */
static int
read_conditions(const struct sigma_source *src, json_t *value, const struct sigma_rule *rule,
                size_t own, struct sigma_condition **ret, size_t *ret_count)
{
    size_t count = json_is_array(value) ? json_array_size(value) : 1;
    struct text *names;
    struct err why;

    if (count == 0 || count > 100)
        return sigma_refuse(src, value, "a list of conditions must have 1 to 100");
    names = arena_alloc(src->arena, (rule->selection_count + 1) * sizeof(names[0]));
    *ret = arena_alloc(src->arena, count * sizeof((*ret)[0]));
    if (names == NULL || *ret == NULL)
        return sigma_no_memory(src);
    for (size_t i = 0; i < rule->selection_count; i++)
        names[i] = rule->selections[i].name;
    for (size_t i = 0; i < count; i++) {
        json_t *one = json_is_array(value) ? json_array_get(value, i) : value;

        if (!json_is_string(one))
            return sigma_refuse(src, one, "a condition must be a text");
        if (sigma_condition_parse_own(src->arena, text_of(json_string_value(one)), names,
                                      rule->selection_count, own, &(*ret)[(*ret_count)++],
                                      &why) != 0)
            return sigma_refuse(src, one, "%.350s", why.text);
    }
    return 0;
}

static int
is_selection(const struct sigma_rule *rule, const char *name)
{
    for (size_t i = 0; i < rule->selection_count; i++)
        if (text_is(rule->selections[i].name, name))
            return 1;
    return 0;
}

/* Behind those that the rule has. */
static int
read_selections(const struct sigma_source *src, json_t *map, const char *aside,
                struct sigma_rule *rule)
{
    size_t had = rule->selection_count, max = had + json_object_size(map);
    const struct sigma_selection *before = rule->selections;
    json_t *value;
    const char *name;

    if (max > MAX_SELECTIONS)
        return sigma_refuse(src, map, "more than %d selections", MAX_SELECTIONS);
    rule->selections = arena_alloc(src->arena, max * sizeof(rule->selections[0]));
    if (rule->selections == NULL)
        return sigma_no_memory(src);
    memset(rule->selections, 0, max * sizeof(rule->selections[0]));
    if (had > 0)
        memcpy(rule->selections, before, had * sizeof(before[0]));
    json_object_foreach(map, name, value) {
        if (strcmp(name, "condition") == 0 || (aside != NULL && strcmp(name, aside) == 0))
            continue;
        if (had > 0 && is_selection(rule, name))
            return sigma_refuse(src, value, "the rule has a selection \"%.60s\" already", name);
        if (read_selection(src, name, value,
                           &rule->selections[rule->selection_count++]) != 0)
            return -1;
    }
    return 0;
}

int
sigma_selections_read(const struct sigma_source *src, json_t *detection, const char *aside,
                      struct sigma_rule *rule)
{
    if (json_object_get(detection, "timeframe") != NULL)
        return sigma_refuse(src, json_object_get(detection, "timeframe"),
                            "\"timeframe\" is not Sigma 2 (use a correlation)");
    if (json_object_get(detection, "condition") == NULL)
        return sigma_refuse(src, detection, "\"condition\" is missing");
    if (read_selections(src, detection, aside, rule) != 0)
        return -1;
    return read_conditions(src, json_object_get(detection, "condition"), rule, 0,
                           &rule->conditions, &rule->condition_count);
}

int
sigma_detection_read(const struct sigma_source *src, json_t *detection,
                     struct sigma_rule *rule)
{
    if (!json_is_object(detection))
        return sigma_refuse(src, detection, "\"detection\" must be a map of selections");
    return sigma_selections_read(src, detection, NULL, rule);
}

/* --- bongsu.detection --- */

static size_t
count_attacks(const struct sigma_rule *rule)
{
    size_t count = 0;

    for (size_t s = 0; s < rule->selection_count; s++)
        for (size_t g = 0; g < rule->selections[s].group_count; g++) {
            const struct sigma_group *group = &rule->selections[s].groups[g];

            for (size_t i = 0; i < group->item_count; i++)
                count += group->items[i].op == SIGMA_ATTACK;
        }
    return count;
}

int
sigma_own_detection_read(const struct sigma_source *src, json_t *map,
                         struct sigma_rule *rule)
{
    struct sigma_source own = *src;
    json_t *condition = json_object_get(map, "condition");
    size_t first = rule->selection_count;

    own.is_own = 1;
    if (rule->correlation.type != SIGMA_NONE)
        return sigma_refuse(src, map, "a correlation takes no bongsu.detection");
    if (!json_is_object(map) || condition == NULL || json_object_size(map) < 2)
        return sigma_refuse(src, map, "bongsu.detection must be a map of selections with a"
                            " condition");
    if (read_selections(&own, map, NULL, rule) != 0)
        return -1;
    if (count_attacks(rule) > SIGMA_MAX_CHECKS)
        return sigma_refuse(src, map, "a rule checks at most %d fields for attacks",
                            SIGMA_MAX_CHECKS);
    return read_conditions(&own, condition, rule, first, &rule->own_conditions,
                           &rule->own_condition_count);
}
