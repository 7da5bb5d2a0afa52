#include "detector/sigma_rule.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "proto/event.h"

static const struct level {
    const char *name;
    enum severity severity;
} levels[] = {
    { "informational", SEVERITY_LOW },
    { "low",           SEVERITY_LOW },
    { "medium",        SEVERITY_MEDIUM },
    { "high",          SEVERITY_HIGH },
    { "critical",      SEVERITY_CRITICAL },
};

int
sigma_refuse(const struct sigma_source *src, const json_t *at, const char *fmt, ...)
{
    char reason[400];
    va_list args;

    va_start(args, fmt);
    vsnprintf(reason, sizeof(reason), fmt, args);
    va_end(args);
    err_set(src->err, "%s:%d: %s", src->file, yaml_line(src->yaml, at), reason);
    return -1;
}

int
sigma_no_memory(const struct sigma_source *src)
{
    err_set(src->err, "%s: out of memory", src->file);
    return -1;
}

int
sigma_timespan_parse(struct text text, int64_t *ret_us)
{
    static const struct { char unit; int64_t seconds; } units[] = {
        { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 }, { 'w', 604800 },
    };
    const int64_t max_s = INT64_C(366) * 86400;
    int64_t number;

    if (text.len < 2 ||
        text_to_int((struct text){ text.ptr, text.len - 1 }, 1, max_s, &number) != 0)
        return -1;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (units[i].unit == text.ptr[text.len - 1] &&
            number <= max_s / units[i].seconds) {
            *ret_us = number * units[i].seconds * 1000000;
            return 0;
        }
    return -1;
}

/* A text of the document, copied; NULL in *ret_text when the key is absent. */
static int
read_text(const struct sigma_source *src, json_t *map, const char *key,
          const char **ret_text)
{
    json_t *value = json_object_get(map, key);
    struct text copy;

    *ret_text = NULL;
    if (value == NULL)
        return 0;
    if (!json_is_string(value) || json_string_length(value) == 0)
        return sigma_refuse(src, value, "\"%s\" must be a text", key);
    copy = arena_copy(src->arena, text_of(json_string_value(value)));
    if (copy.ptr == NULL)
        return sigma_no_memory(src);
    *ret_text = copy.ptr;
    return 0;
}

static int
read_level(const struct sigma_source *src, json_t *doc, struct sigma_rule *rule)
{
    if (read_text(src, doc, "level", &rule->level) != 0)
        return -1;
    if (rule->level == NULL)
        rule->level = "low";
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
        if (strcmp(levels[i].name, rule->level) == 0) {
            rule->severity = levels[i].severity;
            return 0;
        }
    return sigma_refuse(src, json_object_get(doc, "level"), "unknown level \"%.40s\"",
                        rule->level);
}

static int
read_tags(const struct sigma_source *src, json_t *doc, struct sigma_rule *rule)
{
    json_t *tags = json_object_get(doc, "tags");
    size_t count = json_array_size(tags);

    if (tags == NULL)
        return 0;
    if (!json_is_array(tags) || count > 100)
        return sigma_refuse(src, tags, "\"tags\" must be a list of texts");
    rule->tags = arena_alloc(src->arena, (count + 1) * sizeof(char *));
    if (rule->tags == NULL)
        return sigma_no_memory(src);
    for (size_t i = 0; i < count; i++) {
        json_t *tag = json_array_get(tags, i);
        struct text copy;

        if (!json_is_string(tag))
            return sigma_refuse(src, tag, "a tag must be a text");
        copy = arena_copy(src->arena, text_of(json_string_value(tag)));
        if (copy.ptr == NULL)
            return sigma_no_memory(src);
        rule->tags[rule->tag_count++] = (char *)(uintptr_t)copy.ptr;
    }
    return 0;
}

static int
read_logsource(const struct sigma_source *src, json_t *doc, struct sigma_rule *rule)
{
    json_t *logsource = json_object_get(doc, "logsource");

    if (rule->correlation.type != SIGMA_NONE)
        return 0;
    if (!json_is_object(logsource))
        return sigma_refuse(src, logsource == NULL ? doc : logsource,
                            "\"logsource\" must be a map");
    if (read_text(src, logsource, "product", &rule->product) != 0 ||
        read_text(src, logsource, "category", &rule->category) != 0)
        return -1;
    return read_text(src, logsource, "service", &rule->service);
}

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
read_sqli(const struct sigma_source *src, json_t *fields, struct sigma_rule *rule)
{
    if (!json_is_array(fields) || json_array_size(fields) == 0)
        return sigma_refuse(src, fields, "sqli must be a list of field names");
    for (size_t i = 0; i < json_array_size(fields); i++) {
        json_t *field = json_array_get(fields, i);

        if (!json_is_string(field) || json_string_length(field) == 0)
            return sigma_refuse(src, field, "sqli must be a list of field names");
        if (rule->sqli_count == SIGMA_MAX_CHECKS)
            return sigma_refuse(src, field, "sqli takes at most %d fields",
                                SIGMA_MAX_CHECKS);
        rule->sqli[rule->sqli_count] =
            arena_copy(src->arena, text_of(json_string_value(field)));
        if (rule->sqli[rule->sqli_count++].ptr == NULL)
            return sigma_no_memory(src);
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
        json_object_foreach(check, name, value) {
            if (strcmp(name, "sqli") != 0)
                return sigma_refuse(src, value, "unknown check \"%.40s\"", name);
            if (rule->sqli_count > 0)
                return sigma_refuse(src, value, "sqli is given twice");
            if (read_sqli(src, value, rule) != 0)
                return -1;
        }
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

/* Our own keys: a misspelt one must not be ignored. */
static int
read_bongsu(const struct sigma_source *src, json_t *doc, struct sigma_rule *rule)
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
    };
    json_t *bongsu = json_object_get(doc, "bongsu"), *value;
    const char *name;

    if (bongsu == NULL)
        return 0;
    if (!json_is_object(bongsu))
        return sigma_refuse(src, bongsu, "\"bongsu\" must be a map");
    json_object_foreach(bongsu, name, value) {
        size_t i = 0, n = sizeof(keys) / sizeof(keys[0]);

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

static int
read_body(const struct sigma_source *src, json_t *doc, struct sigma_rule *rule)
{
    json_t *detection = json_object_get(doc, "detection");
    json_t *correlation = json_object_get(doc, "correlation");

    if (json_object_get(doc, "action") != NULL)
        return sigma_refuse(src, json_object_get(doc, "action"),
                            "\"action\" documents are not Sigma 2");
    if (json_object_get(doc, "filter") != NULL)
        return sigma_refuse(src, json_object_get(doc, "filter"),
                            "filters are not supported yet");
    if ((detection == NULL) == (correlation == NULL))
        return sigma_refuse(src, doc, "a rule needs either detection or correlation");
    return detection != NULL ? sigma_detection_read(src, detection, rule)
                             : sigma_correlation_read(src, correlation, rule);
}

int
sigma_rule_read(const struct sigma_source *src, json_t *document,
                struct sigma_rule *ret_rule)
{
    struct sigma_rule rule = {
        .file = src->file, .line = yaml_line(src->yaml, document),
    };

    if (!json_is_object(document))
        return sigma_refuse(src, document, "a rule must be a map");
    if (read_text(src, document, "title", &rule.title) != 0 ||
        read_text(src, document, "id", &rule.id) != 0 ||
        read_text(src, document, "name", &rule.name) != 0)
        return -1;
    if (rule.title == NULL)
        return sigma_refuse(src, document, "\"title\" is missing");
    if (rule.id == NULL)
        rule.id = rule.name != NULL ? rule.name : rule.title;
    if (strlen(rule.id) > 256 || strlen(rule.title) > 1024)
        return sigma_refuse(src, document, "id or title is too long");
    if (read_level(src, document, &rule) != 0 || read_tags(src, document, &rule) != 0 ||
        read_body(src, document, &rule) != 0 ||
        read_logsource(src, document, &rule) != 0 ||
        read_bongsu(src, document, &rule) != 0)
        return -1;
    *ret_rule = rule;
    return 0;
}
