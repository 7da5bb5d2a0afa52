#include "ingest/wire/tree_memory.h"

#include <stdlib.h>

/* Each block begins with its size. */
struct block {
    size_t size;
    max_align_t bytes[];
};

static struct block *
block_of(void *ptr)
{
    return ptr == NULL ? NULL : (struct block *)((char *)ptr - offsetof(struct block, bytes));
}

static void *
tree_realloc(void *ctx, void *ptr, size_t old_size, size_t size)
{
    struct tree_memory *memory = ctx;
    struct block *block = block_of(ptr);
    size_t had = block == NULL ? 0 : block->size;

    (void)old_size;
    if (size > memory->max_bytes || memory->bytes - had > memory->max_bytes - size)
        return NULL;
    block = realloc(block, offsetof(struct block, bytes) + size);
    if (block == NULL)
        return NULL;
    block->size = size;
    memory->bytes += size - had;
    return block->bytes;
}

static void *
tree_malloc(void *ctx, size_t size)
{
    return tree_realloc(ctx, NULL, 0, size);
}

static void
tree_free(void *ctx, void *ptr)
{
    struct tree_memory *memory = ctx;
    struct block *block = block_of(ptr);

    if (block == NULL)
        return;
    memory->bytes -= block->size;
    free(block);
}

yyjson_alc
tree_memory_alc(struct tree_memory *memory)
{
    return (yyjson_alc){ tree_malloc, tree_realloc, tree_free, memory };
}
