#include "proto/server/keyring_parts.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/clock.h"
#include "proto/base/file_look.h"
#include "proto/base/hash.h"
#include "proto/base/log.h"
#include "proto/keys/key_list.h"

enum { LOOK_MS = 2000 };

const char *const key_refusal_names[KEY_REFUSALS] = {
    [KEY_UNKNOWN] = "unknown", [KEY_EXPIRED] = "expired", [KEY_SCOPE] = "scope",
    [KEY_RATE] = "rate",
};

/* --- numbers --- */

static void
take_numbers(struct keyring *ring, struct key_holder *holder)
{
    const char *name = ring->named < MAX_NAMED ? holder->entry.name : "other";
    char labels[API_KEY_NAME_LEN + 64];

    ring->named++;
    snprintf(labels, sizeof(labels), "key=\"%s\"", name);
    holder->events_total = metrics_number(ring->metrics, METRIC_COUNTER,
                                          "bongsu_key_events_total", labels,
                                          "events that came with this key");
    for (int why = KEY_EXPIRED; why < KEY_REFUSALS; why++) {
        snprintf(labels, sizeof(labels), "key=\"%s\",reason=\"%s\"", name, key_refusal_names[why]);
        holder->refused[why] = metrics_number(ring->metrics, METRIC_COUNTER,
                                              "bongsu_key_refused_total", labels,
                                              "requests with this key that were refused");
    }
}

/* --- the keys of the configuration --- */

/* Chosen by people, so never written anywhere: hashed in memory only. Its id names
 * the events that its client keyed, so it is the same in every version. */
static void
hash_plain(struct text key, unsigned char out[API_KEY_HASH])
{
    crypto_generichash(out, API_KEY_HASH, (const unsigned char *)key.ptr, key.len, NULL, 0);
}

static void
add_built_in(struct keyring *ring, const char *name, const char *key, enum key_scope scope)
{
    struct key_holder *holder = &ring->holders[ring->count++];

    holder->is_built_in = 1;
    snprintf(holder->entry.name, sizeof(holder->entry.name), "%s", name);
    holder->entry.scope = scope;
    if (key == NULL)
        return;
    holder->is_in_force = 1;
    hash_plain(text_of(key), holder->entry.hash);
    hash_to_hex(holder->entry.hash, (API_KEY_ID_LEN - 1) / 2, holder->entry.id);
    take_numbers(ring, holder);
}

/* --- the keys of the file --- */

/* There are twice as many places as keys, so that none is taken from a key that
 * was in force until now: it may be of this list too. */
static struct key_holder *
holder_of(struct keyring *ring, const char *id)
{
    struct key_holder *free_one = NULL;

    for (size_t i = BUILT_IN; i < ring->count; i++) {
        struct key_holder *holder = &ring->holders[i];

        if (strcmp(holder->entry.id, id) == 0)
            return holder;
        if (!holder->is_in_force && holder->revoked_at < ring->looks &&
            (free_one == NULL || holder->revoked_at < free_one->revoked_at))
            free_one = holder;
    }
    return ring->count < HOLDERS ? &ring->holders[ring->count++] : free_one;
}

/* A key that stays keeps its numbers and what is in its buckets. */
static void
put_in_force(struct keyring *ring, const struct key_entry *entry)
{
    struct key_holder *holder = holder_of(ring, entry->id);
    int is_same = strcmp(holder->entry.id, entry->id) == 0 &&
                  strcmp(holder->entry.name, entry->name) == 0;
    int64_t now_ms = clock_steady_ms();

    if (!is_same)
        memset(holder, 0, sizeof(*holder));
    holder->entry = *entry;
    holder->is_in_force = 1;
    bucket_set_rate(&holder->events, entry->rate_events, now_ms);
    bucket_set_rate(&holder->bytes, entry->rate_bytes, now_ms);
    if (!is_same)
        take_numbers(ring, holder);
}

static void
take_list(struct keyring *ring, const struct key_list *list)
{
    ring->looks++;
    memcpy(ring->salt, list->salt, sizeof(ring->salt));
    for (size_t i = BUILT_IN; i < ring->count; i++)
        if (ring->holders[i].is_in_force) {
            ring->holders[i].is_in_force = 0;
            ring->holders[i].revoked_at = ring->looks;
        }
    for (size_t i = 0; i < list->count; i++)
        put_in_force(ring, &list->entries[i]);
    ring->file_count = list->count;
    *ring->in_force = list->count;
}

static int
read_file(struct keyring *ring, struct err *err)
{
    struct key_list *list = key_list_load(ring->path, err);

    if (list == NULL)
        return -1;
    take_list(ring, list);
    free(list);
    return 0;
}

/* 1 when the file is another one than that which was seen last. */
static int
has_changed(struct keyring *ring)
{
    uint64_t now = file_look(ring->path);
    int is_changed = !ring->has_seen || now != ring->seen;

    ring->has_seen = 1;
    ring->seen = now;
    return is_changed;
}

void
keyring_look(struct keyring *ring)
{
    struct err err = { "" };

    if (ring->path == NULL || !has_changed(ring))
        return;
    if (read_file(ring, &err) == 0) {
        ring->problem[0] = '\0';
        *ring->is_ok = 1;
        log_info("keys in force", "file=\"%s\" keys=%zu", ring->path, ring->file_count);
        return;
    }
    snprintf(ring->problem, sizeof(ring->problem), "%s", err.text);
    *ring->is_ok = 0;
    log_error("keys refused", "reason=\"%s\" in_force=%zu", err.text, ring->file_count);
}

static int
on_look(zloop_t *loop, int timer, void *self)
{
    (void)loop, (void)timer;
    keyring_look(self);
    return 0;
}

/* --- life --- */

static int
open_file(struct keyring *ring, const char *path, struct err *err)
{
    if (path == NULL)
        return 0;
    ring->path = text_dup(text_of(path));
    if (ring->path == NULL) {
        err_set(err, "out of memory");
        return -1;
    }
    has_changed(ring);
    if (read_file(ring, err) != 0)
        return -1;
    *ring->is_ok = 1;
    ring->timer = zloop_timer(ring->loop, LOOK_MS, 0, on_look, ring);
    if (ring->timer >= 0)
        return 0;
    err_set(err, "out of memory");
    return -1;
}

struct keyring *
keyring_new(zloop_t *loop, const struct keyring_spec *spec, struct metrics *metrics,
            struct err *err)
{
    struct keyring *ring = sodium_init() < 0 ? NULL : calloc(1, sizeof(*ring));

    if (ring == NULL) {
        err_set(err, "keys: out of memory");
        return NULL;
    }
    ring->loop = loop;
    ring->timer = -1;
    ring->metrics = metrics;
    ring->unknown = metrics_number(metrics, METRIC_COUNTER, "bongsu_key_unknown_total", "",
                                   "requests with a key that is none");
    ring->is_ok = metrics_number(metrics, METRIC_GAUGE, "bongsu_keys_file_ok", "",
                                 "1: the file of keys as it is now is in force");
    ring->in_force = metrics_number(metrics, METRIC_GAUGE, "bongsu_keys_in_file", "",
                                    "keys of the file that are in force");
    add_built_in(ring, "API_KEY", spec->api_key, SCOPE_ADMIN);
    add_built_in(ring, "READER_KEY", spec->reader_key, SCOPE_READ);
    if (open_file(ring, spec->path, err) == 0)
        return ring;
    keyring_destroy(&ring);
    return NULL;
}

void
keyring_destroy(struct keyring **ring_ptr)
{
    struct keyring *ring = *ring_ptr;

    if (ring == NULL)
        return;
    if (ring->timer >= 0)
        zloop_timer_end(ring->loop, ring->timer);
    free(ring->path);
    free(ring);
    *ring_ptr = NULL;
}

/* --- asking --- */

int
keyring_has(const struct keyring *ring, enum key_scope needed)
{
    for (size_t i = 0; i < ring->count; i++)
        if (ring->holders[i].is_in_force &&
            key_scope_covers(ring->holders[i].entry.scope, needed))
            return 1;
    return 0;
}

/* All keys are compared always, so that the time taken tells nothing. From behind:
 * of two that are the same, the first one counts. */
static struct key_holder *
find(struct keyring *ring, struct text key)
{
    unsigned char plain[API_KEY_HASH], salted[API_KEY_HASH] = { 0 };
    struct key_holder *found = NULL;

    hash_plain(key, plain);
    if (ring->file_count > 0)
        api_key_hash(key, ring->salt, salted);
    for (size_t i = ring->count; i > 0; i--) {
        struct key_holder *holder = &ring->holders[i - 1];
        int is_it = sodium_memcmp(holder->entry.hash, holder->is_built_in ? plain : salted,
                                  API_KEY_HASH) == 0;

        found = is_it && holder->is_in_force ? holder : found;
    }
    return found;
}

enum key_refusal
keyring_find(struct keyring *ring, struct text key, enum key_scope needed,
             struct key_holder **ret_holder)
{
    struct key_holder *holder = find(ring, key);

    *ret_holder = holder;
    if (holder == NULL)
        return KEY_UNKNOWN;
    holder->used_us = clock_real_us();
    if (holder->entry.expires_us != 0 && holder->used_us >= holder->entry.expires_us)
        return KEY_EXPIRED;
    return key_scope_covers(holder->entry.scope, needed) ? KEY_GOOD : KEY_SCOPE;
}

int64_t
key_holder_wait_s(struct key_holder *holder)
{
    int64_t now_ms, events_s, bytes_s;

    if (holder->events.rate == 0 && holder->bytes.rate == 0)
        return 0;
    now_ms = clock_steady_ms();
    events_s = bucket_wait_s(&holder->events, now_ms);
    bytes_s = bucket_wait_s(&holder->bytes, now_ms);
    return events_s > bytes_s ? events_s : bytes_s;
}

void
key_holder_charge(struct key_holder *holder, uint64_t events, uint64_t bytes)
{
    if (holder == NULL)
        return;
    *holder->events_total += events;
    bucket_take(&holder->events, (int64_t)events);
    bucket_take(&holder->bytes, (int64_t)bytes);
}

void
keyring_count_refused(struct keyring *ring, struct key_holder *holder, enum key_refusal why)
{
    ++*(holder == NULL ? ring->unknown : holder->refused[why]);
}

struct text
key_holder_name(const struct key_holder *holder)
{
    return text_of(holder->entry.name);
}

struct text
key_holder_id(const struct key_holder *holder)
{
    return text_of(holder->entry.id);
}

enum key_scope
key_holder_scope(const struct key_holder *holder)
{
    return holder->entry.scope;
}
