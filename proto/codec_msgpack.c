#include "proto/codec_msgpack.h"

#include <string.h>

#include "proto/base/hash.h"
#include "proto/wire.h"

/* What a decoded object is as a value: 0, or -1 for bin and ext, which no
 * event holds. */
static int
value_of_object(const msgpack_object *object, struct value *ret_value)
{
    switch (object->type) {
    case MSGPACK_OBJECT_NIL:
        ret_value->kind = VALUE_NULL;
        return 0;
    case MSGPACK_OBJECT_BOOLEAN:
        *ret_value = (struct value){ VALUE_BOOL, .as.boolean = object->via.boolean };
        return 0;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        *ret_value = value_int(object->via.i64);
        return 0;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        if (object->via.u64 <= INT64_MAX)
            *ret_value = value_int((int64_t)object->via.u64);
        else
            *ret_value = (struct value){ VALUE_UINT, .as.natural = object->via.u64 };
        return 0;
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        *ret_value = (struct value){ VALUE_REAL, .as.real = object->via.f64 };
        return 0;
    case MSGPACK_OBJECT_STR:
        ret_value->kind = VALUE_TEXT;
        return wire_get_text(object, &ret_value->as.text);
    case MSGPACK_OBJECT_ARRAY:
    case MSGPACK_OBJECT_MAP:
        *ret_value = (struct value){ VALUE_OBJECT, .as.object = object };
        return 0;
    default:
        return -1;
    }
}

/* Those who read events rely on these kinds: a peer must not break them. */
static int
has_right_kind(const struct event_field_row *row, const struct value *value)
{
    if (row->type == FIELD_TYPE_COUNT)
        return value->kind == VALUE_INT && value->as.integer >= 1;
    if (row->type == FIELD_TYPE_SEVERITY)
        return severity_parse(value_get_text(value)) >= 0;
    return value->kind == VALUE_TEXT;
}

static int
take_known(struct event *ev, uint64_t number, const msgpack_object *object,
           struct err *err)
{
    const struct event_field_row *row = &event_fields[number];
    struct value *value = &ev->known[number];

    if (row->flags & FIELD_DERIVED)
        return 0;
    if (value->kind != VALUE_ABSENT) {
        err_set(err, "event: field %s twice", row->name);
        return -1;
    }
    if (value_of_object(object, value) != 0 || !has_right_kind(row, value)) {
        err_set(err, "event: field %s has a wrong type", row->name);
        return -1;
    }
    return 0;
}

static int
take_numbered(struct event *ev, uint64_t number, const msgpack_object *object,
              struct err *err)
{
    struct text bytes;

    if (number < EVENT_FIELD_COUNT)
        return take_known(ev, number, object, err);
    if (number == WIRE_AT && wire_get_int(object, &ev->at_us) != 0) {
        err_set(err, "event: its time is no integer");
        return -1;
    }
    if (number != WIRE_KEYED_ID)
        return 0;           /* a newer program's; skipped */
    if (wire_get_bytes(object, &bytes) != 0 || bytes.len != HASH_ID_LEN) {
        err_set(err, "event: its client-keyed id is not %d bytes", HASH_ID_LEN);
        return -1;
    }
    ev->is_keyed = 1;
    ev->id.len = HASH_ID_LEN;
    memcpy(ev->id.bytes, bytes.ptr, bytes.len);
    return 0;
}

static int
take_entry(struct event *ev, const msgpack_object *key, const msgpack_object *object,
           struct err *err)
{
    struct value value;
    struct text name;

    if (key->type == MSGPACK_OBJECT_POSITIVE_INTEGER)
        return take_numbered(ev, key->via.u64, object, err);
    if (wire_get_text(key, &name) != 0 || name.len == 0 ||
        name.len > EVENT_MAX_NAME) {
        err_set(err, "event: a key is neither a number nor a name");
        return -1;
    }
    if (value_of_object(object, &value) != 0) {
        err_set(err, "event: a further field has a wrong type, or holds a NUL");
        return -1;
    }
    if (event_add_extra(ev, name, value) != 0) {
        err_set(err, "event: more than %d further fields, or out of memory",
                (int)EVENT_MAX_EXTRAS);
        return -1;
    }
    return 0;
}

/* The entries of a map that was measured. */
static int
take_entries(struct event *ev, uint32_t count, const char *at, const char *end,
             msgpack_unpacked *unpacked, struct err *err)
{
    msgpack_object key_space, value_space;
    const msgpack_object *key, *object;

    for (uint32_t i = 0; i < count; i++) {
        size_t key_len = wire_take(at, (size_t)(end - at), unpacked, &key_space, &key);
        size_t len = key_len == 0 ? 0
                     : wire_take(at + key_len, (size_t)(end - at) - key_len, unpacked, &value_space,
                                 &object);

        if (len == 0) {
            err_set(err, "event: out of memory");
            return -1;
        }
        if (take_entry(ev, key, object, err) != 0)
            return -1;
        at += key_len + len;
    }
    return 0;
}

/* bytes were measured: just one value. */
static int
event_decode(const char *bytes, size_t len, msgpack_unpacked *unpacked, struct event *ev,
             struct err *err)
{
    uint32_t count;
    size_t head;

    event_clear(ev);
    if (len > EVENT_MAX_BYTES) {
        err_set(err, "event: %zu bytes, more than %zu", len, EVENT_MAX_BYTES);
        return -1;
    }
    if (unpacked->zone != NULL)
        msgpack_zone_clear(unpacked->zone);
    head = wire_map_head(bytes, len, &count);
    if (head == 0) {
        err_set(err, "event: %zu bytes that are no msgpack map", len);
        return -1;
    }
    if (take_entries(ev, count, bytes + head, bytes + len, unpacked, err) != 0)
        return -1;
    event_derive(ev);
    return 0;
}

int
batch_reader_init(struct batch_reader *reader, const struct batch_head *head,
                  const void *body, size_t len, struct err *err)
{
    uint32_t count = 0;
    size_t offset = 0;

    memset(reader, 0, sizeof(*reader));
    msgpack_unpacked_init(&reader->unpacked);
    if (!(len == 0 && head->count == 0) &&
        wire_array_head(body, len, &count, &offset) != 0) {
        err_set(err, "batch: %zu bytes that are no msgpack array", len);
        return -1;
    }
    if (count != head->count || count > len) {
        err_set(err, "batch: its head says %u events, its body of %zu bytes %u",
                head->count, len, count);
        return -1;
    }
    if (head->first > UINT64_MAX - count) {
        err_set(err, "batch: sequence out of range");
        return -1;
    }
    reader->head = *head;
    reader->body = body;
    reader->len = len;
    reader->offset = offset;
    reader->count = count;
    return 0;
}

void
batch_reader_release(struct batch_reader *reader)
{
    msgpack_unpacked_destroy(&reader->unpacked);
    memset(reader, 0, sizeof(*reader));
}

int
batch_reader_next(struct batch_reader *reader, struct event *ev, struct err *err)
{
    const struct batch_head *head = &reader->head;
    size_t left = reader->len - reader->offset, used;

    if (reader->index == reader->count && left == 0)
        return 0;
    if (reader->index == reader->count) {
        err_set(err, "batch: %zu bytes after its last event", left);
        return -1;
    }
    reader->encoded = (struct text){ reader->body + reader->offset, left };
    if (wire_measure(reader->encoded.ptr, left, &used, err) != 0)
        goto failed;
    reader->encoded.len = used;
    if (event_decode(reader->encoded.ptr, used, &reader->unpacked, ev, err) != 0)
        goto failed;
    if (!ev->is_keyed)
        ev->id = event_id_make(head->origin, head->nonce, head->first + reader->index);
    ev->received_us = head->received_us;
    reader->offset += used;
    reader->index++;
    return 1;

failed:
    err_add(err, "batch, event %u of %u", reader->index + 1, reader->count);
    return -1;
}

int
event_unpack(const void *bytes, size_t len, msgpack_unpacked *unpacked, struct event *ev,
             struct err *err)
{
    size_t used;

    event_clear(ev);
    if (wire_measure(bytes, len, &used, err) != 0) {
        err_add(err, "event");
        return -1;
    }
    if (used != len) {
        err_set(err, "event: %zu bytes after its map", len - used);
        return -1;
    }
    return event_decode(bytes, len, unpacked, ev, err);
}
