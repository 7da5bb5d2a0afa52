#include "api/api.h"

#include "proto/base/timestamp.h"

/* In the order in which a reader expects them. */
static const struct { enum count_dimension dimension; const char *name; } dimensions[] = {
    { COUNT_TYPE, "by_type" }, { COUNT_SEVERITY, "by_severity" },
    { COUNT_SOURCE, "by_source" }, { COUNT_USER, "by_user" },
};

static json_t *
rows_to_json(const struct count_row *rows, size_t count)
{
    json_t *list = json_array();
    int rc = 0;

    for (size_t i = 0; i < count && rc == 0; i++)
        rc = json_array_append_new(list, json_pack("{s:o, s:I}", "value",
                                                   api_text(rows[i].value), "count",
                                                   (json_int_t)rows[i].events));
    if (rc == 0)
        return list;
    json_decref(list);
    return NULL;
}

static json_t *
timeline_to_json(const struct counts *counts, const struct count_query *query)
{
    json_t *list = json_array();
    char at[TIMESTAMP_LEN];
    int rc = 0;

    for (size_t i = 0; i < counts->steps && rc == 0; i++) {
        timestamp_format_local(query->from_us + (int64_t)i * query->step_us, at);
        rc = json_array_append_new(list, json_pack("{s:s, s:I}", "at", at, "count",
                                                   (json_int_t)counts->timeline[i]));
    }
    if (rc == 0)
        return list;
    json_decref(list);
    return NULL;
}

int
api_add_counts(struct api *api, json_t *obj, const struct count_query *query, struct err *err)
{
    struct counts counts = { 0 };
    int rc;

    if (api->store->ops->count(api->store, query, &counts, err) != 0)
        return -1;
    rc = json_object_set_new(obj, "totals", json_pack("{s:I}", "events",
                                                      (json_int_t)counts.total));
    for (size_t i = 0; i < sizeof(dimensions) / sizeof(dimensions[0]) && rc == 0; i++) {
        enum count_dimension d = dimensions[i].dimension;

        rc = json_object_set_new(obj, dimensions[i].name,
                                 rows_to_json(counts.rows[d], counts.row_count[d]));
    }
    if (rc == 0)
        rc = json_object_set_new(obj, "timeline", timeline_to_json(&counts, query));
    if (rc != 0)
        err_set(err, "out of memory");
    counts_release(&counts);
    return rc;
}
