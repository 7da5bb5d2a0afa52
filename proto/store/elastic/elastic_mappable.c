/*
 * What Elasticsearch can make a mapping of when it sees it first. It takes the type of
 * a place from its first value, and refuses the document when another one within it
 * has another type: [1, 2.5], ["a", 1], [{"a": 1}, {"a": "b"}].
 */
#include <math.h>

#include "proto/base/hash.h"
#include "proto/store/elastic/elastic.h"
#include "proto/wire.h"

enum kind { KIND_NONE, KIND_OBJECT, KIND_TEXT, KIND_BOOL, KIND_INT, KIND_REAL };

enum { PLACES = 1024, MOST_PLACES = PLACES / 2 };       /* a power of two */

struct places {
    struct { uint64_t name; enum kind kind; } rows[PLACES];
    size_t count;
};

static enum kind
kind_of(const msgpack_object *value)
{
    switch (value->type) {
    case MSGPACK_OBJECT_MAP:
        return KIND_OBJECT;
    case MSGPACK_OBJECT_STR:
        return KIND_TEXT;
    case MSGPACK_OBJECT_BOOLEAN:
        return KIND_BOOL;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        return KIND_INT;
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        return isfinite(value->via.f64) ? KIND_REAL : KIND_NONE;    /* it is written as null */
    default:
        return KIND_NONE;
    }
}

/* 1 when the place had no type or this one. */
static int
agrees(struct places *places, uint64_t name, enum kind kind)
{
    size_t at = name & (PLACES - 1);

    if (kind == KIND_NONE)
        return 1;
    while (places->rows[at].kind != KIND_NONE && places->rows[at].name != name)
        at = (at + 1) & (PLACES - 1);
    if (places->rows[at].kind != KIND_NONE)
        return places->rows[at].kind == kind;
    if (++places->count > MOST_PLACES)
        return 0;
    places->rows[at].name = name;
    places->rows[at].kind = kind;
    return 1;
}

static int fits(struct places *places, const msgpack_object *value, uint64_t place, int room);

/* Keys that are no text are left out of documents (elastic_value.c). */
static int
members_fit(struct places *places, const msgpack_object_map *map, uint64_t place, int room)
{
    struct text name;

    for (uint32_t i = 0; i < map->size; i++) {
        uint64_t pair[2] = { place, 0 };
        int parts;

        if (wire_get_text(&map->ptr[i].key, &name) != 0)
            continue;
        parts = elastic_name_parts(name);
        if (parts == 0 || parts > room)
            return 0;
        pair[1] = hash64(name.ptr, name.len);
        if (!fits(places, &map->ptr[i].val, hash64(pair, sizeof(pair)), room - parts))
            return 0;
    }
    return 1;
}

/* Recursion is bounded as in elastic_value.c, and by room. */
static int
fits(struct places *places, const msgpack_object *value, uint64_t place, int room)
{
    if (value->type == MSGPACK_OBJECT_ARRAY) {
        for (uint32_t i = 0; i < value->via.array.size; i++)
            if (!fits(places, &value->via.array.ptr[i], place, room))
                return 0;
        return 1;
    }
    if (!agrees(places, place, kind_of(value)))
        return 0;
    return value->type != MSGPACK_OBJECT_MAP || members_fit(places, &value->via.map, place, room);
}

int
elastic_is_mappable(struct text name, const struct value *value)
{
    struct places places = { 0 };
    int room = ELASTIC_MAX_PARTS - elastic_name_parts(name), is_good = 0;
    msgpack_unpacked unpacked;

    if (value->kind == VALUE_OBJECT)
        return fits(&places, value->as.object, 0, room);
    msgpack_unpacked_init(&unpacked);
    if (wire_open(value->as.text.ptr, value->as.text.len, &unpacked, NULL) == 0)
        is_good = fits(&places, &unpacked.data, 0, room);
    msgpack_unpacked_destroy(&unpacked);
    return is_good;
}
