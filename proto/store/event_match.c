#include "proto/store/event_match.h"

static unsigned char
lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

int
has_text_nocase(struct text text, struct text needle)
{
    unsigned char first = needle.len == 0 ? 0 : lower(needle.ptr[0]);

    if (needle.len == 0)
        return 1;
    if (needle.len > text.len)
        return 0;
    for (size_t i = 0; i <= text.len - needle.len; i++) {
        size_t k = 1;

        if (lower(text.ptr[i]) != first)
            continue;
        while (k < needle.len && lower(text.ptr[i + k]) == lower(needle.ptr[k]))
            k++;
        if (k == needle.len)
            return 1;
    }
    return 0;
}

static int
has_text(const struct event *ev, struct text needle)
{
    static const enum event_field searched[] = { EVENT_RAW_LOG, EVENT_DESCRIPTION };

    for (size_t i = 0; i < sizeof(searched) / sizeof(searched[0]); i++) {
        struct text value = value_get_text(&ev->known[searched[i]]);

        if (value.ptr != NULL && has_text_nocase(value, needle))
            return 1;
    }
    for (size_t i = 0; i < ev->extra_count; i++) {
        struct text value = value_get_text(&ev->extras[i].value);

        if (value.ptr != NULL && has_text_nocase(value, needle))
            return 1;
    }
    return 0;
}

int
event_matches(const struct event *ev, const struct event_query *query)
{
    for (size_t i = 0; i < query->filter_count; i++) {
        const struct value *value = event_get(ev, query->filters[i].field);
        char space[32];
        struct text text;

        if (value == NULL)
            return 0;
        text = value_as_text(value, space);
        if (text.ptr == NULL || !text_equals_nocase(text, query->filters[i].value))
            return 0;
    }
    return query->text.len == 0 || has_text(ev, query->text);
}
