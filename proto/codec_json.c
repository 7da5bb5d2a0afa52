#include "proto/codec_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

#include "proto/json_value.h"
#include "proto/names.h"

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
    struct event *ev;
    struct text *key;
    int has_key;
    struct json_value_reader value;
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

static struct text
text_of_json(yyjson_val *val)
{
    return (struct text){ yyjson_get_str(val), yyjson_get_len(val) };
}

static int
take_known(struct reading *r, int field, yyjson_val *val)
{
    if (event_fields[field].flags & (FIELD_ADDED | FIELD_DERIVED))
        return json_value_refuse(&r->value, "is set by Bongsu, not by who sends an event");
    if (r->ev->known[field].kind != VALUE_ABSENT)
        return json_value_refuse(&r->value, "given twice");
    return json_value_take(&r->value, val, &r->ev->known[field]);
}

static int
take_key(struct reading *r, yyjson_val *val)
{
    struct text key = text_of_json(val);

    if (r->has_key)
        return json_value_refuse(&r->value, "given twice");
    r->has_key = 1;
    if (yyjson_is_null(val))
        return 0;
    if (!yyjson_is_str(val) || key.len == 0 || key.len > KEY_MAX)
        return json_value_refuse(&r->value, "must be a text of 1 to 512 bytes");
    if (json_value_has_nul(&r->value, key))
        return json_value_refuse(&r->value, "holds a NUL");
    *r->key = key;
    return 0;
}

static int
take_extra(struct reading *r, struct text name, yyjson_val *val)
{
    struct value value;

    if (text_is(name, "id") || text_is(name, "received_at"))
        return json_value_refuse(&r->value, "is set by Bongsu, not by who sends an event");
    if (name.len == 0)
        return json_value_refuse(&r->value, "a field has an empty name");
    if (name.len > EVENT_MAX_NAME)
        return json_value_refuse(&r->value, "a name of more than 256 bytes");
    if (json_value_has_nul(&r->value, name))
        return json_value_refuse(&r->value, "the name holds a NUL");
    if (r->ev->extra_count == EVENT_MAX_EXTRAS)
        return json_value_refuse(&r->value, "too many fields (more than 1000 further ones)");
    if (json_value_take(&r->value, val, &value) != 0)
        return -1;
    if (event_add_extra(r->ev, name, value) != 0)
        return json_value_refuse(&r->value, "out of memory");
    return 0;
}

static int
take_field(struct reading *r, struct text name, yyjson_val *val)
{
    int field = event_field_find(name);

    r->value.field = name;
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

struct yyjson_val *
json_reader_object(struct json_reader *reader, struct text json, struct err *err)
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

struct buf *
json_reader_space(struct json_reader *reader)
{
    return &reader->packed;
}

int
event_from_json(struct json_reader *reader, struct text json, struct arena *arena,
                struct event *ev, struct text *ret_key, struct err *err)
{
    struct reading r = {
        .ev = ev, .key = ret_key,
        .value = { .arena = arena, .packed = &reader->packed, .err = err },
    };
    yyjson_obj_iter iter;
    yyjson_val *root, *key;

    event_clear(ev);
    *ret_key = (struct text){ NULL, 0 };
    root = json_reader_object(reader, json, err);
    if (root == NULL)
        return -1;
    r.value.may_hold_nul = memchr(json.ptr, '\\', json.len) != NULL;
    yyjson_obj_iter_init(root, &iter);
    while ((key = yyjson_obj_iter_next(&iter)) != NULL)
        if (take_field(&r, text_of_json(key), yyjson_obj_iter_get_val(key)) != 0)
            return -1;
    return check_repeated(ev, err);
}
