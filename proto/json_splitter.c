#include "proto/codec_json.h"

#include <string.h>

#define BOM "\xEF\xBB\xBF"

static int
is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void
skip(struct text *rest, size_t len)
{
    rest->ptr += len;
    rest->len -= len;
}

static void
skip_spaces(struct text *rest)
{
    while (rest->len > 0 && is_space(rest->ptr[0]))
        skip(rest, 1);
}

void
json_splitter_init(struct json_splitter *split, struct text body)
{
    struct text at = body;

    memset(split, 0, sizeof(*split));
    if (text_starts_with(at, BOM))
        skip(&at, sizeof(BOM) - 1);
    split->rest = at;               /* blank lines before NDJSON count */
    skip_spaces(&at);
    if (at.len > 0 && at.ptr[0] == '[') {
        skip(&at, 1);
        split->rest = at;
        split->is_array = 1;
    }
}

static int
line_next(struct json_splitter *split, struct text *ret_item)
{
    while (split->rest.len > 0) {
        const char *end = memchr(split->rest.ptr, '\n', split->rest.len);
        size_t len = end != NULL ? (size_t)(end - split->rest.ptr) : split->rest.len;
        struct text line = text_trim((struct text){ split->rest.ptr, len });

        skip(&split->rest, end != NULL ? len + 1 : len);
        split->number++;
        if (line.len > 0) {
            *ret_item = line;
            return 1;
        }
    }
    return 0;
}

/* Where the string that opens at[0] ends, past its quote; NULL when it does
 * not. Backslashes are counted back from each quote, so each byte is looked
 * at twice at most. */
static const char *
string_end(const char *at, const char *end)
{
    const char *from = at + 1, *quote;

    while ((quote = memchr(from, '"', (size_t)(end - from))) != NULL) {
        const char *back = quote;

        while (back > from && back[-1] == '\\')
            back--;
        if ((quote - back) % 2 == 0)
            return quote + 1;
        from = quote + 1;
    }
    return NULL;
}

/* Where the element at `at` ends: past its last bracket, or before the comma,
 * bracket or space after a bare word. NULL when it does not end. Brackets of
 * the wrong kind are the parser's to refuse. */
static const char *
element_end(const char *at, const char *end)
{
    size_t depth = 0;

    while (at < end) {
        switch (*at) {
        case '"':
            at = string_end(at, end);
            if (at == NULL || depth == 0)
                return at;
            continue;
        case '[':
        case '{':
            depth++;
            break;
        case ']':
        case '}':
            if (depth == 0)
                return at;
            if (--depth == 0)
                return at + 1;
            break;
        case ',': case ' ': case '\t': case '\n': case '\r':
            if (depth == 0)
                return at;
            break;
        default:
            break;
        }
        at++;
    }
    return NULL;
}

static int
broken(struct json_splitter *split, const char *reason, struct err *err)
{
    err_set(err, "array, after element %zu: %s", split->number, reason);
    split->rest.len = 0;
    split->is_array = 0;            /* a further call finds the end */
    return -1;
}

static int
array_close(struct json_splitter *split, struct err *err)
{
    skip(&split->rest, 1);
    skip_spaces(&split->rest);
    if (split->rest.len > 0)
        return broken(split, "something stands after its end", err);
    split->is_array = 0;
    return 0;
}

static int
element_next(struct json_splitter *split, struct text *ret_item, struct err *err)
{
    struct text *rest = &split->rest;
    const char *end;

    skip_spaces(rest);
    if (rest->len > 0 && rest->ptr[0] == ']')
        return array_close(split, err);
    if (split->is_started) {
        if (rest->len > 0 && rest->ptr[0] != ',')
            return broken(split, "a comma is missing", err);
        if (rest->len > 0)
            skip(rest, 1);
        skip_spaces(rest);
    }
    if (rest->len == 0)
        return broken(split, "it is not closed", err);
    end = element_end(rest->ptr, rest->ptr + rest->len);
    if (end == NULL)
        return broken(split, "the next one does not end", err);
    if (end == rest->ptr)
        return broken(split, "an element is missing", err);
    *ret_item = (struct text){ rest->ptr, (size_t)(end - rest->ptr) };
    skip(rest, ret_item->len);
    split->is_started = 1;
    split->number++;
    return 1;
}

int
json_splitter_next(struct json_splitter *split, struct text *ret_item, struct err *err)
{
    if (split->is_array)
        return element_next(split, ret_item, err);
    return line_next(split, ret_item);
}
