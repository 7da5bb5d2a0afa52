/*
 * tree_memory.h - memory for yyjson's trees of one request, counted
 *
 * A body becomes a tree many times as large as itself: both are bounded.
 */
#ifndef INGEST_WIRE_TREE_MEMORY_H
#define INGEST_WIRE_TREE_MEMORY_H

#include <stddef.h>
#include <yyjson.h>

/* Zero it with max_bytes set. */
struct tree_memory {
    size_t bytes, max_bytes;
};

/* As yyjson wants it; memory is lent and must live as long as what was allocated. */
yyjson_alc tree_memory_alc(struct tree_memory *memory);

#endif
