#include "proto/decode/key_values.h"

#include <string.h>

#include "proto/decode/take.h"

/* "a value" behind its quote: up to a quote that a space or the end follows. A
 * backslash before it is the program's own escape. */
static struct text
take_quoted(struct text *rest)
{
    struct text value = { rest->ptr, 0 };

    for (size_t i = 0; i < rest->len; i++) {
        if (rest->ptr[i] == '\\' && i + 1 < rest->len) {
            i++;
        } else if (rest->ptr[i] == '"' && (i + 1 == rest->len || rest->ptr[i + 1] == ' ')) {
            value.len = i;
            skip(rest, i + 1);
            return value;
        }
    }
    value.len = rest->len;
    skip(rest, rest->len);
    return value;
}

static int
take_pair(struct text *rest, struct text *ret_name, struct text *ret_value)
{
    struct text word = first_word(*rest);
    const char *equals = word.len == 0 ? NULL : memchr(word.ptr, '=', word.len);

    if (equals == NULL || equals == word.ptr) {
        skip(rest, word.len);
        return 0;
    }
    *ret_name = from_to(word.ptr, equals);
    skip(rest, ret_name->len + 1);
    if (take_char(rest, '"') == 0) {
        *ret_value = take_quoted(rest);
    } else {
        *ret_value = from_to(equals + 1, end_of(word));
        skip(rest, ret_value->len);
    }
    return 1;
}

void
key_values_read(struct text text, struct key_values *ret_pairs)
{
    struct key_values *pairs = ret_pairs;

    pairs->count = 0;
    while (pairs->count < KEY_VALUES_MAX) {
        skip_spaces(&text);
        if (text.len == 0)
            return;
        if (take_pair(&text, &pairs->names[pairs->count], &pairs->values[pairs->count]))
            pairs->count++;
    }
}

struct text
key_values_get(const struct key_values *pairs, const char *name)
{
    struct text found = { NULL, 0 };
    size_t len = strlen(name);

    for (size_t i = 0; i < pairs->count; i++) {
        if (pairs->names[i].len != len || memcmp(pairs->names[i].ptr, name, len) != 0)
            continue;
        if (found.ptr != NULL && !text_equals(found, pairs->values[i]))
            return (struct text){ NULL, 0 };
        found = pairs->values[i];
    }
    return found.len > 0 ? found : (struct text){ NULL, 0 };
}

struct text
key_values_first(const struct key_values *pairs, const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < pairs->count; i++)
        if (pairs->names[i].len == len && memcmp(pairs->names[i].ptr, name, len) == 0)
            return pairs->values[i];
    return (struct text){ NULL, 0 };
}
