/* Events found: pages of hits, newest first, each looked at once more here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

#include "proto/base/clock.h"
#include "proto/store/elastic/elastic.h"
#include "proto/store/event_match.h"

enum { OK = 200, NOT_FOUND = 404, MAX_ANSWER = 16 * 1024 * 1024 };

struct search {
    struct elastic_store *store;
    const struct event_query *query;
    json_t *clause;
    int (*visit)(void *ctx, const struct event *ev);
    void *ctx;
    struct arena arena;
    struct buf space;
    struct event ev;
    size_t size;                /* of the next page; smaller when documents are large */
    unsigned shown;
    int is_stopped, is_at_end;
    struct event_page page;
};

static json_t *
question(const struct search *search)
{
    char id[EVENT_ID_TEXT_LEN];
    json_t *body = json_pack(
        "{s:I, s:O, s:[{s:{s:s}}, {s:{s:s}}], s:b, s:s, s:{s:[s]}}",
        "size", (json_int_t)search->size, "query", search->clause, "sort", "bongsu.at", "order",
        "desc", "event.id", "order", "desc", "track_total_hits", 0, "timeout", "5s", "_source",
        "excludes", "source.geo");

    if (search->page.is_more) {
        event_id_format(&search->page.cursor_id, id);
        json_object_set_new(body, "search_after",
                            json_pack("[I, s]", (json_int_t)search->page.cursor_at_us, id));
    }
    return body;
}

/* One hit: shown if it matches and there is room. 1 to go on, 0 the page is
 * full, -1. */
static int
take_hit(struct search *search, yyjson_val *hit, struct err *err)
{
    yyjson_val *source = yyjson_obj_get(hit, "_source");

    arena_clear(&search->arena);
    if (elastic_document_read(source, elastic_text_in(hit, "_id"), &search->arena, &search->space,
                              &search->ev, err) != 0)
        return -1;
    if (event_matches(&search->ev, search->query)) {
        if (search->shown == search->query->limit || search->is_stopped)
            return 0;
        search->shown++;
        search->is_stopped = search->visit(search->ctx, &search->ev) != 0;
    }
    search->page = (struct event_page){ 1, search->ev.at_us, search->ev.id };
    return 1;
}

static int
take_page(struct search *search, yyjson_val *hits, struct err *err)
{
    yyjson_arr_iter iter;
    yyjson_val *hit;
    int rc = 1;

    yyjson_arr_iter_init(hits, &iter);
    while (rc == 1 && (hit = yyjson_arr_iter_next(&iter)) != NULL)
        rc = take_hit(search, hit, err);
    if (rc == 1 && yyjson_arr_size(hits) < search->size)
        search->is_at_end = 1;
    return rc;
}

/* Some shards may have had no answer in time: then the rest is not all there is. */
static int
check_answer(yyjson_val *root, struct err *err)
{
    yyjson_val *shards = yyjson_obj_get(root, "_shards");

    if (yyjson_get_bool(yyjson_obj_get(root, "timed_out"))) {
        err_set(err, "searching took longer than %d s; ask for a shorter time",
                ELASTIC_READ_LIMIT_MS / 1000);
        return -1;
    }
    if (yyjson_get_int(yyjson_obj_get(shards, "failed")) > 0) {
        yyjson_val *first = yyjson_arr_get_first(yyjson_obj_get(shards, "failures"));
        struct text reason = elastic_text_in(yyjson_obj_get(first, "reason"), "reason");

        err_set(err, "Elasticsearch could not search all of it: %.*s",
                (int)(reason.len < 200 ? reason.len : 200), reason.ptr == NULL ? "" : reason.ptr);
        return -1;
    }
    return 0;
}

/* 1 to go on, 0 the page is full, -1. */
static int
ask_page(struct search *search, struct err *err)
{
    char *body = NULL;
    json_t *json = question(search);
    struct http_answer answer = { 0 };
    yyjson_doc *doc = NULL;
    int status, rc = -1;

    body = json == NULL ? NULL : json_dumps(json, JSON_COMPACT);
    json_decref(json);
    if (body == NULL) {
        err_set(err, "store: out of memory");
        return -1;
    }
    status = elastic_call(search->store, "POST", "/" ELASTIC_ALL_EVENTS "/_search", text_of(body),
                          MAX_ANSWER, &answer, err);
    free(body);
    if (status < 0 && answer.is_too_long && search->size > 1) {
        search->size /= 2;
        return 1;
    }
    if (status >= 0 && status != OK)
        elastic_reason(status, buf_text(&answer.body), err);
    if (status != OK)
        goto done;
    doc = yyjson_read(answer.body.ptr == NULL ? "" : answer.body.ptr, answer.body.len, 0);
    if (doc == NULL) {
        err_set(err, "Elasticsearch's answer is no JSON");
        goto done;
    }
    if (check_answer(yyjson_doc_get_root(doc), err) == 0)
        rc = take_page(search, yyjson_obj_get(yyjson_obj_get(yyjson_doc_get_root(doc), "hits"),
                                              "hits"), err);

done:
    yyjson_doc_free(doc);
    http_answer_release(&answer);
    return rc;
}

int
elastic_find_events(struct store *base, const struct event_query *query,
                    int (*visit)(void *ctx, const struct event *ev), void *ctx,
                    struct event_page *ret_page, struct err *err)
{
    struct search search = { .store = (struct elastic_store *)base, .query = query, .visit = visit,
                             .ctx = ctx };
    int64_t deadline_ms = clock_steady_ms() + ELASTIC_READ_LIMIT_MS;
    int rc = 1;

    if (query->limit < 1 || query->limit > STORE_MAX_PAGE) {
        err_set(err, "find: 1 to %d events a page", STORE_MAX_PAGE);
        return -1;
    }
    search.page = (struct event_page){ query->has_cursor, query->cursor_at_us, query->cursor_id };
    search.clause = elastic_event_clause(search.store, query, err);
    if (search.clause == NULL)
        return -1;
    /* with a text, much is looked at for little */
    search.size = query->text.len > 0 ? ELASTIC_PAGE : query->limit + 1;
    do
        rc = ask_page(&search, err);
    while (rc == 1 && !search.is_at_end && clock_steady_ms() < deadline_ms);
    if (rc >= 0) {
        search.page.is_more = rc == 0 || !search.is_at_end;
        *ret_page = search.page;
    }
    json_decref(search.clause);
    arena_release(&search.arena);
    buf_release(&search.space);
    event_release(&search.ev);
    return rc < 0 ? -1 : 0;
}

/* --- one event by its id --- */

/* In the index of its day, or wherever one has it. */
static json_t *
id_question(const struct event_id *id)
{
    char text[EVENT_ID_TEXT_LEN];

    event_id_format(id, text);
    return json_pack("{s:{s:{s:[s]}}, s:i, s:{s:[s]}}", "query", "ids", "values", text, "size", 1,
                     "_source", "excludes", "source.geo");
}

static int
show_event(yyjson_val *hit, int (*visit)(void *ctx, const struct event *ev), void *ctx,
           struct err *err)
{
    struct arena arena = { 0 };
    struct buf space = { 0 };
    struct event ev = { 0 };
    int rc = elastic_document_read(yyjson_obj_get(hit, "_source"), elastic_text_in(hit, "_id"), &arena,
                                   &space, &ev, err);

    if (rc == 0)
        visit(ctx, &ev);
    event_release(&ev);
    buf_release(&space);
    arena_release(&arena);
    return rc == 0 ? 1 : -1;
}

/* What was written a moment ago is there by its id, and not yet by a search. */
static int
get_in_index(struct elastic_store *store, const struct event_id *id, int32_t day,
             struct http_answer *answer, struct err *err)
{
    char index[ELASTIC_INDEX_LEN], text[EVENT_ID_TEXT_LEN], path[ELASTIC_INDEX_LEN + 80];

    elastic_event_index(day, index);
    event_id_format(id, text);
    snprintf(path, sizeof(path), "/%s/_doc/%s", index, text);
    return elastic_call(store, "GET", path, (struct text){ NULL, 0 }, MAX_ANSWER, answer, err);
}

static int
get_anywhere(struct elastic_store *store, const struct event_id *id, struct http_answer *answer,
             struct err *err)
{
    json_t *json = id_question(id);
    char *body = json == NULL ? NULL : json_dumps(json, JSON_COMPACT);
    int status = -1;

    json_decref(json);
    if (body == NULL)
        err_set(err, "store: out of memory");
    else
        status = elastic_call(store, "POST", "/" ELASTIC_ALL_EVENTS "/_search", text_of(body),
                              MAX_ANSWER, answer, err);
    free(body);
    return status;
}

int
elastic_get_event(struct store *base, const struct event_id *id, int32_t day,
                  int (*visit)(void *ctx, const struct event *ev), void *ctx, struct err *err)
{
    struct elastic_store *store = (struct elastic_store *)base;
    struct http_answer answer = { 0 };
    yyjson_doc *doc = NULL;
    yyjson_val *root, *hit;
    int rc = -1;
    int status = day == INT32_MIN ? get_anywhere(store, id, &answer, err)
                                  : get_in_index(store, id, day, &answer, err);

    if (status == NOT_FOUND)
        rc = 0;
    else if (status >= 0 && status != OK)
        elastic_reason(status, buf_text(&answer.body), err);
    if (status != OK)
        goto done;
    doc = yyjson_read(answer.body.ptr == NULL ? "" : answer.body.ptr, answer.body.len, 0);
    root = yyjson_doc_get_root(doc);
    hit = yyjson_obj_get(root, "_source") != NULL
              ? root
              : yyjson_arr_get_first(yyjson_obj_get(yyjson_obj_get(root, "hits"), "hits"));
    if (doc == NULL)
        err_set(err, "Elasticsearch's answer is no JSON");
    else
        rc = hit == NULL ? 0 : show_event(hit, visit, ctx, err);

done:
    yyjson_doc_free(doc);
    http_answer_release(&answer);
    return rc;
}
