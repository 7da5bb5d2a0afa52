/*
 * wire.h - msgpack bytes from a peer, made safe to decode
 *
 * msgpack-c believes the size in a container's head: five bytes make it ask
 * for 96 GB. So bytes are walked first, without allocating: every container's
 * items must fit into the bytes that are there, at most WIRE_MAX_DEPTH deep.
 */
#ifndef PROTO_WIRE_H
#define PROTO_WIRE_H

#include <msgpack.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/buf.h"
#include "proto/base/err.h"
#include "proto/base/text.h"

/* An item takes a byte at least and 24 bytes decoded: 12 MiB at most. */
enum { WIRE_MAX_DEPTH = 32, WIRE_MAX_ITEMS = 512 * 1024 };

/* The length of the first value in bytes. 0, or -1 with the reason. */
int wire_measure(const void *bytes, size_t len, size_t *ret_len, struct err *err);

/* Decode the value that wire_measure found to take just len bytes, into
 * unpacked->data; its zone is used again and texts borrow bytes. 0 or -1. */
int wire_decode(const void *bytes, size_t len, msgpack_unpacked *unpacked,
                struct err *err);

/* The first item of bytes that were measured: the bytes that it takes, or 0 when memory
 * is out. *ret_object is *space, or in unpacked's zone (array, map, ext), which is not
 * cleared. It is several times faster than wire_decode for maps of plain values. */
size_t wire_take(const void *bytes, size_t len, msgpack_unpacked *unpacked,
                 msgpack_object *space, const msgpack_object **ret_object);

/* The head of a map that was measured: the bytes that it takes, 0 when it is none. */
size_t wire_map_head(const void *bytes, size_t len, uint32_t *ret_count);

/* Both: one value that takes all of bytes. 0 or -1. */
int wire_open(const void *bytes, size_t len, msgpack_unpacked *unpacked, struct err *err);

/* The head of an array: its count, and the bytes the head takes. 0 or -1. */
int wire_array_head(const void *bytes, size_t len, uint32_t *ret_count, size_t *ret_len);

/* A packer that appends to out. */
void wire_packer_init(msgpack_packer *packer, struct buf *out);

/* Pack text; {NULL, 0} as nil. 0 or -1. */
int wire_pack_text(msgpack_packer *packer, struct text text);

/* What a decoded object holds: 0, or -1 when it is no such thing (or, for a
 * text, holds a NUL). */
int wire_get_text(const msgpack_object *object, struct text *ret_text);
int wire_get_bytes(const msgpack_object *object, struct text *ret_bytes);
int wire_get_int(const msgpack_object *object, int64_t *ret_number);
int wire_get_uint(const msgpack_object *object, uint64_t *ret_number);

#endif
