/*
 * sigma_bongsu.c - what Sigma has no word for: a rule's keys below `bongsu:`
 */
#include <string.h>

#include "detector/sigma/sigma_rule.h"
#include "proto/incident.h"

/* Something is new when it was not seen for so long, unless the rule says. */
#define DEFAULT_SEEN_US (INT64_C(30) * 86400 * 1000000)

static int
read_suppress(const struct sigma_source *src, json_t *value, struct sigma_rule *rule)
{
    if (!json_is_string(value) ||
        sigma_timespan_parse(text_of(json_string_value(value)), &rule->suppress_us) != 0)
        return sigma_refuse(src, value, "bongsu.suppress must be a time like 2h");
    return 0;
}

static int
read_summary(const struct sigma_source *src, json_t *value, struct sigma_rule *rule)
{
    struct text copy;

    if (!json_is_string(value) || json_string_length(value) == 0 ||
        json_string_length(value) > 500)
        return sigma_refuse(src, value,
                            "bongsu.summary must be a text of 1 to 500 bytes");
    copy = arena_copy(src->arena, text_of(json_string_value(value)));
    if (copy.ptr == NULL)
        return sigma_no_memory(src);
    rule->summary = copy.ptr;
    return 0;
}

/* For rules over what all decoders name alike (event_type): the logsource only tells. */
static int
read_any_source(const struct sigma_source *src, json_t *value, struct sigma_rule *rule)
{
    if (!json_is_boolean(value))
        return sigma_refuse(src, value, "bongsu.any_source must be true or false");
    if (rule->correlation.type != SIGMA_NONE)
        return sigma_refuse(src, value, "only a detection takes bongsu.any_source");
    rule->is_any_source = json_is_true(value);
    return 0;
}

static void
set_zone(struct sigma_rule *rule)
{
    for (size_t s = 0; s < rule->selection_count; s++)
        for (size_t g = 0; g < rule->selections[s].group_count; g++) {
            struct sigma_group *group = &rule->selections[s].groups[g];

            for (size_t i = 0; i < group->item_count; i++)
                if (group->items[i].part != PART_NONE)
                    group->items[i].zone = rule->zone;
        }
}

int
sigma_timezone_read(const struct sigma_source *src, json_t *value, struct sigma_rule *rule)
{
    struct err why = { "" };

    if (!json_is_string(value))
        return sigma_refuse(src, value, "bongsu.timezone must be a name like Europe/Berlin");
    if (rule->correlation.type != SIGMA_NONE)
        return sigma_refuse(src, value, "a correlation has no parts of a time: bongsu.timezone"
                            " is for the rules that it refers to");
    rule->zone = zone_table_load(json_string_value(value), src->arena, &why);
    if (rule->zone == NULL)
        return sigma_refuse(src, value, "bongsu.timezone \"%.60s\": %.250s",
                            json_string_value(value), why.text);
    set_zone(rule);
    return 0;
}

static int
read_alert(const struct sigma_source *src, json_t *value, struct sigma_rule *rule)
{
    if (!json_is_boolean(value))
        return sigma_refuse(src, value, "bongsu.alert must be true or false");
    rule->is_alert_set = 1;
    rule->is_alert = json_is_true(value);
    return 0;
}

static int
read_span(const struct sigma_source *src, json_t *value, const char *name, int64_t *ret_us)
{
    if (!json_is_string(value) ||
        sigma_timespan_parse(text_of(json_string_value(value)), ret_us) != 0)
        return sigma_refuse(src, value, "%s must be a time like 30d", name);
    return 0;
}

static int
read_first_seen(const struct sigma_source *src, json_t *map, struct sigma_rule *rule)
{
    struct sigma_correlation *cor = &rule->correlation;
    json_t *value;
    const char *name;
    int rc = 0;

    if (cor->type != SIGMA_NONE)
        return sigma_refuse(src, map, "a correlation takes no bongsu.first_seen");
    if (!json_is_object(map))
        return sigma_refuse(src, map, "bongsu.first_seen must be a map with fields");
    rule->seen_us = DEFAULT_SEEN_US;
    json_object_foreach(map, name, value) {
        if (strcmp(name, "fields") == 0)
            rc = sigma_names_read(src, value, "first_seen.fields", INCIDENT_MAX_KEYS,
                                  &cor->group_by, &cor->group_count);
        else if (strcmp(name, "within") == 0)
            rc = read_span(src, value, "first_seen.within", &rule->seen_us);
        else if (strcmp(name, "learn") == 0)
            rc = read_span(src, value, "first_seen.learn", &rule->learn_us);
        else
            rc = sigma_refuse(src, value, "unknown key \"first_seen.%.40s\"", name);
        if (rc != 0)
            return -1;
    }
    return cor->group_count > 0 ? 0 : sigma_refuse(src, map, "first_seen needs fields");
}

/* "field", or {field: "field", unless: "other"}. */
static int
read_check(const struct sigma_source *src, json_t *json, struct sigma_check *check)
{
    json_t *field = json, *unless = NULL;

    if (json_is_object(json)) {
        field = json_object_get(json, "field");
        unless = json_object_get(json, "unless");
        if (json_object_size(json) != 2 || !json_is_string(unless) ||
            json_string_length(unless) == 0)
            return sigma_refuse(src, json, "a map in a check has field and unless");
    }
    if (!json_is_string(field) || json_string_length(field) == 0)
        return sigma_refuse(src, json, "a check must be a list of field names");

    check->field = arena_copy(src->arena, text_of(json_string_value(field)));
    if (unless != NULL)
        check->unless = arena_copy(src->arena, text_of(json_string_value(unless)));
    if (check->field.ptr == NULL || (unless != NULL && check->unless.ptr == NULL))
        return sigma_no_memory(src);
    return 0;
}

static int
read_attack(const struct sigma_source *src, const char *name, json_t *fields,
            struct sigma_rule *rule)
{
    int attack = attack_find(name);

    if (attack < 0)
        return sigma_refuse(src, fields, "unknown check \"%.40s\"", name);
    for (size_t i = 0; i < rule->check_count; i++)
        if ((int)rule->checks[i].attack == attack)
            return sigma_refuse(src, fields, "%s is given twice", name);
    if (!json_is_array(fields) || json_array_size(fields) == 0)
        return sigma_refuse(src, fields, "a check must be a list of field names");
    for (size_t i = 0; i < json_array_size(fields); i++) {
        if (rule->check_count == SIGMA_MAX_CHECKS)
            return sigma_refuse(src, json_array_get(fields, i),
                                "checks take at most %d fields", SIGMA_MAX_CHECKS);
        rule->checks[rule->check_count].attack = (enum attack)attack;
        if (read_check(src, json_array_get(fields, i), &rule->checks[rule->check_count]) != 0)
            return -1;
        rule->check_count++;
    }
    return 0;
}

static int
read_checks(const struct sigma_source *src, json_t *checks, struct sigma_rule *rule)
{
    if (rule->correlation.type != SIGMA_NONE)
        return sigma_refuse(src, checks, "a correlation takes no bongsu.checks");
    if (!json_is_array(checks) || json_array_size(checks) == 0)
        return sigma_refuse(src, checks, "bongsu.checks must be a list of maps");
    for (size_t i = 0; i < json_array_size(checks); i++) {
        json_t *check = json_array_get(checks, i), *value;
        const char *name;

        if (!json_is_object(check))
            return sigma_refuse(src, check, "bongsu.checks must be a list of maps");
        json_object_foreach(check, name, value)
            if (read_attack(src, name, value, rule) != 0)
                return -1;
    }
    return 0;
}

static int
read_details(const struct sigma_source *src, json_t *details, struct sigma_rule *rule)
{
    size_t count = json_array_size(details);

    if (count == 0 || count > DETAILS_MAX_FIELDS)
        return sigma_refuse(src, details, "bongsu.details must be a list of at most %d fields",
                            DETAILS_MAX_FIELDS);
    for (size_t i = 0; i < count; i++) {
        const char *field = json_string_value(json_array_get(details, i));

        if (field == NULL || field[0] == '\0' || strlen(field) > 256)
            return sigma_refuse(src, details, "bongsu.details must be names of fields");
        rule->details[i] = arena_copy(src->arena, text_of(field));
        if (rule->details[i].ptr == NULL)
            return sigma_no_memory(src);
    }
    rule->detail_count = count;
    return 0;
}

static int
read_yields(const struct sigma_source *src, json_t *names, struct sigma_rule *rule)
{
    if (rule->correlation.type == SIGMA_NONE)
        return sigma_refuse(src, names, "only a correlation takes bongsu.yields_to");
    rule->yields_line = yaml_line(src->yaml, names);
    return sigma_names_read(src, names, "bongsu.yields_to", SIGMA_MAX_YIELDS, &rule->yields,
                            &rule->yield_count);
}

static int
read_echo_rule(const struct sigma_source *src, json_t *value, struct sigma_echo *echo)
{
    if (!json_is_string(value) || json_string_length(value) == 0)
        return sigma_refuse(src, value, "echo.rule must name one of the rules");
    echo->rule = arena_copy(src->arena, text_of(json_string_value(value)));
    return echo->rule.ptr != NULL ? 0 : sigma_no_memory(src);
}

static int
read_echo(const struct sigma_source *src, json_t *map, struct sigma_rule *rule)
{
    struct sigma_echo *echo = &rule->echo;
    json_t *value;
    const char *name;
    int rc = 0;

    if (rule->correlation.type != SIGMA_VALUE_SUM)
        return sigma_refuse(src, map, "only a value_sum takes bongsu.echo");
    if (!json_is_object(map))
        return sigma_refuse(src, map, "bongsu.echo must be a map with rule, fields, within");
    echo->line = yaml_line(src->yaml, map);
    json_object_foreach(map, name, value) {
        if (strcmp(name, "rule") == 0)
            rc = read_echo_rule(src, value, echo);
        else if (strcmp(name, "fields") == 0)
            rc = sigma_names_read(src, value, "echo.fields", INCIDENT_MAX_KEYS, &echo->fields,
                                  &echo->field_count);
        else if (strcmp(name, "within") == 0)
            rc = read_span(src, value, "echo.within", &echo->within_us);
        else
            rc = sigma_refuse(src, value, "unknown key \"echo.%.40s\"", name);
        if (rc != 0)
            return -1;
    }
    if (rule->correlation.rule_count > SIGMA_MAX_STEPS)
        return sigma_refuse(src, map, "bongsu.echo is for at most %d rules", SIGMA_MAX_STEPS);
    if (echo->rule.ptr == NULL || echo->field_count == 0 || echo->within_us == 0)
        return sigma_refuse(src, map, "bongsu.echo needs rule, fields and within");
    return 0;
}

/* What one event stands for: a count of events is then a sum. Every event has a count. */
static int
read_weight(const struct sigma_source *src, json_t *value, struct sigma_rule *rule)
{
    struct sigma_correlation *cor = &rule->correlation;

    if (!json_is_string(value) || strcmp(json_string_value(value), "count") != 0)
        return sigma_refuse(src, value, "bongsu.weight must be \"count\"");
    if (cor->type != SIGMA_EVENT_COUNT)
        return sigma_refuse(src, value, "only an event_count takes bongsu.weight");
    if (sigma_names_read(src, value, "bongsu.weight", 1, &cor->fields, &cor->field_count) != 0)
        return -1;
    cor->type = SIGMA_VALUE_SUM;
    rule->is_weighed = 1;
    return 0;
}

static int
read_tests(const struct sigma_source *src, json_t *list, struct sigma_rule *rule)
{
    return sigma_tests_read(src, list, SIGMA_MAX_TESTS, SIGMA_MAX_TEST_EVENTS, &rule->tests,
                            &rule->test_count);
}

/* A misspelt key must not be ignored. */
int
sigma_bongsu_read(const struct sigma_source *src, json_t *doc, struct sigma_rule *rule)
{
    static const struct {
        const char *name;
        int (*read)(const struct sigma_source *, json_t *, struct sigma_rule *);
    } keys[] = {
        { "suppress", read_suppress },
        { "summary",  read_summary },
        { "checks",   read_checks },
        { "details",  read_details },
        { "alert",    read_alert },
        { "any_source", read_any_source },
        { "first_seen", read_first_seen },
        { "yields_to", read_yields },
        { "echo",     read_echo },
        { "tests",    read_tests },
        { "timezone", sigma_timezone_read },
    };
    json_t *bongsu = json_object_get(doc, "bongsu"), *value;
    const char *name;

    if (bongsu == NULL)
        return 0;
    if (!json_is_object(bongsu))
        return sigma_refuse(src, bongsu, "\"bongsu\" must be a map");
    /* first, since they make the rule another one */
    value = json_object_get(bongsu, "weight");
    if (value != NULL && read_weight(src, value, rule) != 0)
        return -1;
    value = json_object_get(bongsu, "detection");
    if (value != NULL && sigma_own_detection_read(src, value, rule) != 0)
        return -1;
    json_object_foreach(bongsu, name, value) {
        size_t i = 0, n = sizeof(keys) / sizeof(keys[0]);

        if (strcmp(name, "weight") == 0 || strcmp(name, "detection") == 0)
            continue;
        while (i < n && strcmp(keys[i].name, name) != 0)
            i++;
        if (i == n)
            return sigma_refuse(src, value, "unknown key \"bongsu.%.40s\"", name);
        if (keys[i].read(src, value, rule) != 0)
            return -1;
    }
    if (rule->suppress_us != 0 && rule->suppress_us < rule->correlation.span_us)
        return sigma_refuse(src, json_object_get(bongsu, "suppress"),
                            "bongsu.suppress must not be shorter than the timespan");
    return 0;
}
