/*
 * What goes after its time: whole indices of events, where the cluster does not
 * delete them itself (ILM); incidents that are closed, and old sums. Only what has
 * exactly our names: a wildcard also matches aliases, and leads to their indices.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/log.h"
#include "proto/store/elastic/elastic.h"

enum { OK = 200, NOT_FOUND = 404, BATCH = 1000, SUM_DAYS = 400 };

#define DAY_US INT64_C(86400000000)

struct old_index {
    char name[ELASTIC_INDEX_LEN];
    int64_t created_us, bytes;
};

static int
oldest_first(const void *left, const void *right)
{
    const struct old_index *a = left, *b = right;

    return (a->created_us > b->created_us) - (a->created_us < b->created_us);
}

/* "bongsu-events-2026.11.22", and not "...-archive". */
static int
is_ours(const char *name)
{
    static const char form[] = ELASTIC_EVENTS "0000.00.00";
    size_t prefix = strlen(ELASTIC_EVENTS);

    if (name == NULL || strlen(name) != strlen(form) || strncmp(name, form, prefix) != 0)
        return 0;
    for (size_t i = prefix; form[i] != '\0'; i++)
        if (form[i] == '0' ? !isdigit((unsigned char)name[i]) : name[i] != form[i])
            return 0;
    return 1;
}

static int64_t
number_in(const json_t *row, const char *name, int64_t otherwise)
{
    const char *text = json_string_value(json_object_get(row, name));

    return text == NULL ? otherwise : strtoll(text, NULL, 10);
}

/* All event indices; the caller frees. */
static int
list_indices(struct elastic_store *store, struct old_index **ret_list, size_t *ret_count,
             struct err *err)
{
    json_t *answer = NULL;
    const json_t *row;
    size_t i;
    int status = elastic_ask(store, "GET", "/_cat/indices/" ELASTIC_ALL_EVENTS
                             "?format=json&bytes=b&h=index,creation.date,store.size",
                             NULL, &answer, err);

    if (status != OK || !json_is_array(answer)) {
        json_decref(answer);
        return -1;
    }
    *ret_count = 0;
    *ret_list = calloc(json_array_size(answer) + 1, sizeof(**ret_list));
    json_array_foreach(answer, i, row) {
        const char *name = json_string_value(json_object_get(row, "index"));
        struct old_index *index = *ret_list == NULL ? NULL : *ret_list + *ret_count;

        if (index == NULL || !is_ours(name))
            continue;
        index->created_us = number_in(row, "creation.date", INT64_MAX / 1000) * 1000;
        index->bytes = number_in(row, "store.size", 0);
        snprintf(index->name, sizeof(index->name), "%s", name);
        ++*ret_count;
    }
    json_decref(answer);
    if (*ret_list == NULL)
        err_set(err, "store: out of memory");
    return *ret_list == NULL ? -1 : 0;
}

/* When the newest of its events came: one that is sent to an old day later (with a key
 * of its client) keeps that day for its own time. 0: it has none. -1 with the reason. */
static int
read_last_write(struct elastic_store *store, const char *index, int64_t *ret_us, struct err *err)
{
    json_t *answer = NULL, *body = json_pack("{s:i, s:b, s:{s:{s:{s:s}}}}", "size", 0,
                                             "track_total_hits", 0, "aggs", "last", "max", "field",
                                             "event.ingested");
    char path[ELASTIC_INDEX_LEN + 40];
    const json_t *value;
    int rc = -1;

    /* a closed one is kept as long as if nothing had come since it was made */
    snprintf(path, sizeof(path), "/%s/_search?ignore_unavailable=true", index);
    if (elastic_ask(store, "POST", path, body, &answer, err) == OK &&
        elastic_check_shards(answer, err) == 0) {
        value = json_object_get(json_object_get(json_object_get(answer, "aggregations"), "last"),
                                "value");
        *ret_us = json_is_number(value) ? (int64_t)json_number_value(value) * 1000 : 0;
        rc = 0;
    }
    json_decref(answer);
    return rc;
}

/* 1 when it is past its time, 0, or -1. */
static int
is_past(struct elastic_store *store, const struct old_index *index, int64_t now_us,
        struct err *err)
{
    int64_t end_us = now_us - store->retention_us, last_us;

    if (store->retention_us <= 0 || store->has_ilm || index->created_us >= end_us)
        return 0;
    return read_last_write(store, index->name, &last_us, err) != 0 ? -1 : last_us < end_us;
}

static int
delete_index(struct elastic_store *store, const char *name, struct err *err)
{
    char path[ELASTIC_INDEX_LEN + 2];
    json_t *answer = NULL;
    int status;

    snprintf(path, sizeof(path), "/%s", name);
    status = elastic_ask(store, "DELETE", path, NULL, &answer, err);
    json_decref(answer);
    if (status != OK && status != NOT_FOUND)
        return -1;
    log_info("retention deleted an index", "index=%s", name);
    return 0;
}

/* One that cannot be deleted does not keep the others. */
static int
delete_indices(struct elastic_store *store, int64_t now_us, unsigned *ret_deleted,
               struct err *err)
{
    struct old_index *list = NULL;
    size_t count = 0;
    int64_t bytes = 0;
    int rc = 0;

    if (list_indices(store, &list, &count, err) != 0)
        return -1;
    qsort(list, count, sizeof(*list), oldest_first);
    for (size_t i = 0; i < count; i++)
        bytes += list[i].bytes;
    for (size_t i = 0; i < count; i++) {
        int is_over = store->max_bytes > 0 && bytes > store->max_bytes && i + 1 < count;
        int is_old = is_over ? 1 : is_past(store, &list[i], now_us, err);

        if (is_old == 0)
            continue;
        if (is_old < 0 || delete_index(store, list[i].name, err) != 0) {
            rc = -1;
            continue;
        }
        ++*ret_deleted;
        bytes -= list[i].bytes;
    }
    free(list);
    return rc;
}

/* --- documents --- */

/* A delete that does not meet what was written since it was found. */
static int
add_delete(struct buf *body, const json_t *hit)
{
    json_t *action = json_pack("{s:{s:O, s:O, s:O, s:O}}", "delete", "_index",
                               json_object_get(hit, "_index"), "_id", json_object_get(hit, "_id"),
                               "if_seq_no", json_object_get(hit, "_seq_no"), "if_primary_term",
                               json_object_get(hit, "_primary_term"));
    char *line = action == NULL ? NULL : json_dumps(action, JSON_COMPACT);
    int rc = line == NULL || buf_append_str(body, line) != 0 || buf_append_char(body, '\n') != 0;

    free(line);
    json_decref(action);
    return rc == 0 ? 0 : -1;
}

/* Up to BATCH documents a call; query is taken. */
static int
forget(struct elastic_store *store, const char *index, json_t *query, struct err *err)
{
    json_t *answer = NULL, *done = NULL, *body = json_pack(
        "{s:i, s:b, s:b, s:o}", "size", BATCH, "_source", 0, "seq_no_primary_term", 1, "query", query);
    struct buf deletes = { 0 };
    char path[80];
    const json_t *hit;
    size_t i;
    int rc;

    snprintf(path, sizeof(path), "/%s/_search?ignore_unavailable=true", index);
    rc = elastic_ask(store, "POST", path, body, &answer, err) == OK ? 0 : -1;
    json_array_foreach(json_object_get(json_object_get(answer, "hits"), "hits"), i, hit)
        if (rc == 0 && add_delete(&deletes, hit) != 0) {
            err_set(err, "store: out of memory");
            rc = -1;
        }
    if (rc == 0 && deletes.len > 0)
        rc = elastic_bulk_ask(store, &deletes, &done, err);
    buf_release(&deletes);
    json_decref(done);
    json_decref(answer);
    return rc;
}

static json_t *
below(const char *field, json_t *end)
{
    return json_pack("{s:{s:{s:o}}}", "range", field, "lt", end);
}

static int
forget_incidents(struct elastic_store *store, int64_t now_us, struct err *err)
{
    if (store->retention_us <= 0)
        return 0;
    return forget(store, ELASTIC_INCIDENTS, json_pack(
        "{s:{s:[o, {s:{s:[s, s]}}]}}", "bool", "filter", below("bongsu.incident.last_seen",
        json_integer(now_us - store->retention_us)), "terms", "bongsu.incident.status",
        status_name(STATUS_RESOLVED), status_name(STATUS_FALSE_POSITIVE)), err);
}

static int
forget_sums(struct elastic_store *store, int64_t now_us, struct err *err)
{
    int64_t end_us = now_us - SUM_DAYS * DAY_US;
    char day[TIMESTAMP_LEN];

    timestamp_format(end_us, day);
    day[strlen("2026-11-22")] = '\0';
    if (forget(store, ELASTIC_LEDGER, below("hour", json_integer(ledger_hour(end_us))), err) != 0)
        return -1;
    return forget(store, ELASTIC_ALLOWED, below("day", json_string(day)), err);
}

int
elastic_retain(struct store *base, int64_t now_us, unsigned *ret_deleted, struct err *err)
{
    struct elastic_store *store = (struct elastic_store *)base;
    int rc;

    *ret_deleted = 0;
    if (elastic_set_up(store, err) != STORE_DONE)
        return -1;
    rc = delete_indices(store, now_us, ret_deleted, err);
    if (forget_incidents(store, now_us, err) != 0 || forget_sums(store, now_us, err) != 0)
        rc = -1;
    if (store->retention_us > 0 &&
        elastic_dead_expire(store, now_us - store->retention_us, err) != 0)
        rc = -1;
    return rc;
}
