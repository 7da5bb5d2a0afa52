#include "detector/sigma/sigma_rule.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "proto/event.h"
#include "proto/incident_rows.h"

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

/* Each incident of the rule has its tags, and holds no more. */
enum { MAX_TAG = 256 };

static int
read_tags(const struct sigma_source *src, json_t *doc, struct sigma_rule *rule)
{
    json_t *tags = json_object_get(doc, "tags");
    size_t count = json_array_size(tags);

    if (tags == NULL)
        return 0;
    if (!json_is_array(tags) || count > INCIDENT_MAX_TAGS)
        return sigma_refuse(src, tags, "\"tags\" must be a list of at most %d texts",
                            INCIDENT_MAX_TAGS);
    rule->tags = arena_alloc(src->arena, (count + 1) * sizeof(char *));
    if (rule->tags == NULL)
        return sigma_no_memory(src);
    for (size_t i = 0; i < count; i++) {
        json_t *tag = json_array_get(tags, i);
        struct text copy;

        if (!json_is_string(tag) || json_string_length(tag) > MAX_TAG)
            return sigma_refuse(src, tag, "a tag must be a text of at most %d bytes", MAX_TAG);
        copy = arena_copy(src->arena, text_of(json_string_value(tag)));
        if (copy.ptr == NULL)
            return sigma_no_memory(src);
        rule->tags[rule->tag_count++] = (char *)(uintptr_t)copy.ptr;
    }
    return 0;
}

/* Who wrote it and where from: into each incident, so not without end. */
enum { MAX_AUTHOR = 500, MAX_REFERENCES = 2000 };

static int
read_references(const struct sigma_source *src, json_t *references, struct sigma_rule *rule)
{
    struct buf lines = { 0 };
    struct text copy = { NULL, 0 };
    json_t *one;
    size_t i;
    int rc = 0;

    if (json_is_string(references))             /* as some write it */
        rc = buf_append_str(&lines, json_string_value(references));
    json_array_foreach(references, i, one) {
        const char *line = json_string_value(one);

        if (line == NULL || strchr(line, '\n') != NULL ||
            lines.len + strlen(line) + 1 > MAX_REFERENCES)
            continue;
        rc |= buf_printf(&lines, "%s%s", lines.len == 0 ? "" : "\n", line);
    }
    if (rc == 0 && lines.len > 0 && lines.len <= MAX_REFERENCES) {
        copy = arena_copy(src->arena, buf_text(&lines));
        rule->references = copy.ptr;
        rc = copy.ptr == NULL ? -1 : 0;
    }
    buf_release(&lines);
    return rc == 0 ? 0 : sigma_no_memory(src);
}

static int
read_attribution(const struct sigma_source *src, json_t *doc, struct sigma_rule *rule)
{
    const char *author = json_string_value(json_object_get(doc, "author"));
    struct text name = text_of(author);

    if (author != NULL && name.len > 0) {
        if (name.len > MAX_AUTHOR)
            for (name.len = MAX_AUTHOR; (author[name.len] & 0xC0) == 0x80;)
                name.len--;                     /* no half letter */
        name = arena_copy(src->arena, name);
        if (name.ptr == NULL)
            return sigma_no_memory(src);
        rule->author = name.ptr;
    }
    /* of any kind: it is only compared with what is chosen */
    if (json_is_string(json_object_get(doc, "status")) &&
        json_string_length(json_object_get(doc, "status")) > 0 &&
        read_text(src, doc, "status", &rule->status) != 0)
        return -1;
    return read_references(src, json_object_get(doc, "references"), rule);
}

int
sigma_logsource_read(const struct sigma_source *src, json_t *doc, struct sigma_rule *rule)
{
    json_t *logsource = json_object_get(doc, "logsource");
    const struct { const char *key; struct text *ret; } parts[] = {
        { "product", &rule->logsource.product }, { "category", &rule->logsource.category },
        { "service", &rule->logsource.service },
    };
    const char *said;

    if (rule->correlation.type != SIGMA_NONE)
        return 0;
    if (!json_is_object(logsource))
        return sigma_refuse(src, logsource == NULL ? doc : logsource,
                            "\"logsource\" must be a map");
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (read_text(src, logsource, parts[i].key, &said) != 0)
            return -1;
        if (said != NULL)
            *parts[i].ret = text_of(said);
    }
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
    if ((detection == NULL) == (correlation == NULL))
        return sigma_refuse(src, doc, "a rule needs either detection or correlation");
    return detection != NULL ? sigma_detection_read(src, detection, rule)
                             : sigma_correlation_read(src, correlation, rule);
}

int
sigma_head_read(const struct sigma_source *src, json_t *document, struct sigma_rule *rule)
{
    rule->file = src->file;
    rule->line = yaml_line(src->yaml, document);
    if (!json_is_object(document))
        return sigma_refuse(src, document, "a rule must be a map");
    if (read_text(src, document, "title", &rule->title) != 0 ||
        read_text(src, document, "id", &rule->id) != 0 ||
        read_text(src, document, "name", &rule->name) != 0)
        return -1;
    if (rule->title == NULL)
        return sigma_refuse(src, document, "\"title\" is missing");
    if (rule->id == NULL)
        rule->id = rule->name != NULL ? rule->name : rule->title;
    if (strlen(rule->id) > 256 || strlen(rule->title) > 1024)
        return sigma_refuse(src, document, "id or title is too long");
    return 0;
}

int
sigma_rule_read(const struct sigma_source *src, json_t *document,
                struct sigma_rule *ret_rule)
{
    struct sigma_rule rule = { 0 };

    if (sigma_head_read(src, document, &rule) != 0 ||
        read_level(src, document, &rule) != 0 || read_tags(src, document, &rule) != 0 ||
        read_attribution(src, document, &rule) != 0 ||
        read_body(src, document, &rule) != 0 ||
        sigma_logsource_read(src, document, &rule) != 0 ||
        sigma_bongsu_read(src, document, &rule) != 0)
        return -1;
    *ret_rule = rule;
    return 0;
}
