#include "detector/tool/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/codec_msgpack.h"

/* Twice the longest line: what is begun is moved to the front seldom. */
static size_t
room(const struct lines *lines)
{
    return 2 * lines->max;
}

int
lines_init_max(struct lines *lines, int fd, size_t max)
{
    *lines = (struct lines){ .fd = fd, .max = max };
    lines->bytes = malloc(room(lines));
    return lines->bytes == NULL ? -1 : 0;
}

int
lines_init(struct lines *lines, int fd)
{
    return lines_init_max(lines, fd, EVENT_MAX_BYTES);
}

void
lines_release(struct lines *lines)
{
    free(lines->bytes);
    lines->bytes = NULL;
}

static int
fill(struct lines *lines, struct err *err)
{
    ssize_t got;

    if (lines->start > 0) {
        memmove(lines->bytes, lines->bytes + lines->start, lines->end - lines->start);
        lines->end -= lines->start;
        lines->start = 0;
    }
    do
        got = read(lines->fd, lines->bytes + lines->end, room(lines) - lines->end);
    while (got < 0 && errno == EINTR);
    if (got < 0) {
        err_set(err, "%s", strerror(errno));
        return -1;
    }
    lines->is_over = got == 0;
    lines->end += (size_t)got;
    return 0;
}

/* The end of the line that begins at start, or NULL: more must be read. */
static const char *
find_end(const struct lines *lines, size_t from)
{
    if (lines->start + from < lines->end) {
        const char *at = lines->bytes + lines->start + from;

        return memchr(at, '\n', lines->end - lines->start - from);
    }
    return NULL;
}

/* The rest of a line that was too long. */
static int
skip(struct lines *lines, struct err *err)
{
    const char *end = NULL;

    while (lines->is_skipping) {
        end = find_end(lines, 0);
        lines->start = end == NULL ? lines->end : (size_t)(end - lines->bytes) + 1;
        lines->is_skipping = end == NULL && !lines->is_over;
        if (lines->is_skipping && fill(lines, err) != 0)
            return -1;
    }
    return 0;
}

int
lines_next(struct lines *lines, struct text *ret_line, struct err *err)
{
    size_t looked = 0, len;
    const char *end;

    if (skip(lines, err) != 0)
        return -1;
    while ((end = find_end(lines, looked)) == NULL && !lines->is_over &&
           lines->end - lines->start <= lines->max) {
        looked = lines->end - lines->start;
        if (fill(lines, err) != 0)
            return -1;
    }
    len = (end == NULL ? lines->end : (size_t)(end - lines->bytes)) - lines->start;
    if (end == NULL && len == 0)
        return 0;
    lines->number++;
    *ret_line = (struct text){ lines->bytes + lines->start, len };
    lines->is_skipping = end == NULL && !lines->is_over;
    lines->start += len + (end != NULL);
    return len > lines->max ? 2 : 1;
}
