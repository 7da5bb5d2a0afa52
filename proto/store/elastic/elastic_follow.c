/*
 * What is new, exactly. An index has one shard, which numbers what it takes
 * (_seq_no). All up to the checkpoint is taken, and found once the index was
 * refreshed after the checkpoint was read.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

#include "proto/base/clock.h"
#include "proto/store/elastic/elastic.h"
#include "proto/store/event_match.h"
#include "proto/store/follow_place.h"

enum { OK = 200, NOT_FOUND = 404, PAGE = 500, MAX_ANSWER = 64 * 1024 * 1024 };

struct follow {
    struct elastic_store *store;
    const struct event_query *query;
    json_t *clause;
    int (*visit)(void *ctx, const struct event *ev);
    void *ctx;
    unsigned given;
    int is_over;
    int64_t deadline_ms;
    struct arena arena;
    struct buf space;
    struct event ev;
};

static const char version[] = "e1";

/* --- which indices there are, and how far they go --- */

static int
newest_first(const void *left, const void *right)
{
    const int32_t *a = left, *b = right;

    return (*a < *b) - (*a > *b);
}

/* "bongsu-events-2026.11.22" -> its day. 0 or -1. */
static int
day_of_index(const char *name, int32_t *ret_day)
{
    char day[16];
    size_t prefix = strlen(ELASTIC_EVENTS);

    if (strncmp(name, ELASTIC_EVENTS, prefix) != 0 || strlen(name + prefix) >= sizeof(day))
        return -1;
    snprintf(day, sizeof(day), "%s", name + prefix);
    for (char *c = day; *c != '\0'; c++)
        *c = *c == '.' ? '-' : *c;
    return timestamp_parse_day(text_of(day), ret_day);
}

/* The number behind the last that is taken for good; of the primary. */
static int64_t
checkpoint_of(const json_t *index)
{
    const json_t *copies, *copy;
    const char *shard;
    int64_t last = 0;
    size_t i;

    json_object_foreach(json_object_get(index, "shards"), shard, copies)
        json_array_foreach(copies, i, copy) {
            int64_t n = json_integer_value(json_object_get(json_object_get(copy, "seq_no"),
                                                           "global_checkpoint")) + 1;

            last = n > last ? n : last;
        }
    return last;
}

static int
place_renew(struct elastic_store *store, const struct follow_place *old, struct follow_place *place,
            size_t *ret_left_out, struct err *err)
{
    json_t *answer = NULL;
    const json_t *indices, *index;
    const char *name;
    int32_t day;
    size_t total = 0;
    int status = elastic_ask(store, "GET", "/" ELASTIC_ALL_EVENTS
                             "/_stats/docs?level=shards&filter_path=indices.*.shards.*.seq_no",
                             NULL, &answer, err);

    indices = json_object_get(answer, "indices");
    json_object_foreach((json_t *)indices, name, index)
        if (day_of_index(name, &day) == 0 && total++ < STORE_FOLLOW_DAYS)
            place->files[place->count++].day = day;
    qsort(place->files, place->count, sizeof(place->files[0]), newest_first);
    for (size_t i = 0; i < place->count; i++) {
        char wanted[ELASTIC_INDEX_LEN];
        int64_t last;

        elastic_event_index(place->files[i].day, wanted);
        last = checkpoint_of(json_object_get(indices, wanted));
        place->files[i].last_n = last;
        place->files[i].n = old == NULL ? last : follow_place_find(old, place->files[i].day, last);
    }
    *ret_left_out = total - place->count;
    json_decref(answer);
    return status == OK ? 0 : -1;
}

/* --- what came --- */

static json_t *
question(const struct follow *follow, int64_t from, int64_t to)
{
    return json_pack("{s:i, s:{s:{s:[O, {s:{s:{s:I, s:I}}}]}}, s:[{s:s}], s:b, s:b, s:{s:[s]}}",
                     "size", PAGE, "query", "bool", "filter", follow->clause, "range", "_seq_no", "gte",
                     (json_int_t)from, "lt", (json_int_t)to, "sort", "_seq_no", "asc",
                     "track_total_hits", 0, "seq_no_primary_term", 1, "_source", "excludes",
                     "source.geo");
}

static int
take_hit(struct follow *follow, yyjson_val *hit, struct err *err)
{
    yyjson_val *id = yyjson_obj_get(hit, "_id");
    struct text name = { yyjson_get_str(id), yyjson_get_len(id) };

    arena_clear(&follow->arena);
    if (elastic_document_read(yyjson_obj_get(hit, "_source"), name, &follow->arena, &follow->space,
                              &follow->ev, err) != 0)
        return -1;
    if (event_matches(&follow->ev, follow->query)) {
        follow->is_over = follow->visit(follow->ctx, &follow->ev) != 0;
        if (++follow->given == follow->query->limit)
            follow->is_over = 1;
    }
    if (clock_steady_ms() >= follow->deadline_ms)
        follow->is_over = 1;
    return 0;
}

/* One page from *n on, which is moved on; to last_n when there is no more. */
static int
take_page(struct follow *follow, yyjson_val *hits, int64_t *n, int64_t last_n, struct err *err)
{
    yyjson_arr_iter iter;
    yyjson_val *hit;

    yyjson_arr_iter_init(hits, &iter);
    while (!follow->is_over && (hit = yyjson_arr_iter_next(&iter)) != NULL) {
        if (take_hit(follow, hit, err) != 0)
            return -1;
        *n = yyjson_get_sint(yyjson_obj_get(hit, "_seq_no")) + 1;
    }
    if (!follow->is_over && yyjson_arr_size(hits) < PAGE)
        *n = last_n;
    return 0;
}

static int
ask_page(struct follow *follow, const char *path, int64_t *n, int64_t last_n, struct err *err)
{
    json_t *json = question(follow, *n, last_n);
    char *body = json == NULL ? NULL : json_dumps(json, JSON_COMPACT);
    struct http_answer answer = { 0 };
    yyjson_doc *doc = NULL;
    int status, rc = -1;

    json_decref(json);
    if (body == NULL) {
        err_set(err, "store: out of memory");
        return -1;
    }
    status = elastic_call(follow->store, "POST", path, text_of(body), MAX_ANSWER, &answer, err);
    free(body);
    if (status == NOT_FOUND) {
        *n = last_n;                            /* deleted: no news */
        rc = 0;
    } else if (status == OK) {
        doc = yyjson_read(answer.body.ptr == NULL ? "" : answer.body.ptr, answer.body.len, 0);
        rc = doc == NULL ? -1
                         : take_page(follow, yyjson_obj_get(yyjson_obj_get(
                               yyjson_doc_get_root(doc), "hits"), "hits"), n, last_n, err);
        if (doc == NULL)
            err_set(err, "Elasticsearch's answer is no JSON");
    } else if (status > 0) {
        elastic_reason(status, buf_text(&answer.body), err);
    }
    yyjson_doc_free(doc);
    http_answer_release(&answer);
    return rc;
}

static int
follow_index(struct follow *follow, int32_t day, int64_t *n, int64_t last_n, struct err *err)
{
    char index[ELASTIC_INDEX_LEN], path[ELASTIC_INDEX_LEN + 16];
    json_t *answer = NULL;
    int status, rc = 0;

    elastic_event_index(day, index);
    snprintf(path, sizeof(path), "/%s/_refresh", index);
    status = elastic_ask(follow->store, "POST", path, NULL, &answer, err);
    json_decref(answer);
    if (status != OK && status != NOT_FOUND)
        return -1;
    snprintf(path, sizeof(path), "/%s/_search", index);
    while (rc == 0 && !follow->is_over && *n < last_n)
        rc = ask_page(follow, path, n, last_n, err);
    return rc;
}

static int
tell(const struct follow_place *place, size_t left_out, struct event_news *ret_news,
     struct err *err)
{
    struct event_news news = { .days_left_out = left_out };

    for (size_t i = 0; i < place->count; i++)
        news.is_more |= place->files[i].n < place->files[i].last_n;
    if (follow_place_format(place, version, &news.place) != 0) {
        err_set(err, "store: out of memory");
        buf_release(&news.place);
        return -1;
    }
    *ret_news = news;
    return 0;
}

int
elastic_follow_events(struct store *base, const struct event_query *query, struct text text,
                      int (*visit)(void *ctx, const struct event *ev), void *ctx,
                      struct event_news *ret_news, struct err *err)
{
    struct follow follow = { .store = (struct elastic_store *)base, .query = query, .visit = visit,
                             .ctx = ctx, .deadline_ms = clock_steady_ms() + ELASTIC_READ_LIMIT_MS };
    struct follow_place old = { .count = 0 }, place = { .count = 0 };
    size_t left_out;
    int rc = text.len == 0 ? 0 : follow_place_parse(text, version, &old, err);

    if (rc != 0)
        return rc;
    follow.clause = elastic_event_clause(follow.store, query, err);
    if (follow.clause == NULL ||
        place_renew(follow.store, text.len == 0 ? NULL : &old, &place, &left_out, err) != 0)
        rc = -1;
    for (size_t i = place.count; i-- > 0 && rc == 0 && !follow.is_over;)
        if (place.files[i].n < place.files[i].last_n)
            rc = follow_index(&follow, place.files[i].day, &place.files[i].n, place.files[i].last_n,
                              err);
    json_decref(follow.clause);
    arena_release(&follow.arena);
    buf_release(&follow.space);
    event_release(&follow.ev);
    return rc == 0 ? tell(&place, left_out, ret_news, err) : -1;
}
