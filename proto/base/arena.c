#include "proto/base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Chunks double from the first size to the last; what is larger gets a chunk
 * of its own, which a clear always frees: one huge line must not pin its size. */
enum { CHUNK_FIRST = 4096, CHUNK_LAST = 256 * 1024, ALIGN = _Alignof(max_align_t) };

struct arena_chunk {
    struct arena_chunk *next;
    size_t size, taken;
    _Alignas(max_align_t) char bytes[];
};

static void
free_chunks(struct arena_chunk *chunk)
{
    while (chunk != NULL) {
        struct arena_chunk *next = chunk->next;

        free(chunk);
        chunk = next;
    }
}

void
arena_release(struct arena *arena)
{
    free_chunks(arena->chunks);
    *arena = (struct arena){ NULL, 0 };
}

void
arena_clear(struct arena *arena)
{
    struct arena_chunk *kept = NULL, *chunk = arena->chunks, *next;

    for (; chunk != NULL; chunk = next) {
        struct arena_chunk *loser = chunk;

        next = chunk->next;
        if (chunk->size <= CHUNK_LAST && (kept == NULL || chunk->size > kept->size)) {
            loser = kept;
            kept = chunk;
        }
        free(loser);
    }
    if (kept != NULL) {
        kept->next = NULL;
        kept->taken = 0;
    }
    *arena = (struct arena){ kept, 0 };
}

/* A chunk with room for len, the head of the list unless it is an outsize one. */
static struct arena_chunk *
add_chunk(struct arena *arena, size_t len)
{
    struct arena_chunk *head = arena->chunks, *chunk;
    size_t size = head == NULL ? CHUNK_FIRST : head->size * 2;

    if (size > CHUNK_LAST)
        size = CHUNK_LAST;
    while (size < len && size < CHUNK_LAST)
        size *= 2;
    if (len > size)
        size = len;
    chunk = malloc(sizeof(*chunk) + size);
    if (chunk == NULL)
        return NULL;
    chunk->size = size;
    chunk->taken = 0;
    if (size > CHUNK_LAST && head != NULL) {
        chunk->next = head->next;
        head->next = chunk;
    } else {
        chunk->next = head;
        arena->chunks = chunk;
    }
    return chunk;
}

void *
arena_alloc(struct arena *arena, size_t len)
{
    struct arena_chunk *chunk = arena->chunks;
    size_t step;
    char *bytes;

    if (len > SIZE_MAX / 2)
        return NULL;
    step = (len + ALIGN - 1) / ALIGN * ALIGN;
    if (chunk == NULL || chunk->size - chunk->taken < step)
        chunk = add_chunk(arena, step);
    if (chunk == NULL)
        return NULL;
    bytes = chunk->bytes + chunk->taken;
    chunk->taken += step;
    arena->used += len;
    return bytes;
}

struct text
arena_copy(struct arena *arena, struct text text)
{
    char *copy = text.len == SIZE_MAX ? NULL : arena_alloc(arena, text.len + 1);

    if (copy == NULL)
        return (struct text){ NULL, 0 };
    if (text.len > 0)
        memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return (struct text){ copy, text.len };
}

struct text
arena_printf(struct arena *arena, const char *fmt, ...)
{
    char *bytes = NULL;
    va_list args;
    int len;

    va_start(args, fmt);
    len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (len >= 0)
        bytes = arena_alloc(arena, (size_t)len + 1);
    if (bytes == NULL)
        return (struct text){ NULL, 0 };
    va_start(args, fmt);
    vsnprintf(bytes, (size_t)len + 1, fmt, args);
    va_end(args);
    return (struct text){ bytes, (size_t)len };
}
