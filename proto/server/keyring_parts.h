/*
 * keyring_parts.h - what the files of the keyring share; of no use to others
 */
#ifndef PROTO_SERVER_KEYRING_PARTS_H
#define PROTO_SERVER_KEYRING_PARTS_H

#include "proto/keys/bucket.h"
#include "proto/keys/key_list.h"
#include "proto/server/keyring.h"

enum {
    BUILT_IN = 2,                           /* API_KEY, READER_KEY */
    HOLDERS = BUILT_IN + 2 * KEY_LIST_MAX,
    MAX_NAMED = 1024                        /* names in the metrics; the rest is "other" */
};

struct key_holder {
    struct key_entry entry;
    int is_in_force, is_built_in;
    struct bucket events, bytes;
    int64_t used_us;                        /* 0: not since the start */
    uint64_t revoked_at;                    /* the look that missed it */
    uint64_t *events_total, *refused[KEY_REFUSALS];
};

struct keyring {
    zloop_t *loop;
    int timer;
    struct metrics *metrics;
    char *path;
    uint64_t seen;              /* file_look() */
    int has_seen;
    uint64_t looks;
    char problem[512];                      /* of the file; "": none */
    unsigned char salt[API_KEY_SALT];
    size_t file_count;                      /* keys of the file that are in force */
    struct key_holder holders[HOLDERS];
    size_t count, named;                    /* places ever used */
    uint64_t *unknown, *is_ok, *in_force;
};

extern const char *const key_refusal_names[KEY_REFUSALS];

#endif
