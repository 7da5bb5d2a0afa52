#include "detector/ruleset/summary.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "detector/text/span_words.h"
#include "proto/base/timestamp.h"

struct facts {
    const struct sigma_rule *rule;
    const struct incident *inc;
    const struct summary_times *times;
    const struct details *details;
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

/* What is said of a field. */
enum slot_kind { SLOT_PLAIN, SLOT_DISTINCT, SLOT_LIST };

/* What stands in the braces: a name, or a name and what is counted by it, as
 * one and as many; before it, with a ";", words that go when nothing is known. */
struct slot {
    struct text lead, name, one, many;
    enum slot_kind kind;
};

static int
write_number(double number, const struct slot *slot, struct buf *out)
{
    int rc = buf_printf(out, "%.15g", number);

    if (slot->one.ptr == NULL)
        return rc;
    return rc | buf_append_char(out, ' ') |
           buf_append_text(out, number == 1 ? slot->one : slot->many);
}

static int
write_times(const struct facts *facts, struct buf *out)
{
    static const char *const few[] = { "never", "once", "twice" };

    if (facts->inc->count < sizeof(few) / sizeof(few[0]))
        return buf_append_str(out, few[facts->inc->count]);
    return buf_printf(out, "%" PRIu64 " times", facts->inc->count);
}

static int
write_span(const struct facts *facts, struct buf *out)
{
    char words[SPAN_WORDS_LEN];

    return buf_append_str(out, span_words(facts->times->last_us - facts->times->first_us,
                                          words));
}

/* Nothing, and no blank before it. */
static int
write_nothing(struct buf *out)
{
    if (out->len > 0 && out->ptr[out->len - 1] == ' ')
        out->ptr[--out->len] = '\0';
    return 0;
}

/* One event took no time. */
static int
write_in_span(const struct facts *facts, struct buf *out)
{
    if (facts->inc->evidence_count > 1 || facts->times->last_us > facts->times->first_us)
        return buf_append_str(out, "in ") | write_span(facts, out);
    return write_nothing(out);
}

/* In the site's zone, as clocks on the wall say it. */
static int
write_since(const struct facts *facts, struct buf *out)
{
    struct local_time at;

    timestamp_to_local(facts->times->first_us, &at);
    return buf_printf(out, "%04d-%02d-%02d %02d:%02d", at.year, at.month, at.day, at.hour,
                      at.minute);
}

static double
count_of(const struct facts *facts)
{
    return (double)facts->inc->count;
}

static double
threshold_of(const struct facts *facts)
{
    const struct sigma_correlation *cor = &facts->rule->correlation;

    if (cor->term_count > 0)
        return (double)cor->rule_count;
    return isfinite(cor->threshold) ? cor->threshold
           : isfinite(cor->most) ? cor->most : cor->except;
}

/* What writes itself, and numbers, which may have a noun. */
static const struct placeholder {
    const char *name;
    int (*write)(const struct facts *facts, struct buf *out);
    double (*number)(const struct facts *facts);
} placeholders[] = {
    { "title", write_title, NULL },         { "key", write_key, NULL },
    { "times", write_times, NULL },         { "span", write_span, NULL },
    { "in_span", write_in_span, NULL },     { "count", NULL, count_of },
    { "threshold", NULL, threshold_of },    { "since", write_since, NULL },
};

/* "distinct:" and "list:" before a field's name. */
static enum slot_kind
kind_read(struct text *name)
{
    static const struct { const char *prefix; enum slot_kind kind; } kinds[] = {
        { "distinct:", SLOT_DISTINCT }, { "list:", SLOT_LIST },
    };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (text_starts_with(*name, kinds[i].prefix)) {
            *name = (struct text){ name->ptr + strlen(kinds[i].prefix),
                                   name->len - strlen(kinds[i].prefix) };
            return kinds[i].kind;
        }
    return SLOT_PLAIN;
}

static struct slot
slot_read(struct text inner)
{
    const char *bar, *end, *lead = memchr(inner.ptr, ';', inner.len);
    struct slot slot = { .kind = SLOT_PLAIN };

    bar = memchr(inner.ptr, '|', inner.len);
    end = inner.ptr + inner.len;
    if (lead != NULL && (bar == NULL || lead < bar)) {
        slot.lead = (struct text){ inner.ptr, (size_t)(lead - inner.ptr) };
        inner = (struct text){ lead + 1, (size_t)(end - lead - 1) };
    }
    slot.kind = kind_read(&inner);
    slot.name = inner;
    bar = memchr(inner.ptr, '|', inner.len);
    if (bar == NULL)
        return slot;
    slot.name.len = (size_t)(bar - slot.name.ptr);
    slot.one = (struct text){ bar + 1, (size_t)(end - bar - 1) };
    slot.many = slot.one;
    bar = memchr(slot.one.ptr, '|', slot.one.len);
    if (bar == NULL)
        return slot;
    slot.one.len = (size_t)(bar - slot.one.ptr);
    slot.many = (struct text){ bar + 1, (size_t)(end - bar - 1) };
    return slot;
}

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

/* Its number among the rule's details, or -1. */
static int
find_detail(const struct sigma_rule *rule, struct text name)
{
    for (size_t i = 0; i < rule->detail_count; i++)
        if (text_equals(rule->details[i], name))
            return (int)i;
    return -1;
}

int
summary_check(const struct sigma_rule *rule, struct text *ret_unknown)
{
    struct text rest = text_of(rule->summary), before, inner;

    while (rest.len > 0) {
        const struct placeholder *known;
        struct slot slot;
        int is_known;

        template_next(&rest, &before, &inner);
        if (inner.ptr == NULL)
            continue;
        slot = slot_read(inner);
        known = slot.kind == SLOT_PLAIN && slot.lead.ptr == NULL ? placeholder_find(slot.name)
                                                                 : NULL;
        if (known != NULL)
            is_known = known->number != NULL || slot.one.ptr == NULL;
        else if (find_detail(rule, slot.name) >= 0)
            is_known = slot.kind != SLOT_LIST || slot.one.ptr == NULL;
        else
            is_known = slot.kind == SLOT_PLAIN && slot.lead.ptr == NULL &&
                       is_group_field(rule, slot.name) && slot.one.ptr == NULL;
        if (!is_known) {
            *ret_unknown = inner;
            return -1;
        }
    }
    return 0;
}

/* "12", "over 32", with their noun: "12 users". */
static int
write_distinct(const struct detail_seen *seen, const struct slot *slot, struct buf *out)
{
    return (seen->is_more ? buf_append_str(out, "over ") : 0) |
           write_number((double)seen->distinct, slot, out);
}

/* "alice", "alice and 11 more". */
static int
write_list(const struct detail_seen *seen, struct buf *out)
{
    if (seen->first == NULL)
        return buf_append_str(out, seen->is_more ? "several" : "unknown");
    if (seen->distinct == 1 && !seen->is_more)
        return buf_append_str(out, seen->first);
    return buf_printf(out, "%s and %s%zu more", seen->first, seen->is_more ? "over " : "",
                      seen->distinct - 1);
}

/* "12 users", "over 32 users", "web1", "several"; and "unknown", or "unknown users",
 * when no event said, or nothing where words lead. With "*" for the one, that one itself. */
static int
write_detail(const struct facts *facts, int field, const struct slot *slot, struct buf *out)
{
    struct detail_seen seen = { 0 };

    if (facts->details != NULL)
        seen = detail_within(&facts->details->fields[field], facts->times->first_us,
                             facts->times->last_us);
    if (slot->lead.ptr != NULL && seen.distinct == 0 && !seen.is_more)
        return write_nothing(out);
    if (slot->lead.ptr != NULL && buf_append_text(out, slot->lead) != 0)
        return -1;
    if (slot->kind == SLOT_LIST)
        return write_list(&seen, out);
    if (seen.only != NULL && text_is(slot->one, "*"))
        return buf_append_str(out, seen.only);
    if (slot->kind == SLOT_DISTINCT ||
        (slot->one.ptr != NULL && (seen.distinct > 0 || seen.is_more)))
        return write_distinct(&seen, slot, out);
    if (seen.only != NULL)
        return buf_append_str(out, seen.only);
    if (seen.distinct > 0 || seen.is_more)
        return buf_append_str(out, "several");
    if (slot->one.ptr == NULL)
        return buf_append_str(out, "unknown");
    return buf_append_str(out, "unknown ") | buf_append_text(out, slot->many);
}

static int
write_slot(const struct facts *facts, const struct slot *slot, struct buf *out)
{
    const struct placeholder *known = placeholder_find(slot->name);
    int detail = find_detail(facts->rule, slot->name);

    if (known != NULL && slot->kind == SLOT_PLAIN)
        return known->write != NULL ? known->write(facts, out)
                                    : write_number(known->number(facts), slot, out);
    if (detail >= 0)
        return write_detail(facts, detail, slot, out);
    for (size_t i = 0; i < facts->inc->key_count; i++)
        if (text_is(slot->name, facts->inc->keys[i].field))
            return buf_append_str(out, facts->inc->keys[i].value);
    return 0;
}

int
summary_write(const struct sigma_rule *rule, const struct incident *inc,
              const struct summary_times *times, const struct details *details,
              struct buf *out)
{
    const struct facts facts = { rule, inc, times, details };
    struct text rest = text_of(rule->summary != NULL ? rule->summary
                                                     : "{title}: {key} ({count|event|events})");
    struct text before, inner;
    int rc = 0;

    while (rest.len > 0) {
        template_next(&rest, &before, &inner);
        rc |= buf_append_text(out, before);
        if (inner.ptr != NULL) {
            const struct slot slot = slot_read(inner);

            rc |= write_slot(&facts, &slot, out);
        }
    }
    return rc == 0 ? 0 : -1;
}
