/*
 * What Elasticsearch can make a mapping of when it sees it first. It takes the type of
 * a place from its first value, and refuses the document when another one within it
 * has another type: [1, 2.5], ["a", 1], [{"a": 1}, {"a": "b"}].
 */
#include <yyjson.h>

#include "proto/base/hash.h"
#include "proto/store/elastic/elastic.h"

enum kind { KIND_NONE, KIND_OBJECT, KIND_TEXT, KIND_BOOL, KIND_INT, KIND_REAL };

enum { PLACES = 1024, MOST_PLACES = PLACES / 2 };       /* a power of two */

struct places {
    struct { uint64_t name; enum kind kind; } rows[PLACES];
    size_t count;
};

static enum kind
kind_of(yyjson_mut_val *value)
{
    if (yyjson_mut_is_obj(value))
        return KIND_OBJECT;
    if (yyjson_mut_is_str(value))
        return KIND_TEXT;
    if (yyjson_mut_is_bool(value))
        return KIND_BOOL;
    if (yyjson_mut_is_int(value))
        return KIND_INT;
    return yyjson_mut_is_real(value) ? KIND_REAL : KIND_NONE;
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

/* Recursion is bounded as elastic_value's, and by room. */
static int
fits(struct places *places, yyjson_mut_val *value, uint64_t place, int room)
{
    yyjson_mut_val *key, *inside;
    size_t i, max;

    if (yyjson_mut_is_arr(value)) {
        yyjson_mut_arr_foreach(value, i, max, inside)
            if (!fits(places, inside, place, room))
                return 0;
        return 1;
    }
    if (!agrees(places, place, kind_of(value)))
        return 0;
    if (yyjson_mut_is_obj(value)) {
        yyjson_mut_obj_foreach(value, i, max, key, inside) {
            struct text name = { yyjson_mut_get_str(key), yyjson_mut_get_len(key) };
            int parts = elastic_name_parts(name);
            uint64_t pair[2] = { place, parts == 0 ? 0 : hash64(name.ptr, name.len) };

            if (parts == 0 || parts > room ||
                !fits(places, inside, hash64(pair, sizeof(pair)), room - parts))
                return 0;
        }
    }
    return 1;
}

int
elastic_is_mappable(struct text name, struct yyjson_mut_val *value)
{
    struct places places = { 0 };

    return fits(&places, value, 0, ELASTIC_MAX_PARTS - elastic_name_parts(name));
}
