#include "detector/match/nested.h"

#include <string.h>

enum { MAX_DEPTH = 32 };

struct found {
    msgpack_object objects[NESTED_MAX];
    size_t count;
    int is_many;                /* an array was on the way */
};

static void follow(struct found *found, const msgpack_object *object, struct text path,
                   int depth);

/* What is left of the path behind name and a dot, or all of it: 1 when name begins it. */
static int
is_begun(struct text path, struct text name, struct text *ret_rest)
{
    if (name.len == 0 || name.len > path.len || memcmp(path.ptr, name.ptr, name.len) != 0 ||
        (name.len < path.len && path.ptr[name.len] != '.'))
        return 0;
    *ret_rest = (struct text){ NULL, 0 };
    if (name.len < path.len)
        *ret_rest = (struct text){ path.ptr + name.len + 1, path.len - name.len - 1 };
    return 1;
}

static void
follow_map(struct found *found, const msgpack_object *map, struct text path, int depth)
{
    for (uint32_t i = 0; i < map->via.map.size; i++) {
        const msgpack_object_kv *pair = &map->via.map.ptr[i];
        struct text rest;

        if (pair->key.type == MSGPACK_OBJECT_STR &&
            is_begun(path, (struct text){ pair->key.via.str.ptr, pair->key.via.str.size },
                     &rest))
            follow(found, &pair->val, rest, depth + 1);
    }
}

static void
follow(struct found *found, const msgpack_object *object, struct text path, int depth)
{
    if (found->count == NESTED_MAX || depth > MAX_DEPTH)
        return;
    if (path.len == 0) {
        found->objects[found->count++] = *object;
    } else if (object->type == MSGPACK_OBJECT_MAP) {
        follow_map(found, object, path, depth);
    } else if (object->type == MSGPACK_OBJECT_ARRAY) {
        found->is_many = 1;
        for (uint32_t i = 0; i < object->via.array.size; i++)
            follow(found, &object->via.array.ptr[i], path, depth + 1);
    }
}

/* Several values as one array, which the arena keeps. */
static int
gather(const struct found *found, struct arena *arena, struct value *ret_value)
{
    msgpack_object *array = arena_alloc(arena, sizeof(*array));
    msgpack_object *objects = arena_alloc(arena, found->count * sizeof(*objects));

    if (array == NULL || objects == NULL)
        return -1;
    memcpy(objects, found->objects, found->count * sizeof(*objects));
    array->type = MSGPACK_OBJECT_ARRAY;
    array->via.array.ptr = objects;
    array->via.array.size = (uint32_t)found->count;
    *ret_value = value_of_msgpack(array);
    return 0;
}

int
nested_find(const struct event *ev, struct text path, struct arena *arena,
            struct value *ret_value)
{
    struct found found;

    found.count = 0;
    found.is_many = 0;
    for (size_t i = 0; i < ev->extra_count; i++) {
        const struct extra *extra = &ev->extras[i];
        struct text rest;

        if (extra->value.kind == VALUE_OBJECT && is_begun(path, extra->name, &rest) &&
            rest.ptr != NULL)
            follow(&found, extra->value.as.object, rest, 0);
    }
    if (found.count == 0)
        return -1;
    if (found.count == 1 && !found.is_many) {
        *ret_value = value_of_msgpack(&found.objects[0]);
        if (ret_value->kind != VALUE_OBJECT)
            return 0;
    }
    return gather(&found, arena, ret_value);
}
