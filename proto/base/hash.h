/*
 * hash.h - hashes that mean the same in every process and every year
 *
 * hash64 is SipHash-2-4 with a fixed key (for splitting work and for tables
 * whose keys are not hostile or are bounded); hash_id is BLAKE2b-128, for
 * identities on which "stored once" rests.
 */
#ifndef PROTO_BASE_HASH_H
#define PROTO_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/text.h"

#define HASH_ID_LEN 16

uint64_t hash64(const void *bytes, size_t len);

/* The identity of n texts in this order; lengths are hashed too, so that
 * ("ab","c") and ("a","bc") differ. */
void hash_id(const struct text *parts, size_t n, unsigned char ret_id[HASH_ID_LEN]);

/* Random bytes from the kernel, and a random non-zero number. */
void hash_random(void *bytes, size_t len);
uint64_t hash_random64(void);

/* Lower-case hex with a NUL: out has 2 * len + 1 bytes. And back: 0 or -1. */
void hash_to_hex(const void *bytes, size_t len, char *out);
int hash_from_hex(struct text hex, void *bytes, size_t len);

#endif
