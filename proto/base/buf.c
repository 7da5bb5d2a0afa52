#include "proto/base/buf.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUF_FIRST = 64 };

void
buf_release(struct buf *buf)
{
    free(buf->ptr);
    *buf = (struct buf){ NULL, 0, 0 };
}

void
buf_clear(struct buf *buf)
{
    buf->len = 0;
    if (buf->ptr != NULL)
        buf->ptr[0] = '\0';
}

/* Doubles, so that appending n bytes one by one copies O(n). */
int
buf_reserve(struct buf *buf, size_t more)
{
    size_t wanted, cap;
    char *ptr;

    if (__builtin_add_overflow(buf->len, more, &wanted) ||
        __builtin_add_overflow(wanted, 1, &wanted) || wanted > PTRDIFF_MAX)
        return -1;
    if (wanted <= buf->cap)
        return 0;
    cap = buf->cap == 0 ? BUF_FIRST : buf->cap;
    while (cap < wanted)
        cap *= 2;               /* at most to 2^63: no overflow */
    ptr = realloc(buf->ptr, cap);
    if (ptr == NULL)
        return -1;
    if (buf->ptr == NULL)
        ptr[0] = '\0';
    buf->ptr = ptr;
    buf->cap = cap;
    return 0;
}

int
buf_append(struct buf *buf, const void *bytes, size_t len)
{
    if (buf->cap - buf->len <= len && buf_reserve(buf, len) != 0)
        return -1;
    if (len > 0)
        memcpy(buf->ptr + buf->len, bytes, len);
    buf->len += len;
    buf->ptr[buf->len] = '\0';
    return 0;
}

int
buf_append_text(struct buf *buf, struct text text)
{
    return buf_append(buf, text.ptr, text.len);
}

int
buf_append_str(struct buf *buf, const char *str)
{
    return buf_append(buf, str, strlen(str));
}

int
buf_append_char(struct buf *buf, char c)
{
    return buf_append(buf, &c, 1);
}

int
buf_printf(struct buf *buf, const char *fmt, ...)
{
    va_list args;
    int rc;

    va_start(args, fmt);
    rc = buf_vprintf(buf, fmt, args);
    va_end(args);
    return rc;
}

int
buf_vprintf(struct buf *buf, const char *fmt, va_list args)
{
    size_t space = buf->cap - buf->len;
    va_list again;
    int len;

    va_copy(again, args);
    len = vsnprintf(space == 0 ? NULL : buf->ptr + buf->len, space, fmt, args);
    if (len >= 0 && (size_t)len >= space) {
        if (buf_reserve(buf, (size_t)len) == 0)
            vsnprintf(buf->ptr + buf->len, (size_t)len + 1, fmt, again);
        else
            len = -1;
    }
    va_end(again);
    if (len < 0) {
        if (space > 0)
            buf->ptr[buf->len] = '\0';
        return -1;
    }
    buf->len += (size_t)len;
    return 0;
}

char *
buf_take(struct buf *buf)
{
    char *ptr = NULL;

    if (buf_reserve(buf, 0) == 0) {
        ptr = buf->ptr;
        *buf = (struct buf){ NULL, 0, 0 };
    }
    return ptr;
}

struct text
buf_text(const struct buf *buf)
{
    return (struct text){ buf->ptr, buf->len };
}
