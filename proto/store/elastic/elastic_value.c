/* Values of JSON documents: a struct value put in, a text taken out. */
#include <yyjson.h>

#include "proto/json_write.h"
#include "proto/store/elastic/elastic.h"
#include "proto/wire.h"

static int write_object(struct buf *out, const msgpack_object *object);

static int
write_array(struct buf *out, const msgpack_object_array *items)
{
    int rc = buf_append_char(out, '[');

    for (uint32_t i = 0; i < items->size && rc == 0; i++) {
        rc = i == 0 ? 0 : buf_append_char(out, ',');
        if (rc == 0)
            rc = write_object(out, &items->ptr[i]);
    }
    return rc == 0 ? buf_append_char(out, ']') : -1;
}

/* A key that is no text has no place in JSON; no event of ours has one. */
static int
write_map(struct buf *out, const msgpack_object_map *entries)
{
    const char *separator = "{";
    struct text name;

    for (uint32_t i = 0; i < entries->size; i++) {
        const msgpack_object_kv *entry = &entries->ptr[i];

        if (wire_get_text(&entry->key, &name) != 0)
            continue;
        if (buf_append_char(out, separator[0]) != 0 || json_write_text(out, name) != 0 ||
            buf_append_char(out, ':') != 0 || write_object(out, &entry->val) != 0)
            return -1;
        separator = ",";
    }
    return separator[0] == '{' ? buf_append(out, "{}", 2) : buf_append_char(out, '}');
}

static int
write_bool(struct buf *out, int is_true)
{
    return is_true ? buf_append(out, "true", 4) : buf_append(out, "false", 5);
}

/* Recursion is bounded: wire_decode'd objects are WIRE_MAX_DEPTH deep at most. */
static int
write_object(struct buf *out, const msgpack_object *object)
{
    switch (object->type) {
    case MSGPACK_OBJECT_BOOLEAN:
        return write_bool(out, object->via.boolean);
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        return json_write_int(out, object->via.i64);
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        return json_write_uint(out, object->via.u64);
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        return json_write_real(out, object->via.f64);
    case MSGPACK_OBJECT_STR:
        return json_write_text(out, (struct text){ object->via.str.ptr, object->via.str.size });
    case MSGPACK_OBJECT_ARRAY:
        return write_array(out, &object->via.array);
    case MSGPACK_OBJECT_MAP:
        return write_map(out, &object->via.map);
    default:
        return buf_append(out, "null", 4);
    }
}

static int
write_packed(struct buf *out, struct text packed)
{
    msgpack_unpacked unpacked;
    int rc;

    msgpack_unpacked_init(&unpacked);
    rc = wire_open(packed.ptr, packed.len, &unpacked, NULL);
    if (rc == 0)
        rc = write_object(out, &unpacked.data);
    msgpack_unpacked_destroy(&unpacked);
    return rc;
}

int
elastic_value_write(const struct value *value, struct buf *out)
{
    switch (value->kind) {
    case VALUE_ABSENT:
    case VALUE_NULL:
        return buf_append(out, "null", 4);
    case VALUE_BOOL:
        return write_bool(out, value->as.boolean);
    case VALUE_INT:
        return json_write_int(out, value->as.integer);
    case VALUE_UINT:
        return json_write_uint(out, value->as.natural);
    case VALUE_REAL:
        return json_write_real(out, value->as.real);
    case VALUE_TEXT:
        return json_write_text(out, value->as.text);
    case VALUE_PACKED:
        return write_packed(out, value->as.text);
    case VALUE_OBJECT:
        return write_object(out, value->as.object);
    }
    return -1;
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
