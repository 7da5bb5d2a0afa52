/*
 * keyring.h - the keys that a running process takes, and what each has done
 *
 * API_KEY (admin) and READER_KEY (read) of the configuration, and those of keys.yml,
 * which is looked at every two seconds and read again when it is another file. A
 * broken file changes nothing: the last good keys stay, and the reason shows in
 * /status and in bongsu_keys_file_ok. All servers of a process share one keyring.
 */
#ifndef PROTO_SERVER_KEYRING_H
#define PROTO_SERVER_KEYRING_H

#include <czmq.h>
#include <jansson.h>

#include "proto/base/err.h"
#include "proto/base/metrics.h"
#include "proto/base/text.h"
#include "proto/keys/api_key.h"
#include "proto/settings.h"

struct keyring;
struct key_holder;              /* one key and its numbers */

struct keyring_spec {
    const char *path;           /* of keys.yml (copied); NULL: no file */
    const char *api_key;        /* NULL: none */
    const char *reader_key;
};

/* Why a key is not good enough, in the order of the metrics' names. */
enum key_refusal { KEY_GOOD, KEY_UNKNOWN, KEY_EXPIRED, KEY_SCOPE, KEY_RATE, KEY_REFUSALS };

/* NULL with the reason, which a broken file is at start. */
struct keyring *keyring_new(zloop_t *loop, const struct keyring_spec *spec,
                            struct metrics *metrics, struct err *err);
void keyring_destroy(struct keyring **ring);

/* The same with the keys and the file of the settings; and whether that file is right,
 * without a loop: 0, or -1 with the reason. */
struct keyring *keyring_open(zloop_t *loop, const struct settings *settings,
                             struct metrics *metrics, struct err *err);
int keyring_check(const struct settings *settings, struct err *err);

/* Look at the file now, as it is done every two seconds. */
void keyring_look(struct keyring *ring);

/* 1 when there is a key that is enough for this. */
int keyring_has(const struct keyring *ring, enum key_scope needed);

/* Whose key this is, in the same time for every key that is none: *ret_holder (lives as
 * long as the ring) and KEY_GOOD, or why it may not. */
enum key_refusal keyring_find(struct keyring *ring, struct text key, enum key_scope needed,
                              struct key_holder **ret_holder);

/* 0 when the key's rates let a request in, else the seconds until they do. */
int64_t key_holder_wait_s(struct key_holder *holder);

/* What came in by this key, paid for by its rates. A NULL holder pays nothing. */
void key_holder_charge(struct key_holder *holder, uint64_t events, uint64_t bytes);

/* A request by this key was refused (NULL: by none that is known). */
void keyring_count_refused(struct keyring *ring, struct key_holder *holder,
                           enum key_refusal why);

/* "web1"; its id (of API_KEY: the beginning of its hash). Borrowed. */
struct text key_holder_name(const struct key_holder *holder);
struct text key_holder_id(const struct key_holder *holder);
enum key_scope key_holder_scope(const struct key_holder *holder);

/* "keys" and, when the file is broken, a warning, for health_also_show; self is the ring. */
void keyring_show(void *self, json_t *status);

#endif
