#include "proto/codec_json.h"

#include <math.h>
#include <string.h>

#include "proto/base/buf.h"
#include "proto/base/timestamp.h"
#include "proto/json_text.h"
#include "proto/wire.h"

/* jansson's integers end at 2^63. What lies above is shown as a number when
 * a double holds it exactly, else as its digits in a text: nothing is rounded. */
static json_t *
natural_to_json(uint64_t number)
{
    char space[32];
    struct value value = { .kind = VALUE_UINT, .as.natural = number };
    double real = (double)number;

    if (real < 18446744073709551616.0 && (uint64_t)real == number)
        return json_real(real);
    return json_text(value_as_text(&value, space));
}

/* NaN and infinities are no JSON; only a peer's msgpack could bring one. */
static json_t *
real_to_json(double real)
{
    return isfinite(real) ? json_real(real) : json_null();
}

static json_t *object_to_json(const msgpack_object *object);

static json_t *
array_to_json(const msgpack_object_array *items)
{
    json_t *array = json_array();

    for (uint32_t i = 0; array != NULL && i < items->size; i++) {
        if (json_array_append_new(array, object_to_json(&items->ptr[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *
map_to_json(const msgpack_object_map *entries)
{
    json_t *map = json_object();

    for (uint32_t i = 0; map != NULL && i < entries->size; i++) {
        const msgpack_object_kv *entry = &entries->ptr[i];
        struct text name;

        if (wire_get_text(&entry->key, &name) != 0)
            continue;       /* no JSON name; no event of ours has one */
        if (json_set(map, name, object_to_json(&entry->val)) != 0) {
            json_decref(map);
            return NULL;
        }
    }
    return map;
}

/* Recursion is bounded: wire_decode'd objects are WIRE_MAX_DEPTH deep at most. */
static json_t *
object_to_json(const msgpack_object *object)
{
    switch (object->type) {
    case MSGPACK_OBJECT_BOOLEAN:
        return json_boolean(object->via.boolean);
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        return json_integer(object->via.i64);
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        if (object->via.u64 <= INT64_MAX)
            return json_integer((json_int_t)object->via.u64);
        return natural_to_json(object->via.u64);
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        return real_to_json(object->via.f64);
    case MSGPACK_OBJECT_STR:
        return json_text((struct text){ object->via.str.ptr, object->via.str.size });
    case MSGPACK_OBJECT_ARRAY:
        return array_to_json(&object->via.array);
    case MSGPACK_OBJECT_MAP:
        return map_to_json(&object->via.map);
    default:
        return json_null();
    }
}

static json_t *
packed_to_json(struct text packed)
{
    msgpack_unpacked unpacked;
    json_t *json = NULL;

    msgpack_unpacked_init(&unpacked);
    if (wire_open(packed.ptr, packed.len, &unpacked, NULL) == 0)
        json = object_to_json(&unpacked.data);
    msgpack_unpacked_destroy(&unpacked);
    return json;
}

json_t *
value_to_json(const struct value *value)
{
    switch (value->kind) {
    case VALUE_ABSENT:
    case VALUE_NULL:
        return json_null();
    case VALUE_BOOL:
        return json_boolean(value->as.boolean);
    case VALUE_INT:
        return json_integer(value->as.integer);
    case VALUE_UINT:
        return natural_to_json(value->as.natural);
    case VALUE_REAL:
        return real_to_json(value->as.real);
    case VALUE_TEXT:
        return json_text(value->as.text);
    case VALUE_PACKED:
        return packed_to_json(value->as.text);
    case VALUE_OBJECT:
        return object_to_json(value->as.object);
    }
    return NULL;
}

static int
set_known(json_t *json, const struct event *ev, int field)
{
    if (ev->known[field].kind == VALUE_ABSENT)
        return 0;
    return json_set(json, text_of(event_fields[field].name),
                    value_to_json(&ev->known[field]));
}

/* source_address is made of others, so it comes after them. */
static int
set_fields(json_t *json, const struct event *ev)
{
    if (set_known(json, ev, EVENT_RECEIVED_FROM) != 0 ||
        set_known(json, ev, EVENT_RECEIVED_KEY) != 0)
        return -1;
    for (int i = 0; i < EVENT_FIELD_COUNT; i++)
        if (i != EVENT_RECEIVED_FROM && i != EVENT_RECEIVED_KEY && i != EVENT_SOURCE_ADDRESS &&
            set_known(json, ev, i) != 0)
            return -1;
    return set_known(json, ev, EVENT_SOURCE_ADDRESS);
}

/* A further field never hides one of ours, whatever a peer named it. */
static int
set_extras(json_t *json, const struct event *ev)
{
    for (size_t i = 0; i < ev->extra_count; i++) {
        struct text name = ev->extras[i].name;

        if (json_object_getn(json, name.ptr, name.len) != NULL)
            continue;
        if (json_set(json, name, value_to_json(&ev->extras[i].value)) != 0)
            return -1;
    }
    return 0;
}

json_t *
event_to_json(const struct event *ev)
{
    char id[EVENT_ID_TEXT_LEN], received_at[TIMESTAMP_LEN];
    json_t *json = json_object();

    event_id_format(&ev->id, id);
    timestamp_format(ev->received_us, received_at);
    if (json == NULL || json_set(json, text_of("id"), json_string(id)) != 0 ||
        json_set(json, text_of("received_at"), json_string(received_at)) != 0 ||
        set_fields(json, ev) != 0 || set_extras(json, ev) != 0) {
        json_decref(json);
        return NULL;
    }
    return json;
}
