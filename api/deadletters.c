#include "api/api.h"

#include <stdlib.h>
#include <string.h>

#include "api/params.h"
#include "proto/base/timestamp.h"
#include "proto/codec_json.h"
#include "proto/json_text.h"

enum { DEFAULT_LIMIT = 50, MAX_LIMIT = 500 };

/* --- GET /deadletters --- */

struct page {
    json_t *list;
    size_t bytes;               /* of JSON; it ends at API_PAGE_BYTES */
    int is_out_of_memory;
};

/* The event of a letter as GET /events would show it, or null: it may be none. */
static json_t *
event_of(const struct dead_letter *letter)
{
    msgpack_unpacked unpacked;
    struct event ev = { 0 };
    json_t *json = NULL;
    struct err err;

    msgpack_unpacked_init(&unpacked);
    if (event_unpack(letter->encoded.ptr, letter->encoded.len, &unpacked, &ev, &err) == 0) {
        ev.id = letter->key.id;
        ev.received_us = letter->received_us;
        json = event_to_json(&ev);
    } else {
        json = json_null();
    }
    event_release(&ev);
    msgpack_unpacked_destroy(&unpacked);
    return json;
}

static json_t *
time_of(int64_t us)
{
    char text[TIMESTAMP_LEN];

    timestamp_format(us, text);
    return json_string(text);
}

static json_t *
letter_to_json(const struct dead_letter *letter)
{
    char id[DEAD_KEY_TEXT_LEN];

    dead_key_format(&letter->key, id);
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:I, s:o, s:b, s:I, s:o}", "id", id,
                     "at", time_of(letter->at_us), "by", json_text(letter->by),
                     "reason", json_text(letter->reason),
                     "received_at", time_of(letter->received_us),
                     "attempts", (json_int_t)letter->attempts,
                     "tried_at", letter->tried_us == 0 ? json_null() : time_of(letter->tried_us),
                     "wanted", letter->is_wanted != 0, "bytes", (json_int_t)letter->encoded.len,
                     "event", event_of(letter));
}

static int
add_letter(void *ctx, const struct dead_letter *letter)
{
    struct page *page = ctx;
    json_t *json = letter_to_json(letter);

    if (json != NULL)
        page->bytes += json_dumpb(json, NULL, 0, JSON_COMPACT);
    page->is_out_of_memory = json_array_append_new(page->list, json) != 0;
    return page->is_out_of_memory || page->bytes >= API_PAGE_BYTES;
}

static int
parse_query(const struct http_request *req, struct dead_query *query, struct err *err)
{
    struct text id;

    if (params_limit(req, DEFAULT_LIMIT, MAX_LIMIT, &query->limit, err) != 0 ||
        params_cursor(req, &query->has_cursor, &query->cursor_at_us, &id, err) != 0)
        return -1;
    if (query->has_cursor && dead_key_parse(id, &query->cursor) != 0) {
        err_set(err, "cursor: not one that was given as next_cursor");
        return -1;
    }
    return 0;
}

static json_t *
next_cursor(const struct dead_page *page)
{
    char id[DEAD_KEY_TEXT_LEN];

    if (!page->is_more)
        return json_null();
    dead_key_format(&page->cursor, id);
    return params_make_cursor(page->cursor_at_us, id);
}

void
handle_deadletters(struct http_request *req, void *self)
{
    struct api *api = self;
    struct dead_query query = { .is_wanted = 0 };
    struct page found = { .list = NULL };
    struct dead_page page = { 0 };
    json_t *body = NULL;
    const char *next;
    struct err err;

    if (parse_query(req, &query, &err) != 0) {
        http_reply_problem(req, 400, "%s", err.text);
        return;
    }
    ++*api->queries;
    found.list = json_array();
    if (api->store->ops->dead->find(api->store, &query, add_letter, &found, &page, &err) != 0) {
        api_store_failed(api, req, &err);
        goto done;
    }
    if (!found.is_out_of_memory)
        body = json_pack("{s:O, s:o}", "deadletters", found.list, "next_cursor",
                         next_cursor(&page));
    if (body == NULL) {
        err_set(&err, "out of memory");
        api_store_failed(api, req, &err);
        goto done;
    }
    next = json_string_value(json_object_get(body, "next_cursor"));
    if (next != NULL)
        params_link_next(req, "cursor", next);
    http_reply_json(req, 200, body);

done:
    json_decref(found.list);
}

/* --- POST /deadletters/retry --- */

struct retry {
    struct dead_key keys[DEAD_MAX_IDS];
    unsigned char found[DEAD_MAX_IDS];
    struct dead_wish wish;
};

static int
is_there(const struct retry *retry, size_t count, const struct dead_key *key)
{
    for (size_t i = 0; i < count; i++)
        if (retry->keys[i].day == key->day && event_id_equals(&retry->keys[i].id, &key->id))
            return 1;
    return 0;
}

static int
parse_ids(const json_t *ids, struct retry *retry, struct err *err)
{
    const json_t *id;
    size_t i, count = 0;

    if (!json_is_array(ids) || json_array_size(ids) == 0 ||
        json_array_size(ids) > DEAD_MAX_IDS) {
        err_set(err, "ids: must be a list of 1 to %d ids of dead letters", (int)DEAD_MAX_IDS);
        return -1;
    }
    json_array_foreach(ids, i, id) {
        struct text text = { json_string_value(id), json_string_length(id) };
        struct dead_key key;

        if (!json_is_string(id) || dead_key_parse(text, &key) != 0) {
            err_set(err, "ids: number %zu is no id of a dead letter", i + 1);
            return -1;
        }
        if (!is_there(retry, count, &key))
            retry->keys[count++] = key;
    }
    retry->wish = (struct dead_wish){ .keys = retry->keys, .count = count, .found = retry->found };
    return 0;
}

static int
parse_retry(const json_t *body, struct retry *retry, struct err *err)
{
    const json_t *ids = json_object_get(body, "ids"), *all = json_object_get(body, "all");
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)body, name, value)
        if (strcmp(name, "ids") != 0 && strcmp(name, "all") != 0) {
            err_set(err, "%.64s: no such field; ids or all is", name);
            return -1;
        }
    if (ids != NULL && all != NULL) {
        err_set(err, "all: give either ids or all");
        return -1;
    }
    if (ids != NULL)
        return parse_ids(ids, retry, err);
    if (all == NULL) {
        err_set(err, "ids: is missing; or all, with true");
        return -1;
    }
    if (json_is_true(all))
        return 0;
    err_set(err, "all: must be true");
    return -1;
}

/* Mark them; the indexer looks for what is marked every few seconds. */
static void
apply_retry(struct api *api, struct http_request *req, struct retry *retry)
{
    struct dead_wish *wish = &retry->wish;
    json_t *missing, *body;
    struct err err = { "out of memory" };

    ++*api->queries;
    if (api->store->ops->dead->want(api->store, wish, &err) != 0) {
        api_store_failed(api, req, &err);
        return;
    }
    *api->letters_wanted += wish->wanted;
    missing = json_array();
    for (size_t i = 0; wish->keys != NULL && i < wish->count; i++) {
        char id[DEAD_KEY_TEXT_LEN];

        dead_key_format(&wish->keys[i], id);
        if (!wish->found[i])
            json_array_append_new(missing, json_string(id));
    }
    body = json_pack("{s:I, s:o, s:b}", "wanted", (json_int_t)wish->wanted, "not_found", missing,
                     "more", wish->is_more);
    if (body == NULL)
        api_store_failed(api, req, &err);
    else
        http_reply_json(req, 202, body);
}

void
handle_deadletters_retry(struct http_request *req, void *self)
{
    struct text text = http_body(req);
    struct retry *retry = calloc(1, sizeof(*retry));
    json_error_t where;
    json_t *body = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, &where);
    struct err err = { "out of memory" };

    if (retry == NULL)
        api_store_failed(self, req, &err);
    else if (body == NULL)
        http_reply_problem(req, 400, "not JSON: %s (byte %d)", where.text, where.position);
    else if (!json_is_object(body))
        http_reply_problem(req, 400, "must be a JSON object with ids or all");
    else if (parse_retry(body, retry, &err) != 0)
        http_reply_problem(req, 400, "%s", err.text);
    else
        apply_retry(self, req, retry);
    json_decref(body);
    free(retry);
}
