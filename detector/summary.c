#include "detector/summary.h"

#include <inttypes.h>
#include <string.h>

struct facts {
    const struct sigma_rule *rule;
    const struct incident *inc;
    int64_t span_us;
};

static int
write_title(const struct facts *facts, struct buf *out)
{
    return buf_append_str(out, facts->rule->title);
}

static int
write_key(const struct facts *facts, struct buf *out)
{
    int rc = 0;

    for (size_t i = 0; i < facts->inc->key_count; i++) {
        if (i > 0)
            rc |= buf_append_str(out, ", ");
        rc |= buf_append_str(out, facts->inc->keys[i].value);
    }
    return facts->inc->key_count == 0 ? buf_append_str(out, "somebody unknown") : rc;
}

static int
write_count(const struct facts *facts, struct buf *out)
{
    return buf_printf(out, "%" PRIu64, facts->inc->count);
}

static int
write_threshold(const struct facts *facts, struct buf *out)
{
    return buf_printf(out, "%.15g", facts->rule->correlation.threshold);
}

static int
write_span(const struct facts *facts, struct buf *out)
{
    static const struct { int64_t seconds; const char *name; } units[] = {
        { 86400, "day" }, { 3600, "hour" }, { 60, "minute" }, { 1, "second" },
    };
    int64_t seconds = facts->span_us / 1000000;

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        int64_t n = seconds / units[i].seconds;

        /* "90 seconds" says more than "1 minute" */
        if (n >= 2 || (n == 1 && seconds % units[i].seconds == 0))
            return buf_printf(out, "%" PRId64 " %s%s", n, units[i].name,
                              n == 1 ? "" : "s");
    }
    return buf_append_str(out, "under a second");
}

static const struct placeholder {
    const char *name;
    int (*write)(const struct facts *facts, struct buf *out);
} placeholders[] = {
    { "title", write_title }, { "key", write_key }, { "count", write_count },
    { "span", write_span }, { "threshold", write_threshold },
};

static const struct placeholder *
placeholder_find(struct text name)
{
    for (size_t i = 0; i < sizeof(placeholders) / sizeof(placeholders[0]); i++)
        if (text_is(name, placeholders[i].name))
            return &placeholders[i];
    return NULL;
}

/* The next "{name}" of a template: what stands before it, and its name; the
 * name's ptr is NULL at the end. */
static void
template_next(struct text *rest, struct text *ret_before, struct text *ret_name)
{
    const char *open = memchr(rest->ptr, '{', rest->len), *close = NULL;
    const char *end = rest->ptr + rest->len;

    if (open != NULL)
        close = memchr(open, '}', (size_t)(end - open));
    *ret_name = (struct text){ NULL, 0 };
    if (close == NULL) {
        *ret_before = *rest;
        *rest = (struct text){ end, 0 };
        return;
    }
    *ret_before = (struct text){ rest->ptr, (size_t)(open - rest->ptr) };
    *ret_name = (struct text){ open + 1, (size_t)(close - open - 1) };
    *rest = (struct text){ close + 1, (size_t)(end - close - 1) };
}

static int
is_group_field(const struct sigma_rule *rule, struct text name)
{
    for (size_t i = 0; i < rule->correlation.group_count; i++)
        if (text_equals(rule->correlation.group_by[i], name))
            return 1;
    return 0;
}

int
summary_check(const struct sigma_rule *rule, struct text *ret_unknown)
{
    struct text rest = text_of(rule->summary), before, name;

    while (rest.len > 0) {
        template_next(&rest, &before, &name);
        if (name.ptr != NULL && placeholder_find(name) == NULL &&
            !is_group_field(rule, name)) {
            *ret_unknown = name;
            return -1;
        }
    }
    return 0;
}

static int
write_name(const struct facts *facts, struct text name, struct buf *out)
{
    const struct placeholder *known = placeholder_find(name);

    if (known != NULL)
        return known->write(facts, out);
    for (size_t i = 0; i < facts->inc->key_count; i++)
        if (text_is(name, facts->inc->keys[i].field))
            return buf_append_str(out, facts->inc->keys[i].value);
    return 0;
}

int
summary_write(const struct sigma_rule *rule, const struct incident *inc, int64_t span_us,
              struct buf *out)
{
    const struct facts facts = { rule, inc, span_us };
    const char *template = rule->summary != NULL ? rule->summary
                                                 : "{title}: {key} ({count}";
    struct text rest = text_of(template);
    struct text before, name;
    int rc = 0;

    while (rest.len > 0) {
        template_next(&rest, &before, &name);
        rc |= buf_append_text(out, before);
        if (name.ptr != NULL)
            rc |= write_name(&facts, name, out);
    }
    if (rule->summary == NULL)
        rc |= buf_append_str(out, inc->count == 1 ? " event)" : " events)");
    return rc == 0 ? 0 : -1;
}
