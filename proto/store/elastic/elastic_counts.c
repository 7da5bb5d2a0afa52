/* The dashboard's numbers: aggregations over @timestamp, which is as exact as a minute needs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/store/elastic/elastic.h"

enum { OK = 200, MAX_STEPS = 60000, MORE_PER_SHARD = 1000,
       COUNTED_VALUE_MAX = 256 };

static const char *const dimensions[COUNT_DIMENSIONS] = {
    [COUNT_TYPE] = "event.action",
    [COUNT_SEVERITY] = "bongsu.severity",
    [COUNT_SOURCE] = "source.address",
    [COUNT_USER] = "user.name",
};

static json_t *
timeline_of(const struct count_query *query)
{
    char interval[32], offset[32];
    int64_t shift = query->from_us % query->step_us;

    snprintf(interval, sizeof(interval), "%lldms", (long long)(query->step_us / 1000));
    snprintf(offset, sizeof(offset), "%+lldms", (long long)(shift / 1000));
    return json_pack("{s:{s:s, s:s, s:s, s:i}}", "date_histogram", "field", "@timestamp",
                     "fixed_interval", interval, "offset", offset, "min_doc_count", 1);
}

static json_t *
question(const struct count_query *query)
{
    json_t *aggs = json_pack("{s:o}", "timeline", timeline_of(query));

    for (int i = COUNT_TOTAL + 1; i < COUNT_DIMENSIONS; i++)
        json_object_set_new(aggs, dimensions[i],
                            json_pack("{s:{s:s, s:I, s:I}}", "terms", "field", dimensions[i], "size",
                                      (json_int_t)query->top + 1, "shard_size",
                                      (json_int_t)query->top + MORE_PER_SHARD));
    return json_pack("{s:i, s:b, s:{s:{s:{s:s, s:I, s:I}}}, s:o}", "size", 0, "track_total_hits", 1,
                     "query", "range", "@timestamp", "format", "epoch_millis",
                     "gte", (json_int_t)(query->from_us / 1000),
                     "lt", (json_int_t)(query->to_us / 1000), "aggs", aggs);
}

static int
most_first(const void *left, const void *right)
{
    const struct count_row *a = left, *b = right;

    if (a->events != b->events)
        return a->events > b->events ? -1 : 1;
    return strcmp(a->value, b->value);
}

/* What gets no row of its own goes last. */
static int
add_other(struct count_row *rows, size_t *count, uint64_t events)
{
    if (events == 0)
        return 0;
    rows[*count] = (struct count_row){ strdup("(other)"), events };
    if (rows[*count].value == NULL)
        return -1;
    ++*count;
    return 0;
}

static int
take_rows(const json_t *agg, size_t top, struct counts *counts, int dimension)
{
    const json_t *buckets = json_object_get(agg, "buckets"), *one;
    uint64_t rest = (uint64_t)json_integer_value(json_object_get(agg, "sum_other_doc_count"));
    struct count_row *rows = calloc(json_array_size(buckets) + 2, sizeof(*rows));
    size_t i, count = 0;

    counts->rows[dimension] = rows;
    if (rows == NULL)
        return -1;
    json_array_foreach(buckets, i, one) {
        const char *value = json_string_value(json_object_get(one, "key"));
        uint64_t events = (uint64_t)json_integer_value(json_object_get(one, "doc_count"));

        if (value == NULL || strlen(value) > COUNTED_VALUE_MAX) {
            rest += events;
            continue;
        }
        rows[count] = (struct count_row){ strdup(value), events };
        if (rows[count].value == NULL)
            return -1;
        counts->row_count[dimension] = ++count;
    }
    qsort(rows, count, sizeof(*rows), most_first);
    while (count > top) {
        rest += rows[--count].events;
        free(rows[count].value);
    }
    counts->row_count[dimension] = count;
    return add_other(rows, &counts->row_count[dimension], rest);
}

static void
take_timeline(const json_t *agg, const struct count_query *query, struct counts *counts)
{
    const json_t *one;
    size_t i;

    json_array_foreach(json_object_get(agg, "buckets"), i, one) {
        int64_t at_us = json_integer_value(json_object_get(one, "key")) * 1000;
        int64_t step = (at_us - query->from_us) / query->step_us;

        if (at_us >= query->from_us && step < (int64_t)counts->steps)
            counts->timeline[step] +=
                (uint64_t)json_integer_value(json_object_get(one, "doc_count"));
    }
}

static int
take_all(const json_t *answer, const struct count_query *query, struct counts *counts)
{
    const json_t *aggs = json_object_get(answer, "aggregations");
    const json_t *total = json_object_get(json_object_get(answer, "hits"), "total");

    counts->total = (uint64_t)json_integer_value(json_object_get(total, "value"));
    counts->steps = (size_t)((query->to_us - query->from_us - 1) / query->step_us) + 1;
    counts->timeline = calloc(counts->steps, sizeof(*counts->timeline));
    if (counts->timeline == NULL)
        return -1;
    take_timeline(json_object_get(aggs, "timeline"), query, counts);
    for (int i = COUNT_TOTAL + 1; i < COUNT_DIMENSIONS; i++)
        if (take_rows(json_object_get(aggs, dimensions[i]), query->top, counts, i) != 0)
            return -1;
    return 0;
}

int
elastic_count(struct store *base, const struct count_query *query, struct counts *ret_counts,
              struct err *err)
{
    struct elastic_store *store = (struct elastic_store *)base;
    struct counts counts = { 0 };
    json_t *answer = NULL;
    int rc = -1;

    if (count_query_check(query, MAX_STEPS, STORE_MAX_COUNT_ROWS, err) != 0 ||
        elastic_ask(store, "POST", "/" ELASTIC_ALL_EVENTS "/_search", question(query), &answer,
                    err) != OK ||
        elastic_check_shards(answer, err) != 0)
        goto done;
    rc = take_all(answer, query, &counts);
    if (rc == 0) {
        *ret_counts = counts;
        counts = (struct counts){ 0 };
    } else {
        err_set(err, "store: out of memory");
    }

done:
    counts_release(&counts);
    json_decref(answer);
    return rc;
}
