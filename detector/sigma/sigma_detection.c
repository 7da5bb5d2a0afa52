#include <arpa/inet.h>
#include <string.h>

#include "detector/sigma/sigma_modifier.h"
#include "detector/sigma/sigma_rule.h"
#include "proto/event.h"

enum { MAX_VALUES = 20000, MAX_SELECTIONS = 1000, MAX_ITEMS = 1000 };

static int
read_cidr(const struct sigma_source *src, json_t *value, struct sigma_value *ret)
{
    struct text rest = text_of(json_string_value(value));
    struct text address = text_split(&rest, '/');
    struct cidr *cidr = &ret->cidr;
    char space[INET6_ADDRSTRLEN];
    int64_t bits;

    if (address.len == 0 || address.len >= sizeof(space))
        return sigma_refuse(src, value, "not a network");
    memcpy(space, address.ptr, address.len);
    space[address.len] = '\0';
    if (inet_pton(AF_INET, space, cidr->net) == 1)
        cidr->family = AF_INET;
    else if (inet_pton(AF_INET6, space, cidr->net) == 1)
        cidr->family = AF_INET6;
    else
        return sigma_refuse(src, value, "\"%s\" is no network", space);
    bits = cidr->family == AF_INET ? 32 : 128;
    if (rest.ptr != NULL && text_to_int(rest, 0, bits, &bits) != 0)
        return sigma_refuse(src, value, "\"%.60s\" is no network",
                            json_string_value(value));
    cidr->bits = (int)bits;
    return 0;
}

/* What is compared as text: numbers and booleans as they are written out. */
static int
read_equals(const struct sigma_source *src, const struct sigma_item *item, json_t *value,
            struct sigma_value *ret)
{
    struct text text;
    int rc;

    if (json_is_null(value)) {
        if (item->open != 0 || item->is_cased)
            return sigma_refuse(src, value, "null goes with no modifier");
        ret->is_null = 1;
        return 0;
    }
    if (json_is_string(value)) {
        text = (struct text){ json_string_value(value), json_string_length(value) };
        rc = pattern_parse(src->arena, text, item->open, item->is_cased, &ret->pattern);
        return rc == 0 ? 0 : sigma_no_memory(src);
    }
    if (json_is_boolean(value))
        text = text_of(json_is_true(value) ? "true" : "false");
    else if (json_is_integer(value))
        text = arena_printf(src->arena, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        text = arena_printf(src->arena, "%.15g", json_real_value(value));
    else
        return sigma_refuse(src, value, "a value must be a text, a number or null");
    if (text.ptr == NULL)
        return sigma_no_memory(src);
    rc = pattern_parse(src->arena, text, item->open, item->is_cased, &ret->pattern);
    return rc == 0 ? 0 : sigma_no_memory(src);
}

static int
read_number(const struct sigma_source *src, json_t *value, struct sigma_value *ret)
{
    struct text text = text_of(json_string_value(value));
    struct value as_text = value_text(text);

    if (json_is_number(value))
        ret->number = json_number_value(value);
    else if (!json_is_string(value) || value_as_number(&as_text, &ret->number) != 0)
        return sigma_refuse(src, value, "a number is needed here");
    return 0;
}

static int
read_regex(const struct sigma_source *src, json_t *value, struct sigma_value *ret)
{
    if (!json_is_string(value) || json_string_length(value) == 0)
        return sigma_refuse(src, value, "a regular expression must be a text");
    if (json_string_length(value) > 16384)
        return sigma_refuse(src, value, "regular expression over 16 KiB");
    ret->text = arena_copy(src->arena, text_of(json_string_value(value)));
    return ret->text.ptr == NULL ? sigma_no_memory(src) : 0;
}

static int
read_value(const struct sigma_source *src, const struct sigma_item *item, json_t *value,
           struct sigma_value *ret)
{
    ret->line = yaml_line(src->yaml, value);
    switch (item->op) {
    case SIGMA_EQUALS:
        return item->part != PART_NONE ? read_number(src, value, ret)
                                       : read_equals(src, item, value, ret);
    case SIGMA_REGEX:
        return read_regex(src, value, ret);
    case SIGMA_CIDR:
        if (!json_is_string(value))
            return sigma_refuse(src, value, "a network must be a text");
        return read_cidr(src, value, ret);
    case SIGMA_EXISTS:
        if (!json_is_boolean(value))
            return sigma_refuse(src, value, "exists takes true or false");
        ret->number = json_is_true(value);
        return 0;
    default:
        return read_number(src, value, ret);
    }
}

static int
read_values(const struct sigma_source *src, struct sigma_item *item, json_t *values)
{
    size_t count = json_is_array(values) ? json_array_size(values) : 1;

    if (count == 0 || count > MAX_VALUES)
        return sigma_refuse(src, values, "a list must have 1 to %d values", MAX_VALUES);
    if (item->op == SIGMA_EXISTS && count != 1)
        return sigma_refuse(src, values, "exists takes one value");
    item->values = arena_alloc(src->arena, count * sizeof(item->values[0]));
    if (item->values == NULL)
        return sigma_no_memory(src);
    memset(item->values, 0, count * sizeof(item->values[0]));
    for (size_t i = 0; i < count; i++) {
        json_t *value = json_is_array(values) ? json_array_get(values, i) : values;

        if (read_value(src, item, value, &item->values[i]) != 0)
            return -1;
    }
    item->value_count = count;
    return 0;
}

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
    if (field.len == 0) {
        if (item->op != SIGMA_EQUALS && item->op != SIGMA_REGEX)
            return sigma_refuse(src, values, "keywords do not go with this modifier");
        item->open = PATTERN_OPEN_START | PATTERN_OPEN_END;
    }
    return read_values(src, item, values);
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
    if (count == 0 || count > MAX_VALUES)
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

static int
read_conditions(const struct sigma_source *src, json_t *value, struct sigma_rule *rule)
{
    size_t count = json_is_array(value) ? json_array_size(value) : 1;
    struct text *names;
    struct err why;

    if (count == 0 || count > 100)
        return sigma_refuse(src, value, "a list of conditions must have 1 to 100");
    names = arena_alloc(src->arena, (rule->selection_count + 1) * sizeof(names[0]));
    rule->conditions = arena_alloc(src->arena, count * sizeof(rule->conditions[0]));
    if (names == NULL || rule->conditions == NULL)
        return sigma_no_memory(src);
    for (size_t i = 0; i < rule->selection_count; i++)
        names[i] = rule->selections[i].name;
    for (size_t i = 0; i < count; i++) {
        json_t *one = json_is_array(value) ? json_array_get(value, i) : value;

        if (!json_is_string(one))
            return sigma_refuse(src, one, "a condition must be a text");
        if (sigma_condition_parse(src->arena, text_of(json_string_value(one)), names,
                                  rule->selection_count,
                                  &rule->conditions[rule->condition_count++], &why) != 0)
            return sigma_refuse(src, one, "%.350s", why.text);
    }
    return 0;
}

int
sigma_detection_read(const struct sigma_source *src, json_t *detection,
                     struct sigma_rule *rule)
{
    json_t *value;
    const char *name;
    size_t max = json_object_size(detection);

    if (!json_is_object(detection) || max > MAX_SELECTIONS)
        return sigma_refuse(src, detection, "\"detection\" must be a map of selections");
    if (json_object_get(detection, "timeframe") != NULL)
        return sigma_refuse(src, json_object_get(detection, "timeframe"),
                            "\"timeframe\" is not Sigma 2 (use a correlation)");
    if (json_object_get(detection, "condition") == NULL)
        return sigma_refuse(src, detection, "\"condition\" is missing");
    rule->selections = arena_alloc(src->arena, max * sizeof(rule->selections[0]));
    if (rule->selections == NULL)
        return sigma_no_memory(src);
    memset(rule->selections, 0, max * sizeof(rule->selections[0]));
    json_object_foreach(detection, name, value) {
        if (strcmp(name, "condition") == 0)
            continue;
        if (read_selection(src, name, value,
                           &rule->selections[rule->selection_count++]) != 0)
            return -1;
    }
    return read_conditions(src, json_object_get(detection, "condition"), rule);
}
