#include "detector/match/keywords.h"

/* A message in JSON or XML has its quotes and backslashes escaped. */
static int
hides_text(struct text raw)
{
    return raw.len == 0 || raw.ptr[0] == '{' || raw.ptr[0] == '[' || raw.ptr[0] == '<';
}

/* Who looks, and how much of nested values is left to be looked at. */
struct looking {
    int (*visit)(void *ctx, const struct value *value);
    void *ctx;
    int left;
};

enum { MAX_DEPTH = 32, MAX_NESTED = 1000 };

/* The values in a map, or in maps of a list; a list of anything else is one value. */
static int
visit_nested(struct looking *looking, const msgpack_object *object, int depth)
{
    struct value value = value_of_msgpack(object);
    int is_map = object->type == MSGPACK_OBJECT_MAP, rc = 0;
    uint32_t count = is_map ? object->via.map.size
                            : object->type == MSGPACK_OBJECT_ARRAY ? object->via.array.size : 0;

    if (looking->left-- <= 0 || depth > MAX_DEPTH)
        return 0;
    if (!is_map)
        rc = looking->visit(looking->ctx, &value);
    for (uint32_t i = 0; i < count && rc == 0; i++) {
        const msgpack_object *in = is_map ? &object->via.map.ptr[i].val
                                          : &object->via.array.ptr[i];

        if (is_map || in->type == MSGPACK_OBJECT_MAP || in->type == MSGPACK_OBJECT_ARRAY)
            rc = visit_nested(looking, in, depth + 1);
    }
    return rc;
}

static int
visit_extra(const struct value *value, int (*visit)(void *ctx, const struct value *value),
            void *ctx)
{
    struct looking looking = { visit, ctx, MAX_NESTED };

    return value->kind == VALUE_OBJECT ? visit_nested(&looking, value->as.object, 0)
                                       : visit(ctx, value);
}

static int
visit_known(const struct event *ev, enum event_field field,
            int (*visit)(void *ctx, const struct value *value), void *ctx)
{
    return ev->known[field].kind == VALUE_ABSENT ? 0 : visit(ctx, &ev->known[field]);
}

int
keywords_each(const struct event *ev, int (*visit)(void *ctx, const struct value *value),
              void *ctx)
{
    int rc = visit_known(ev, EVENT_RAW_LOG, visit, ctx);

    if (rc == 0)
        rc = visit_known(ev, EVENT_DESCRIPTION, visit, ctx);
    if (!hides_text(value_get_text(&ev->known[EVENT_RAW_LOG])))
        return rc;
    for (enum event_field i = 0; i < EVENT_FIELD_COUNT && rc == 0; i++)
        if (i != EVENT_RAW_LOG && i != EVENT_DESCRIPTION)
            rc = visit_known(ev, i, visit, ctx);
    for (size_t i = 0; i < ev->extra_count && rc == 0; i++)
        if (ev->extras[i].value.kind != VALUE_ABSENT)
            rc = visit_extra(&ev->extras[i].value, visit, ctx);
    return rc;
}
