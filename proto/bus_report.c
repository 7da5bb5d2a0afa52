#include "proto/bus.h"

#include <stdlib.h>
#include <string.h>

#include "proto/bus_message.h"
#include "proto/wire.h"

/* Keys go as one bin of 8-byte big-endian numbers: an array of a million
 * would decode into 24 times its size. */
enum {
    KEY_LEN = 8,
    MAX_ORIGINS = 256,
    REPORT_CONSUMER = 1, REPORT_BOOT = 2, REPORT_SLOTS = 3,      /* numbers in the head */
    ORIGIN_ITEMS = 6    /* origin, received, durable, wants_resend, acked, held */
};

static void
key_write(char *at, uint64_t key)
{
    for (int i = KEY_LEN - 1; i >= 0; i--, key >>= 8)
        at[i] = (char)(key & 0xFF);
}

static uint64_t
key_read(const char *at)
{
    uint64_t key = 0;

    for (int i = 0; i < KEY_LEN; i++)
        key = key << 8 | (unsigned char)at[i];
    return key;
}

static int
keys_pack(msgpack_packer *packer, const uint64_t *keys, size_t count)
{
    char bytes[KEY_LEN];
    int rc = msgpack_pack_bin(packer, count * KEY_LEN);

    for (size_t i = 0; i < count; i++) {
        key_write(bytes, keys[i]);
        rc |= msgpack_pack_bin_body(packer, bytes, KEY_LEN);
    }
    return rc;
}

static int
origin_pack(msgpack_packer *packer, const struct report_origin *origin)
{
    int rc = msgpack_pack_array(packer, ORIGIN_ITEMS);

    rc |= msgpack_pack_uint64(packer, origin->origin);
    rc |= msgpack_pack_uint64(packer, origin->received);
    rc |= msgpack_pack_uint64(packer, origin->durable);
    rc |= origin->wants_resend ? msgpack_pack_true(packer) : msgpack_pack_false(packer);
    rc |= keys_pack(packer, origin->acked, origin->acked_count);
    rc |= keys_pack(packer, origin->held, origin->held_count);
    return rc;
}

int
bus_send_report(zsock_t *sock, const struct report *report)
{
    struct buf head = { 0 }, body = { 0 };
    msgpack_packer packer;
    int rc;

    wire_packer_init(&packer, &head);
    rc = msgpack_pack_map(&packer, report->slots > 0 ? 3 : 2);
    rc |= msgpack_pack_int(&packer, REPORT_CONSUMER);
    rc |= wire_pack_text(&packer, text_of(report->consumer));
    rc |= msgpack_pack_int(&packer, REPORT_BOOT);
    rc |= msgpack_pack_uint64(&packer, report->boot);
    if (report->slots > 0) {
        rc |= msgpack_pack_int(&packer, REPORT_SLOTS);
        rc |= msgpack_pack_unsigned_int(&packer, report->slots);
    }
    wire_packer_init(&packer, &body);
    rc |= msgpack_pack_array(&packer, report->origin_count);
    for (size_t i = 0; i < report->origin_count; i++)
        rc |= origin_pack(&packer, &report->origins[i]);
    if (rc == 0)
        rc = bus_send_message(sock, BUS_REPORT, buf_text(&head), buf_text(&body));
    buf_release(&head);
    buf_release(&body);
    return rc == 0 ? 0 : -1;
}

static int
head_take(const msgpack_object_map *map, struct report *report)
{
    struct text consumer = { NULL, 0 };
    int has_boot = 0;

    for (uint32_t i = 0; i < map->size; i++) {
        const msgpack_object_kv *entry = &map->ptr[i];
        uint64_t number;

        if (wire_get_uint(&entry->key, &number) != 0)
            continue;
        if (number == REPORT_CONSUMER && wire_get_text(&entry->val, &consumer) != 0)
            return -1;
        if (number == REPORT_BOOT) {
            if (wire_get_uint(&entry->val, &report->boot) != 0)
                return -1;
            has_boot = 1;
        }
        if (number == REPORT_SLOTS) {
            uint64_t slots;

            if (wire_get_uint(&entry->val, &slots) != 0 || slots > UINT16_MAX)
                return -1;
            report->slots = (unsigned)slots;
        }
    }
    if (!has_boot || consumer.len == 0 || consumer.len >= sizeof(report->consumer))
        return -1;
    memcpy(report->consumer, consumer.ptr, consumer.len);
    report->consumer[consumer.len] = '\0';
    return 0;
}

static int
head_unpack(zframe_t *frame, struct report *report, struct err *err)
{
    msgpack_unpacked unpacked;
    int rc = -1;

    msgpack_unpacked_init(&unpacked);
    if (wire_open(zframe_data(frame), zframe_size(frame), &unpacked, err) != 0)
        err_add(err, "report head");
    else if (unpacked.data.type != MSGPACK_OBJECT_MAP ||
             head_take(&unpacked.data.via.map, report) != 0)
        err_set(err, "report head: consumer or boot is broken or missing");
    else
        rc = 0;
    msgpack_unpacked_destroy(&unpacked);
    return rc;
}

/* Keys out of a bin into the space at *keys, which moves on. */
static int
keys_take(const msgpack_object *object, uint64_t **keys, const uint64_t **ret_keys,
          size_t *ret_count)
{
    struct text bytes;

    if (wire_get_bytes(object, &bytes) != 0 || bytes.len % KEY_LEN != 0)
        return -1;
    *ret_keys = *keys;
    *ret_count = bytes.len / KEY_LEN;
    for (size_t i = 0; i < *ret_count; i++)
        *(*keys)++ = key_read(bytes.ptr + i * KEY_LEN);
    return 0;
}

static int
origin_take(const msgpack_object *object, uint64_t **keys, struct report_origin *origin)
{
    const msgpack_object *items = object->via.array.ptr;

    if (object->type != MSGPACK_OBJECT_ARRAY || object->via.array.size < ORIGIN_ITEMS ||
        wire_get_uint(&items[0], &origin->origin) != 0 ||
        wire_get_uint(&items[1], &origin->received) != 0 ||
        wire_get_uint(&items[2], &origin->durable) != 0 ||
        items[3].type != MSGPACK_OBJECT_BOOLEAN)
        return -1;
    origin->wants_resend = items[3].via.boolean;
    if (keys_take(&items[4], keys, &origin->acked, &origin->acked_count) != 0 ||
        keys_take(&items[5], keys, &origin->held, &origin->held_count) != 0)
        return -1;
    return 0;
}

/* All of a body in one piece of memory: origins, then keys, of which there
 * are no more than the body's bytes hold. */
static int
body_take(const msgpack_object *data, size_t len, struct report *report, struct err *err)
{
    uint64_t *keys;
    size_t count;

    if (data->type != MSGPACK_OBJECT_ARRAY || data->via.array.size > MAX_ORIGINS) {
        err_set(err, "report: no array of at most %d origins", (int)MAX_ORIGINS);
        return -1;
    }
    count = data->via.array.size;
    report->memory = calloc(1, (count + 1) * sizeof(*report->origins) + len + KEY_LEN);
    if (report->memory == NULL) {
        err_set(err, "report: out of memory");
        return -1;
    }
    report->origins = report->memory;
    keys = (uint64_t *)(report->origins + count);
    for (size_t i = 0; i < count; i++) {
        if (origin_take(&data->via.array.ptr[i], &keys, &report->origins[i]) != 0) {
            err_set(err, "report: origin %zu is broken", i + 1);
            return -1;
        }
    }
    report->origin_count = count;
    return 0;
}

static int
body_unpack(zframe_t *frame, struct report *report, struct err *err)
{
    size_t len = zframe_size(frame);
    msgpack_unpacked unpacked;
    int rc = -1;

    msgpack_unpacked_init(&unpacked);
    if (wire_open(zframe_data(frame), len, &unpacked, err) != 0)
        err_add(err, "report");
    else
        rc = body_take(&unpacked.data, len, report, err);
    msgpack_unpacked_destroy(&unpacked);
    return rc;
}

int
bus_recv_report(zsock_t *sock, struct report *ret_report, struct err *err)
{
    struct report report = { .memory = NULL };
    zmsg_t *msg = NULL;
    int kind, rc;

    rc = bus_recv_message(sock, &msg, &kind, err);
    if (rc != 1)
        return rc;
    rc = -1;
    if (kind != BUS_REPORT) {
        err_set(err, "message of kind %d where a report was expected", kind);
        goto done;
    }
    zmsg_first(msg);
    if (head_unpack(zmsg_next(msg), &report, err) != 0 ||
        body_unpack(zmsg_next(msg), &report, err) != 0)
        goto done;
    *ret_report = report;
    report.memory = NULL;
    rc = 1;

done:
    free(report.memory);
    zmsg_destroy(&msg);
    return rc;
}

void
report_release(struct report *report)
{
    free(report->memory);
    memset(report, 0, sizeof(*report));
}
