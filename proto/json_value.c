#include "proto/json_value.h"

#include <stdio.h>
#include <string.h>
#include <yyjson.h>

#include "proto/codec_msgpack.h"
#include "proto/event.h"
#include "proto/names.h"
#include "proto/wire.h"

int
json_value_refuse(const struct json_value_reader *r, const char *reason)
{
    char shown[NAME_SHOWN_LEN];

    err_set(r->err, "%s: %s", name_show(r->field, shown), reason);
    return -1;
}

int
json_value_has_nul(const struct json_value_reader *r, struct text text)
{
    return r->may_hold_nul && text.len > 0 && memchr(text.ptr, '\0', text.len) != NULL;
}

static int
packed_or_refuse(const struct json_value_reader *r, int rc)
{
    return rc == 0 ? 0 : json_value_refuse(r, "out of memory");
}

static struct text
text_of_json(yyjson_val *val)
{
    return (struct text){ yyjson_get_str(val), yyjson_get_len(val) };
}

/* Names inside a nested object obey the rules of those outside. Not in
 * pack_map itself: its frame would carry the array through the recursion. */
static int
check_nested_names(struct json_value_reader *r, yyjson_val *object)
{
    struct text names[EVENT_MAX_EXTRAS];
    char reason[NAME_SHOWN_LEN + 64], shown[NAME_SHOWN_LEN];
    const struct text *repeated;
    yyjson_obj_iter iter;
    yyjson_val *key;
    size_t count = 0;

    if (yyjson_obj_size(object) > EVENT_MAX_EXTRAS)
        return json_value_refuse(r, "an object inside has too many names (more than 1000)");
    yyjson_obj_iter_init(object, &iter);
    while ((key = yyjson_obj_iter_next(&iter)) != NULL) {
        names[count] = text_of_json(key);
        if (names[count].len > EVENT_MAX_NAME)
            return json_value_refuse(r, "a name inside is longer than 256 bytes");
        if (json_value_has_nul(r, names[count]))
            return json_value_refuse(r, "a name inside holds a NUL");
        count++;
    }
    repeated = names_repeated(names, count);
    if (repeated == NULL)
        return 0;
    snprintf(reason, sizeof(reason), "the name \"%s\" is given twice inside",
             name_show(*repeated, shown));
    return json_value_refuse(r, reason);
}

static int pack_nested(struct json_value_reader *r, yyjson_val *val, int depth);

static int
pack_map(struct json_value_reader *r, yyjson_val *object, int depth)
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
pack_array(struct json_value_reader *r, yyjson_val *array, int depth)
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
take_scalar(struct json_value_reader *r, yyjson_val *val, struct value *ret_value)
{
    if (yyjson_is_str(val)) {
        *ret_value = value_text(text_of_json(val));
        return json_value_has_nul(r, ret_value->as.text) ? json_value_refuse(r, "holds a NUL") : 0;
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
        return json_value_refuse(r, "a number too large to keep");
    }
    return 0;
}

/* depth counts the containers around val, the event's own included. */
static int
pack_nested(struct json_value_reader *r, yyjson_val *val, int depth)
{
    struct value value;

    if (yyjson_is_ctn(val)) {
        if (depth == EVENT_MAX_DEPTH)
            return json_value_refuse(r, "nested deeper than 32");
        return yyjson_is_obj(val) ? pack_map(r, val, depth + 1)
                                  : pack_array(r, val, depth + 1);
    }
    if (take_scalar(r, val, &value) != 0)
        return -1;
    return packed_or_refuse(r, value_pack(&value, r->packed));
}

int
json_value_take(struct json_value_reader *r, struct yyjson_val *val, struct value *ret_value)
{
    struct text packed;

    if (!yyjson_is_ctn(val))
        return take_scalar(r, val, ret_value);
    buf_clear(r->packed);
    wire_packer_init(&r->packer, r->packed);
    if (pack_nested(r, val, 1) != 0)
        return -1;
    packed = arena_copy(r->arena, buf_text(r->packed));
    if (packed.ptr == NULL)
        return json_value_refuse(r, "out of memory");
    *ret_value = (struct value){ .kind = VALUE_PACKED, .as.text = packed };
    return 0;
}

