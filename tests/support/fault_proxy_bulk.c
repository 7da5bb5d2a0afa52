#include "tests/support/fault_proxy_bulk.h"

#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const struct refusal {
    int status;
    const char *type, *reason;
} refusals[] = {
    { 400, "document_parsing_exception",
      "[1:9] failed to parse field [field] of type [long] in document" },
    { 401, "security_exception", "unable to authenticate user [elastic] for REST request" },
    { 403, "cluster_block_exception", "index blocked by: [FORBIDDEN/8/index write (api)];" },
    { 404, "index_not_found_exception", "no such index" },
    { 413, "content_too_long_exception", "entity content is too long" },
    { 429, "es_rejected_execution_exception",
      "rejected execution of coordinating operation [coordinating_and_primary_bytes=0, "
      "replica_bytes=0, all_bytes=0, coordinating_operation_bytes=1, max=0]" },
    { 503, "unavailable_shards_exception", "primary shard is not active Timeout: [1m]" },
    { 0, "exception", "the test's fault proxy says no" },
};

static json_t *
error_of(int status)
{
    const struct refusal *row = refusals;

    while (row->status != status && row->status != 0)
        row++;
    return json_pack("{s:s, s:s}", "type", row->type, "reason", row->reason);
}

static void
write_json(const json_t *json, struct bytes *out)
{
    char *text = json_dumps(json, JSON_COMPACT);

    if (text == NULL)
        abort();
    bytes_add_text(out, text);
    free(text);
}

void
bulk_refusal(int status, struct bytes *out)
{
    json_t *json = json_pack("{s:o, s:i}", "error", error_of(status), "status", status);

    write_json(json, out);
    json_decref(json);
}

static char *
copy_member(const json_t *action, const char *name)
{
    const char *text = json_string_value(json_object_get(action, name));

    return text == NULL ? NULL : strdup(text);
}

/* The action on a line into item: 0, or -1 when it is none. */
static int
read_action(const char *line, size_t len, struct bulk_item *item)
{
    json_t *json = json_loadb(line, len, 0, NULL);
    void *first = json == NULL ? NULL : json_object_iter(json);
    size_t op_len;

    if (first == NULL || json_object_size(json) != 1 ||
        !json_is_object(json_object_iter_value(first)) ||
        (op_len = strlen(json_object_iter_key(first))) >= sizeof(item->op)) {
        json_decref(json);
        return -1;
    }
    memcpy(item->op, json_object_iter_key(first), op_len + 1);
    item->index = copy_member(json_object_iter_value(first), "_index");
    item->id = copy_member(json_object_iter_value(first), "_id");
    json_decref(json);
    return 0;
}

static size_t
line_end(const struct bytes *body, size_t at)
{
    const char *end = at >= body->len ? NULL : memchr(body->data + at, '\n', body->len - at);

    return end == NULL ? body->len : (size_t)(end - body->data) + 1;
}

void
bulk_read(const struct bytes *body, struct bulk *bulk)
{
    size_t cap = 0, at = 0, end;

    *bulk = (struct bulk){ NULL, 0, 0 };
    for (; at < body->len; at = end) {
        struct bulk_item item = { .start = at };

        end = line_end(body, at);
        if (read_action(body->data + at, end - at, &item) != 0)
            return;
        if (strcmp(item.op, "delete") != 0)
            end = line_end(body, end);
        item.len = end - at;
        if (bulk->count == cap) {
            cap = cap * 2 + 64;
            bulk->items = realloc(bulk->items, cap * sizeof(*bulk->items));
            if (bulk->items == NULL)
                abort();
        }
        bulk->items[bulk->count++] = item;
    }
}

void
bulk_release(struct bulk *bulk)
{
    for (size_t i = 0; i < bulk->count; i++) {
        free(bulk->items[i].index);
        free(bulk->items[i].id);
    }
    free(bulk->items);
    *bulk = (struct bulk){ NULL, 0, 0 };
}

void
bulk_refuse(struct bulk *bulk, unsigned percent, size_t *counter)
{
    for (size_t i = 0; i < bulk->count; i++, (*counter)++) {
        bulk->items[i].is_refused = (*counter + 1) * percent / 100 != *counter * percent / 100;
        bulk->refused += (size_t)bulk->items[i].is_refused;
    }
}

void
bulk_rest(const struct bulk *bulk, const struct bytes *body, struct bytes *out)
{
    bytes_add(out, "", 0);
    for (size_t i = 0; i < bulk->count; i++)
        if (!bulk->items[i].is_refused)
            bytes_add(out, body->data + bulk->items[i].start, bulk->items[i].len);
}

static json_t *
refused_item(const struct bulk_item *item, int status, int is_brief)
{
    json_t *inner = json_object();

    if (!is_brief && item->index != NULL)
        json_object_set_new(inner, "_index", json_string(item->index));
    if (!is_brief && item->id != NULL)
        json_object_set_new(inner, "_id", json_string(item->id));
    json_object_set_new(inner, "status", json_integer(status));
    json_object_set_new(inner, "error", error_of(status));
    return json_pack("{s:o}", item->op, inner);
}

int
bulk_merge(const struct bulk *bulk, int status, int is_brief, const struct bytes *answer,
           struct bytes *out)
{
    json_t *json = answer->len == 0
                       ? json_pack("{s:b, s:i, s:[]}", "errors", 1, "took", 0, "items")
                       : json_loadb(answer->data, answer->len, 0, NULL);
    json_t *got = json_object_get(json, "items"), *items = json_array();
    size_t next = 0;
    int rc = -1;

    if (json_array_size(got) != bulk->count - bulk->refused)
        goto done;
    for (size_t i = 0; i < bulk->count; i++)
        if (bulk->items[i].is_refused)
            json_array_append_new(items, refused_item(&bulk->items[i], status, is_brief));
        else
            json_array_append(items, json_array_get(got, next++));
    json_object_set_new(json, "errors", json_true());
    json_object_set(json, "items", items);
    write_json(json, out);
    rc = 0;

done:
    json_decref(items);
    json_decref(json);
    return rc;
}

int
bulk_shorten(const struct bytes *answer, struct bytes *out)
{
    json_t *json = json_loadb(answer->data == NULL ? "" : answer->data, answer->len, 0, NULL);
    json_t *items = json_object_get(json, "items");
    int rc = json_array_size(items) == 0 ? -1
                 : json_array_remove(items, json_array_size(items) - 1);

    if (rc == 0)
        write_json(json, out);
    json_decref(json);
    return rc;
}

size_t
bulk_count_status(const struct bytes *answer, int status)
{
    json_t *json = json_loadb(answer->data == NULL ? "" : answer->data, answer->len, 0, NULL);
    json_t *item;
    size_t i, count = 0;

    json_array_foreach(json_object_get(json, "items"), i, item) {
        const json_t *inner = json_object_iter_value(json_object_iter(item));

        count += json_integer_value(json_object_get(inner, "status")) == status;
    }
    json_decref(json);
    return count;
}
