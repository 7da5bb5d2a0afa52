/*
 * key_list.h - the file of API keys: keys.yml
 *
 * `bongsu key` writes it, ingest and api read it. It holds no key, only what
 * api_key_hash makes of each with the file's own random salt, so that the hashes
 * of two files tell nothing about each other. An unknown member is an error: a
 * newer version's restriction must not be overlooked.
 */
#ifndef PROTO_KEYS_KEY_LIST_H
#define PROTO_KEYS_KEY_LIST_H

#include <stddef.h>

#include "proto/base/err.h"
#include "proto/keys/api_key.h"

enum { KEY_LIST_MAX = 256 };

struct key_entry {
    char id[API_KEY_ID_LEN];
    char name[API_KEY_NAME_LEN];
    enum key_scope scope;
    unsigned char hash[API_KEY_HASH];
    int64_t created_us;
    int64_t expires_us;                 /* 0: never */
    int64_t rate_events, rate_bytes;    /* a second; 0: no limit */
};

struct key_list {
    unsigned char salt[API_KEY_SALT];
    size_t count;
    struct key_entry entries[KEY_LIST_MAX];
};

/* Read the file; NULL with the reason when it is there and cannot be used, which
 * it cannot either when others than its owner may write it. No file is an empty
 * list with a new salt. The caller frees it. */
struct key_list *key_list_load(const char *path, struct err *err);

/* The entry with this name or id, or NULL. */
struct key_entry *key_list_find(struct key_list *list, struct text name_or_id);

/* Add a key of this name and scope: its entry (the caller sets rates and expiry) and
 * its text, the only time that it is known. NULL with the reason: the name is taken
 * or none, the list is full. */
struct key_entry *key_list_add(struct key_list *list, struct text name, enum key_scope scope,
                               char ret_key[API_KEY_TEXT_LEN], struct err *err);

/* Take an entry of the list out of it. */
void key_list_remove(struct key_list *list, struct key_entry *entry);

/* Lock the file against other writers (path.lock), waiting for the one who has it. A
 * descriptor to close, or -1 with the reason. */
int key_list_lock(const char *path, struct err *err);

/* Put the list in the file's place: mode 0600, all on the disk, then renamed, so that
 * a reader has the old one or the new one. Written by root it is owned by the owner of
 * its folder. 0, or -1 with the reason. */
int key_list_save(const struct key_list *list, const char *path, struct err *err);

#endif
