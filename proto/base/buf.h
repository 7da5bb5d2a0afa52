/*
 * buf.h - a byte buffer that grows
 *
 * A zeroed struct buf is an empty buffer. The bytes are always followed by a
 * NUL that does not count, so buf.ptr serves as a C string once anything was
 * appended. Appending fails only when memory is out.
 */
#ifndef PROTO_BASE_BUF_H
#define PROTO_BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>

#include "proto/base/text.h"

struct buf {
    char *ptr;
    size_t len;
    size_t cap;
};

/* Free what the buffer holds; it is empty and usable afterwards. */
void buf_release(struct buf *buf);

/* Forget the content, keep the memory. */
void buf_clear(struct buf *buf);

/* Make room for `more` further bytes. 0, or -1 when out of memory. */
int buf_reserve(struct buf *buf, size_t more);

/* Append. 0, or -1 when out of memory (the content is then unchanged). */
int buf_append(struct buf *buf, const void *bytes, size_t len);
int buf_append_text(struct buf *buf, struct text text);
int buf_append_str(struct buf *buf, const char *str);
int buf_append_char(struct buf *buf, char c);
int buf_printf(struct buf *buf, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
int buf_vprintf(struct buf *buf, const char *fmt, va_list args);

/* Hand the bytes over (NUL-terminated, the caller frees); the buffer is empty
 * afterwards. Never NULL but when out of memory. */
char *buf_take(struct buf *buf);

/* The content as text, valid until the buffer changes. */
struct text buf_text(const struct buf *buf);

#endif
