#include "detector/sigma/sigma_filter.h"

#include <string.h>

#include "detector/text/until.h"
#include "proto/event.h"

int
sigma_is_filter(const json_t *document)
{
    return json_object_get(document, "filter") != NULL;
}

static int
read_rule(const struct sigma_source *src, json_t *name, struct sigma_filter *filter)
{
    struct sigma_filtered *rule = &filter->rules[filter->rule_count];

    if (!json_is_string(name) || json_string_length(name) == 0 ||
        json_string_length(name) > EVENT_MAX_NAME)
        return sigma_refuse(src, name, "filter.rules must be ids or names of rules, or any");
    rule->line = yaml_line(src->yaml, name);
    rule->name = arena_copy(src->arena, text_of(json_string_value(name)));
    if (rule->name.ptr == NULL)
        return sigma_no_memory(src);
    for (size_t i = 0; i < filter->rule_count; i++)
        if (text_equals(filter->rules[i].name, rule->name))
            return sigma_refuse(src, name, "filter.rules names \"%.100s\" twice",
                                json_string_value(name));
    filter->rule_count++;
    return 0;
}

/* "any", one rule, or a list of them. */
static int
read_rules(const struct sigma_source *src, json_t *map, struct sigma_filter *filter)
{
    json_t *rules = json_object_get(map, "rules");
    size_t count = json_is_array(rules) ? json_array_size(rules) : 1;

    if (rules == NULL)
        return sigma_refuse(src, map, "\"filter.rules\" is missing: ids or names, or any");
    if (json_is_string(rules) && text_equals_nocase(text_of(json_string_value(rules)),
                                                    text_of("any"))) {
        filter->is_for_any = 1;
        return 0;
    }
    if (count == 0 || count > SIGMA_MAX_FILTERED)
        return sigma_refuse(src, rules, "filter.rules must name 1 to %d rules, or be any",
                            (int)SIGMA_MAX_FILTERED);
    filter->rules = arena_alloc(src->arena, count * sizeof(filter->rules[0]));
    if (filter->rules == NULL)
        return sigma_no_memory(src);
    for (size_t i = 0; i < count; i++)
        if (read_rule(src, json_is_array(rules) ? json_array_get(rules, i) : rules,
                      filter) != 0)
            return -1;
    return 0;
}

static int
read_expires(const struct sigma_source *src, json_t *value, struct sigma_filter *filter)
{
    struct err why = { "" };
    struct text copy;

    if (!json_is_string(value))
        return sigma_refuse(src, value, "bongsu.expires must be a day or a time");
    if (until_parse(text_of(json_string_value(value)), &filter->expires_us, &why) != 0)
        return sigma_refuse(src, value, "bongsu.expires %.250s", why.text);
    copy = arena_copy(src->arena, text_of(json_string_value(value)));
    filter->expires = copy.ptr;
    return copy.ptr != NULL ? 0 : sigma_no_memory(src);
}

/* A misspelt key must not be ignored: the filter would never end. */
static int
read_own_keys(const struct sigma_source *src, json_t *doc, struct sigma_filter *filter)
{
    json_t *bongsu = json_object_get(doc, "bongsu"), *value;
    const char *name;

    filter->expires_us = INT64_MAX;
    if (bongsu != NULL && !json_is_object(bongsu))
        return sigma_refuse(src, bongsu, "\"bongsu\" must be a map");
    json_object_foreach(bongsu, name, value) {
        int rc;

        if (strcmp(name, "expires") == 0)
            rc = read_expires(src, value, filter);
        else if (strcmp(name, "timezone") == 0)
            rc = sigma_timezone_read(src, value, &filter->body);
        else
            rc = sigma_refuse(src, value, "unknown key \"bongsu.%.40s\" of a filter", name);
        if (rc != 0)
            return -1;
    }
    return 0;
}

static int
select_nothing(void *ctx, uint32_t arg)
{
    (void)ctx;
    (void)arg;
    return 0;
}

/* One of its conditions must hold, so one that is a negation is enough. */
static int
is_negation(const struct sigma_rule *body)
{
    for (size_t i = 0; i < body->condition_count; i++)
        if (condition_eval(body->conditions[i].nodes, 0, select_nothing, NULL))
            return 1;
    return 0;
}

static int
read_map(const struct sigma_source *src, json_t *doc, struct sigma_filter *filter)
{
    json_t *map = json_object_get(doc, "filter");

    for (size_t i = 0; i < 2; i++) {
        static const char *const other[] = { "detection", "correlation" };

        if (json_object_get(doc, other[i]) != NULL)
            return sigma_refuse(src, json_object_get(doc, other[i]),
                                "a filter takes no \"%s\"", other[i]);
    }
    if (!json_is_object(map))
        return sigma_refuse(src, map, "\"filter\" must be a map with rules, selections and "
                            "a condition");
    filter->line = yaml_line(src->yaml, map);
    if (read_rules(src, map, filter) != 0 ||
        sigma_selections_read(src, map, "rules", &filter->body) != 0)
        return -1;
    filter->line = yaml_line(src->yaml, json_object_get(map, "condition"));
    filter->is_negation = is_negation(&filter->body);
    return 0;
}

int
sigma_filter_read(const struct sigma_source *src, json_t *document,
                  struct sigma_filter *ret_filter)
{
    struct sigma_filter filter = { .expires = NULL };

    if (sigma_head_read(src, document, &filter.body) != 0 ||
        read_map(src, document, &filter) != 0 ||
        sigma_logsource_read(src, document, &filter.body) != 0 ||
        read_own_keys(src, document, &filter) != 0)
        return -1;
    *ret_filter = filter;
    return 0;
}

int
sigma_filter_contains(const struct sigma_filter *filter, const struct sigma_rule *rule)
{
    const struct logsource *wide = &filter->body.logsource, *narrow = &rule->logsource;
    const struct text pairs[][2] = {
        { wide->product, narrow->product }, { wide->category, narrow->category },
        { wide->service, narrow->service },
    };

    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        if (pairs[i][0].len > 0 && !text_equals_nocase(pairs[i][0], pairs[i][1]))
            return 0;
    return 1;
}
