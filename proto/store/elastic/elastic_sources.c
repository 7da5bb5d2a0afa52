/* Sources that are new, sources that went quiet: composite aggregations, page by page. */
#include <string.h>

#include "proto/base/clock.h"
#include "proto/store/elastic/elastic.h"
#include "proto/store/source_facts.h"

#define MINUTE_US (INT64_C(60) * 1000000)

enum { OK = 200, PAGE = 5000, LIMIT_MS = 4 * ELASTIC_READ_LIMIT_MS, COUNTED_VALUE_MAX = 256 };

/* Each source of the part once; of PART_QUIET each of its days. */
static json_t *
question(const struct source_facts *facts, json_t *after)
{
    json_t *keys = json_pack("[{s:{s:{s:s}}}]", "source", "terms", "field", "source.address");
    json_t *composite = json_pack("{s:i, s:O}", "size", PAGE, "sources", keys);
    json_t *body;

    if (facts->part == SOURCE_PART_QUIET)
        json_array_append_new(keys, json_pack("{s:{s:{s:s}}}", "day", "terms", "field", "bongsu.day"));
    if (after != NULL)
        json_object_set(composite, "after", after);
    json_decref(keys);
    body = json_pack("{s:i, s:b, s:{s:{s:{s:i, s:i}}}, s:{s:{s:o}}}", "size", 0, "track_total_hits", 0,
                     "query", "range", "bongsu.day", "gte", (int)facts->from_day, "lt",
                     (int)facts->to_day, "aggs", "seen", "composite", composite);
    if (facts->part == SOURCE_PART_SPAN)
        json_object_set_new(json_object_get(json_object_get(body, "aggs"), "seen"), "aggs",
                            json_pack("{s:{s:{s:s}}}", "first", "min", "field", "bongsu.at"));
    return body;
}

static int
take_bucket(struct source_facts *facts, const json_t *bucket)
{
    const json_t *key = json_object_get(bucket, "key");
    const json_t *first = json_object_get(json_object_get(bucket, "first"), "value");
    const char *value = json_string_value(json_object_get(key, "source"));
    const json_t *day = json_object_get(key, "day");
    int64_t first_us = (int64_t)json_number_value(first);

    if (value == NULL || value[0] == '\0' || strlen(value) > COUNTED_VALUE_MAX)
        return 0;
    first_us -= ((first_us % MINUTE_US) + MINUTE_US) % MINUTE_US;
    return source_facts_add(facts, day == NULL ? facts->from_day : (int32_t)json_integer_value(day),
                            text_of(value), first_us);
}

/* 0, or -1. */
static int
add_part(struct elastic_store *store, struct source_facts *facts, int64_t deadline_ms,
         struct err *err)
{
    json_t *after = NULL;
    int rc = 0, is_more = 1;

    while (rc == 0 && is_more) {
        json_t *answer = NULL;
        const json_t *seen, *bucket;
        size_t i;

        rc = elastic_ask(store, "POST", "/" ELASTIC_ALL_EVENTS "/_search", question(facts, after),
                         &answer, err) == OK && elastic_check_shards(answer, err) == 0 ? 0 : -1;
        seen = json_object_get(json_object_get(answer, "aggregations"), "seen");
        json_array_foreach(json_object_get(seen, "buckets"), i, bucket)
            if (rc == 0 && (rc = take_bucket(facts, bucket)) != 0)
                err_set(err, "store: out of memory");
        json_decref(after);
        after = json_incref(json_object_get(seen, "after_key"));
        is_more = after != NULL;
        if (is_more && clock_steady_ms() > deadline_ms) {
            facts->changes.is_partial = 1;
            is_more = 0;
        }
        json_decref(answer);
    }
    json_decref(after);
    return rc;
}

int
elastic_compare_sources(struct store *base, const struct source_query *query,
                        struct source_changes *ret_changes, struct err *err)
{
    int64_t deadline_ms = clock_steady_ms() + LIMIT_MS;
    struct source_facts facts;
    int rc = source_facts_init(&facts, query, err);

    for (int part = 0; part < SOURCE_PARTS && rc == 0; part++)
        if (source_facts_begin(&facts, (enum source_part)part))
            rc = add_part((struct elastic_store *)base, &facts, deadline_ms, err);
    if (rc == 0)
        rc = source_facts_take(&facts, ret_changes, err);
    source_facts_release(&facts);
    return rc;
}
