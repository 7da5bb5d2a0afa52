/*
 * The balance sheet on Elasticsearch. What is stored is counted where it is: by
 * journal and hour over the events' own documents. bongsu-ledger holds what
 * cannot be found there: of a row, what was set aside or had come with another
 * row before; and each hour as the watch wrote it down, so that an hour that
 * closes need not be counted again, and is known when its events are gone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/store/elastic/elastic.h"

enum { OK = 200, JOURNALS = 50, HOURS_MAX = 10000, LAST_HOUR = 10000000 /* the year 3110 */ };

enum store_outcome
elastic_put_ledger(struct store *base, const struct store_ledger_row *rows, size_t count,
                   struct err *err)
{
    struct buf body = { 0 };
    enum store_outcome outcome = STORE_DONE;

    for (size_t i = 0; i < count && outcome == STORE_DONE; i++) {
        char id[64], journal[17];

        /* one that comes again may have said of an event that it is set aside, which since
         * was taken after all */
        if (rows[i].not_stored == 0 && rows[i].elsewhere == 0 && !rows[i].is_again)
            continue;
        snprintf(journal, sizeof(journal), "%016llx", (unsigned long long)rows[i].journal);
        snprintf(id, sizeof(id), "row-%s-%016llx", journal, (unsigned long long)rows[i].first);
        if (elastic_bulk_line(&body, "index", ELASTIC_LEDGER, id,
                              json_pack("{s:s, s:s, s:I, s:I, s:I}", "kind", "row", "journal", journal,
                                        "hour", (json_int_t)rows[i].hour, "elsewhere",
                                        (json_int_t)rows[i].elsewhere, "not_stored",
                                        (json_int_t)rows[i].not_stored)) != 0) {
            err_set(err, "store: out of memory");
            outcome = STORE_RETRY;
        }
    }
    if (outcome == STORE_DONE && body.len > 0)
        outcome = elastic_bulk_send((struct elastic_store *)base, &body, err);
    buf_release(&body);
    return outcome;
}

static json_t *
hour_document(const struct ledger_row *row, const char *journal)
{
    json_t *counts = json_object();

    for (int k = 0; k < LEDGER_COLUMNS; k++)
        if (row->counts[k] != 0 || k == LEDGER_NOT_STORED)  /* which may have become none */
            json_object_set_new(counts, ledger_names[k], json_integer((json_int_t)row->counts[k]));
    return json_pack("{s:{s:s, s:s, s:I, s:o}, s:b}", "doc", "kind", "hour", "journal", journal, "hour",
                     (json_int_t)row->hour, "counts", counts, "doc_as_upsert", 1);
}

enum store_outcome
elastic_put_balance(struct store *base, const struct ledger *hours, struct err *err)
{
    struct buf body = { 0 };
    enum store_outcome outcome = STORE_DONE;

    for (size_t i = 0; i < hours->count && outcome == STORE_DONE; i++) {
        const struct ledger_row *row = &hours->rows[i];
        char id[64], journal[17];

        snprintf(journal, sizeof(journal), "%016llx", (unsigned long long)row->journal);
        snprintf(id, sizeof(id), "hour-%s-%lld", journal, (long long)row->hour);
        if (elastic_bulk_line(&body, "update", ELASTIC_LEDGER, id, hour_document(row, journal)) != 0) {
            err_set(err, "store: out of memory");
            outcome = STORE_RETRY;
        }
    }
    if (outcome == STORE_DONE && body.len > 0)
        outcome = elastic_bulk_send((struct elastic_store *)base, &body, err);
    buf_release(&body);
    return outcome;
}

/* --- reading --- */

static uint64_t
journal_in(const json_t *object)
{
    const char *text = json_string_value(json_object_get(object, "journal"));

    return text == NULL ? 0 : strtoull(text, NULL, 16);
}

static int
read_hours(struct elastic_store *store, int64_t from, int64_t to, struct ledger *ret,
           struct err *err)
{
    json_t *answer = NULL, *body = json_pack(
        "{s:i, s:[{s:s}], s:{s:{s:[{s:{s:s}}, {s:{s:{s:I, s:I}}}]}}}", "size", HOURS_MAX, "sort", "hour",
        "desc", "query", "bool", "filter", "term", "kind", "hour", "range", "hour", "gte",
        (json_int_t)from, "lt", (json_int_t)to);
    const json_t *hit, *number;
    const char *name;
    size_t i;
    int status = elastic_ask(store, "POST", "/" ELASTIC_LEDGER "/_search?ignore_unavailable=true",
                             body, &answer, err);

    json_array_foreach(json_object_get(json_object_get(answer, "hits"), "hits"), i, hit) {
        const json_t *source = json_object_get(hit, "_source");

        json_object_foreach(json_object_get(source, "counts"), name, number) {
            int column = ledger_column_find(text_of(name));

            if (column >= 0)
                ledger_raise(ret, journal_in(source),
                         json_integer_value(json_object_get(source, "hour")), column,
                         json_integer_value(number));
        }
    }
    json_decref(answer);
    return status == OK ? 0 : -1;
}

/* The first hour that does not close yet: from there on is counted. */
static int64_t
first_open(const struct ledger *hours, int64_t from, int64_t to)
{
    int64_t last_closed = from - 1;

    for (size_t i = 0; i < hours->count; i++) {
        const struct ledger_row *row = &hours->rows[i];

        if (row->hour < from || row->hour >= to)
            continue;
        if (row->counts[LEDGER_ACCEPTED] !=
            row->counts[LEDGER_STORED] + row->counts[LEDGER_NOT_STORED])
            return row->hour;
        last_closed = row->hour;
    }
    /* the newest hour may still grow */
    return last_closed < from ? from : last_closed;
}

/* "journals" of buckets by hour, each with the sums of two fields, or counted. */
static json_t *
by_journal(const char *journal, json_t *hours)
{
    return json_pack("{s:{s:{s:s, s:i}, s:{s:o}}}", "journals", "terms", "field", journal, "size",
                     JOURNALS, "aggs", "hours", hours);
}

static int
count_stored(struct elastic_store *store, int64_t from, int64_t to, struct ledger *ret,
             struct err *err)
{
    json_t *answer = NULL, *hours = json_pack("{s:{s:s, s:s, s:i}}", "date_histogram", "field",
                                              "event.ingested", "fixed_interval", "1h",
                                              "min_doc_count", 1);
    json_t *body = json_pack("{s:i, s:b, s:{s:{s:{s:s, s:I, s:I}}}, s:o}", "size", 0,
                             "track_total_hits", 0, "query", "range", "event.ingested", "format",
                             "epoch_millis", "gte", (json_int_t)(from * 3600000), "lt",
                             (json_int_t)(to * 3600000), "aggs", by_journal("bongsu.journal", hours));
    const json_t *journal, *hour;
    size_t i, k;
    int rc = elastic_ask(store, "POST", "/" ELASTIC_ALL_EVENTS "/_search", body, &answer, err) == OK
                 ? elastic_check_shards(answer, err) : -1;

    json_array_foreach(json_object_get(json_object_get(json_object_get(answer, "aggregations"),
                                                       "journals"), "buckets"), i, journal) {
        const char *name = json_string_value(json_object_get(journal, "key"));

        json_array_foreach(json_object_get(json_object_get(journal, "hours"), "buckets"), k, hour)
            if (rc == 0)
                ledger_raise(ret, name == NULL ? 0 : strtoull(name, NULL, 16),
                         json_integer_value(json_object_get(hour, "key")) / 3600000, LEDGER_STORED,
                         json_integer_value(json_object_get(hour, "doc_count")));
    }
    json_decref(answer);
    return rc;
}

/* What stands beside the documents; elsewhere is added to what was counted. */
static int
add_rows(struct elastic_store *store, int64_t from, int64_t to, struct ledger *ret, struct err *err)
{
    json_t *answer = NULL, *hours = json_pack(
        "{s:{s:s, s:i}, s:{s:{s:{s:s}}, s:{s:{s:s}}}}", "terms", "field", "hour", "size", HOURS_MAX,
        "aggs", "elsewhere", "sum", "field", "elsewhere", "not_stored", "sum", "field", "not_stored");
    json_t *body = json_pack("{s:i, s:{s:{s:[{s:{s:s}}, {s:{s:{s:I, s:I}}}]}}, s:o}", "size", 0, "query",
                             "bool", "filter", "term", "kind", "row", "range", "hour", "gte",
                             (json_int_t)from, "lt", (json_int_t)to, "aggs",
                             by_journal("journal", hours));
    const json_t *journal, *hour;
    size_t i, k;
    int status = elastic_ask(store, "POST", "/" ELASTIC_LEDGER "/_search?ignore_unavailable=true",
                             body, &answer, err);

    json_array_foreach(json_object_get(json_object_get(json_object_get(answer, "aggregations"),
                                                       "journals"), "buckets"), i, journal) {
        const char *text = json_string_value(json_object_get(journal, "key"));
        uint64_t name = text == NULL ? 0 : strtoull(text, NULL, 16);

        json_array_foreach(json_object_get(json_object_get(journal, "hours"), "buckets"), k, hour) {
            int64_t at = json_integer_value(json_object_get(hour, "key"));

            ledger_add(ret, name, at, LEDGER_STORED, (int64_t)json_number_value(json_object_get(
                           json_object_get(hour, "elsewhere"), "value")));
            ledger_raise(ret, name, at, LEDGER_NOT_STORED, (int64_t)json_number_value(json_object_get(
                         json_object_get(hour, "not_stored"), "value")));
        }
    }
    json_decref(answer);
    return status == OK ? 0 : -1;
}

int
elastic_get_ledger(struct store *base, int64_t from_hour, int64_t to_hour, struct ledger *ret_hours,
                   struct err *err)
{
    struct elastic_store *store = (struct elastic_store *)base;
    struct ledger *counted = calloc(1, sizeof(*counted));
    int64_t from;
    int rc = -1;

    if (to_hour > LAST_HOUR)
        to_hour = LAST_HOUR;

    if (counted == NULL) {
        err_set(err, "store: out of memory");
        return -1;
    }
    if (read_hours(store, from_hour, to_hour, ret_hours, err) == 0) {
        from = first_open(ret_hours, from_hour, to_hour);
        rc = count_stored(store, from, to_hour, counted, err) == 0 &&
             add_rows(store, from, to_hour, counted, err) == 0 ? 0 : -1;
    }
    if (rc == 0)
        ledger_take_counted(ret_hours, counted);
    free(counted);
    return rc;
}
