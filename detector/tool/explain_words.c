#include "detector/tool/explain_words.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "detector/text/attack.h"

/* In the order of their enums; NULL says nothing. */
static const char *const ops[] = {
    [SIGMA_EQUALS] = NULL, [SIGMA_REGEX] = "re", [SIGMA_CIDR] = "cidr",
    [SIGMA_EXISTS] = "exists", [SIGMA_GT] = "gt", [SIGMA_GTE] = "gte", [SIGMA_LT] = "lt",
    [SIGMA_LTE] = "lte", [SIGMA_ATTACK] = NULL, [SIGMA_FIELDREF] = "fieldref",
};
static const char *const parts[] = {
    [PART_NONE] = NULL, [PART_MINUTE] = "minute", [PART_HOUR] = "hour", [PART_DAY] = "day",
    [PART_WEEK] = "week", [PART_MONTH] = "month", [PART_YEAR] = "year",
};
static const char *const transforms[] = {
    [TRANSFORM_WINDASH] = "windash", [TRANSFORM_UTF16LE] = "wide",
    [TRANSFORM_UTF16BE] = "utf16be", [TRANSFORM_UTF16] = "utf16",
    [TRANSFORM_BASE64] = "base64", [TRANSFORM_BASE64OFFSET] = "base64offset",
    [TRANSFORM_EXPAND] = "expand",
};
static const char *const opens[] = { NULL, "startswith", "endswith", "contains" };

#define WORD(table, at) ((size_t)(at) < sizeof(table) / sizeof(table[0]) ? (table)[at] : NULL)

static int
add(struct buf *out, const char *modifier)
{
    return modifier == NULL ? 0 : buf_printf(out, "|%s", modifier);
}

static int
add_regex_flags(struct buf *out, unsigned flags)
{
    int rc = flags & SIGMA_RE_I ? add(out, "i") : 0;

    rc |= flags & SIGMA_RE_M ? add(out, "m") : 0;
    return rc | (flags & SIGMA_RE_S ? add(out, "s") : 0);
}

int
explain_item_name(const struct sigma_item *item, struct buf *out)
{
    int rc = buf_append_text(out, item->field.ptr == NULL ? text_of("keywords") : item->field);

    rc |= add(out, WORD(parts, item->part));
    rc |= add(out, WORD(ops, item->op));
    for (size_t i = 0; i < item->transform_count; i++)
        rc |= add(out, WORD(transforms, item->transforms[i]));
    rc |= add(out, WORD(opens, item->open));
    rc |= add_regex_flags(out, item->regex_flags);
    rc |= item->op == SIGMA_ATTACK ? add(out, attack_names[item->attack]) : 0;
    rc |= item->is_all ? add(out, "all") : 0;
    rc |= item->is_exact ? add(out, "exact") : item->is_cased ? add(out, "cased") : 0;
    rc |= item->is_negated ? add(out, "neq") : 0;
    return rc == 0 ? 0 : -1;
}

json_t *
explain_text(struct text text)
{
    json_t *json = text_is_utf8(text) ? json_stringn(text.ptr == NULL ? "" : text.ptr, text.len)
                                      : NULL;
    struct buf out = { 0 };
    int rc = 0;

    if (json != NULL)
        return json;
    for (size_t i = 0; i < text.len && rc == 0; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        rc = c >= 0x20 && c < 0x7f ? buf_append_char(&out, (char)c)
                                   : buf_printf(&out, "\\x%02X", c);
    }
    if (rc == 0)
        json = json_stringn(out.ptr == NULL ? "" : out.ptr, out.len);
    buf_release(&out);
    return json;
}

/* A literal star is told from a wildcard as a rule would write it. */
static int
append_plain(struct buf *out, struct text text)
{
    int rc = 0;

    for (size_t i = 0; i < text.len && rc == 0; i++) {
        if (text.ptr[i] == '*' || text.ptr[i] == '?')
            rc = buf_append_char(out, '\\');
        rc |= buf_append_char(out, text.ptr[i]);
    }
    return rc;
}

static int
append_glob(struct buf *out, const struct pattern *pattern)
{
    int rc = 0;

    for (size_t i = 0; i < pattern->len && rc == 0; i++)
        rc = pattern->kinds[i] != 'c'
                 ? buf_append_char(out, pattern->kinds[i])
                 : append_plain(out, (struct text){ pattern->bytes + i, 1 });
    return rc;
}

static json_t *
pattern_to_json(const struct pattern *pattern)
{
    int is_open = pattern->shape == PATTERN_CONTAINS || pattern->shape == PATTERN_ANY;
    struct buf out = { 0 };
    json_t *json = NULL;
    int rc = 0;

    if (pattern->shape == PATTERN_GLOB) {
        rc = append_glob(&out, pattern);
    } else {
        if (is_open || pattern->shape == PATTERN_SUFFIX)
            rc = buf_append_char(&out, '*');
        rc |= append_plain(&out, pattern->literal);
        if (pattern->shape == PATTERN_CONTAINS || pattern->shape == PATTERN_PREFIX)
            rc |= buf_append_char(&out, '*');
    }
    if (rc == 0)
        json = explain_text(buf_text(&out));
    buf_release(&out);
    return json;
}

static json_t *
cidr_to_json(const struct cidr *cidr)
{
    char address[INET6_ADDRSTRLEN];

    if (inet_ntop(cidr->family, cidr->net, address, sizeof(address)) == NULL)
        return json_null();
    return json_sprintf("%s/%d", address, cidr->bits);
}

json_t *
explain_value(const struct sigma_item *item, const struct sigma_value *value)
{
    if (item->op == SIGMA_REGEX || item->op == SIGMA_FIELDREF)
        return explain_text(value->text);
    if (item->op == SIGMA_CIDR)
        return cidr_to_json(&value->cidr);
    if (item->op == SIGMA_EXISTS || item->op == SIGMA_ATTACK)
        return json_boolean(value->number != 0);
    if (item->op != SIGMA_EQUALS || item->part != PART_NONE)
        return value->number >= -1e15 && value->number <= 1e15 &&
                       value->number == (double)(json_int_t)value->number
                   ? json_integer((json_int_t)value->number)
                   : json_real(value->number);
    return value->is_null ? json_null() : pattern_to_json(&value->pattern);
}

void
explain_span(int64_t us, char out[32])
{
    static const struct { int64_t seconds; const char *unit; } units[] = {
        { 86400, "d" }, { 3600, "h" }, { 60, "m" }, { 1, "s" },
    };
    int64_t seconds = us / 1000000;
    size_t i = 0;

    while (i < 3 && (seconds < units[i].seconds || seconds % units[i].seconds != 0))
        i++;
    snprintf(out, 32, "%" PRId64 "%s", seconds / units[i].seconds, units[i].unit);
}
