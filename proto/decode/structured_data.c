#include "proto/decode/structured_data.h"

#include <string.h>

#include "proto/decode/take.h"

int
structured_data_take(struct text *rest, struct text *ret_data)
{
    struct text text = *rest;

    if (take_char(rest, '-') == 0) {
        *ret_data = (struct text){ NULL, 0 };
        return 0;
    }
    if (text.len == 0 || *text.ptr != '[')
        return -1;
    while (text.len > 0 && *text.ptr == '[') {
        int is_quoted = 0;

        for (; text.len > 0 && (is_quoted || *text.ptr != ']'); skip(&text, 1)) {
            if (*text.ptr == '"')
                is_quoted = !is_quoted;
            else if (is_quoted && *text.ptr == '\\' && text.len > 1)
                skip(&text, 1);
        }
        if (take_char(&text, ']') != 0)
            return -1;
    }
    *ret_data = from_to(rest->ptr, text.ptr);
    *rest = text;
    return 0;
}

/* Section 6.3.2's SD-NAME: printable ASCII without = ] " and space. */
static struct text
take_name(struct text *rest)
{
    size_t n = 0;

    while (n < rest->len && rest->ptr[n] > ' ' && rest->ptr[n] < 0x7f &&
           strchr("=]\"", rest->ptr[n]) == NULL)
        n++;
    skip(rest, n);
    return (struct text){ rest->ptr - n, n };
}

/* What stands between quotes, the second of which is taken too. 0 or -1. */
static int
take_value(struct text *rest, struct text *ret_value, int *ret_has_escapes)
{
    size_t n = 0;

    *ret_has_escapes = 0;
    for (; n < rest->len && rest->ptr[n] != '"'; n++)
        if (rest->ptr[n] == '\\' && n + 1 < rest->len) {
            *ret_has_escapes = 1;
            n++;
        }
    if (n >= rest->len)
        return -1;
    *ret_value = (struct text){ rest->ptr, n };
    skip(rest, n + 1);
    return 0;
}

/* \" \\ and \] are one character; before any other the backslash is one itself. */
static struct text
unescape(struct text value, struct arena *arena)
{
    char *start = arena_alloc(arena, value.len), *out = start;

    if (start == NULL)
        return (struct text){ NULL, 0 };
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] == '\\' && i + 1 < value.len && strchr("\"\\]", value.ptr[i + 1]) != NULL)
            i++;
        *out++ = value.ptr[i];
    }
    return from_to(start, out);
}

static struct text
make_name(struct text id, struct text name, struct arena *arena)
{
    const size_t prefix = sizeof(STRUCTURED_DATA_PREFIX) - 1;
    char *out = arena_alloc(arena, prefix + id.len + 1 + name.len);

    if (out == NULL)
        return (struct text){ NULL, 0 };
    memcpy(out, STRUCTURED_DATA_PREFIX, prefix);
    memcpy(out + prefix, id.ptr, id.len);
    out[prefix + id.len] = '.';
    memcpy(out + prefix + id.len + 1, name.ptr, name.len);
    return (struct text){ out, prefix + id.len + 1 + name.len };
}

static struct extra *
find(struct event *ev, struct text name)
{
    for (size_t i = 0; i < ev->extra_count; i++)
        if (text_equals(ev->extras[i].name, name))
            return &ev->extras[i];
    return NULL;
}

/* One name may come several times in an element (section 6.3.3). What the event had
 * before, by its client, stays. 0, or -1 when out of memory. */
static int
put(struct event *ev, size_t had, struct text name, struct text value, struct arena *arena)
{
    struct extra *known = find(ev, name);
    struct text both;

    if (known == NULL) {
        (void)event_add_extra(ev, name, value_text(value));
        return 0;
    }
    if ((size_t)(known - ev->extras) < had)
        return 0;
    both = arena_printf(arena, "%.*s, %.*s", (int)known->value.as.text.len,
                        known->value.as.text.ptr, (int)value.len, value.ptr);
    known->value = value_text(both);
    return both.ptr == NULL ? -1 : 0;
}

int
structured_data_put(struct text data, struct arena *arena, struct event *ev)
{
    const size_t had = ev->extra_count;
    struct text id = { NULL, 0 };
    size_t count = 0;

    while (data.len > 0 && count < STRUCTURED_DATA_MAX) {
        struct text name, value;
        int has_escapes;

        if (take_char(&data, '[') == 0) {
            id = take_name(&data);
        } else if (take_char(&data, ']') == 0 || take_char(&data, ' ') == 0) {
            ;
        } else if ((name = take_name(&data)).len > 0 && take_char(&data, '=') == 0 &&
                   take_char(&data, '"') == 0 && take_value(&data, &value, &has_escapes) == 0) {
            count++;
            if (id.len == 0 || sizeof(STRUCTURED_DATA_PREFIX) + id.len + name.len > EVENT_MAX_NAME)
                continue;
            if (has_escapes)
                value = unescape(value, arena);
            name = make_name(id, name, arena);
            if (value.ptr == NULL || name.ptr == NULL ||
                put(ev, had, name, value, arena) != 0)
                return -1;
        } else {
            return 0;               /* of no form: the rest may be anything */
        }
    }
    return 0;
}
