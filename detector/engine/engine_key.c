#include <string.h>

#include "detector/engine/engine_internal.h"
#include "proto/base/hash.h"

/* Longer values are cut, and told apart by a hash; a length has three digits. */
enum { MAX_VALUE = 256, KEPT = 200 };

/* Append value with ASCII letters in lower case (Sigma compares so, and
 * groups must be as what is matched); bounded, and never cut inside a
 * character, for it goes into JSON. */
static int
append_folded(struct buf *out, struct text value)
{
    size_t from = out->len, kept = value.len;

    if (value.len > MAX_VALUE) {
        kept = KEPT;
        while (kept > 0 && (value.ptr[kept] & 0xC0) == 0x80)
            kept--;
    }
    if (buf_append(out, value.ptr, kept) != 0)
        return -1;
    fold_copy(out->ptr + from, out->ptr + from, kept);
    if (kept == value.len)
        return 0;
    return buf_printf(out, "~%016llx", (unsigned long long)hash64(value.ptr, value.len));
}

int
engine_key_append(struct buf *out, struct text value)
{
    size_t head = out->len, len;

    /* "000:" first; the length is known once the value is folded */
    if (buf_append(out, "000:", 4) != 0 || append_folded(out, value) != 0)
        return -1;
    len = out->len - head - 4;
    out->ptr[head] = (char)('0' + len / 100);
    out->ptr[head + 1] = (char)('0' + len / 10 % 10);
    out->ptr[head + 2] = (char)('0' + len % 10);
    return 0;
}

int
engine_group_key(struct engine *engine, const int *fields, size_t count, struct buf *out)
{
    struct field_table *table = ruleset_fields(engine->rules);

    buf_clear(out);
    if (buf_reserve(out, 1) != 0)
        return -1;              /* a rule without group-by has one, empty key */
    for (size_t i = 0; i < count; i++) {
        struct text value = field_table_text(table, fields[i]);

        if (value.ptr == NULL)
            return 1;
        if (engine_key_append(out, value) != 0)
            return -1;
    }
    return 0;
}

/* Take "<length>:<value>" off a key's start: 0, or -1 when there is none. */
static int
key_next(struct text *rest, struct text *ret_part)
{
    int64_t len;

    if (rest->len < 4 || rest->ptr[3] != ':' ||
        text_to_int((struct text){ rest->ptr, 3 }, 0, (int64_t)rest->len - 4, &len) != 0)
        return -1;
    *ret_part = (struct text){ rest->ptr, (size_t)len + 4 };
    *rest = (struct text){ rest->ptr + 4 + len, rest->len - 4 - (size_t)len };
    return 0;
}

int
engine_key_parts(struct text key, const int *parts, size_t count, struct buf *out)
{
    struct text all[INCIDENT_MAX_KEYS];
    size_t found = 0;

    while (found < INCIDENT_MAX_KEYS && key_next(&key, &all[found]) == 0)
        found++;
    for (size_t i = 0; i < count; i++)
        if ((size_t)parts[i] >= found || buf_append_text(out, all[parts[i]]) != 0)
            return -1;
    return 0;
}

int
engine_key_owner(struct engine *engine, const struct rule *rule, struct text key,
                 uint64_t hash, uint64_t *ret_owner)
{
    *ret_owner = rule->owner == OWNER_ZERO ? 0 : hash;
    if (rule->owner != OWNER_PARTS)
        return 0;
    buf_clear(&engine->other_key);
    if (buf_reserve(&engine->other_key, 1) != 0 ||
        engine_key_parts(key, rule->owner_parts, rule->owner_count,
                         &engine->other_key) != 0)
        return -1;
    *ret_owner = hash64(engine->other_key.ptr, engine->other_key.len);
    return 0;
}

int
engine_lone_key(const struct event *ev, struct buf *out, uint64_t *ret_hash)
{
    struct text address = value_get_text(&ev->known[EVENT_SOURCE_ADDRESS]);
    struct text user = value_get_text(&ev->known[EVENT_USERNAME]);
    struct text value = address.len > 0 ? address : user;

    buf_clear(out);
    if (buf_append_char(out, address.len > 0 ? 's' : user.len > 0 ? 'u' : '*') != 0 ||
        append_folded(out, value) != 0)
        return -1;
    *ret_hash = hash64(out->ptr + 1, out->len - 1);
    return 0;
}

static int
add_key(struct incident *inc, struct arena *arena, struct text field, struct text value)
{
    struct text name = arena_copy(arena, field), copy = arena_copy(arena, value);

    if (name.ptr == NULL || copy.ptr == NULL || inc->key_count == INCIDENT_MAX_KEYS)
        return -1;
    inc->keys[inc->key_count].field = (char *)(uintptr_t)name.ptr;
    inc->keys[inc->key_count++].value = (char *)(uintptr_t)copy.ptr;
    return 0;
}

static int
read_lone(struct text key, struct arena *arena, struct incident *inc)
{
    struct text value = { key.ptr + 1, key.len - 1 };

    if (key.len == 0)
        return -1;
    if (key.ptr[0] == '*')
        return value.len == 0 ? 0 : -1;
    if (key.ptr[0] != 's' && key.ptr[0] != 'u')
        return -1;
    return add_key(inc, arena, text_of(key.ptr[0] == 's' ? "source_address" : "username"),
                   value);
}

int
engine_key_read(const struct rule *rule, struct text key, struct arena *arena,
                struct incident *inc)
{
    const struct sigma_correlation *cor = &rule->sigma.correlation;

    inc->key_count = 0;
    if (cor->type == SIGMA_NONE && cor->group_count == 0)
        return read_lone(key, arena, inc);
    for (size_t i = 0; i < cor->group_count; i++) {
        struct text part;

        if (key_next(&key, &part) != 0 ||
            add_key(inc, arena, cor->group_by[i],
                    (struct text){ part.ptr + 4, part.len - 4 }))
            return -1;
    }
    return key.len == 0 ? 0 : -1;
}
