#include "proto/codec_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

#include "proto/codec_msgpack.h"
#include "proto/names.h"
#include "proto/wire.h"

/* The pool keeps this much from one event to the next; what a big event
 * needed is given back when the next small one comes. */
enum { POOL_KEPT = 64 * 1024 };

#define KEY_NAME "idempotency_key"
enum { KEY_MAX = 512 };

struct json_reader {
    size_t max_bytes;
    char *pool;             /* yyjson's only memory: at most 12 * max_bytes + 256 */
    size_t pool_len;
    struct buf packed;      /* the nested value at hand */
};

/* What the helpers of one event_from_json share. */
struct reading {
    struct json_reader *reader;
    struct arena *arena;
    struct event *ev;
    struct text *key;
    struct err *err;
    int may_hold_nul;       /* a backslash is somewhere: \u0000 is possible */
    int has_key;
    struct text field;      /* top-level name, shown in reasons */
    msgpack_packer packer;
};

struct json_reader *
json_reader_new(size_t max_bytes)
{
    struct json_reader *reader = calloc(1, sizeof(*reader));

    if (reader != NULL)
        reader->max_bytes = max_bytes;
    return reader;
}

void
json_reader_destroy(struct json_reader **reader)
{
    if (*reader == NULL)
        return;
    buf_release(&(*reader)->packed);
    free((*reader)->pool);
    free(*reader);
    *reader = NULL;
}

static int
pool_prepare(struct json_reader *reader, size_t len, yyjson_alc *ret_alc)
{
    size_t need = yyjson_read_max_memory_usage(len, YYJSON_READ_BIGNUM_AS_RAW);

    if (need < POOL_KEPT)
        need = POOL_KEPT;
    if (reader->pool_len < need || reader->pool_len > need + POOL_KEPT) {
        free(reader->pool);
        reader->pool = malloc(need);
        reader->pool_len = reader->pool != NULL ? need : 0;
        buf_release(&reader->packed);
    }
    return reader->pool != NULL &&
           yyjson_alc_pool_init(ret_alc, reader->pool, reader->pool_len) ? 0 : -1;
}

static int
refuse(const struct reading *r, const char *reason)
{
    char shown[NAME_SHOWN_LEN];

    err_set(r->err, "%s: %s", name_show(r->field, shown), reason);
    return -1;
}

static int
packed_or_refuse(const struct reading *r, int rc)
{
    return rc == 0 ? 0 : refuse(r, "out of memory");
}

static int
holds_nul(const struct reading *r, struct text text)
{
    return r->may_hold_nul && text.len > 0 && memchr(text.ptr, '\0', text.len) != NULL;
}

static struct text
text_of_json(yyjson_val *val)
{
    return (struct text){ yyjson_get_str(val), yyjson_get_len(val) };
}

/* Names inside a nested object obey the rules of those outside. Not in
 * pack_map itself: its frame would carry the array through the recursion. */
static int
check_nested_names(struct reading *r, yyjson_val *object)
{
    struct text names[EVENT_MAX_EXTRAS];
    char reason[NAME_SHOWN_LEN + 64], shown[NAME_SHOWN_LEN];
    const struct text *repeated;
    yyjson_obj_iter iter;
    yyjson_val *key;
    size_t count = 0;

    if (yyjson_obj_size(object) > EVENT_MAX_EXTRAS)
        return refuse(r, "an object inside has too many names (more than 1000)");
    yyjson_obj_iter_init(object, &iter);
    while ((key = yyjson_obj_iter_next(&iter)) != NULL) {
        names[count] = text_of_json(key);
        if (names[count].len > EVENT_MAX_NAME)
            return refuse(r, "a name inside is longer than 256 bytes");
        if (holds_nul(r, names[count]))
            return refuse(r, "a name inside holds a NUL");
        count++;
    }
    repeated = names_repeated(names, count);
    if (repeated == NULL)
        return 0;
    snprintf(reason, sizeof(reason), "the name \"%s\" is given twice inside",
             name_show(*repeated, shown));
    return refuse(r, reason);
}

static int pack_nested(struct reading *r, yyjson_val *val, int depth);

static int
pack_map(struct reading *r, yyjson_val *object, int depth)
{
    yyjson_obj_iter iter;
    yyjson_val *key;

    if (check_nested_names(r, object) != 0 ||
        packed_or_refuse(r, msgpack_pack_map(&r->packer, yyjson_obj_size(object))) != 0)
        return -1;
    yyjson_obj_iter_init(object, &iter);
    while ((key = yyjson_obj_iter_next(&iter)) != NULL)
        if (packed_or_refuse(r, wire_pack_text(&r->packer, text_of_json(key))) != 0 ||
            pack_nested(r, yyjson_obj_iter_get_val(key), depth) != 0)
            return -1;
    return 0;
}

static int
pack_array(struct reading *r, yyjson_val *array, int depth)
{
    yyjson_arr_iter iter;
    yyjson_val *val;

    if (packed_or_refuse(r, msgpack_pack_array(&r->packer, yyjson_arr_size(array))) != 0)
        return -1;
    yyjson_arr_iter_init(array, &iter);
    while ((val = yyjson_arr_iter_next(&iter)) != NULL)
        if (pack_nested(r, val, depth) != 0)
            return -1;
    return 0;
}

/* A value that is neither array nor object. 0, or -1 with the reason. */
static int
take_scalar(struct reading *r, yyjson_val *val, struct value *ret_value)
{
    if (yyjson_is_str(val)) {
        *ret_value = value_text(text_of_json(val));
        return holds_nul(r, ret_value->as.text) ? refuse(r, "holds a NUL") : 0;
    }
    if (yyjson_is_sint(val) ||
        (yyjson_is_uint(val) && yyjson_get_uint(val) <= INT64_MAX)) {
        *ret_value = value_int(yyjson_get_sint(val));
    } else if (yyjson_is_uint(val)) {
        ret_value->kind = VALUE_UINT;
        ret_value->as.natural = yyjson_get_uint(val);
    } else if (yyjson_is_real(val)) {
        ret_value->kind = VALUE_REAL;
        ret_value->as.real = yyjson_get_real(val);
    } else if (yyjson_is_bool(val)) {
        ret_value->kind = VALUE_BOOL;
        ret_value->as.boolean = yyjson_get_bool(val);
    } else if (yyjson_is_null(val)) {
        ret_value->kind = VALUE_NULL;
    } else {
        return refuse(r, "a number too large to keep");
    }
    return 0;
}

/* depth counts the containers around val, the event's own included. */
static int
pack_nested(struct reading *r, yyjson_val *val, int depth)
{
    struct value value;

    if (yyjson_is_ctn(val)) {
        if (depth == EVENT_MAX_DEPTH)
            return refuse(r, "nested deeper than 32");
        return yyjson_is_obj(val) ? pack_map(r, val, depth + 1)
                                  : pack_array(r, val, depth + 1);
    }
    if (take_scalar(r, val, &value) != 0)
        return -1;
    return packed_or_refuse(r, value_pack(&value, &r->reader->packed));
}

static int
take_value(struct reading *r, yyjson_val *val, struct value *ret_value)
{
    struct text packed;

    if (!yyjson_is_ctn(val))
        return take_scalar(r, val, ret_value);
    buf_clear(&r->reader->packed);
    wire_packer_init(&r->packer, &r->reader->packed);
    if (pack_nested(r, val, 1) != 0)
        return -1;
    packed = arena_copy(r->arena, buf_text(&r->reader->packed));
    if (packed.ptr == NULL)
        return refuse(r, "out of memory");
    *ret_value = (struct value){ .kind = VALUE_PACKED, .as.text = packed };
    return 0;
}

static int
take_known(struct reading *r, int field, yyjson_val *val)
{
    if (event_fields[field].flags & (FIELD_ADDED | FIELD_DERIVED))
        return refuse(r, "is set by Bongsu, not by who sends an event");
    if (r->ev->known[field].kind != VALUE_ABSENT)
        return refuse(r, "given twice");
    return take_value(r, val, &r->ev->known[field]);
}

static int
take_key(struct reading *r, yyjson_val *val)
{
    struct text key = text_of_json(val);

    if (r->has_key)
        return refuse(r, "given twice");
    r->has_key = 1;
    if (yyjson_is_null(val))
        return 0;
    if (!yyjson_is_str(val) || key.len == 0 || key.len > KEY_MAX)
        return refuse(r, "must be a text of 1 to 512 bytes");
    if (holds_nul(r, key))
        return refuse(r, "holds a NUL");
    *r->key = key;
    return 0;
}

static int
take_extra(struct reading *r, struct text name, yyjson_val *val)
{
    struct value value;

    if (text_is(name, "id") || text_is(name, "received_at"))
        return refuse(r, "is set by Bongsu, not by who sends an event");
    if (name.len == 0)
        return refuse(r, "a field has an empty name");
    if (name.len > EVENT_MAX_NAME)
        return refuse(r, "a name of more than 256 bytes");
    if (holds_nul(r, name))
        return refuse(r, "the name holds a NUL");
    if (r->ev->extra_count == EVENT_MAX_EXTRAS)
        return refuse(r, "too many fields (more than 1000 further ones)");
    if (take_value(r, val, &value) != 0)
        return -1;
    if (event_add_extra(r->ev, name, value) != 0)
        return refuse(r, "out of memory");
    return 0;
}

static int
take_field(struct reading *r, struct text name, yyjson_val *val)
{
    int field = event_field_find(name);

    r->field = name;
    if (field >= 0)
        return take_known(r, field, val);
    if (text_is(name, KEY_NAME))
        return take_key(r, val);
    return take_extra(r, name, val);
}

static int
check_repeated(const struct event *ev, struct err *err)
{
    struct text names[EVENT_MAX_EXTRAS];
    char shown[NAME_SHOWN_LEN];
    const struct text *repeated;

    for (size_t i = 0; i < ev->extra_count; i++)
        names[i] = ev->extras[i].name;
    repeated = names_repeated(names, ev->extra_count);
    if (repeated == NULL)
        return 0;
    err_set(err, "%s: given twice", name_show(*repeated, shown));
    return -1;
}

/* Only for the reason: whether brackets open deeper than an event may. */
static int
is_too_deep(struct text json)
{
    int depth = 0;

    for (size_t i = 0; i < json.len && depth <= EVENT_MAX_DEPTH; i++) {
        char c = json.ptr[i];

        depth += (c == '[' || c == '{') - (c == ']' || c == '}');
    }
    return depth > EVENT_MAX_DEPTH;
}

static void
say_broken(struct text json, const yyjson_read_err *failure, struct err *err)
{
    if (failure->code != YYJSON_READ_ERROR_INVALID_STRING && is_too_deep(json))
        err_set(err, "not JSON: nested deeper than %d", (int)EVENT_MAX_DEPTH);
    else
        err_set(err, "not JSON: %s at byte %zu", failure->msg, failure->pos + 1);
}

static yyjson_val *
json_parse(struct json_reader *reader, struct text json, struct err *err)
{
    yyjson_read_err failure;
    yyjson_doc *doc;
    yyjson_alc alc;

    if (json.len > reader->max_bytes) {
        err_set(err, "an event of %zu bytes, more than %zu", json.len, reader->max_bytes);
        return NULL;
    }
    if (json.len == 0) {
        err_set(err, "not JSON: empty");
        return NULL;
    }
    if (pool_prepare(reader, json.len, &alc) != 0) {
        err_set(err, "out of memory");
        return NULL;
    }
    /* Without INSITU yyjson copies the text and leaves it alone. */
    doc = yyjson_read_opts((char *)(uintptr_t)json.ptr, json.len,
                           YYJSON_READ_BIGNUM_AS_RAW, &alc, &failure);
    if (doc == NULL) {
        say_broken(json, &failure, err);
        return NULL;
    }
    if (!yyjson_is_obj(yyjson_doc_get_root(doc))) {
        err_set(err, "an event must be a JSON object");
        return NULL;
    }
    return yyjson_doc_get_root(doc);
}

int
event_from_json(struct json_reader *reader, struct text json, struct arena *arena,
                struct event *ev, struct text *ret_key, struct err *err)
{
    struct reading r = {
        .reader = reader, .arena = arena, .ev = ev, .key = ret_key, .err = err,
    };
    yyjson_obj_iter iter;
    yyjson_val *root, *key;

    event_clear(ev);
    *ret_key = (struct text){ NULL, 0 };
    root = json_parse(reader, json, err);
    if (root == NULL)
        return -1;
    r.may_hold_nul = memchr(json.ptr, '\\', json.len) != NULL;
    yyjson_obj_iter_init(root, &iter);
    while ((key = yyjson_obj_iter_next(&iter)) != NULL)
        if (take_field(&r, text_of_json(key), yyjson_obj_iter_get_val(key)) != 0)
            return -1;
    return check_repeated(ev, err);
}
