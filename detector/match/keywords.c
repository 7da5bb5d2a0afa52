#include "detector/match/keywords.h"

/* A message in JSON or XML has its quotes and backslashes escaped. */
static int
hides_text(struct text raw)
{
    return raw.len == 0 || raw.ptr[0] == '{' || raw.ptr[0] == '[' || raw.ptr[0] == '<';
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
            rc = visit(ctx, &ev->extras[i].value);
    return rc;
}
