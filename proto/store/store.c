#include "proto/store/store.h"

#include <stdlib.h>

#include "proto/store/elastic/elastic.h"
#include "proto/store/store_sqlite.h"

#define COUNT_MINUTE_US (INT64_C(60) * 1000000)

struct store *
store_open(const struct settings *settings, int mode, struct err *err)
{
    return settings->store_url != NULL ? elastic_store_open(settings, mode, err)
                                       : sqlite_store_open(settings, mode, err);
}

void
store_close(struct store **store)
{
    if (*store != NULL)
        (*store)->ops->close(store);
    *store = NULL;
}

int
count_query_check(const struct count_query *query, int64_t max_steps, size_t max_rows,
                  struct err *err)
{
    int64_t span;

    if (query->from_us % COUNT_MINUTE_US != 0 || query->to_us % COUNT_MINUTE_US != 0 ||
        query->step_us % COUNT_MINUTE_US != 0 || query->step_us <= 0 ||
        query->from_us >= query->to_us ||
        __builtin_sub_overflow(query->to_us, query->from_us, &span)) {
        err_set(err, "count: a time and a step of whole minutes are needed");
        return -1;
    }
    if ((span - 1) / query->step_us >= max_steps || query->top > max_rows) {
        err_set(err, "count: more than %lld steps or %zu rows", (long long)max_steps, max_rows);
        return -1;
    }
    return 0;
}

void
store_free_incidents(struct incident ***incidents, size_t count)
{
    if (*incidents == NULL)
        return;
    for (size_t i = 0; i < count; i++)
        incident_destroy(&(*incidents)[i]);
    free(*incidents);
    *incidents = NULL;
}

void
counts_release(struct counts *counts)
{
    for (int i = 0; i < COUNT_DIMENSIONS; i++) {
        for (size_t k = 0; k < counts->row_count[i]; k++)
            free(counts->rows[i][k].value);
        free(counts->rows[i]);
    }
    free(counts->timeline);
    *counts = (struct counts){ 0 };
}

void
source_changes_release(struct source_changes *changes)
{
    for (size_t i = 0; i < changes->fresh_count; i++)
        free(changes->fresh[i].value);
    for (size_t i = 0; i < changes->quiet_count; i++)
        free(changes->quiet[i].value);
    free(changes->fresh);
    free(changes->quiet);
    *changes = (struct source_changes){ 0 };
}
