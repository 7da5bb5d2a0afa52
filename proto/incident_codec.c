#include "proto/incident.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/hash.h"
#include "proto/codec_msgpack.h"
#include "proto/incident_rows.h"
#include "proto/wire.h"

enum { NUMBERED_LEN = 20 };

static int
pack_tags(msgpack_packer *packer, const struct incident *inc)
{
    int rc = msgpack_pack_array(packer, inc->rule_tag_count);

    for (size_t i = 0; i < inc->rule_tag_count; i++)
        rc |= wire_pack_text(packer, text_of(inc->rule_tags[i]));
    return rc;
}

static int
pack_keys(msgpack_packer *packer, const struct incident *inc)
{
    int rc = msgpack_pack_array(packer, inc->key_count);

    for (size_t i = 0; i < inc->key_count; i++) {
        rc |= msgpack_pack_array(packer, 2);
        rc |= wire_pack_text(packer, text_of(inc->keys[i].field));
        rc |= wire_pack_text(packer, text_of(inc->keys[i].value));
    }
    return rc;
}

static int
pack_evidence(msgpack_packer *packer, const struct incident *inc)
{
    int rc = msgpack_pack_array(packer, inc->evidence_count);

    for (size_t i = 0; i < inc->evidence_count; i++) {
        const struct evidence *evidence = &inc->evidence[i];

        rc |= msgpack_pack_array(packer, 2);
        rc |= msgpack_pack_bin_with_body(packer, evidence->id.bytes, evidence->id.len);
        rc |= msgpack_pack_int32(packer, evidence->day);
    }
    return rc;
}

static int
pack_row(msgpack_packer *packer, const struct incident_row *row,
         const struct incident *inc)
{
    const void *at = (const char *)inc + row->offset;

    switch (row->type) {
    case ROW_ID:
        return wire_pack_text(packer, text_of(at));
    case ROW_INT64:
        return msgpack_pack_int64(packer, *(const int64_t *)at);
    case ROW_UINT64:
        return msgpack_pack_uint64(packer, *(const uint64_t *)at);
    case ROW_SEVERITY:
    case ROW_FLAG:
        return msgpack_pack_int(packer, *(const int *)at);
    case ROW_STRING:
        return wire_pack_text(packer, text_of(*(char *const *)at));
    case ROW_TAGS:
        return pack_tags(packer, inc);
    case ROW_KEYS:
        return pack_keys(packer, inc);
    case ROW_EVIDENCE:
        return pack_evidence(packer, inc);
    }
    return -1;
}

int
incident_pack(const struct incident *inc, struct buf *out)
{
    size_t start = out->len;
    msgpack_packer packer;
    int rc;

    wire_packer_init(&packer, out);
    rc = msgpack_pack_map(&packer, incident_row_count);
    for (size_t i = 0; i < incident_row_count; i++) {
        rc |= msgpack_pack_int(&packer, incident_rows[i].number);
        rc |= pack_row(&packer, &incident_rows[i], inc);
    }
    if (rc == 0)
        return 0;
    out->len = start;
    return -1;
}

/* A text or nil into *ret_str (NULL before). */
static int
take_string(const msgpack_object *object, char **ret_str)
{
    struct text text;

    if (object->type == MSGPACK_OBJECT_NIL)
        return 0;
    if (wire_get_text(object, &text) != 0)
        return -1;
    *ret_str = text_dup(text);
    return *ret_str != NULL ? 0 : -1;
}

static int
take_id(const msgpack_object *object, char *id)
{
    unsigned char bytes[(INCIDENT_ID_HEX - 1) / 2];
    struct text text;

    if (wire_get_text(object, &text) != 0 || text.len != INCIDENT_ID_HEX - 1 ||
        hash_from_hex(text, bytes, sizeof(bytes)) != 0)
        return -1;
    hash_to_hex(bytes, sizeof(bytes), id);
    return 0;
}

static int
take_int(const msgpack_object *object, int64_t min, int64_t max, int *ret_number)
{
    int64_t number;

    if (wire_get_int(object, &number) != 0 || number < min || number > max)
        return -1;
    *ret_number = (int)number;
    return 0;
}

/* The items of an array of at most max; NULL when it is none. */
static const msgpack_object_array *
get_array(const msgpack_object *object, size_t max)
{
    if (object->type != MSGPACK_OBJECT_ARRAY || object->via.array.size > max)
        return NULL;
    return &object->via.array;
}

static int
take_tags(const msgpack_object *object, struct incident *inc)
{
    const msgpack_object_array *items = get_array(object, INCIDENT_MAX_TAGS);

    if (items == NULL)
        return -1;
    inc->rule_tags = calloc(items->size + 1, sizeof(*inc->rule_tags));
    if (inc->rule_tags == NULL)
        return -1;
    for (uint32_t i = 0; i < items->size; i++)
        if (take_string(&items->ptr[i], &inc->rule_tags[inc->rule_tag_count++]) != 0)
            return -1;
    return 0;
}

static int
take_keys(const msgpack_object *object, struct incident *inc)
{
    const msgpack_object_array *items = get_array(object, INCIDENT_MAX_KEYS);

    if (items == NULL)
        return -1;
    for (uint32_t i = 0; i < items->size; i++) {
        const msgpack_object_array *pair = get_array(&items->ptr[i], 2);
        struct incident_key *key = &inc->keys[inc->key_count];

        if (pair == NULL || pair->size != 2)
            return -1;
        inc->key_count++;
        if (take_string(&pair->ptr[0], &key->field) != 0 || key->field == NULL ||
            take_string(&pair->ptr[1], &key->value) != 0)
            return -1;
    }
    return 0;
}

static int
take_evidence(const msgpack_object *object, struct incident *inc)
{
    const msgpack_object_array *items = get_array(object, INCIDENT_MAX_EVIDENCE);

    if (items == NULL)
        return -1;
    for (uint32_t i = 0; i < items->size; i++) {
        const msgpack_object_array *pair = get_array(&items->ptr[i], 2);
        struct evidence *evidence = &inc->evidence[inc->evidence_count];
        struct text id;

        if (pair == NULL || pair->size != 2 || wire_get_bytes(&pair->ptr[0], &id) != 0 ||
            (id.len != HASH_ID_LEN && id.len != NUMBERED_LEN) ||
            take_int(&pair->ptr[1], INT32_MIN, INT32_MAX, &evidence->day) != 0)
            return -1;
        evidence->id.len = (uint8_t)id.len;
        memcpy(evidence->id.bytes, id.ptr, id.len);
        inc->evidence_count++;
    }
    return 0;
}

static int
take_row(const struct incident_row *row, const msgpack_object *object,
         struct incident *inc)
{
    void *at = (char *)inc + row->offset;

    switch (row->type) {
    case ROW_ID:
        return take_id(object, at);
    case ROW_INT64:
        return wire_get_int(object, at);
    case ROW_UINT64:
        return wire_get_uint(object, at);
    case ROW_SEVERITY:
        return take_int(object, SEVERITY_LOW, SEVERITY_CRITICAL, at);
    case ROW_FLAG:
        return take_int(object, 0, 1, at);
    case ROW_STRING:
        if (row->is_required && object->type == MSGPACK_OBJECT_NIL)
            return -1;
        return take_string(object, at);
    case ROW_TAGS:
        return take_tags(object, inc);
    case ROW_KEYS:
        return take_keys(object, inc);
    case ROW_EVIDENCE:
        return take_evidence(object, inc);
    }
    return -1;
}

/* Fill inc from the map: each row at most once, unknown numbers skipped. */
static int
take_rows(const msgpack_object_map *map, struct incident *inc, struct err *err)
{
    uint32_t seen = 0;

    _Static_assert(sizeof(seen) * 8 > 18, "a bit for each row");
    for (uint32_t i = 0; i < map->size; i++) {
        const struct incident_row *row = NULL;
        uint64_t number;

        if (wire_get_uint(&map->ptr[i].key, &number) != 0)
            continue;
        for (size_t k = 0; k < incident_row_count; k++)
            if ((uint64_t)incident_rows[k].number == number)
                row = &incident_rows[k];
        if (row == NULL)
            continue;
        if ((seen & 1u << number) || take_row(row, &map->ptr[i].val, inc) != 0) {
            err_set(err, "incident: %s is broken, given twice or out of range",
                    row->name);
            return -1;
        }
        seen |= 1u << number;
    }
    for (size_t k = 0; k < incident_row_count; k++) {
        if (incident_rows[k].is_required && !(seen & 1u << incident_rows[k].number)) {
            err_set(err, "incident: %s is missing", incident_rows[k].name);
            return -1;
        }
    }
    return 0;
}

int
incident_unpack(const void *bytes, size_t len, struct incident **ret_inc, struct err *err)
{
    struct incident *inc = NULL;
    msgpack_unpacked unpacked;
    int rc = -1;

    msgpack_unpacked_init(&unpacked);
    if (len > EVENT_MAX_BYTES) {
        err_set(err, "incident: %zu bytes, more than %zu", len, EVENT_MAX_BYTES);
        goto done;
    }
    if (wire_open(bytes, len, &unpacked, err) != 0) {
        err_add(err, "incident");
        goto done;
    }
    if (unpacked.data.type != MSGPACK_OBJECT_MAP) {
        err_set(err, "incident: %zu bytes that are no msgpack map", len);
        goto done;
    }
    inc = incident_new();
    if (inc == NULL) {
        err_set(err, "incident: out of memory");
        goto done;
    }
    if (take_rows(&unpacked.data.via.map, inc, err) != 0)
        goto done;
    *ret_inc = inc;
    inc = NULL;
    rc = 0;

done:
    incident_destroy(&inc);
    msgpack_unpacked_destroy(&unpacked);
    return rc;
}
