#include "proto/decode/form.h"

#include <string.h>

#include "proto/decode/decoded.h"

/* A template in pieces: literal % literal % ... literal. */
struct pieces {
    struct text literals[FORM_FIELDS_MAX + 1];
    char without[FORM_FIELDS_MAX];      /* what the % may not hold, else 0 */
    size_t count;               /* of the % */
};

static void
take_apart(const char *pattern, struct pieces *ret_pieces)
{
    const char *mark;

    ret_pieces->count = 0;
    while (ret_pieces->count < FORM_FIELDS_MAX &&
           (mark = strchr(pattern, '%')) != NULL) {
        size_t at = ret_pieces->count++;

        ret_pieces->literals[at] = (struct text){ pattern, (size_t)(mark - pattern) };
        ret_pieces->without[at] = mark[1] == 'w' ? ' ' : mark[1] == 'c' ? ',' : '\0';
        pattern = mark + (ret_pieces->without[at] != '\0' ? 2 : 1);
    }
    ret_pieces->literals[ret_pieces->count] = text_of(pattern);
}

static const char *
find_last(const char *from, const char *end, struct text literal)
{
    for (const char *at = end - literal.len; at >= from; at--)
        if (memcmp(at, literal.ptr, literal.len) == 0)
            return at;
    return NULL;
}

/* What is still to be cut: the % number first up to end, in [from, to). */
struct span {
    const struct pieces *pieces;
    size_t first, end;
    const char *from, *to;
};

/* Whether a % that may not hold c stands beside a literal that has c: then
 * there is only one place to cut. */
static int
is_sure(const struct pieces *pieces, size_t value, size_t literal)
{
    struct text beside = pieces->literals[literal];

    return pieces->without[value] != '\0' &&
           memchr(beside.ptr, pieces->without[value], beside.len) != NULL;
}

/* Cut off the leftmost % at the first place of the literal after it. */
static int
cut_left(struct span *span, struct text *values)
{
    struct text literal = span->pieces->literals[span->first + 1];
    const char *at = memmem(span->from, (size_t)(span->to - span->from), literal.ptr,
                            literal.len);

    if (at == NULL)
        return 0;
    values[span->first++] = (struct text){ span->from, (size_t)(at - span->from) };
    span->from = at + literal.len;
    return 1;
}

/* The rightmost, at the last place of the literal before it. */
static int
cut_right(struct span *span, struct text *values)
{
    struct text literal = span->pieces->literals[span->end - 1];
    const char *at = find_last(span->from, span->to, literal), *start;

    if (at == NULL)
        return 0;
    start = at + literal.len;
    values[--span->end] = (struct text){ start, (size_t)(span->to - start) };
    span->to = at;
    return 1;
}

/* Cut where there is no choice; then the rest each from its own end. */
static int
cut(struct span *span, struct text *first, struct text *last)
{
    struct span other;

    while (span->end - span->first > 1 &&
           is_sure(span->pieces, span->first, span->first + 1))
        if (!cut_left(span, first))
            return 0;
    while (span->end - span->first > 1 &&
           is_sure(span->pieces, span->end - 1, span->end - 1))
        if (!cut_right(span, first))
            return 0;
    memcpy(last, first, span->pieces->count * sizeof *first);

    other = *span;
    while (span->end - span->first > 1)
        if (!cut_left(span, first))
            return 0;
    while (other.end - other.first > 1)
        if (!cut_right(&other, last))
            return 0;
    first[span->first] = (struct text){ span->from, (size_t)(span->to - span->from) };
    last[other.first] = (struct text){ other.from, (size_t)(other.to - other.from) };
    return 1;
}

/* No % holds what it may not. */
static int
is_fitting(const struct pieces *pieces, const struct text *values)
{
    for (size_t i = 0; i < pieces->count; i++)
        if (pieces->without[i] != '\0' &&
            (values[i].len == 0 ||
             memchr(values[i].ptr, pieces->without[i], values[i].len) != NULL))
            return 0;
    return 1;
}

static int
is_same(const struct pieces *pieces, const struct text *a, const struct text *b)
{
    for (size_t i = 0; i < pieces->count; i++)
        if (a[i].ptr != b[i].ptr || a[i].len != b[i].len)
            return 0;
    return 1;
}

int
form_match(const char *pattern, struct text text, struct text ret_values[FORM_FIELDS_MAX])
{
    struct text first[FORM_FIELDS_MAX] = { { NULL, 0 } }, last[FORM_FIELDS_MAX];
    struct text head, tail;
    struct pieces pieces;
    struct span span;
    int first_fits, last_fits;

    /* Most templates are refused by their first letter. */
    if (text.len == 0 || (*pattern != '%' && *pattern != *text.ptr))
        return 0;
    take_apart(pattern, &pieces);
    head = pieces.literals[0];
    tail = pieces.literals[pieces.count];

    if (text.len < head.len || memcmp(text.ptr, head.ptr, head.len) != 0)
        return 0;
    if (pieces.count == 0)
        return text.len == head.len;
    if (text.len - head.len < tail.len ||
        memcmp(text.ptr + text.len - tail.len, tail.ptr, tail.len) != 0)
        return 0;

    span = (struct span){ &pieces, 0, pieces.count, text.ptr + head.len,
                          text.ptr + text.len - tail.len };
    if (!cut(&span, first, last))
        return 0;
    first_fits = is_fitting(&pieces, first);
    last_fits = is_fitting(&pieces, last);
    if (!first_fits && !last_fits)
        return 0;

    memset(ret_values, 0, FORM_FIELDS_MAX * sizeof *ret_values);
    if (!first_fits)
        memcpy(ret_values, last, pieces.count * sizeof *last);
    else if (!last_fits || is_same(&pieces, first, last))
        memcpy(ret_values, first, pieces.count * sizeof *first);
    return 1;
}

void
form_keep(struct event *ev, enum field field, struct text value)
{
    /* cron pads what it runs: "CMD (   cd / && run-parts ...)". */
    if (field == FIELD_PROCESS_COMMAND_LINE)
        value = text_trim(value);
    if (value.len == 0)
        return;
    if (field == FIELD_USERNAME)
        decoded_text(ev, EVENT_USERNAME, value);
    else if (field == FIELD_SOURCE_ADDRESS ||
             (field == FIELD_SOURCE_IP && decoded_is_address(value)))
        decoded_source(ev, value);
    else if (!field_rows[field].is_own)
        decoded_put_text(ev, field, value);
}

const struct form *
form_decode(const struct form *forms, size_t count, struct text message,
            struct event *ev)
{
    struct text values[FORM_FIELDS_MAX];

    for (size_t i = 0; i < count; i++) {
        if (!form_match(forms[i].pattern, message, values))
            continue;
        decoded_text(ev, EVENT_TYPE, text_of(forms[i].event_type));
        decoded_text(ev, EVENT_DESCRIPTION, message);
        decoded_put_text(ev, FIELD_EVENT_OUTCOME, text_of(forms[i].outcome));
        for (size_t k = 0; k < FORM_FIELDS_MAX; k++)
            form_keep(ev, forms[i].fields[k], values[k]);
        return &forms[i];
    }
    return NULL;
}
