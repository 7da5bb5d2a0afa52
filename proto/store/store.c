#include "proto/store/store.h"

#include <stdlib.h>

#include "proto/store/elastic/elastic.h"
#include "proto/store/store_sqlite.h"

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
