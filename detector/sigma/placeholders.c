#include "detector/sigma/placeholders.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/arena.h"
#include "proto/base/yaml.h"

struct placeholders {
    struct arena arena;
    struct site_name *rows;
    size_t count;
};

/* Where the file stands while it is read. */
struct reading {
    const char *file;
    const struct yaml *yaml;
    struct placeholders *holders;
    struct err *err;
};

static int
refuse(const struct reading *in, const json_t *at, const char *what)
{
    err_set(in->err, "%s:%d: %s", in->file, yaml_line(in->yaml, at), what);
    return -1;
}

int
placeholder_is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '_' || c == '.' || c == '-';
}

static int
is_name(const char *name)
{
    for (size_t i = 0; name[i] != '\0'; i++)
        if (!placeholder_is_name_char(name[i]))
            return 0;
    return name[0] != '\0' && strlen(name) <= 256;
}

static int
read_value(const struct reading *in, json_t *value, struct text *ret_value)
{
    struct arena *arena = &in->holders->arena;

    if (json_is_string(value))
        *ret_value = arena_copy(arena, (struct text){ json_string_value(value),
                                                      json_string_length(value) });
    else if (json_is_integer(value))
        *ret_value = arena_printf(arena, "%lld", (long long)json_integer_value(value));
    else
        return refuse(in, value, "a placeholder stands for texts and whole numbers");
    return ret_value->ptr == NULL ? refuse(in, value, "out of memory") : 0;
}

static int
read_row(const struct reading *in, const char *name, json_t *values, struct site_name *row)
{
    size_t count = json_is_array(values) ? json_array_size(values) : 1;
    struct arena *arena = &in->holders->arena;

    if (!is_name(name))
        return refuse(in, values, "a placeholder's name is of letters, digits, _ . and -");
    if (count == 0 || count > PLACEHOLDERS_MAX_VALUES)
        return refuse(in, values, "a placeholder stands for 1 to 10,000 values");
    row->name = arena_copy(arena, text_of(name));
    row->values = arena_alloc(arena, count * sizeof(row->values[0]));
    if (row->name.ptr == NULL || row->values == NULL)
        return refuse(in, values, "out of memory");
    for (; row->value_count < count; row->value_count++) {
        json_t *value = json_is_array(values) ? json_array_get(values, row->value_count)
                                              : values;

        if (read_value(in, value, &row->values[row->value_count]) != 0)
            return -1;
    }
    return 0;
}

static int
read_map(const struct reading *in, json_t *map)
{
    size_t count = json_object_size(map);
    const char *name;
    json_t *values;

    if (!json_is_object(map))
        return refuse(in, map, "placeholders are a map of names to values");
    in->holders->rows = arena_alloc(&in->holders->arena,
                                    (count + 1) * sizeof(in->holders->rows[0]));
    if (in->holders->rows == NULL)
        return refuse(in, map, "out of memory");
    memset(in->holders->rows, 0, (count + 1) * sizeof(in->holders->rows[0]));
    json_object_foreach(map, name, values)
        if (read_row(in, name, values, &in->holders->rows[in->holders->count++]) != 0)
            return -1;
    return 0;
}

static struct placeholders *
read_yaml(const char *name, struct yaml *yaml, struct err *err)
{
    struct placeholders *holders = yaml == NULL ? NULL : calloc(1, sizeof(*holders));
    struct reading in = { name, yaml, holders, err };
    int rc = 0;

    if (yaml != NULL && holders == NULL)
        err_set(err, "%s: out of memory", name);
    if (holders != NULL && yaml_count(yaml) > 1)
        rc = refuse(&in, yaml_document(yaml, 1), "one document of placeholders, not several");
    else if (holders != NULL && yaml_count(yaml) == 1)
        rc = read_map(&in, yaml_document(yaml, 0));
    if (rc != 0)
        placeholders_destroy(&holders);
    yaml_destroy(&yaml);
    return holders;
}

struct placeholders *
placeholders_parse(const char *name, const char *bytes, size_t len, struct err *err)
{
    return read_yaml(name, yaml_parse(name, bytes, len, err), err);
}

struct placeholders *
placeholders_load(const char *path, struct err *err)
{
    return read_yaml(path, yaml_load(path, err), err);
}

void
placeholders_destroy(struct placeholders **holders)
{
    if (*holders == NULL)
        return;
    arena_release(&(*holders)->arena);
    free(*holders);
    *holders = NULL;
}

const struct site_name *
placeholders_find(const struct placeholders *holders, struct text name)
{
    for (size_t i = 0; holders != NULL && i < holders->count; i++)
        if (text_equals(holders->rows[i].name, name))
            return &holders->rows[i];
    return NULL;
}
