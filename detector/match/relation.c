#include "detector/match/relation.h"

#include <string.h>

enum { MAX_NESTING = 8 };

static int
is_same(struct text a, struct text b, int is_cased)
{
    return is_cased ? text_equals(a, b) : text_equals_nocase(a, b);
}

/* Both come with the event: in time linear in their length, whatever they are. */
static int
is_within(struct predicate_context *ctx, struct text outer, struct text inner, int is_cased)
{
    struct buf *both = &ctx->scratch;

    if (inner.len == 0 || inner.len > outer.len)
        return inner.len == 0;
    if (!is_cased) {
        both->len = 0;
        if (buf_append(both, outer.ptr, outer.len) != 0 ||
            buf_append(both, inner.ptr, inner.len) != 0)
            return 0;
        for (size_t i = 0; i < both->len; i++)
            both->ptr[i] = fold_char(both->ptr[i]);
        outer.ptr = both->ptr;
        inner.ptr = both->ptr + outer.len;
    }
    return memmem(outer.ptr, outer.len, inner.ptr, inner.len) != NULL;
}

static int
relates(const struct predicate *pred, struct predicate_context *ctx, struct text text,
        struct text other)
{
    if (pred->open == (PATTERN_OPEN_START | PATTERN_OPEN_END))
        return is_within(ctx, text, other, pred->is_cased);
    if (other.len > text.len)
        return 0;
    if (pred->open & PATTERN_OPEN_START)
        text.ptr += text.len - other.len;
    if (pred->open != 0)
        text.len = other.len;
    return is_same(text, other, pred->is_cased);
}

/* What any element of the other field says is enough. */
static int
relates_to(const struct predicate *pred, struct predicate_context *ctx, struct text text,
           const struct value *other, int depth)
{
    struct text what;
    char space[32];

    if (other->kind == VALUE_OBJECT && other->as.object->type == MSGPACK_OBJECT_ARRAY) {
        const msgpack_object_array *array = &other->as.object->via.array;

        for (uint32_t i = 0; i < array->size && depth < MAX_NESTING; i++) {
            struct value element = value_of_msgpack(&array->ptr[i]);

            if (relates_to(pred, ctx, text, &element, depth + 1))
                return 1;
        }
        return 0;
    }
    what = value_as_text(other, space);
    return what.ptr != NULL && relates(pred, ctx, text, what);
}

int
relation_holds(const struct predicate *pred, struct predicate_context *ctx, struct text text)
{
    for (size_t i = 0; i < pred->value_count; i++) {
        const struct value *other = field_table_value(ctx->fields, pred->others[i]);

        if (other != NULL && relates_to(pred, ctx, text, other, 0))
            return 1;
    }
    return 0;
}
