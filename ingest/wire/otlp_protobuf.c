#include "ingest/wire/otlp_protobuf.h"

#include <math.h>
#include <pb_decode.h>
#include <pb_encode.h>
#include <sodium.h>
#include <string.h>

#include "proto/base/hash.h"
#include "proto/decode/decode.h"

/* A map in a map is three messages deep. What is nested deeper than an event may be is left
 * out, so that a stack has an end; the record is then kept as its text. */
enum { MAX_DEPTH = 192, ID_MAX = 32, MESSAGE_MAX = 1024 };

/* --- the schema: opentelemetry-proto 1.x, logs/v1, common/v1, resource/v1 --- */

enum kind { TEXT, HEX, BYTES, FIXED, NUMBER, BOOL, DOUBLE, MESSAGE, LIST };

enum message {
    REQUEST, RESOURCE_LOGS, SCOPE_LOGS, RESOURCE, SCOPE, RECORD, KEY_VALUE, ANY, ARRAY, MAP,
    MESSAGES
};

struct member {
    uint32_t number;
    enum kind kind;
    const char *name;           /* in JSON */
    enum message message;       /* of MESSAGE, and of those in a LIST */
};

enum { MEMBERS_MAX = 10 };

static const struct member schema[MESSAGES][MEMBERS_MAX] = {
    [REQUEST] = { { 1, LIST, "resourceLogs", RESOURCE_LOGS } },
    [RESOURCE_LOGS] = { { 1, MESSAGE, "resource", RESOURCE },
                        { 2, LIST, "scopeLogs", SCOPE_LOGS } },
    [SCOPE_LOGS] = { { 1, MESSAGE, "scope", SCOPE }, { 2, LIST, "logRecords", RECORD } },
    [RESOURCE] = { { 1, LIST, "attributes", KEY_VALUE } },
    [SCOPE] = { { 1, TEXT, "name", 0 }, { 2, TEXT, "version", 0 },
                { 3, LIST, "attributes", KEY_VALUE } },
    [RECORD] = { { 1, FIXED, "timeUnixNano", 0 }, { 2, NUMBER, "severityNumber", 0 },
                 { 3, TEXT, "severityText", 0 }, { 5, MESSAGE, "body", ANY },
                 { 6, LIST, "attributes", KEY_VALUE }, { 9, HEX, "traceId", 0 },
                 { 10, HEX, "spanId", 0 }, { 11, FIXED, "observedTimeUnixNano", 0 },
                 { 12, TEXT, "eventName", 0 } },
    [KEY_VALUE] = { { 1, TEXT, "key", 0 }, { 2, MESSAGE, "value", ANY } },
    [ANY] = { { 1, TEXT, "stringValue", 0 }, { 2, BOOL, "boolValue", 0 },
              { 3, NUMBER, "intValue", 0 }, { 4, DOUBLE, "doubleValue", 0 },
              { 5, MESSAGE, "arrayValue", ARRAY }, { 6, MESSAGE, "kvlistValue", MAP },
              { 7, BYTES, "bytesValue", 0 } },
    [ARRAY] = { { 1, LIST, "values", ANY } },
    [MAP] = { { 1, LIST, "values", KEY_VALUE } },
};

static const pb_wire_type_t wire_types[] = {
    [TEXT] = PB_WT_STRING, [HEX] = PB_WT_STRING, [BYTES] = PB_WT_STRING,
    [FIXED] = PB_WT_64BIT, [NUMBER] = PB_WT_VARINT, [BOOL] = PB_WT_VARINT,
    [DOUBLE] = PB_WT_64BIT, [MESSAGE] = PB_WT_STRING, [LIST] = PB_WT_STRING,
};

static const struct member *
find_member(enum message message, uint32_t number)
{
    for (size_t i = 0; i < MEMBERS_MAX && schema[message][i].name != NULL; i++)
        if (schema[message][i].number == number)
            return &schema[message][i];
    return NULL;
}

/* --- reading --- */

struct reading {
    yyjson_mut_doc *doc;
    struct arena *arena;
    struct text rest;           /* of the body, which all streams share */
    int is_bad;                 /* it is no protobuf; else memory is out */
};

/* Note what nanopb could not read. */
static bool
is_read(pb_istream_t *stream, bool has_worked)
{
    struct reading *reading = stream->state;

    reading->is_bad |= !has_worked;
    return has_worked;
}

static bool
read_bytes(pb_istream_t *stream, pb_byte_t *bytes, size_t count)
{
    struct reading *reading = stream->state;

    if (count > reading->rest.len)
        return false;
    if (bytes != NULL)
        memcpy(bytes, reading->rest.ptr, count);
    reading->rest = (struct text){ reading->rest.ptr + count, reading->rest.len - count };
    return true;
}

/* The bytes of a field with a length, where they stand. */
static bool
take_bytes(pb_istream_t *stream, struct text *ret_bytes)
{
    struct reading *reading = stream->state;
    pb_istream_t part;

    if (!is_read(stream, pb_make_string_substream(stream, &part) &&
                         part.bytes_left <= reading->rest.len))
        return false;
    *ret_bytes = (struct text){ reading->rest.ptr, part.bytes_left };
    (void)read_bytes(&part, NULL, part.bytes_left);
    part.bytes_left = 0;
    return is_read(stream, pb_close_string_substream(stream, &part));
}

static yyjson_mut_val *
make_text(struct reading *reading, struct text text)
{
    enum raw_encoding how;

    if (text.len == 0)
        return yyjson_mut_str(reading->doc, "");
    if (!text_is_utf8(text))
        text = raw_to_utf8(text, reading->arena, &how);
    return text.ptr == NULL ? NULL : yyjson_mut_strn(reading->doc, text.ptr, text.len);
}

/* Numbers of traces and spans in hex, all other bytes in base64. */
static yyjson_mut_val *
make_bytes(struct reading *reading, const struct member *member, struct text bytes)
{
    int is_hex = member->kind == HEX && bytes.len <= ID_MAX;
    size_t size = is_hex ? 2 * bytes.len + 1
                  : sodium_base64_encoded_len(bytes.len, sodium_base64_VARIANT_ORIGINAL);
    char *written = arena_alloc(reading->arena, size);

    if (written == NULL)
        return NULL;
    if (bytes.len == 0)
        *written = '\0';
    else if (is_hex)
        hash_to_hex(bytes.ptr, bytes.len, written);
    else
        sodium_bin2base64(written, size, (const unsigned char *)bytes.ptr, bytes.len,
                          sodium_base64_VARIANT_ORIGINAL);
    return yyjson_mut_str(reading->doc, written);
}

/* JSON has no numbers for these three. */
static yyjson_mut_val *
make_double(struct reading *reading, uint64_t bits)
{
    double number;

    memcpy(&number, &bits, sizeof(number));
    if (isfinite(number))
        return yyjson_mut_real(reading->doc, number);
    return yyjson_mut_str(reading->doc, isnan(number) ? "NaN"
                                        : number > 0 ? "Infinity" : "-Infinity");
}

/* What is left of stream, as the message. NULL: it is none, or memory is out. */
static yyjson_mut_val *read_message(pb_istream_t *stream, enum message message, int depth);

static yyjson_mut_val *
read_part(pb_istream_t *stream, enum message message, int depth)
{
    struct reading *reading = stream->state;
    yyjson_mut_val *value = NULL;
    struct text skipped;
    pb_istream_t part;

    if (depth > MAX_DEPTH)
        return take_bytes(stream, &skipped) ? yyjson_mut_obj(reading->doc) : NULL;
    if (!is_read(stream, pb_make_string_substream(stream, &part)))
        return NULL;
    value = read_message(&part, message, depth);
    return value != NULL && is_read(stream, pb_close_string_substream(stream, &part)) ? value
                                                                                      : NULL;
}

static yyjson_mut_val *
read_value(pb_istream_t *stream, const struct member *member, int depth)
{
    struct reading *reading = stream->state;
    struct text bytes;
    uint64_t number;

    switch (member->kind) {
    case MESSAGE:
    case LIST:
        return read_part(stream, member->message, depth + 1);
    case TEXT:
        return take_bytes(stream, &bytes) ? make_text(reading, bytes) : NULL;
    case HEX:
    case BYTES:
        return take_bytes(stream, &bytes) ? make_bytes(reading, member, bytes) : NULL;
    case FIXED:
    case DOUBLE:
        if (!is_read(stream, pb_decode_fixed64(stream, &number)))
            return NULL;
        return member->kind == FIXED ? yyjson_mut_uint(reading->doc, number)
                                     : make_double(reading, number);
    default:
        if (!is_read(stream, pb_decode_varint(stream, &number)))
            return NULL;
        return member->kind == BOOL ? yyjson_mut_bool(reading->doc, number != 0)
                                    : yyjson_mut_sint(reading->doc, (int64_t)number);
    }
}

/* Of what is said twice the last counts, as protobuf has it, and so of the kinds of a
 * value. */
static bool
put(struct reading *reading, yyjson_mut_val *object, enum message message,
    const struct member *member, yyjson_mut_val *value)
{
    yyjson_mut_val *list, *key = yyjson_mut_str(reading->doc, member->name);

    if (value == NULL || key == NULL)
        return false;
    if (member->kind != LIST) {
        if (message == ANY)
            (void)yyjson_mut_obj_clear(object);
        return yyjson_mut_obj_put(object, key, value);
    }
    list = yyjson_mut_obj_get(object, member->name);
    if (list == NULL) {
        list = yyjson_mut_arr(reading->doc);
        if (list == NULL || !yyjson_mut_obj_add(object, key, list))
            return false;
    }
    return yyjson_mut_arr_append(list, value);
}

static yyjson_mut_val *
read_message(pb_istream_t *stream, enum message message, int depth)
{
    struct reading *reading = stream->state;
    yyjson_mut_val *object = yyjson_mut_obj(reading->doc);
    pb_wire_type_t type;
    uint32_t number;
    bool is_end = false;

    while (object != NULL && pb_decode_tag(stream, &type, &number, &is_end)) {
        const struct member *member = find_member(message, number);

        if (member == NULL || type != wire_types[member->kind]) {
            if (!is_read(stream, number > 0 && pb_skip_field(stream, type)))
                return NULL;
        } else if (!put(reading, object, message, member, read_value(stream, member, depth))) {
            return NULL;
        }
    }
    return object != NULL && is_read(stream, is_end) ? object : NULL;
}

yyjson_mut_doc *
otlp_protobuf_read(struct text body, const yyjson_alc *memory, struct arena *arena,
                   struct err *err)
{
    struct reading reading = { yyjson_mut_doc_new(memory), arena, body, 0 };
    pb_istream_t stream = { .callback = read_bytes, .state = &reading, .bytes_left = body.len };
    yyjson_mut_val *root;

    err->text[0] = '\0';
    if (reading.doc == NULL)
        return NULL;
    root = read_message(&stream, REQUEST, 1);
    if (root != NULL) {
        yyjson_mut_doc_set_root(reading.doc, root);
        return reading.doc;
    }
    if (reading.is_bad)
        err_set(err, "not an ExportLogsServiceRequest in protobuf, at byte %zu",
                body.len - reading.rest.len);
    yyjson_mut_doc_free(reading.doc);
    return NULL;
}

/* --- answers --- */

static void
write_text(pb_ostream_t *stream, uint32_t number, const char *text)
{
    size_t len = strlen(text) < MESSAGE_MAX
                     ? strlen(text) : raw_cut((struct text){ text, strlen(text) }, MESSAGE_MAX);

    (void)pb_encode_tag(stream, PB_WT_STRING, number);
    (void)pb_encode_string(stream, (const pb_byte_t *)text, len);
}

static void
write_number(pb_ostream_t *stream, uint32_t number, uint64_t value)
{
    (void)pb_encode_tag(stream, PB_WT_VARINT, number);
    (void)pb_encode_varint(stream, value);
}

struct text
otlp_protobuf_partial(uint64_t refused, const char *reason, uint8_t space[OTLP_PROTOBUF_ANSWER])
{
    uint8_t inner[MESSAGE_MAX + 64];
    pb_ostream_t partial = pb_ostream_from_buffer(inner, sizeof(inner));
    pb_ostream_t stream = pb_ostream_from_buffer(space, OTLP_PROTOBUF_ANSWER);

    write_number(&partial, 1, refused);
    write_text(&partial, 2, reason);
    (void)pb_encode_tag(&stream, PB_WT_STRING, 1);
    (void)pb_encode_string(&stream, inner, partial.bytes_written);
    return (struct text){ (const char *)space, stream.bytes_written };
}

struct text
otlp_protobuf_status(int code, const char *message, uint8_t space[OTLP_PROTOBUF_ANSWER])
{
    pb_ostream_t stream = pb_ostream_from_buffer(space, OTLP_PROTOBUF_ANSWER);

    write_number(&stream, 1, (uint64_t)code);
    write_text(&stream, 2, message);
    return (struct text){ (const char *)space, stream.bytes_written };
}
