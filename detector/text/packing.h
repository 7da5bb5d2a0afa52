/*
 * packing.h - state rows as few bytes: numbers in as many as they need
 *
 * A checkpoint writes what changed each second, so rows are delta-coded: a
 * number takes a byte for each seven bits, low first, and signed ones are
 * folded so that small ones of either sign are short. An event's id is its
 * page in the row's list of (journal, nonce), made as ids come, and the step
 * from the sequence before it.
 */
#ifndef DETECTOR_TEXT_PACKING_H
#define DETECTOR_TEXT_PACKING_H

#include <stddef.h>
#include <stdint.h>

#include "detector/window/short_id.h"
#include "proto/base/buf.h"

/* The last few (journal, nonce); both sides fill them in the same order. */
enum { PACKING_PAGES = 16 };

/* High five bits: page n (8 * n), a new page, a keyed id (that is 16 bytes). */
enum { PACKING_NEW = 8 * 16, PACKING_KEYED = 8 * 17, PACKING_LOW = 7 };

struct id_pages {
    struct { uint32_t journal, nonce; uint64_t sequence; } pages[PACKING_PAGES];
    unsigned count, next;
};

struct packer {
    struct buf *out;
    const struct journals *journals;
    struct id_pages ids;
    int is_failed;              /* out of memory: what was put is no row */
};

void pack_byte(struct packer *packer, uint8_t byte);
void pack_number(struct packer *packer, uint64_t number);
void pack_signed(struct packer *packer, int64_t number);
void pack_fixed(struct packer *packer, uint64_t number, size_t width);
void pack_bytes(struct packer *packer, const void *bytes, size_t len);

/* An id, in two parts: what stands in the high five bits of a byte whose low
 * three are the caller's, and later the rest. */
uint8_t pack_page(struct packer *packer, const struct short_id *id, int is_keyed);
void pack_id(struct packer *packer, const struct short_id *id, uint8_t page);

/* Reads what a packer wrote. At the end, or when the bytes make no sense, it
 * is broken and everything read from then on is 0. */
struct unpacker {
    const unsigned char *at, *end;
    struct journals *journals;  /* journals of ids are added */
    struct id_pages ids;
    int is_broken;
};

uint8_t unpack_byte(struct unpacker *unpacker);
uint64_t unpack_number(struct unpacker *unpacker);
int64_t unpack_signed(struct unpacker *unpacker);
uint64_t unpack_fixed(struct unpacker *unpacker, size_t width);
void unpack_bytes(struct unpacker *unpacker, void *ret, size_t len);
struct short_id unpack_id(struct unpacker *unpacker, uint8_t page);

#endif
