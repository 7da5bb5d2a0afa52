#include "proto/wire.h"

#include <string.h>

enum { ZONE_BYTES = 8192 };

/* The shapes of 0xc0..0xdf (msgpack spec, "Formats"): bytes of the head, the
 * width of the length that ends it, and how many items each counts (0: bytes). */
struct shape {
    unsigned char head, width, items;
};

static const struct shape shapes[32] = {
    { 1, 0, 0 }, { 0, 0, 0 }, { 1, 0, 0 }, { 1, 0, 0 },     /* nil, unused, false, true */
    { 2, 1, 0 }, { 3, 2, 0 }, { 5, 4, 0 },                  /* bin */
    { 2, 1, 0 }, { 3, 2, 0 }, { 5, 4, 0 },                  /* ext, see item_read */
    { 5, 0, 0 }, { 9, 0, 0 },                               /* float */
    { 2, 0, 0 }, { 3, 0, 0 }, { 5, 0, 0 }, { 9, 0, 0 },     /* uint */
    { 2, 0, 0 }, { 3, 0, 0 }, { 5, 0, 0 }, { 9, 0, 0 },     /* int */
    { 3, 0, 0 }, { 4, 0, 0 }, { 6, 0, 0 }, { 10, 0, 0 }, { 18, 0, 0 },  /* fixext */
    { 2, 1, 0 }, { 3, 2, 0 }, { 5, 4, 0 },                  /* str */
    { 3, 2, 1 }, { 5, 4, 1 },                               /* array */
    { 3, 2, 2 }, { 5, 4, 2 },                               /* map */
};

struct item {
    size_t bytes;           /* without its children */
    uint64_t children;
};

static uint32_t
number_read(const unsigned char *at, size_t width)
{
    uint32_t number = 0;

    for (size_t i = 0; i < width; i++)
        number = number << 8 | at[i];
    return number;
}

/* One item's head (and bytes): 0, or -1 when it is cut short or no msgpack. */
static int
item_read(const unsigned char *at, size_t left, struct item *ret_item)
{
    const struct shape *shape;
    unsigned char c;
    uint32_t number;

    if (left == 0)
        return -1;
    c = at[0];
    *ret_item = (struct item){ 1, 0 };
    if (c <= 0x7F || c >= 0xE0)
        return 0;
    if (c <= 0x9F) {
        ret_item->children = (c & 15u) * (c <= 0x8F ? 2u : 1u);
        return 0;
    }
    if (c <= 0xBF) {
        ret_item->bytes = 1 + (c & 31u);
        return ret_item->bytes <= left ? 0 : -1;
    }
    shape = &shapes[c - 0xC0];
    if (shape->head == 0 || shape->head > left)
        return -1;
    number = number_read(at + shape->head - shape->width, shape->width);
    ret_item->bytes = shape->head;
    if (shape->items != 0)
        ret_item->children = (uint64_t)number * shape->items;
    else
        ret_item->bytes += (size_t)number + (c >= 0xC7 && c <= 0xC9);   /* ext's type */
    return ret_item->bytes <= left ? 0 : -1;
}

/* What events are mostly made of: a small number, a short text. 0: another item, or one
 * that is cut short. */
static inline size_t
short_item(const unsigned char *at, size_t left)
{
    size_t bytes;

    if (left == 0)
        return 0;
    if (at[0] <= 0x7F || at[0] >= 0xE0)
        return 1;
    bytes = 1 + (at[0] & 31u);
    return (at[0] & 0xE0) == 0xA0 && bytes <= left ? bytes : 0;
}

int
wire_measure(const void *bytes, size_t len, size_t *ret_len, struct err *err)
{
    const unsigned char *at = bytes;
    uint64_t pending[WIRE_MAX_DEPTH + 1];
    size_t offset = 0, items = 0;
    struct item item = { 0 };
    int depth = 0;

    pending[0] = 1;
    for (;;) {
        while (pending[depth] == 0 && depth > 0)
            depth--;
        if (pending[depth] == 0)
            break;
        pending[depth]--;
        item.children = 0;
        item.bytes = short_item(at + offset, len - offset);
        if (item.bytes == 0 && item_read(at + offset, len - offset, &item) != 0) {
            err_set(err, "msgpack: broken or cut short at byte %zu", offset);
            return -1;
        }
        offset += item.bytes;
        if (item.children > len - offset || ++items > WIRE_MAX_ITEMS) {
            err_set(err, "msgpack: more items than %zu bytes can hold", len);
            return -1;
        }
        if (item.children == 0)
            continue;
        if (depth == WIRE_MAX_DEPTH) {
            err_set(err, "msgpack: nested deeper than %d", (int)WIRE_MAX_DEPTH);
            return -1;
        }
        pending[++depth] = item.children;
    }
    *ret_len = offset;
    return 0;
}

int
wire_decode(const void *bytes, size_t len, msgpack_unpacked *unpacked, struct err *err)
{
    size_t offset = 0;

    if (unpacked->zone == NULL)
        unpacked->zone = msgpack_zone_new(ZONE_BYTES);
    else
        msgpack_zone_clear(unpacked->zone);
    if (unpacked->zone == NULL) {
        err_set(err, "msgpack: out of memory");
        return -1;
    }
    /* msgpack_unpack_next would make a new zone for each event. */
    if (msgpack_unpack(bytes, len, &offset, unpacked->zone, &unpacked->data) !=
        MSGPACK_UNPACK_SUCCESS) {
        memset(&unpacked->data, 0, sizeof(unpacked->data));
        err_set(err, "msgpack: broken at byte %zu, or out of memory", offset);
        return -1;
    }
    return 0;
}

static uint64_t
big_endian(const unsigned char *at, size_t width)
{
    uint64_t number = 0;

    for (size_t i = 0; i < width; i++)
        number = number << 8 | at[i];
    return number;
}

static void
take_signed(msgpack_object *object, int64_t number)
{
    object->type = number < 0 ? MSGPACK_OBJECT_NEGATIVE_INTEGER : MSGPACK_OBJECT_POSITIVE_INTEGER;
    object->via.i64 = number;
}

static void
take_float(msgpack_object *object, const unsigned char *at)
{
    uint32_t four = (uint32_t)big_endian(at + 1, 4);
    uint64_t eight;
    float real;

    if (at[0] == 0xCA) {
        object->type = MSGPACK_OBJECT_FLOAT32;
        memcpy(&real, &four, sizeof(real));
        object->via.f64 = (double)real;
        return;
    }
    eight = big_endian(at + 1, 8);
    object->type = MSGPACK_OBJECT_FLOAT64;
    memcpy(&object->via.f64, &eight, sizeof(eight));
}

/* nil, true, false, bin, float, uint, int and str with a head of its own. 0: a container
 * or ext. */
static size_t
take_plain(const unsigned char *at, size_t left, msgpack_object *object)
{
    const size_t width = (size_t)1 << (at[0] & 3);      /* of uint and int */
    const char *body = (const char *)at + shapes[at[0] & 31].head;
    struct item item;

    if (at[0] < 0xC0 || at[0] > 0xDB || item_read(at, left, &item) != 0)
        return 0;
    if (at[0] == 0xC0) {
        object->type = MSGPACK_OBJECT_NIL;
    } else if (at[0] <= 0xC3) {
        object->type = MSGPACK_OBJECT_BOOLEAN;
        object->via.boolean = at[0] == 0xC3;
    } else if (at[0] <= 0xC6) {
        object->type = MSGPACK_OBJECT_BIN;
        object->via.bin.ptr = body;
        object->via.bin.size = (uint32_t)((const char *)at + item.bytes - body);
    } else if (at[0] == 0xCA || at[0] == 0xCB) {
        take_float(object, at);
    } else if (at[0] >= 0xCC && at[0] <= 0xCF) {
        object->type = MSGPACK_OBJECT_POSITIVE_INTEGER;
        object->via.u64 = big_endian(at + 1, width);
    } else if (at[0] >= 0xD0 && at[0] <= 0xD3) {
        take_signed(object, (int64_t)(big_endian(at + 1, width) << (64 - 8 * width)) >>
                                (64 - 8 * width));
    } else if (at[0] >= 0xD9) {
        object->type = MSGPACK_OBJECT_STR;
        object->via.str.ptr = body;
        object->via.str.size = (uint32_t)((const char *)at + item.bytes - body);
    } else {
        return 0;
    }
    return item.bytes;
}

static size_t
take_in_zone(const void *bytes, size_t len, msgpack_unpacked *unpacked,
             const msgpack_object **ret_object)
{
    msgpack_object *object;
    size_t offset = 0;
    int rc;

    if (unpacked->zone == NULL)
        unpacked->zone = msgpack_zone_new(ZONE_BYTES);
    object = unpacked->zone == NULL ? NULL : msgpack_zone_malloc(unpacked->zone, sizeof(*object));
    if (object == NULL)
        return 0;
    rc = msgpack_unpack(bytes, len, &offset, unpacked->zone, object);
    *ret_object = object;
    return rc == MSGPACK_UNPACK_SUCCESS || rc == MSGPACK_UNPACK_EXTRA_BYTES ? offset : 0;
}

size_t
wire_take(const void *bytes, size_t len, msgpack_unpacked *unpacked, msgpack_object *space,
          const msgpack_object **ret_object)
{
    const unsigned char *at = bytes;
    size_t taken = short_item(at, len);

    *ret_object = space;
    if (taken == 0)
        taken = len == 0 ? 0 : take_plain(at, len, space);
    else if (at[0] <= 0x7F || at[0] >= 0xE0)
        take_signed(space, (int8_t)at[0]);
    else {
        space->type = MSGPACK_OBJECT_STR;
        space->via.str.ptr = (const char *)at + 1;
        space->via.str.size = (uint32_t)taken - 1;
    }
    return taken != 0 ? taken : take_in_zone(bytes, len, unpacked, ret_object);
}

size_t
wire_map_head(const void *bytes, size_t len, uint32_t *ret_count)
{
    const unsigned char *at = bytes;
    struct item item;

    if (item_read(at, len, &item) != 0 ||
        ((at[0] & 0xF0) != 0x80 && at[0] != 0xDE && at[0] != 0xDF))
        return 0;
    *ret_count = (uint32_t)(item.children / 2);
    return item.bytes;
}

int
wire_open(const void *bytes, size_t len, msgpack_unpacked *unpacked, struct err *err)
{
    size_t used;

    if (wire_measure(bytes, len, &used, err) != 0)
        return -1;
    if (used != len) {
        err_set(err, "msgpack: %zu bytes after the value", len - used);
        return -1;
    }
    return wire_decode(bytes, len, unpacked, err);
}

int
wire_array_head(const void *bytes, size_t len, uint32_t *ret_count, size_t *ret_len)
{
    const unsigned char *at = bytes;
    struct item item;

    if (item_read(at, len, &item) != 0)
        return -1;
    if ((at[0] & 0xF0) != 0x90 && at[0] != 0xDC && at[0] != 0xDD)
        return -1;
    *ret_count = (uint32_t)item.children;
    *ret_len = item.bytes;
    return 0;
}

static int
packer_write(void *data, const char *bytes, size_t len)
{
    return buf_append(data, bytes, len);
}

void
wire_packer_init(msgpack_packer *packer, struct buf *out)
{
    msgpack_packer_init(packer, out, packer_write);
}

int
wire_pack_text(msgpack_packer *packer, struct text text)
{
    if (text.ptr == NULL)
        return msgpack_pack_nil(packer);
    if (msgpack_pack_str(packer, text.len) != 0)
        return -1;
    return text.len == 0 ? 0 : msgpack_pack_str_body(packer, text.ptr, text.len);
}

/* A NUL inside would cut the string short: "root\0x" must not pass as "root". */
int
wire_get_text(const msgpack_object *object, struct text *ret_text)
{
    size_t len = object->via.str.size;

    if (object->type != MSGPACK_OBJECT_STR ||
        (len > 0 && memchr(object->via.str.ptr, '\0', len) != NULL))
        return -1;
    /* of a first text that is empty, msgpack-c gives no place; NULL means "none" to us */
    *ret_text = (struct text){ len > 0 ? object->via.str.ptr : "", len };
    return 0;
}

int
wire_get_bytes(const msgpack_object *object, struct text *ret_bytes)
{
    if (object->type != MSGPACK_OBJECT_BIN)
        return -1;
    *ret_bytes = (struct text){ object->via.bin.ptr, object->via.bin.size };
    return 0;
}

int
wire_get_int(const msgpack_object *object, int64_t *ret_number)
{
    if (object->type == MSGPACK_OBJECT_NEGATIVE_INTEGER)
        *ret_number = object->via.i64;
    else if (object->type == MSGPACK_OBJECT_POSITIVE_INTEGER &&
             object->via.u64 <= INT64_MAX)
        *ret_number = (int64_t)object->via.u64;
    else
        return -1;
    return 0;
}

int
wire_get_uint(const msgpack_object *object, uint64_t *ret_number)
{
    if (object->type != MSGPACK_OBJECT_POSITIVE_INTEGER)
        return -1;
    *ret_number = object->via.u64;
    return 0;
}
