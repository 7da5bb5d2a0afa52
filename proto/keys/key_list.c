#include "proto/keys/key_list.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "proto/base/hash.h"
#include "proto/base/timestamp.h"
#include "proto/base/yaml.h"
#include "proto/keys/bucket.h"

/* --- one value of an entry --- */

static int
take_hex(const json_t *value, void *out, size_t len)
{
    const char *text = json_string_value(value);

    return text == NULL ? -1 : hash_from_hex(text_of(text), out, len);
}

static int
take_id(const json_t *value, struct key_entry *entry)
{
    unsigned char bytes[(API_KEY_ID_LEN - 1) / 2];

    if (take_hex(value, bytes, sizeof(bytes)) != 0)
        return -1;
    hash_to_hex(bytes, sizeof(bytes), entry->id);
    return 0;
}

static int
take_name(const json_t *value, struct key_entry *entry)
{
    struct text name = text_of(json_string_value(value));

    if (!api_key_is_name(name))
        return -1;
    memcpy(entry->name, name.ptr, name.len);
    return 0;
}

static int
take_scope(const json_t *value, struct key_entry *entry)
{
    int scope = key_scope_parse(text_of(json_string_value(value)));

    entry->scope = scope < 0 ? SCOPE_READ : (enum key_scope)scope;
    return scope < 0 ? -1 : 0;
}

static int
take_hash(const json_t *value, struct key_entry *entry)
{
    return take_hex(value, entry->hash, sizeof(entry->hash));
}

static int
take_time(const json_t *value, int64_t *ret_us)
{
    const char *text = json_string_value(value);

    return text == NULL ? -1 : timestamp_parse(text_of(text), ret_us, NULL);
}

static int
take_created(const json_t *value, struct key_entry *entry)
{
    return take_time(value, &entry->created_us);
}

static int
take_expires(const json_t *value, struct key_entry *entry)
{
    return take_time(value, &entry->expires_us);
}

static int
take_rate(const json_t *value, int64_t *ret_rate)
{
    *ret_rate = json_integer_value(value);
    return json_is_integer(value) && *ret_rate > 0 && *ret_rate <= BUCKET_MAX_RATE ? 0 : -1;
}

static int
take_rate_events(const json_t *value, struct key_entry *entry)
{
    return take_rate(value, &entry->rate_events);
}

static int
take_rate_bytes(const json_t *value, struct key_entry *entry)
{
    return take_rate(value, &entry->rate_bytes);
}

static const struct member {
    const char *name;
    int (*take)(const json_t *value, struct key_entry *entry);
    int is_required;
} members[] = {
    { "id", take_id, 1 },
    { "name", take_name, 1 },
    { "scope", take_scope, 1 },
    { "hash", take_hash, 1 },
    { "created", take_created, 1 },
    { "expires", take_expires, 0 },
    { "rate_events", take_rate_events, 0 },
    { "rate_bytes", take_rate_bytes, 0 },
};
enum { MEMBERS = sizeof(members) / sizeof(members[0]) };

/* --- the whole --- */

static int
read_entry(const struct yaml *yaml, const char *path, json_t *object,
           struct key_entry *entry, struct err *err)
{
    size_t known = 0;

    for (size_t i = 0; i < MEMBERS; i++) {
        const json_t *value = json_object_get(object, members[i].name);

        known += value != NULL;
        if (value == NULL ? !members[i].is_required : members[i].take(value, entry) == 0)
            continue;
        err_set(err, "%s:%d: a key's %s is %s", path, yaml_line(yaml, object), members[i].name,
                value == NULL ? "missing" : "wrong");
        return -1;
    }
    if (known == json_object_size(object))
        return 0;
    err_set(err, "%s:%d: a key has a member that this version does not know", path,
            yaml_line(yaml, object));
    return -1;
}

struct key_entry *
key_list_find(struct key_list *list, struct text name_or_id)
{
    for (size_t i = 0; i < list->count; i++)
        if (text_is(name_or_id, list->entries[i].name) ||
            text_is(name_or_id, list->entries[i].id))
            return &list->entries[i];
    return NULL;
}

static int
read_entries(const struct yaml *yaml, const char *path, json_t *keys, struct key_list *list,
             struct err *err)
{
    json_t *object;
    size_t i;

    if (!json_is_array(keys) || json_array_size(keys) > KEY_LIST_MAX) {
        err_set(err, "%s: keys is no list of at most %d", path, (int)KEY_LIST_MAX);
        return -1;
    }
    json_array_foreach(keys, i, object) {
        struct key_entry entry = { .scope = SCOPE_READ };

        if (read_entry(yaml, path, object, &entry, err) != 0)
            return -1;
        if (key_list_find(list, text_of(entry.name)) != NULL ||
            key_list_find(list, text_of(entry.id)) != NULL) {
            err_set(err, "%s:%d: the key %s is there twice", path, yaml_line(yaml, object),
                    entry.name);
            return -1;
        }
        list->entries[list->count++] = entry;
    }
    return 0;
}

static int
read_list(const char *path, struct key_list *list, struct err *err)
{
    struct yaml *yaml = yaml_load(path, err);
    json_t *root = yaml == NULL || yaml_count(yaml) != 1 ? NULL : yaml_document(yaml, 0);
    int rc = -1;

    if (yaml == NULL)
        return -1;
    if (!json_is_object(root) || json_object_size(root) != 3)
        err_set(err, "%s: is no file of keys (version, salt and keys)", path);
    else if (json_integer_value(json_object_get(root, "version")) != 1)
        err_set(err, "%s: its version is not 1", path);
    else if (take_hex(json_object_get(root, "salt"), list->salt, sizeof(list->salt)) != 0)
        err_set(err, "%s: salt is not %d bytes in hexadecimal digits", path, (int)API_KEY_SALT);
    else
        rc = read_entries(yaml, path, json_object_get(root, "keys"), list, err);
    yaml_destroy(&yaml);
    return rc;
}

/* Who can write the file can let himself in. */
static int
check_mode(const char *path, const struct stat *st, struct err *err)
{
    if (!S_ISREG(st->st_mode))
        err_set(err, "%s: is no file", path);
    else if (st->st_mode & (S_IWGRP | S_IWOTH))
        err_set(err, "%s: others than its owner may write it (mode %03o): chmod 600", path,
                (unsigned)(st->st_mode & 0777));
    else
        return 0;
    return -1;
}

struct key_list *
key_list_load(const char *path, struct err *err)
{
    struct key_list *list = calloc(1, sizeof(*list));
    struct stat st;

    if (list == NULL) {
        err_set(err, "out of memory");
        return NULL;
    }
    if (stat(path, &st) != 0 && errno == ENOENT) {
        hash_random(list->salt, sizeof(list->salt));
        return list;
    }
    if (stat(path, &st) != 0)
        err_set(err, "%s: %s", path, strerror(errno));
    else if (check_mode(path, &st, err) == 0 && read_list(path, list, err) == 0)
        return list;
    free(list);
    return NULL;
}

struct key_entry *
key_list_add(struct key_list *list, struct text name, enum key_scope scope,
             char ret_key[API_KEY_TEXT_LEN], struct err *err)
{
    struct key_entry *entry = &list->entries[list->count];

    if (!api_key_is_name(name))
        err_set(err, "\"%.*s\" is no name for a key: 1 to %d letters, digits, \".\", \"_\" and"
                " \"-\", the first a letter or digit", name.len > 80 ? 80 : (int)name.len,
                name.ptr, API_KEY_NAME_LEN - 1);
    else if (key_list_find(list, name) != NULL)
        err_set(err, "there is a key %.*s already: revoke it first, or choose another name",
                (int)name.len, name.ptr);
    else if (list->count == KEY_LIST_MAX)
        err_set(err, "there are %d keys already: revoke one first", (int)KEY_LIST_MAX);
    else {
        memset(entry, 0, sizeof(*entry));
        do
            api_key_make(ret_key, entry->id);
        while (key_list_find(list, text_of(entry->id)) != NULL);
        memcpy(entry->name, name.ptr, name.len);
        entry->scope = scope;
        api_key_hash(text_of(ret_key), list->salt, entry->hash);
        list->count++;
        return entry;
    }
    return NULL;
}

void
key_list_remove(struct key_list *list, struct key_entry *entry)
{
    size_t at = (size_t)(entry - list->entries);

    list->count--;
    memmove(entry, entry + 1, (list->count - at) * sizeof(*entry));
}
