#include <stdio.h>
#include <string.h>

#include "proto/base/option_sources.h"
#include "proto/base/text.h"
#include "proto/base/yaml.h"

/* Longer than any option's name: what is cut is unknown anyway. */
enum { KEY_LEN = 256 };

struct walk {
    struct option_table *table;
    const struct yaml *yaml;
    const char *path;
    struct err *err;
};

static int
find_by_name(const struct option_table *table, const char *name, size_t *ret_i)
{
    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->options[i].name, name) == 0 &&
            !(table->options[i].flags & OPTION_OF_CALL)) {
            *ret_i = i;
            return 0;
        }
    return -1;
}

/* 1 when an option's name goes on with "." after name. */
static int
is_section(const struct option_table *table, const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < table->count; i++)
        if (strncmp(table->options[i].name, name, len) == 0 &&
            table->options[i].name[len] == '.')
            return 1;
    return 0;
}

/* The texts of a list, with commas; NULL when memory is out. */
static char *
text_of_list(const json_t *list)
{
    struct buf out = { 0 };
    const json_t *value;
    size_t i;
    int rc = buf_append_str(&out, "");

    json_array_foreach(list, i, value) {
        rc |= i == 0 ? 0 : buf_append_char(&out, ',');
        rc |= buf_append_str(&out, json_string_value(value));
    }
    if (rc == 0)
        return buf_take(&out);
    buf_release(&out);
    return NULL;
}

/* The value as an option's text, NULL when it has none or memory is out. */
static char *
text_of_value(const json_t *value)
{
    char number[32];

    switch (json_typeof(value)) {
    case JSON_STRING:
        return text_dup(text_of(json_string_value(value)));
    case JSON_TRUE:
        return text_dup(text_of("true"));
    case JSON_FALSE:
        return text_dup(text_of("false"));
    case JSON_INTEGER:
        snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT,
                 json_integer_value(value));
        return text_dup(text_of(number));
    case JSON_REAL:
        snprintf(number, sizeof(number), "%.17g", json_real_value(value));
        return text_dup(text_of(number));
    case JSON_ARRAY:
        return text_of_list(value);
    default:
        return NULL;
    }
}

static const char *
unfit_in_list(const json_t *list)
{
    const json_t *value;
    size_t i;

    json_array_foreach(list, i, value)
        if (!json_is_string(value) || strchr(json_string_value(value), ',') != NULL)
            return "must be a list of texts without commas";
    return NULL;
}

/* A key 0123 would arrive as 123, so a text must be one in the file as well. */
static const char *
unfit(const struct option *option, const json_t *value)
{
    if (json_is_array(value) && (option->flags & OPTION_LIST))
        return unfit_in_list(value);
    if (json_is_object(value) || json_is_array(value))
        return "must be a single value";
    if (option->type == OPTION_TEXT && !json_is_string(value))
        return "is a text: put its value in quotes";
    return NULL;
}

static int
take_option(struct walk *walk, size_t i, const char *name, const json_t *value)
{
    struct option_source *source = &walk->table->sources[i];
    const char *reason;
    int line = yaml_line(walk->yaml, value);

    if (source->line != 0) {
        err_set(walk->err, "%s:%d: %s is already on line %d", walk->path, line, name,
                source->line);
        return -1;
    }
    source->line = line;
    if (json_is_null(value))
        return 0;
    reason = unfit(&walk->table->options[i], value);
    if (reason == NULL) {
        source->file = text_of_value(value);
        if (source->file != NULL)
            return 0;
        reason = "out of memory";
    }
    err_set(walk->err, "%s:%d: %s %s", walk->path, line, name, reason);
    return -1;
}

/* Nesting is bounded by the YAML reader, and by the sections there are. */
static int
walk_map(struct walk *walk, json_t *map, const char *prefix)
{
    const char *key;
    json_t *value;

    json_object_foreach(map, key, value) {
        char name[KEY_LEN];
        size_t i;
        int rc = 0;

        snprintf(name, sizeof(name), "%s%s%s", prefix, prefix[0] == '\0' ? "" : ".", key);
        if (find_by_name(walk->table, name, &i) == 0) {
            rc = take_option(walk, i, name, value);
        } else if (!is_section(walk->table, name)) {
            err_set(walk->err, "%s:%d: unknown option %s", walk->path,
                    yaml_line(walk->yaml, value), name);
            rc = -1;
        } else if (json_is_object(value)) {
            rc = walk_map(walk, value, name);
        } else if (!json_is_null(value)) {
            err_set(walk->err, "%s:%d: %s must hold options (%s.something: value)",
                    walk->path, yaml_line(walk->yaml, value), name, name);
            rc = -1;
        }
        if (rc != 0)
            return -1;
    }
    return 0;
}

int
option_sources_file(struct option_table *table, const char *path, struct err *err)
{
    struct yaml *yaml = yaml_load(path, err);
    struct walk walk = { table, yaml, path, err };
    json_t *root;
    int rc = -1;

    if (yaml == NULL)
        return -1;
    root = yaml_document(yaml, 0);
    if (yaml_count(yaml) > 1)
        err_set(err, "%s:%d: a second document", path,
                yaml_line(yaml, yaml_document(yaml, 1)));
    else if (root == NULL)
        rc = 0;                 /* nothing but comments */
    else if (!json_is_object(root))
        err_set(err, "%s:%d: must be a map of options (name: value)", path,
                yaml_line(yaml, root));
    else
        rc = walk_map(&walk, root, "");
    yaml_destroy(&yaml);
    return rc;
}
