/* Incidents found, the last seen first. */
#include <stdlib.h>
#include <string.h>

#include "proto/json_text.h"
#include "proto/store/elastic/elastic.h"

enum { OK = 200 };

static void
add_range(json_t *filters, const char *field, int64_t from, int64_t to)
{
    json_array_append_new(filters, json_pack("{s:{s:{s:I, s:I}}}", "range", field, "gte",
                                             (json_int_t)from, "lt", (json_int_t)to));
}

static void
add_term(json_t *filters, const char *field, json_t *value)
{
    json_array_append_new(filters, json_pack("{s:{s:o}}", "term", field, value));
}

static json_t *
question(const struct incident_query *query)
{
    json_t *filters = json_array(), *body;

    add_range(filters, "bongsu.incident.last_seen", query->from_us == 0 ? INT64_MIN : query->from_us,
              query->to_us);
    if (query->updated_from_us > 0)
        add_range(filters, "bongsu.incident.updated", query->updated_from_us, INT64_MAX);
    if (query->status >= 0)
        add_term(filters, "bongsu.incident.status", json_string(status_name(query->status)));
    if (query->severity > 0)
        add_range(filters, "bongsu.severity_level", query->severity, 127);
    if (query->rule_id.ptr != NULL)
        add_term(filters, "rule.id", json_text(query->rule_id));
    if (query->key_value.ptr != NULL)
        add_term(filters, "bongsu.incident.key_values", json_text(query->key_value));
    body = json_pack("{s:I, s:{s:{s:o}}, s:[{s:s}, {s:s}], s:b}", "size", (json_int_t)query->limit + 1,
                     "query", "bool", "filter", filters, "sort", "bongsu.incident.last_seen", "desc",
                     "event.id", "desc", "track_total_hits", 0);
    if (query->has_cursor)
        json_object_set_new(body, "search_after", json_pack("[I, s]", (json_int_t)query->cursor_us,
                                                            query->cursor_id));
    return body;
}

static int
take_hits(const json_t *hits, struct incident **incidents, size_t *count, struct err *err)
{
    const json_t *hit;
    size_t i;

    json_array_foreach(hits, i, hit) {
        incidents[*count] = elastic_incident_from_document(json_object_get(hit, "_source"), err);
        if (incidents[*count] == NULL)
            return -1;
        ++*count;
    }
    return 0;
}

int
elastic_find_incidents(struct store *base, const struct incident_query *query,
                       struct incident ***ret_incidents, size_t *ret_count, int *ret_is_more,
                       struct err *err)
{
    struct elastic_store *store = (struct elastic_store *)base;
    struct incident **incidents = NULL;
    json_t *answer = NULL;
    const json_t *hits;
    size_t count = 0;
    int rc = -1;

    if (query->limit < 1 || query->limit > STORE_MAX_PAGE) {
        err_set(err, "find: 1 to %d incidents a page", STORE_MAX_PAGE);
        return -1;
    }
    if (elastic_ask(store, "POST", "/" ELASTIC_INCIDENTS "/_search?ignore_unavailable=true",
                    question(query), &answer, err) != OK ||
        elastic_check_shards(answer, err) != 0)
        goto done;
    hits = json_object_get(json_object_get(answer, "hits"), "hits");
    incidents = calloc((size_t)query->limit + 2, sizeof(*incidents));
    if (incidents == NULL || json_array_size(hits) > (size_t)query->limit + 1) {
        err_set(err, "store: out of memory");
        goto done;
    }
    if (take_hits(hits, incidents, &count, err) != 0)
        goto done;
    *ret_is_more = count > query->limit;
    if (count > query->limit)
        incident_destroy(&incidents[--count]);
    *ret_incidents = incidents;
    *ret_count = count;
    incidents = NULL;
    rc = 0;

done:
    json_decref(answer);
    store_free_incidents(&incidents, count);
    return rc;
}
