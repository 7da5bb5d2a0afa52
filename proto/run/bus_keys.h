/*
 * bus_keys.h - the key files of the sockets between the processes
 *
 *   DIR/<role>.key_secret    the secret key, mode 0600: who can read it is that role
 *   DIR/allowed/<name>.pub   a public key that is let in; <role>.pub is also the one
 *                            by which that role is known to those who connect to it
 *
 * Each holds one line: a CURVE25519 key in Z85 (ZeroMQ RFC 32), 40 characters.
 * A process needs its own secret and all of allowed, nothing else.
 */
#ifndef PROTO_RUN_BUS_KEYS_H
#define PROTO_RUN_BUS_KEYS_H

#include <stddef.h>

#include "proto/base/err.h"

enum {
    BUS_KEY_SIZE = 41,          /* of the text, with its NUL */
    BUS_KEY_BYTES = 32,
    BUS_MAX_ALLOWED = 256,
    BUS_ROLES = 5
};

extern const char *const bus_roles[BUS_ROLES];

/* Make the keys of all roles when DIR has none, the folder too. Processes that
 * start at once make one set, and one that dies at it leaves nothing that counts.
 * 1 made, 0 they were there, -1 with the reason. */
int bus_keys_make(const char *dir, struct err *err);

/* 1 when there are keys: what bus_keys_make goes by. */
int bus_keys_exist(const char *dir);

/* The pair of a role, from its secret key's file. -1 with a reason that names the
 * file: missing, no key, open to others, not the pair of allowed/<role>.pub. */
int bus_keys_load(const char *dir, const char *role, char ret_public[BUS_KEY_SIZE],
                  char ret_secret[BUS_KEY_SIZE], struct err *err);

/* The public key of a role. */
int bus_keys_load_public(const char *dir, const char *role, char ret_public[BUS_KEY_SIZE],
                         struct err *err);

struct bus_allowed {
    unsigned char keys[BUS_MAX_ALLOWED][BUS_KEY_BYTES];
    size_t count;
};

/* Read all of DIR/allowed. -1 with the reason when something there is not right;
 * *allowed then has what is. */
int bus_allowed_read(struct bus_allowed *allowed, const char *dir, struct err *err);

int bus_allowed_has(const struct bus_allowed *allowed, const void *key, size_t len);

#endif
