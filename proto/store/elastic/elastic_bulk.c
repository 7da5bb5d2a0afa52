/*
 * _bulk: bodies of "create" actions, and what their answers mean (DESIGN, "Indexer,
 * per item"). An answer that cannot be wholly understood is no success.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>
#include <zlib.h>

#include "proto/store/elastic/elastic.h"

enum { OK = 200, CREATED = 201, BAD = 400, UNAUTHORIZED = 401, FORBIDDEN = 403, NOT_FOUND = 404,
       CONFLICT = 409, TOO_LARGE = 413, TOO_MANY = 429, SERVER = 500, TWINS_AT_ONCE = 1000,
       GZIP_LEVEL = 1, GZIP_BITS = 15 + 16 };

static int
add(struct store *base, const struct event *ev, const struct store_item *item, struct buf *body,
    struct err *err)
{
    struct elastic_store *store = (struct elastic_store *)base;
    const struct elastic_place place = { item->journal, item->sequence };
    char id[EVENT_ID_TEXT_LEN];
    size_t before = body->len;

    event_id_format(&item->id, id);
    if (store->last_index[0] == '\0' || store->last_day != item->day) {
        elastic_event_index(item->day, store->last_index);
        store->last_day = item->day;
    }
    /* neither holds anything that JSON would have to escape */
    if (buf_append_str(body, "{\"create\":{\"_index\":\"") == 0 &&
        buf_append_str(body, store->last_index) == 0 && buf_append_str(body, "\",\"_id\":\"") == 0 &&
        buf_append_str(body, id) == 0 && buf_append_str(body, "\"}}\n") == 0 &&
        elastic_document_write(store->writer, ev, &place, body, err) == 0 &&
        buf_append_char(body, '\n') == 0)
        return 0;
    body->len = before;
    err_set(err, "store: out of memory");
    return -1;
}

/* RFC 1952. 0, or -1 when out of memory. */
static int
compress_body(const struct buf *body, struct buf *packed)
{
    z_stream stream = { 0 };
    int rc = -1;

    if (deflateInit2(&stream, GZIP_LEVEL, Z_DEFLATED, GZIP_BITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return -1;
    buf_clear(packed);
    if (buf_reserve(packed, deflateBound(&stream, body->len)) == 0) {
        stream.next_in = (unsigned char *)body->ptr;
        stream.avail_in = (unsigned)body->len;
        stream.next_out = (unsigned char *)packed->ptr;
        stream.avail_out = (unsigned)packed->cap;
        rc = deflate(&stream, Z_FINISH) == Z_STREAM_END ? 0 : -1;
        packed->len = stream.total_out;
    }
    deflateEnd(&stream);
    return rc;
}

static int
call(struct store *base, const struct buf *body, struct buf *packed, struct http_call *ret_call,
     struct err *err)
{
    struct elastic_store *store = (struct elastic_store *)base;

    if (store->is_gzip && compress_body(body, packed) != 0) {
        err_set(err, "store: out of memory");
        return -1;
    }
    *ret_call = (struct http_call){
        .method = "POST", .url = store->bulk_url,
        .headers = store->is_gzip ? store->gzip_headers : store->headers,
        .body = buf_text(store->is_gzip ? packed : body), .is_body_kept = 1,
        .content_type = "application/x-ndjson", .timeout_ms = store->timeout_ms,
        .max_answer = ELASTIC_MAX_ANSWER, .allow_plain = 1, .ca_file = store->ca_file };
    return 0;
}

/* --- answers --- */

/* A reason, cut where a person has read enough. */
static char *
reason_of(yyjson_val *error)
{
    struct text type = elastic_text_in(error, "type"), reason = elastic_text_in(error, "reason");
    struct text cause = elastic_text_in(yyjson_obj_get(error, "caused_by"), "reason");
    struct buf text = { 0 };

    buf_printf(&text, "%.*s: %.*s", (int)(type.len < 80 ? type.len : 80), type.ptr == NULL ? "" : type.ptr,
               (int)(reason.len < 300 ? reason.len : 300), reason.ptr == NULL ? "" : reason.ptr);
    if (cause.len > 0)
        buf_printf(&text, ": %.*s", (int)(cause.len < 200 ? cause.len : 200), cause.ptr);
    return buf_take(&text);
}

/* Is this a refusal that another try may not meet? A block (a full disk, an
 * index that is read-only) is 403 or 429 with its own type. */
static enum store_item_outcome
outcome_of(int status, yyjson_val *error, int *ret_is_stopped)
{
    struct text type = elastic_text_in(error, "type");

    if (status == OK || status == CREATED)
        return ITEM_STORED;
    if (status == CONFLICT)
        return ITEM_REPEATED;
    if (status == UNAUTHORIZED ||
        (status == FORBIDDEN && !text_is(type, "cluster_block_exception")))
        *ret_is_stopped = 1;
    if (status == TOO_MANY || status >= SERVER || status == UNAUTHORIZED || status == FORBIDDEN ||
        status == NOT_FOUND || text_is(type, "cluster_block_exception") ||
        text_is(type, "index_closed_exception") || text_is(type, "process_cluster_event_timeout_exception"))
        return ITEM_RETRY;
    return status >= BAD && status < SERVER ? ITEM_REFUSED : ITEM_UNKNOWN;
}

static enum store_answer
read_items(struct elastic_store *store, yyjson_val *list, struct store_item *items, size_t count,
           struct err *err)
{
    int is_stopped = 0;
    yyjson_arr_iter iter;
    yyjson_val *one;
    size_t i = 0;

    yyjson_arr_iter_init(list, &iter);
    while ((one = yyjson_arr_iter_next(&iter)) != NULL) {
        yyjson_val *create = yyjson_obj_get(one, "create"), *error = yyjson_obj_get(create, "error");
        struct store_item *item = &items[i++];

        item->outcome = outcome_of((int)yyjson_get_int(yyjson_obj_get(create, "status")), error,
                                   &is_stopped);
        if (item->outcome == ITEM_REFUSED) {
            free(item->reason);
            item->reason = reason_of(error);
        }
        if (yyjson_get_int(yyjson_obj_get(create, "status")) == NOT_FOUND)
            store->is_set_up = 0;       /* no index and none made: are the templates gone? */
        if (item->outcome == ITEM_RETRY || item->outcome == ITEM_UNKNOWN) {
            char *reason = error == NULL ? NULL : reason_of(error);

            item->outcome = ITEM_RETRY;
            err_set(err, "Elasticsearch: %.250s", reason == NULL ? "an item without a status" : reason);
            free(reason);
        }
    }
    (void)count;
    return is_stopped ? ANSWER_STOPPED : ANSWER_READ;
}

static enum store_answer
read_whole(const struct http_answer *answer, struct err *err)
{
    long status = answer->status;

    if (status == 0) {
        err_set(err, "Elasticsearch does not answer: %s", answer->error.text);
        return ANSWER_RETRY;
    }
    elastic_reason((int)status, buf_text(&answer->body), err);
    if (status == TOO_LARGE || status == BAD)
        return ANSWER_SPLIT;
    if (strstr(err->text, "cluster_block_exception") != NULL)
        return ANSWER_RETRY;
    return status == UNAUTHORIZED || status == FORBIDDEN ? ANSWER_STOPPED : ANSWER_RETRY;
}

/* As many items as were sent, and each id where it was sent: else it is another's
 * answer, or half of one. */
static int
is_whole(yyjson_val *list, const struct store_item *items, size_t count)
{
    yyjson_arr_iter iter;
    yyjson_val *one;
    size_t i = 0;

    if (!yyjson_is_arr(list) || yyjson_arr_size(list) != count)
        return 0;
    yyjson_arr_iter_init(list, &iter);
    while ((one = yyjson_arr_iter_next(&iter)) != NULL) {
        char id[EVENT_ID_TEXT_LEN];

        event_id_format(&items[i++].id, id);
        if (!text_is(elastic_text_in(yyjson_obj_get(one, "create"), "_id"), id))
            return 0;
    }
    return 1;
}

/* Take what is expected next. */
static int
takes(struct text *rest, const char *bytes, size_t len)
{
    if (rest->len < len || memcmp(rest->ptr, bytes, len) != 0)
        return 0;
    rest->ptr += len;
    rest->len -= len;
    return 1;
}

/* Is it, byte for byte, the answer that Elasticsearch gives when each item was stored?
 * Nearly all are, and to look for nothing else costs a tenth of a parser. */
static int
says_all_stored(struct text answer, const struct store_item *items, size_t count)
{
    static const char first[] = "{\"items\":[{\"create\":{\"_id\":\"",
        next[] = ",{\"create\":{\"_id\":\"", created[] = "\",\"status\":201}}";

    for (size_t i = 0; i < count; i++) {
        char id[EVENT_ID_TEXT_LEN];

        event_id_format(&items[i].id, id);
        if (!takes(&answer, i == 0 ? first : next, (i == 0 ? sizeof(first) : sizeof(next)) - 1) ||
            !takes(&answer, id, strlen(id)) || !takes(&answer, created, sizeof(created) - 1))
            return 0;
    }
    return count > 0 && answer.len == 2 && memcmp(answer.ptr, "]}", 2) == 0;
}

static enum store_answer
read_answer(struct store *base, const struct http_answer *answer, struct store_item *items,
            size_t count, struct err *err)
{
    struct elastic_store *store = (struct elastic_store *)base;
    enum store_answer ret = ANSWER_RETRY;
    yyjson_doc *doc;
    yyjson_val *list;

    if (answer->status != OK)
        return read_whole(answer, err);
    if (says_all_stored(buf_text(&answer->body), items, count)) {
        for (size_t i = 0; i < count; i++)
            items[i].outcome = ITEM_STORED;
        return ANSWER_READ;
    }
    doc = yyjson_read(answer->body.ptr == NULL ? "" : answer->body.ptr, answer->body.len, 0);
    list = yyjson_obj_get(yyjson_doc_get_root(doc), "items");
    if (is_whole(list, items, count))
        ret = read_items(store, list, items, count, err);
    else
        err_set(err, "Elasticsearch's answer is cut or not to what was sent");
    yyjson_doc_free(doc);
    return ret;
}

/* --- twins: a client's key that came with another row --- */

static json_t *
twins_question(const struct store_item *const *twins, size_t count)
{
    json_t *docs = json_array();

    for (size_t i = 0; i < count; i++) {
        char id[EVENT_ID_TEXT_LEN], index[ELASTIC_INDEX_LEN];

        event_id_format(&twins[i]->id, id);
        elastic_event_index(twins[i]->day, index);
        json_array_append_new(docs, json_pack("{s:s, s:s, s:[s, s]}", "_index", index, "_id", id,
                                              "_source", "bongsu.journal", "bongsu.sequence"));
    }
    return json_pack("{s:o}", "docs", docs);
}

/* Up to TWINS_AT_ONCE. */
static int
settle_some(struct elastic_store *store, struct store_item **twins, size_t count, struct err *err)
{
    json_t *answer = NULL;
    const json_t *docs;
    int rc = -1;

    if (elastic_ask(store, "POST", "/_mget",
                    twins_question((const struct store_item *const *)twins, count), &answer,
                    err) != OK)
        goto done;
    docs = json_object_get(answer, "docs");
    if (json_array_size(docs) != count) {
        err_set(err, "Elasticsearch's answer is not to what was asked");
        goto done;
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *source = json_object_get(json_array_get(docs, i), "_source");
        const char *journal = json_string_value(json_object_get(source, "bongsu.journal"));
        json_int_t sequence = json_integer_value(json_object_get(source, "bongsu.sequence"));
        char ours[17];

        snprintf(ours, sizeof(ours), "%016llx", (unsigned long long)twins[i]->journal);
        if (journal != NULL && (strcmp(journal, ours) != 0 ||
                                (uint64_t)sequence != twins[i]->sequence))
            twins[i]->outcome = ITEM_ELSEWHERE;
    }
    rc = 0;

done:
    json_decref(answer);
    return rc;
}

static int
settle(struct store *base, struct store_item *items, size_t count, struct err *err)
{
    struct elastic_store *store = (struct elastic_store *)base;
    struct store_item *twins[TWINS_AT_ONCE];
    size_t twin_count = 0;

    for (size_t i = 0; i < count; i++) {
        if (items[i].outcome == ITEM_REPEATED && items[i].is_keyed)
            twins[twin_count++] = &items[i];
        if (twin_count == TWINS_AT_ONCE || (i + 1 == count && twin_count > 0)) {
            if (settle_some(store, twins, twin_count, err) != 0)
                return -1;
            twin_count = 0;
        }
    }
    return 0;
}

const struct store_bulk_ops elastic_bulk_ops = {
    .add = add, .call = call, .read = read_answer, .settle = settle,
};
