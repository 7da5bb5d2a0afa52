#include "ingest/wire/flat_document.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/hash.h"
#include "proto/base/timestamp.h"
#include "proto/event.h"

/* A sender may write a thousand names and repeat them: each is found at once. The secret
 * keeps him from choosing names that all lie in one place. */
enum { SLOTS = 2048 };

_Static_assert(EVENT_MAX_EXTRAS == 1000 && EVENT_MAX_NAME == 256 && EVENT_MAX_DEPTH == 32,
               "the reasons say so");
_Static_assert(2 * EVENT_MAX_EXTRAS <= SLOTS, "a table that is half empty finds fast");

struct flat_names {
    uint64_t secret;
    uint32_t use;               /* slots of another use are empty */
    struct { struct text name; uint32_t use; } slots[SLOTS];
};

/* The slot that has the name, or the empty one for it. */
static size_t
find_slot(const struct flat_names *names, struct text name)
{
    char seasoned[sizeof(names->secret) + EVENT_MAX_NAME];
    size_t slot;

    memcpy(seasoned, &names->secret, sizeof(names->secret));
    memcpy(seasoned + sizeof(names->secret), name.ptr, name.len);
    slot = hash64(seasoned, sizeof(names->secret) + name.len) % SLOTS;
    while (names->slots[slot].use == names->use && !text_equals(names->slots[slot].name, name))
        slot = (slot + 1) % SLOTS;
    return slot;
}

static int
open_names(struct flat_document *flat)
{
    if (flat->names == NULL) {
        flat->names = calloc(1, sizeof(*flat->names));
        if (flat->names == NULL)
            return -1;
        flat->names->secret = hash_random64();
    }
    if (++flat->names->use == 0) {
        memset(flat->names->slots, 0, sizeof(flat->names->slots));
        flat->names->use = 1;
    }
    return 0;
}

int
flat_clear(struct flat_document *flat)
{
    flat_empty(flat);
    if (open_names(flat) != 0)
        return -1;
    flat->doc = yyjson_mut_doc_new(NULL);
    flat->root = flat->doc == NULL ? NULL : yyjson_mut_obj(flat->doc);
    if (flat->root == NULL)
        return -1;
    yyjson_mut_doc_set_root(flat->doc, flat->root);
    return 0;
}

void
flat_empty(struct flat_document *flat)
{
    yyjson_mut_doc_free(flat->doc);
    free(flat->text);
    *flat = (struct flat_document){ .names = flat->names, .left_out = flat->left_out };
}

void
flat_release(struct flat_document *flat)
{
    flat_empty(flat);
    free(flat->names);
    flat->names = NULL;
}

int
flat_refuse(struct flat_document *flat, struct err *err, const char *reason)
{
    flat->is_unfit = 1;
    err_set(err, "%s", reason);
    return -1;
}

int
flat_put(struct flat_document *flat, struct text name, yyjson_mut_val *value, struct err *err)
{
    yyjson_mut_val *key;
    size_t slot;

    if (name.len == 0 || name.len >= EVENT_MAX_NAME)
        return flat_refuse(flat, err, name.len == 0 ? "a field has an empty name"
                                      : "a field has a name of more than 255 bytes");
    slot = find_slot(flat->names, name);
    if (flat->names->slots[slot].use == flat->names->use) {
        if (flat->left_out != NULL)
            ++*flat->left_out;
        return 0;
    }
    if (yyjson_mut_obj_size(flat->root) >= EVENT_MAX_EXTRAS)
        return flat_refuse(flat, err, "more than 1000 fields");
    key = yyjson_mut_strncpy(flat->doc, name.ptr, name.len);
    if (value != NULL && key != NULL && yyjson_mut_obj_add(flat->root, key, value)) {
        flat->names->slots[slot].name = (struct text){ yyjson_mut_get_str(key), name.len };
        flat->names->slots[slot].use = flat->names->use;
        return 0;
    }
    err_set(err, "out of memory");
    return -1;
}

int
flat_put_text(struct flat_document *flat, struct text name, struct text text, struct err *err)
{
    if (text.len == 0)
        return 0;
    return flat_put(flat, name, yyjson_mut_strncpy(flat->doc, text.ptr, text.len), err);
}

int
flat_set_text(struct flat_document *flat, struct text name, struct text text)
{
    yyjson_mut_val *key = yyjson_mut_strncpy(flat->doc, name.ptr, name.len);
    yyjson_mut_val *value = yyjson_mut_strncpy(flat->doc, text.len > 0 ? text.ptr : "",
                                               text.len);

    return key != NULL && value != NULL && yyjson_mut_obj_put(flat->root, key, value) ? 0 : -1;
}

int
flat_put_number(struct flat_document *flat, struct text name, int64_t number, struct err *err)
{
    return flat_put(flat, name, yyjson_mut_sint(flat->doc, number), err);
}

int
flat_put_time(struct flat_document *flat, struct text name, int64_t at_us, struct err *err)
{
    char formatted[TIMESTAMP_LEN];

    timestamp_format(at_us, formatted);
    return flat_put_text(flat, name, text_of(formatted), err);
}

struct text
flat_join(struct flat_document *flat, struct text prefix, struct text name)
{
    const size_t len = prefix.len + 1 + name.len;
    char joined[2 * EVENT_MAX_NAME + 1];
    yyjson_mut_val *copy;

    if (prefix.len == 0 || name.len == 0)
        return name;
    if (prefix.len >= EVENT_MAX_NAME || name.len >= EVENT_MAX_NAME)
        return (struct text){ name.ptr, EVENT_MAX_NAME };    /* refused as too long */
    memcpy(joined, prefix.ptr, prefix.len);
    joined[prefix.len] = '.';
    memcpy(joined + prefix.len + 1, name.ptr, name.len);
    copy = yyjson_mut_strncpy(flat->doc, joined, len);
    return copy == NULL ? (struct text){ NULL, 0 }
                        : (struct text){ yyjson_mut_get_str(copy), len };
}

static int
put_json(struct flat_document *flat, struct text prefix, yyjson_val *value, int depth,
         struct err *err)
{
    yyjson_obj_iter iter;
    yyjson_val *key;

    if (!yyjson_is_obj(value))
        return flat_put(flat, prefix, yyjson_val_mut_copy(flat->doc, value), err);
    if (depth > EVENT_MAX_DEPTH)
        return flat_refuse(flat, err, "nested deeper than 32");
    yyjson_obj_iter_init(value, &iter);
    while ((key = yyjson_obj_iter_next(&iter)) != NULL) {
        struct text name = { yyjson_get_str(key), yyjson_get_len(key) };

        if (put_json(flat, flat_join(flat, prefix, name), yyjson_obj_iter_get_val(key),
                     depth + 1, err) != 0)
            return -1;
    }
    return 0;
}

int
flat_put_json(struct flat_document *flat, struct text prefix, yyjson_val *value,
              struct err *err)
{
    return put_json(flat, prefix, value, 1, err);
}

struct text
flat_write(struct flat_document *flat)
{
    size_t len = 0;

    free(flat->text);
    flat->text = yyjson_mut_write(flat->doc, 0, &len);
    return (struct text){ flat->text, flat->text == NULL ? 0 : len };
}
