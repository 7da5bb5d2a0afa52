#include <string.h>

#include "detector/sigma/sigma_rule.h"
#include "proto/event.h"
#include "proto/incident.h"

enum { MAX_RULES = 1000 };

static const struct type_row {
    const char *name;
    enum sigma_correlation_type type;
    int has_steps;
} types[] = {
    { "event_count",      SIGMA_EVENT_COUNT,      0 },
    { "value_count",      SIGMA_VALUE_COUNT,      0 },
    { "value_sum",        SIGMA_VALUE_SUM,        0 },
    { "value_avg",        SIGMA_VALUE_AVG,        0 },
    { "value_percentile", SIGMA_VALUE_PERCENTILE, 0 },
    { "value_median",     SIGMA_VALUE_PERCENTILE, 0 },
    { "temporal",         SIGMA_TEMPORAL,         1 },
    { "temporal_ordered", SIGMA_ORDERED,          1 },
};

static int
read_type(const struct sigma_source *src, json_t *correlation,
          const struct type_row **ret_row,
          struct sigma_rule *rule)
{
    json_t *value = json_object_get(correlation, "type");

    if (!json_is_string(value))
        return sigma_refuse(src, value == NULL ? correlation : value,
                            "a correlation needs a type");
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (strcmp(types[i].name, json_string_value(value)) == 0) {
            rule->correlation.type = types[i].type;
            *ret_row = &types[i];
            return 0;
        }
    return sigma_refuse(src, value, "unknown type \"%.60s\"", json_string_value(value));
}

int
sigma_names_read(const struct sigma_source *src, json_t *value, const char *what,
                 size_t max, struct text **ret_names, size_t *ret_count)
{
    size_t count = json_is_array(value) ? json_array_size(value) : 1;
    struct text *names;

    if (count == 0 || count > max)
        return sigma_refuse(src, value, "%s must name 1 to %zu", what, max);
    names = arena_alloc(src->arena, count * sizeof(names[0]));
    if (names == NULL)
        return sigma_no_memory(src);
    for (size_t i = 0; i < count; i++) {
        json_t *name = json_is_array(value) ? json_array_get(value, i) : value;

        if (!json_is_string(name) || json_string_length(name) == 0 ||
            json_string_length(name) > EVENT_MAX_NAME)
            return sigma_refuse(src, name, "%s must be names", what);
        names[i] = arena_copy(src->arena, text_of(json_string_value(name)));
        if (names[i].ptr == NULL)
            return sigma_no_memory(src);
    }
    *ret_names = names;
    *ret_count = count;
    return 0;
}

static int
read_keys(const struct sigma_source *src, json_t *correlation)
{
    static const char *const known[] = { "type", "rules", "group-by", "timespan",
                                         "condition", "generate", "aliases" };
    json_t *value;
    const char *name;

    json_object_foreach(correlation, name, value) {
        size_t i = 0, n = sizeof(known) / sizeof(known[0]);

        while (i < n && strcmp(known[i], name) != 0)
            i++;
        if (i == n)
            return sigma_refuse(src, value, "unknown key \"correlation.%.40s\"", name);
    }
    return 0;
}

static int
read_span(const struct sigma_source *src, json_t *correlation,
          struct sigma_correlation *cor)
{
    json_t *value = json_object_get(correlation, "timespan");

    if (!json_is_string(value) ||
        sigma_timespan_parse(text_of(json_string_value(value)), &cor->span_us) != 0)
        return sigma_refuse(src, value == NULL ? correlation : value,
                            "timespan must be a time like 5m (s, m, h, d, w)");
    return 0;
}

static int
read_alias(const struct sigma_source *src, const char *name, json_t *fields,
           struct sigma_correlation *cor)
{
    json_t *value;
    const char *rule;

    if (!json_is_object(fields) || json_object_size(fields) == 0)
        return sigma_refuse(src, fields, "an alias must be a map of rules to fields");
    json_object_foreach(fields, rule, value) {
        struct sigma_alias *alias = &cor->aliases[cor->alias_count++];

        if (!json_is_string(value) || json_string_length(value) == 0 ||
            json_string_length(value) > EVENT_MAX_NAME)
            return sigma_refuse(src, value, "an alias must name a field for each rule");
        *alias = (struct sigma_alias){
            arena_copy(src->arena, text_of(name)), arena_copy(src->arena, text_of(rule)),
            arena_copy(src->arena, text_of(json_string_value(value))),
            yaml_line(src->yaml, value),
        };
        if (alias->name.ptr == NULL || alias->rule.ptr == NULL || alias->field.ptr == NULL)
            return sigma_no_memory(src);
    }
    return 0;
}

/* Aliases are for group-by only, and each of them must be used there. */
static int
read_aliases(const struct sigma_source *src, json_t *aliases,
             struct sigma_correlation *cor)
{
    json_t *value;
    const char *name;
    size_t count = 0;

    if (!json_is_object(aliases) || json_object_size(aliases) == 0)
        return sigma_refuse(src, aliases, "aliases must be a map of names");
    json_object_foreach(aliases, name, value) {
        size_t i = 0;

        count += json_object_size(value);
        while (i < cor->group_count && !text_is(cor->group_by[i], name))
            i++;
        if (i == cor->group_count)
            return sigma_refuse(src, value, "alias \"%.60s\" is not in group-by", name);
    }
    if (cor->rule_count > SIGMA_MAX_STEPS ||
        count > (size_t)SIGMA_MAX_STEPS * INCIDENT_MAX_KEYS)
        return sigma_refuse(src, aliases, "aliases are for at most %d rules",
                            SIGMA_MAX_STEPS);
    cor->aliases = arena_alloc(src->arena, (count + 1) * sizeof(cor->aliases[0]));
    if (cor->aliases == NULL)
        return sigma_no_memory(src);
    json_object_foreach(aliases, name, value)
        if (read_alias(src, name, value, cor) != 0)
            return -1;
    return 0;
}

/* What tells the correlation's events apart. */
static int
read_group(const struct sigma_source *src, json_t *correlation,
           struct sigma_correlation *cor)
{
    json_t *value = json_object_get(correlation, "group-by");

    if (value != NULL && sigma_names_read(src, value, "group-by", INCIDENT_MAX_KEYS,
                                          &cor->group_by, &cor->group_count) != 0)
        return -1;
    value = json_object_get(correlation, "aliases");
    return value == NULL ? 0 : read_aliases(src, value, cor);
}

/* Those of a boolean condition may be left out: it names them. */
static int
read_rules(const struct sigma_source *src, json_t *correlation, const struct type_row *row,
           struct sigma_correlation *cor)
{
    size_t max = row->has_steps ? SIGMA_MAX_STEPS : MAX_RULES;
    json_t *value = json_object_get(correlation, "rules"), *names;
    json_t *condition = json_object_get(correlation, "condition");
    int rc;

    if (value != NULL)
        return sigma_names_read(src, value, "rules", max, &cor->rules, &cor->rule_count);
    if (!json_is_string(condition))
        return sigma_refuse(src, correlation, "a correlation needs rules");
    names = json_array();
    rc = names == NULL ? sigma_no_memory(src) : sigma_terms_names(src, condition, names);
    if (rc == 0 && json_array_size(names) == 0)
        rc = sigma_refuse(src, condition, "the condition names no rules");
    if (rc == 0 && json_array_size(names) > max)
        rc = sigma_refuse(src, condition, "rules must name 1 to %zu", max);
    if (rc == 0)
        rc = sigma_names_read(src, names, "rules", max, &cor->rules, &cor->rule_count);
    json_decref(names);
    return rc;
}

int
sigma_correlation_read(const struct sigma_source *src, json_t *correlation,
                       struct sigma_rule *rule)
{
    struct sigma_correlation *cor = &rule->correlation;
    const struct type_row *row = NULL;
    json_t *value;

    if (!json_is_object(correlation))
        return sigma_refuse(src, correlation, "\"correlation\" must be a map");
    cor->line = yaml_line(src->yaml, correlation);
    if (read_keys(src, correlation) != 0 ||
        read_type(src, correlation, &row, rule) != 0 ||
        read_span(src, correlation, cor) != 0)
        return -1;
    if (read_rules(src, correlation, row, cor) != 0 ||
        read_group(src, correlation, cor) != 0)
        return -1;
    value = json_object_get(correlation, "generate");
    if (value != NULL && !json_is_boolean(value))
        return sigma_refuse(src, value, "generate must be true or false");
    cor->is_generate = json_is_true(value);
    return sigma_threshold_read(src, correlation, row->name, cor);
}
