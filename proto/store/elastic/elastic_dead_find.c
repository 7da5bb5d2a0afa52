/*
 * Dead letters found. Which, a search says, without their events; what they hold is then
 * read by id, as it is at this moment, and only as many as may stand in memory.
 */
#include <string.h>

#include "proto/store/elastic/elastic.h"

enum { OK = 200 };

json_t *
elastic_dead_hits(struct elastic_store *store, const struct dead_query *query, json_t *further,
                  struct err *err)
{
    /* only letters: what somebody else put there has no place among them */
    json_t *filters = json_pack("[{s:{s:s}}]", "exists", "field", "bongsu.letter");
    json_t *body, *answer = NULL, *hits = NULL;
    char key[DEAD_KEY_TEXT_LEN];

    if (further != NULL)
        json_array_append_new(filters, further);
    if (query->is_wanted)
        json_array_append_new(filters, json_pack("{s:{s:b}}", "term", "bongsu.wanted", 1));
    body = json_pack("{s:I, s:{s:{s:o}}, s:[{s:{s:s, s:s}}, {s:{s:s, s:s}}], s:b, s:[s]}", "size",
                     (json_int_t)query->limit + 1, "query", "bool", "filter", filters, "sort",
                     "bongsu.at", "order", "desc", "unmapped_type", "long",
                     "bongsu.letter", "order", "desc", "unmapped_type", "keyword",
                     "track_total_hits", 0, "_source", "bongsu.bytes");
    if (query->has_cursor) {
        dead_key_format(&query->cursor, key);
        json_object_set_new(body, "search_after",
                            json_pack("[I, s]", (json_int_t)query->cursor_at_us, key));
    }
    if (elastic_ask(store, "POST", "/" ELASTIC_DEAD "/_search?ignore_unavailable=true", body, &answer,
                    err) == OK &&
        elastic_check_shards(answer, err) == 0) {
        hits = json_incref(json_object_get(json_object_get(answer, "hits"), "hits"));
        if (!json_is_array(hits)) {
            err_set(err, "Elasticsearch's answer has no hits");
            json_decref(hits);
            hits = NULL;
        }
    }
    json_decref(answer);
    return hits;
}

int
elastic_dead_place(const json_t *hit, struct dead_page *page, struct err *err)
{
    const json_t *sort = json_object_get(hit, "sort");

    page->cursor_at_us = json_integer_value(json_array_get(sort, 0));
    if (dead_key_parse(text_of(json_string_value(json_array_get(sort, 1))), &page->cursor) == 0)
        return 0;
    err_set(err, "a document of " ELASTIC_DEAD " is no letter of ours");
    return -1;
}

/* How many of the hits make a page: all have an event of at most 1 MiB. */
static size_t
fitting(const json_t *hits, size_t limit)
{
    json_int_t bytes = 0;
    const json_t *hit;
    size_t i;

    json_array_foreach(hits, i, hit) {
        if (i == limit || bytes >= DEAD_PAGE_BYTES)
            return i;
        bytes += json_integer_value(json_object_get(json_object_get(hit, "_source"),
                                                    "bongsu.bytes"));
    }
    return i;
}

/* The documents of the first count hits, in their order: a new array. */
static json_t *
read_documents(struct elastic_store *store, const json_t *hits, size_t count, struct err *err)
{
    json_t *ids = json_array(), *answer = NULL, *docs = NULL;

    for (size_t i = 0; i < count; i++)
        json_array_append(ids, json_object_get(json_array_get(hits, i), "_id"));
    if (elastic_ask(store, "POST", "/" ELASTIC_DEAD "/_mget", json_pack("{s:o}", "ids", ids), &answer,
                    err) == OK) {
        docs = json_incref(json_object_get(answer, "docs"));
        if (json_array_size(docs) != count) {
            err_set(err, "Elasticsearch's answer is not to what was asked");
            json_decref(docs);
            docs = NULL;
        }
    }
    json_decref(answer);
    return docs;
}

/* One that was dropped since the search, or is not wanted any more, is passed over. */
static int
visit_documents(const struct dead_query *query, const json_t *hits, const json_t *docs,
                int (*visit)(void *ctx, const struct dead_letter *letter), void *ctx,
                struct dead_page *page, struct err *err)
{
    struct buf bytes = { 0 };
    size_t count = json_array_size(docs);
    int rc = 0, is_full = 0;

    for (size_t i = 0; i < count && rc == 0 && !is_full; i++) {
        const json_t *doc = json_array_get(docs, i);
        struct dead_letter letter;

        rc = elastic_dead_place(json_array_get(hits, i), page, err);
        if (rc != 0 || !json_is_true(json_object_get(doc, "found")))
            continue;
        rc = elastic_dead_read(json_object_get(doc, "_source"), &bytes, &letter, err);
        if (rc == 0 && (!query->is_wanted || letter.is_wanted))
            is_full = visit(ctx, &letter) != 0;
        page->is_more |= is_full && i + 1 < count;
    }
    buf_release(&bytes);
    return rc;
}

int
elastic_dead_find(struct store *base, const struct dead_query *query,
                  int (*visit)(void *ctx, const struct dead_letter *letter), void *ctx,
                  struct dead_page *ret_page, struct err *err)
{
    struct elastic_store *store = (struct elastic_store *)base;
    json_t *hits = NULL, *docs = NULL;
    struct dead_page page = { 0 };
    size_t count;
    int rc = -1;

    if (query->limit < 1 || query->limit > STORE_MAX_PAGE) {
        err_set(err, "find: 1 to %d letters a page", STORE_MAX_PAGE);
        return -1;
    }
    hits = elastic_dead_hits(store, query, NULL, err);
    if (hits == NULL)
        return -1;
    count = fitting(hits, query->limit);
    page.is_more = json_array_size(hits) > count;
    if (count > 0)
        docs = read_documents(store, hits, count, err);
    if (count == 0 || docs != NULL)
        rc = visit_documents(query, hits, docs, visit, ctx, &page, err);
    if (rc == 0)
        *ret_page = page;
    json_decref(docs);
    json_decref(hits);
    return rc;
}

int
elastic_dead_count(struct store *base, uint64_t *ret_count, struct err *err)
{
    json_t *answer = NULL;
    int status = elastic_ask((struct elastic_store *)base, "GET",
                             "/" ELASTIC_DEAD "/_count?ignore_unavailable=true", NULL, &answer, err);

    if (status == OK && elastic_check_shards(answer, err) != 0)
        status = -1;
    if (status == OK)
        *ret_count = (uint64_t)json_integer_value(json_object_get(answer, "count"));
    json_decref(answer);
    return status == OK ? 0 : -1;
}
