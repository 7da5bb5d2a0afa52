/* Values of JSON documents: a struct value put in, a text taken out. */
#include <math.h>
#include <yyjson.h>

#include "proto/store/elastic/elastic.h"
#include "proto/wire.h"

static yyjson_mut_val *
text_value(yyjson_mut_doc *doc, struct text text)
{
    return yyjson_mut_strn(doc, text.len > 0 ? text.ptr : "", text.len);
}

/* NaN and infinities are no JSON; only a peer's msgpack could bring one. */
static yyjson_mut_val *
real_value(yyjson_mut_doc *doc, double real)
{
    return isfinite(real) ? yyjson_mut_real(doc, real) : yyjson_mut_null(doc);
}

static yyjson_mut_val *object_value(yyjson_mut_doc *doc, const msgpack_object *object);

static yyjson_mut_val *
array_value(yyjson_mut_doc *doc, const msgpack_object_array *items)
{
    yyjson_mut_val *array = yyjson_mut_arr(doc);

    for (uint32_t i = 0; array != NULL && i < items->size; i++)
        if (!yyjson_mut_arr_append(array, object_value(doc, &items->ptr[i])))
            return NULL;
    return array;
}

static yyjson_mut_val *
map_value(yyjson_mut_doc *doc, const msgpack_object_map *entries)
{
    yyjson_mut_val *map = yyjson_mut_obj(doc);

    for (uint32_t i = 0; map != NULL && i < entries->size; i++) {
        const msgpack_object_kv *entry = &entries->ptr[i];
        struct text name;

        if (wire_get_text(&entry->key, &name) == 0 &&
            !yyjson_mut_obj_add(map, text_value(doc, name), object_value(doc, &entry->val)))
            return NULL;
    }
    return map;
}

/* Recursion is bounded: wire_decode'd objects are WIRE_MAX_DEPTH deep at most. */
static yyjson_mut_val *
object_value(yyjson_mut_doc *doc, const msgpack_object *object)
{
    switch (object->type) {
    case MSGPACK_OBJECT_BOOLEAN:
        return yyjson_mut_bool(doc, object->via.boolean);
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        return yyjson_mut_sint(doc, object->via.i64);
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        return yyjson_mut_uint(doc, object->via.u64);
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        return real_value(doc, object->via.f64);
    case MSGPACK_OBJECT_STR:
        return text_value(doc, (struct text){ object->via.str.ptr, object->via.str.size });
    case MSGPACK_OBJECT_ARRAY:
        return array_value(doc, &object->via.array);
    case MSGPACK_OBJECT_MAP:
        return map_value(doc, &object->via.map);
    default:
        return yyjson_mut_null(doc);
    }
}

static yyjson_mut_val *
packed_value(yyjson_mut_doc *doc, struct text packed)
{
    msgpack_unpacked unpacked;
    yyjson_mut_val *value = NULL;

    msgpack_unpacked_init(&unpacked);
    if (wire_open(packed.ptr, packed.len, &unpacked, NULL) == 0)
        value = object_value(doc, &unpacked.data);    /* its texts stay in packed */
    msgpack_unpacked_destroy(&unpacked);
    return value;
}

struct yyjson_mut_val *
elastic_value(struct yyjson_mut_doc *doc, const struct value *value)
{
    switch (value->kind) {
    case VALUE_ABSENT:
    case VALUE_NULL:
        return yyjson_mut_null(doc);
    case VALUE_BOOL:
        return yyjson_mut_bool(doc, value->as.boolean);
    case VALUE_INT:
        return yyjson_mut_sint(doc, value->as.integer);
    case VALUE_UINT:
        return yyjson_mut_uint(doc, value->as.natural);
    case VALUE_REAL:
        return real_value(doc, value->as.real);
    case VALUE_TEXT:
        return text_value(doc, value->as.text);
    case VALUE_PACKED:
        return packed_value(doc, value->as.text);
    case VALUE_OBJECT:
        return object_value(doc, value->as.object);
    }
    return NULL;
}

struct text
elastic_text(struct yyjson_val *value)
{
    return (struct text){ yyjson_get_str(value), yyjson_get_len(value) };
}

struct text
elastic_text_in(struct yyjson_val *object, const char *name)
{
    return elastic_text(yyjson_obj_get(object, name));
}
