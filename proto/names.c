#include "proto/names.h"

#include <stdlib.h>
#include <string.h>

enum { FEW = 16, SHOWN_MAX = 64 };

/* Shorter first: most comparisons then end before memcmp. */
static int
name_compare(const void *a, const void *b)
{
    const struct text *x = a, *y = b;

    if (x->len != y->len)
        return x->len < y->len ? -1 : 1;
    return x->len == 0 ? 0 : memcmp(x->ptr, y->ptr, x->len);
}

/* For a handful of names, faster than sorting. */
static const struct text *
repeated_of_few(const struct text *names, size_t count)
{
    for (size_t i = 1; i < count; i++)
        for (size_t j = 0; j < i; j++)
            if (names[i].len == names[j].len && name_compare(&names[i], &names[j]) == 0)
                return &names[i];
    return NULL;
}

const struct text *
names_repeated(struct text *names, size_t count)
{
    if (count <= FEW)
        return repeated_of_few(names, count);
    qsort(names, count, sizeof(names[0]), name_compare);
    for (size_t i = 1; i < count; i++)
        if (name_compare(&names[i - 1], &names[i]) == 0)
            return &names[i];
    return NULL;
}

const char *
name_show(struct text text, char out[NAME_SHOWN_LEN])
{
    size_t len = text.len < SHOWN_MAX ? text.len : SHOWN_MAX;
    int is_utf8;

    /* never cut inside a character */
    while (len > 0 && len < text.len && ((unsigned char)text.ptr[len] & 0xC0) == 0x80)
        len--;
    is_utf8 = text_is_utf8((struct text){ text.ptr, len });
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        int is_bad = c < 0x20 || c == 0x7F || (c >= 0x80 && !is_utf8);

        out[i] = is_bad ? '?' : (char)c;
    }
    memcpy(out + len, len < text.len ? "..." : "", len < text.len ? 4 : 1);
    return out;
}
