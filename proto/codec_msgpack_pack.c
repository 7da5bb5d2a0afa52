/* Events as msgpack; codec_msgpack.c reads them back. */
#include "proto/codec_msgpack.h"

#include <string.h>

#include "proto/wire.h"

static int
value_pack_with(msgpack_packer *packer, const struct value *value)
{
    switch (value->kind) {
    case VALUE_ABSENT:
    case VALUE_NULL:
        return msgpack_pack_nil(packer);
    case VALUE_BOOL:
        return value->as.boolean ? msgpack_pack_true(packer) : msgpack_pack_false(packer);
    case VALUE_INT:
        return msgpack_pack_int64(packer, value->as.integer);
    case VALUE_UINT:
        return msgpack_pack_uint64(packer, value->as.natural);
    case VALUE_REAL:
        return msgpack_pack_double(packer, value->as.real);
    case VALUE_TEXT:
        if (value->as.text.ptr == NULL)
            return msgpack_pack_str(packer, 0);
        return wire_pack_text(packer, value->as.text);
    case VALUE_PACKED:
        return packer->callback(packer->data, value->as.text.ptr, value->as.text.len);
    case VALUE_OBJECT:
        return msgpack_pack_object(packer, *value->as.object);
    }
    return -1;
}

int
value_pack(const struct value *value, struct buf *out)
{
    size_t start = out->len;
    msgpack_packer packer;

    wire_packer_init(&packer, out);
    if (value_pack_with(&packer, value) == 0)
        return 0;
    out->len = start;
    return -1;
}

static int
is_packed(const struct event *ev, int field)
{
    return ev->known[field].kind != VALUE_ABSENT &&
           !(event_fields[field].flags & FIELD_DERIVED);
}

/* Room for a head and its number. */
enum { HEAD_ROOM = 10 };

/* How many bytes a value takes at most, if it is no VALUE_OBJECT. */
static size_t
room_for(const struct value *value)
{
    int has_text = value->kind == VALUE_TEXT || value->kind == VALUE_PACKED;

    return HEAD_ROOM + (has_text ? value->as.text.len : 0);
}

/* Of the whole event; 0: only packing it tells. */
static size_t
room_for_event(const struct event *ev)
{
    size_t room = 4 * HEAD_ROOM + sizeof(ev->id.bytes);

    for (int i = 0; i < EVENT_FIELD_COUNT; i++) {
        if (ev->known[i].kind == VALUE_OBJECT)
            return 0;
        room += HEAD_ROOM + room_for(&ev->known[i]);
    }
    for (size_t i = 0; i < ev->extra_count; i++) {
        if (ev->extras[i].value.kind == VALUE_OBJECT)
            return 0;
        room += HEAD_ROOM + ev->extras[i].name.len + room_for(&ev->extras[i].value);
    }
    return room;
}

static int
event_pack_with(msgpack_packer *packer, const struct event *ev)
{
    size_t count = 1 + (ev->is_keyed ? 1 : 0) + ev->extra_count;
    int rc;

    for (int i = 0; i < EVENT_FIELD_COUNT; i++)
        count += (size_t)is_packed(ev, i);
    rc = msgpack_pack_map(packer, count);
    for (int i = 0; i < EVENT_FIELD_COUNT; i++) {
        if (!is_packed(ev, i))
            continue;
        rc |= msgpack_pack_int(packer, i);
        rc |= value_pack_with(packer, &ev->known[i]);
    }
    rc |= msgpack_pack_int(packer, WIRE_AT);
    rc |= msgpack_pack_int64(packer, ev->at_us);
    if (ev->is_keyed) {
        rc |= msgpack_pack_int(packer, WIRE_KEYED_ID);
        rc |= msgpack_pack_bin_with_body(packer, ev->id.bytes, ev->id.len);
    }
    for (size_t i = 0; i < ev->extra_count; i++) {
        rc |= wire_pack_text(packer, ev->extras[i].name);
        rc |= value_pack_with(packer, &ev->extras[i].value);
    }
    return rc == 0 ? 0 : -1;
}

/* A packer of a buffer that has room for all. */
static int
put_roomy(void *data, const char *bytes, size_t len)
{
    struct buf *out = data;

    memcpy(out->ptr + out->len, bytes, len);
    out->len += len;
    return 0;
}

int
event_pack(const struct event *ev, struct buf *out)
{
    size_t start = out->len, room = room_for_event(ev);
    msgpack_packer packer;

    wire_packer_init(&packer, out);
    if (room > 0) {
        if (buf_reserve(out, room) != 0)
            return -1;
        packer.callback = put_roomy;
    }
    if (event_pack_with(&packer, ev) == 0) {
        out->ptr[out->len] = '\0';
        return 0;
    }
    out->len = start;
    return -1;
}

int
batch_pack_count(uint32_t n, struct buf *out)
{
    msgpack_packer packer;

    wire_packer_init(&packer, out);
    return msgpack_pack_array(&packer, n) == 0 ? 0 : -1;
}
