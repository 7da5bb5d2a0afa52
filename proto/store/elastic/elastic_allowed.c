/* What the allow list took from the rules: a document for each day and entry. */
#include <stdio.h>
#include <string.h>

#include "proto/base/hash.h"
#include "proto/store/elastic/elastic.h"

enum { OK = 200 };

enum store_outcome
elastic_put_allowed(struct store *base, const struct store_allowed *rows, size_t count,
                    struct err *err)
{
    struct buf body = { 0 };
    enum store_outcome outcome = STORE_DONE;

    for (size_t i = 0; i < count && outcome == STORE_DONE; i++) {
        char id[80];

        snprintf(id, sizeof(id), "%.20s-%016llx", rows[i].day,
                 (unsigned long long)hash64(rows[i].entry, strlen(rows[i].entry)));
        if (elastic_bulk_line(&body, "index", ELASTIC_ALLOWED, id,
                              json_pack("{s:s, s:s, s:s, s:I}", "day", rows[i].day, "entry",
                                        rows[i].entry, "reason", rows[i].reason, "events",
                                        (json_int_t)rows[i].events)) != 0) {
            err_set(err, "store: out of memory");
            outcome = STORE_RETRY;
        }
    }
    if (outcome == STORE_DONE && count > 0)
        outcome = elastic_bulk_send((struct elastic_store *)base, &body, err);
    buf_release(&body);
    return outcome;
}

static json_t *
question(const char *first_day, const char *last_day)
{
    json_t *reason = json_pack("{s:{s:i, s:[s]}}", "top_hits", "size", 1, "_source", "reason");

    return json_pack("{s:i, s:{s:{s:{s:s, s:s}}}, s:{s:{s:{s:s, s:i, s:[{s:s}, {s:s}]},"
                     " s:{s:{s:{s:s}}, s:o}}}}",
                     "size", 0, "query", "range", "day", "gte", first_day, "lte", last_day,
                     "aggs", "entries", "terms", "field", "entry", "size", (int)STORE_MAX_ALLOWED,
                     "order", "events", "desc", "_key", "asc",
                     "aggs", "events", "sum", "field", "events", "reason", reason);
}

int
elastic_get_allowed(struct store *base, const char *first_day, const char *last_day,
                    int (*visit)(void *ctx, const struct store_allowed *sum), void *ctx,
                    struct err *err)
{
    json_t *answer = NULL;
    const json_t *bucket;
    size_t i;
    int status = elastic_ask((struct elastic_store *)base, "POST",
                             "/" ELASTIC_ALLOWED "/_search?ignore_unavailable=true",
                             question(first_day, last_day), &answer, err);

    json_array_foreach(json_object_get(json_object_get(json_object_get(answer, "aggregations"),
                                                       "entries"), "buckets"), i, bucket) {
        const json_t *hits = json_object_get(json_object_get(json_object_get(bucket, "reason"),
                                                             "hits"), "hits");
        const json_t *source = json_object_get(json_array_get(hits, 0), "_source");
        const struct store_allowed sum = {
            .entry = json_string_value(json_object_get(bucket, "key")),
            .reason = json_string_value(json_object_get(source, "reason")),
            .events = (uint64_t)json_number_value(
                json_object_get(json_object_get(bucket, "events"), "value")) };

        if (sum.entry == NULL || sum.reason == NULL || visit(ctx, &sum) != 0)
            break;
    }
    json_decref(answer);
    return status == OK ? 0 : -1;
}
