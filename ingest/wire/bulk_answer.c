#include "ingest/wire/bulk_answer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Room at the front for what is known only at the end. */
enum { FRONT = 64 };

#define NO_INDEX "bongsu"

/* 1 when filter asks for nothing but these, which Filebeat, Logstash and others do. */
static int
is_known_filter(struct text filter, int *ret_has_took)
{
    static const char *const known[] = {
        "errors", "took", "items.*.error", "items.*.status", "items.*.error.type",
        "items.*.error.reason",
    };
    int has_status = 0;

    *ret_has_took = 0;
    while (filter.ptr != NULL) {
        struct text part = text_trim(text_split(&filter, ','));
        size_t i = 0;

        while (i < sizeof(known) / sizeof(known[0]) && !text_is(part, known[i]))
            i++;
        if (i == sizeof(known) / sizeof(known[0]))
            return 0;
        *ret_has_took |= text_is(part, "took");
        has_status |= text_is(part, "items.*.status");
    }
    return has_status;
}

int
bulk_answer_init(struct bulk_answer *answer, struct text filter)
{
    int has_took = 1;

    memset(answer, 0, sizeof(*answer));
    answer->is_short = filter.len > 0 && is_known_filter(filter, &has_took);
    answer->has_no_took = answer->is_short && !has_took;
    if (buf_reserve(&answer->bytes, 4096) != 0)
        return -1;
    memset(answer->bytes.ptr, ' ', FRONT);
    answer->bytes.len = FRONT;
    return 0;
}

void
bulk_answer_release(struct bulk_answer *answer)
{
    buf_release(&answer->bytes);
}

/* --- JSON --- */

static int
needs_escape(unsigned char c)
{
    return c < ' ' || c == '"' || c == '\\' || c == 0x7f;
}

/* A text as a JSON string. A reason may quote what is no UTF-8, cut anywhere. */
static int
append_string(struct buf *out, struct text text)
{
    int is_utf8 = text_is_utf8(text), rc = buf_append_char(out, '"');
    size_t start = 0, i;

    for (i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (!needs_escape(c) && (is_utf8 || c < 0x80))
            continue;
        rc |= buf_append(out, text.ptr + start, i - start);
        rc |= c < 0x80 ? buf_printf(out, "\\u%04x", c) : buf_append_char(out, '?');
        start = i + 1;
    }
    rc |= buf_append(out, text.ptr + start, i - start);
    return rc | buf_append_char(out, '"');
}

static int
append_named(struct buf *out, const char *name, struct text text)
{
    int rc = buf_append_str(out, name);

    return rc | append_string(out, text);
}

/* --- entries --- */

static int
add_names(struct buf *out, const struct bulk_item *item, const struct bulk_outcome *outcome)
{
    int rc = append_named(out, "\"_index\":",
                          item->index.ptr == NULL ? text_of(NO_INDEX) : item->index);

    if (outcome->id.ptr != NULL)
        rc |= append_named(out, ",\"_id\":", outcome->id);
    return rc | buf_append_char(out, ',');
}

/* Numbers without printf: this runs for every event. */
static int
add_stored(struct buf *out, const struct bulk_outcome *outcome)
{
    static const char before[] =
        "\"_version\":1,\"result\":\"created\","
        "\"_shards\":{\"total\":1,\"successful\":1,\"failed\":0},\"_seq_no\":";
    char digits[24];
    size_t at = sizeof(digits);
    uint64_t left = outcome->sequence;
    int rc = buf_append(out, before, sizeof(before) - 1);

    do
        digits[--at] = (char)('0' + left % 10);
    while ((left /= 10) != 0);
    rc |= buf_append(out, digits + at, sizeof(digits) - at);
    return rc | buf_append_str(out, ",\"_primary_term\":1,");
}

static int
add_error(struct buf *out, const struct bulk_outcome *outcome)
{
    int rc = append_named(out, ",\"error\":{\"type\":", text_of(outcome->type));

    rc |= append_named(out, ",\"reason\":", text_of(outcome->reason));
    return rc | buf_append_char(out, '}');
}

int
bulk_answer_add(struct bulk_answer *answer, const struct bulk_item *item,
                const struct bulk_outcome *outcome)
{
    const char status[] = { (char)('0' + outcome->status / 100),
                            (char)('0' + outcome->status / 10 % 10),
                            (char)('0' + outcome->status % 10) };
    struct buf *out = &answer->bytes;
    int rc = buf_append_str(out, answer->count++ == 0 ? "{\"" : ",{\"");

    rc |= buf_append_str(out, bulk_op_names[item->op]);
    rc |= buf_append(out, "\":{", 3);
    if (!answer->is_short)
        rc |= add_names(out, item, outcome);
    if (!answer->is_short && outcome->type == NULL)
        rc |= add_stored(out, outcome);
    rc |= buf_append(out, "\"status\":", 9);
    rc |= buf_append(out, status, sizeof(status));
    if (outcome->type != NULL) {
        answer->has_errors = 1;
        rc |= add_error(out, outcome);
    }
    return (rc | buf_append(out, "}}", 2)) == 0 ? 0 : -1;
}

struct text
bulk_answer_finish(struct bulk_answer *answer, int64_t took_ms)
{
    static const char took[] = "\"took\":", errors[] = "\"errors\":",
                      items[] = ",\"items\":[";
    char front[FRONT];
    size_t len;

    if (buf_append(&answer->bytes, "]}", 2) != 0)
        return (struct text){ NULL, 0 };
    if (answer->has_no_took)
        snprintf(front, sizeof(front), "{%s%s%s", errors,
                 answer->has_errors ? "true" : "false", items);
    else
        snprintf(front, sizeof(front), "{%s%" PRId64 ",%s%s%s", took,
                 took_ms < 0 ? 0 : took_ms, errors, answer->has_errors ? "true" : "false",
                 items);
    len = strlen(front);
    memcpy(answer->bytes.ptr + FRONT - len, front, len);
    return (struct text){ answer->bytes.ptr + FRONT - len,
                          answer->bytes.len - FRONT + len };
}
