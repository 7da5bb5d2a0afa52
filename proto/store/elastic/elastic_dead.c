/*
 * Dead letters written: a document each, named by the letter's key. The event stands in it
 * as bytes that nobody looks at, so that nothing in it can be refused again.
 */
#include <stdlib.h>
#include <string.h>

#include "proto/base/clock.h"
#include "proto/json_text.h"
#include "proto/store/elastic/elastic.h"

enum { OK = 200, CREATED = 201, NOT_FOUND = 404, CONFLICT = 409, TRIES = 3 };

/* --- a letter as a document --- */

static json_t *
document_of(const struct dead_letter *letter)
{
    const struct buf bytes = { (char *)(uintptr_t)letter->encoded.ptr, letter->encoded.len, 0 };
    char at[TIMESTAMP_LEN], received[TIMESTAMP_LEN], id[EVENT_ID_TEXT_LEN];
    char key[DEAD_KEY_TEXT_LEN];

    timestamp_format(letter->at_us, at);
    timestamp_format(letter->received_us, received);
    event_id_format(&letter->key.id, id);
    dead_key_format(&letter->key, key);
    return json_pack("{s:s, s:s, s:s, s:o, s:o, s:s, s:I, s:I, s:o, s:I, s:I, s:b, s:I, s:o}",
                     "@timestamp", at, "event.id", id, "event.ingested", received,
                     "message", json_text(letter->reason),
                     "error.message", json_text(letter->reason), "bongsu.letter", key,
                     "bongsu.at", (json_int_t)letter->at_us,
                     "bongsu.received", (json_int_t)letter->received_us,
                     "bongsu.by", json_text(letter->by),
                     "bongsu.attempts", (json_int_t)letter->attempts,
                     "bongsu.tried", (json_int_t)letter->tried_us,
                     "bongsu.wanted", letter->is_wanted != 0,
                     "bongsu.bytes", (json_int_t)letter->encoded.len,
                     "bongsu.encoded", elastic_base64(&bytes));
}

static struct text
text_member(const json_t *source, const char *name)
{
    const json_t *value = json_object_get(source, name);

    return json_is_string(value)
               ? (struct text){ json_string_value(value), json_string_length(value) }
               : (struct text){ "", 0 };
}

static int64_t
number_member(const json_t *source, const char *name)
{
    return json_integer_value(json_object_get(source, name));
}

int
elastic_dead_read(const json_t *source, struct buf *bytes, struct dead_letter *ret,
                  struct err *err)
{
    *ret = (struct dead_letter){
        .at_us = number_member(source, "bongsu.at"),
        .received_us = number_member(source, "bongsu.received"),
        .reason = text_member(source, "error.message"), .by = text_member(source, "bongsu.by"),
        .attempts = (unsigned)number_member(source, "bongsu.attempts"),
        .tried_us = number_member(source, "bongsu.tried"),
        .is_wanted = json_is_true(json_object_get(source, "bongsu.wanted")) };
    buf_clear(bytes);
    if (dead_key_parse(text_member(source, "bongsu.letter"), &ret->key) != 0) {
        err_set(err, "a document of " ELASTIC_DEAD " is no letter of ours");
        return -1;
    }
    if (text_member(source, "bongsu.encoded").len > 0 &&
        elastic_unbase64(source, "bongsu.encoded", bytes, err) != 0)
        return -1;
    ret->encoded = bytes->len > 0 ? buf_text(bytes) : (struct text){ "", 0 };
    return 0;
}

/* --- requests of many actions --- */

static int
add_line(struct buf *body, json_t *json)
{
    char *line = json == NULL ? NULL : json_dumps(json, JSON_COMPACT);
    int rc = line == NULL || buf_append_str(body, line) != 0 || buf_append_char(body, '\n') != 0;

    free(line);
    json_decref(json);
    return rc == 0 ? 0 : -1;
}

/* An action on a letter, and its document but for "delete". */
static int
add_action(struct buf *body, const char *op, const char *key, json_t *document)
{
    int is_update = strcmp(op, "update") == 0;
    json_t *action = is_update ? json_pack("{s:{s:s, s:s, s:i}}", op, "_index", ELASTIC_DEAD, "_id",
                                           key, "retry_on_conflict", (int)TRIES)
                               : json_pack("{s:{s:s, s:s}}", op, "_index", ELASTIC_DEAD, "_id", key);

    if (is_update)
        document = json_pack("{s:o}", "doc", document);
    if (strcmp(op, "delete") == 0)
        return add_line(body, action);
    return elastic_bulk_action(body, action, document);
}

/* 1 done, 0 as good as done (the status `fine`), -1 not done, with the reason. */
static int
judge_item(const json_t *item, int fine, struct err *err)
{
    const json_t *inside = json_object_iter_value(json_object_iter((json_t *)(uintptr_t)item));
    int status = (int)json_integer_value(json_object_get(inside, "status"));
    const char *why = json_string_value(
        json_object_get(json_object_get(inside, "error"), "reason"));

    if (status == OK || status == CREATED)
        return 1;
    if (status == fine)
        return 0;
    err_set(err, "Elasticsearch says %d of a dead letter: %.250s", status,
            why == NULL ? "" : why);
    return -1;
}

/* Send count actions: how many were done, or -1. The body is released. */
static int64_t
send_actions(struct elastic_store *store, struct buf *body, size_t count, int fine,
             struct err *err)
{
    json_t *answer = NULL;
    const json_t *items;
    int64_t sum = 0;

    if (count == 0)
        return 0;
    if (elastic_bulk_ask(store, body, &answer, err) != 0)
        sum = -1;
    items = json_object_get(answer, "items");
    if (sum == 0 && json_array_size(items) != count) {
        err_set(err, "Elasticsearch's answer is not to what was sent");
        sum = -1;
    }
    for (size_t i = 0; i < count && sum >= 0; i++) {
        int rc = judge_item(json_array_get(items, i), fine, err);

        sum = rc < 0 ? -1 : sum + rc;
    }
    json_decref(answer);
    buf_release(body);
    return sum;
}

static int
out_of_memory(struct buf *body, struct err *err)
{
    buf_release(body);
    err_set(err, "store: out of memory");
    return -1;
}

/* --- the operations --- */

/* One action for each letter. */
static int
act(struct store *base, const struct dead_letter *letters, size_t count, const char *op,
    json_t *(*document)(const struct dead_letter *letter), struct err *err)
{
    struct elastic_store *store = (struct elastic_store *)base;
    int fine = strcmp(op, "create") == 0 ? CONFLICT : NOT_FOUND;
    struct buf body = { 0 };

    if (elastic_set_up(store, err) != STORE_DONE)
        return -1;
    for (size_t i = 0; i < count; i++) {
        char key[DEAD_KEY_TEXT_LEN];

        dead_key_format(&letters[i].key, key);
        if (add_action(&body, op, key, document == NULL ? NULL : document(&letters[i])) != 0)
            return out_of_memory(&body, err);
    }
    return send_actions(store, &body, count, fine, err) < 0 ? -1 : 0;
}

static json_t *
refusal_of(const struct dead_letter *letter)
{
    return json_pack("{s:o, s:o, s:I, s:I, s:b}", "message", json_text(letter->reason),
                     "error.message", json_text(letter->reason),
                     "bongsu.attempts", (json_int_t)letter->attempts,
                     "bongsu.tried", (json_int_t)letter->tried_us, "bongsu.wanted", 0);
}

static int
put(struct store *base, const struct dead_letter *letters, size_t count, struct err *err)
{
    return act(base, letters, count, "create", document_of, err);
}

static int
refuse(struct store *base, const struct dead_letter *letters, size_t count, struct err *err)
{
    return act(base, letters, count, "update", refusal_of, err);
}

static int
drop(struct store *base, const struct dead_letter *letters, size_t count, struct err *err)
{
    return act(base, letters, count, "delete", NULL, err);
}

/* An action on each hit: how many there were, or -1. */
static int64_t
act_on_hits(struct elastic_store *store, const json_t *hits, const char *op, struct err *err)
{
    struct buf body = { 0 };
    const json_t *hit;
    size_t i;

    json_array_foreach(hits, i, hit) {
        const char *key = json_string_value(json_object_get(hit, "_id"));
        json_t *document = strcmp(op, "delete") == 0 ? NULL
                                                     : json_pack("{s:b}", "bongsu.wanted", 1);

        if (add_action(&body, op, key == NULL ? "" : key, document) != 0)
            return out_of_memory(&body, err);
    }
    return send_actions(store, &body, json_array_size(hits), NOT_FOUND, err);
}

/* Those that are not wanted yet, page by page: a search sees what was changed only after
 * a moment, so that the place goes on. */
static int
want_all(struct elastic_store *store, struct dead_wish *wish, struct err *err)
{
    int64_t end_ms = clock_steady_ms() + ELASTIC_READ_LIMIT_MS;
    struct dead_query query = { .limit = DEAD_MAX_IDS };
    struct dead_page page = { 0 };

    for (;;) {
        json_t *hits = elastic_dead_hits(store, &query, json_pack("{s:{s:b}}", "term",
                                                                  "bongsu.wanted", 0), err);
        size_t count = json_array_size(hits);
        int64_t done = hits == NULL ? -1 : act_on_hits(store, hits, "update", err);
        int rc = done < 0 ? -1 : 0;

        if (rc == 0 && count > 0)
            rc = elastic_dead_place(json_array_get(hits, count - 1), &page, err);
        json_decref(hits);
        if (rc != 0)
            return -1;
        wish->wanted += (uint64_t)done;
        wish->is_more = count > query.limit && clock_steady_ms() >= end_ms;
        if (count <= query.limit || wish->is_more)
            return 0;
        query.has_cursor = 1;
        query.cursor_at_us = page.cursor_at_us;
        query.cursor = page.cursor;
    }
}

/* Which of them are there. An update alone would make the index where there is none, and
 * a reader may come before the indexer has made it as it should be. */
static int
look_for(struct elastic_store *store, const struct dead_wish *wish, struct err *err)
{
    json_t *ids = json_array(), *answer = NULL;
    const json_t *docs;
    int rc = -1;

    for (size_t i = 0; i < wish->count; i++) {
        char key[DEAD_KEY_TEXT_LEN];

        dead_key_format(&wish->keys[i], key);
        json_array_append_new(ids, json_string(key));
    }
    if (elastic_ask(store, "POST", "/" ELASTIC_DEAD "/_mget?_source=false", json_pack("{s:o}", "ids", ids),
                    &answer, err) != OK)
        goto done;
    docs = json_object_get(answer, "docs");
    if (json_array_size(docs) != wish->count) {
        err_set(err, "Elasticsearch's answer is not to what was asked");
        goto done;
    }
    for (size_t i = 0; i < wish->count; i++)
        wish->found[i] = json_is_true(json_object_get(json_array_get(docs, i), "found"));
    rc = 0;

done:
    json_decref(answer);
    return rc;
}

static int
want(struct store *base, struct dead_wish *wish, struct err *err)
{
    struct elastic_store *store = (struct elastic_store *)base;
    struct buf body = { 0 };
    int64_t wanted;
    size_t count = 0;

    wish->wanted = 0;
    wish->is_more = 0;
    if (wish->keys == NULL)
        return want_all(store, wish, err);
    if (look_for(store, wish, err) != 0)
        return -1;
    for (size_t i = 0; i < wish->count; i++) {
        char key[DEAD_KEY_TEXT_LEN];

        dead_key_format(&wish->keys[i], key);
        if (wish->found[i] && add_action(&body, "update", key,
                                         json_pack("{s:b}", "bongsu.wanted", 1)) != 0)
            return out_of_memory(&body, err);
        count += wish->found[i];
    }
    wanted = send_actions(store, &body, count, NOT_FOUND, err);
    wish->wanted = wanted < 0 ? 0 : (uint64_t)wanted;
    return wanted < 0 ? -1 : 0;
}

/* A page each time that it is called: retention comes again. */
int
elastic_dead_expire(struct elastic_store *store, int64_t before_us, struct err *err)
{
    const struct dead_query query = { .limit = DEAD_MAX_IDS };
    json_t *hits = elastic_dead_hits(store, &query, json_pack("{s:{s:{s:I}}}", "range", "bongsu.at",
                                                              "lt", (json_int_t)before_us), err);
    int64_t done = hits == NULL ? -1 : act_on_hits(store, hits, "delete", err);

    json_decref(hits);
    return done < 0 ? -1 : 0;
}

const struct store_dead_ops elastic_dead_ops = {
    .put = put, .find = elastic_dead_find, .want = want, .refuse = refuse, .drop = drop,
    .count = elastic_dead_count,
};
