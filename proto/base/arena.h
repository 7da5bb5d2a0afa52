/*
 * arena.h - memory for strings that live as long as one request or one line
 *
 * Allocation is a pointer bump; everything goes at once. A zeroed struct
 * arena is an empty one.
 */
#ifndef PROTO_BASE_ARENA_H
#define PROTO_BASE_ARENA_H

#include <stddef.h>

#include "proto/base/text.h"

struct arena_chunk;

struct arena {
    struct arena_chunk *chunks;
    size_t used;                /* bytes handed out since the last clear */
};

/* Free everything. */
void arena_release(struct arena *arena);

/* Forget everything handed out; keeps one chunk for what comes. */
void arena_clear(struct arena *arena);

/* len bytes, aligned for any object, or NULL when out of memory. */
void *arena_alloc(struct arena *arena, size_t len);

/* A copy of text (NUL-terminated too), or {NULL, 0} when out of memory. */
struct text arena_copy(struct arena *arena, struct text text);

/* A text made printf style, or {NULL, 0} when out of memory. */
struct text arena_printf(struct arena *arena, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
