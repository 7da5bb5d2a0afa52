#include <stdlib.h>
#include <string.h>

#include "proto/store/store_sqlite.h"

static void
delete_file(struct sqlite_store *store, const struct day_span *span)
{
    char *path = file_path(store, span->day);

    for (int i = 0; i < DAY_FILES_OPEN; i++)
        if (store->files[i].db != NULL && store->files[i].day == span->day)
            file_close(&store->files[i]);
    if (path != NULL)
        file_unlink(path);
    free(path);
}

static int
least_recent_first(const void *left, const void *right)
{
    const struct day_span *a = left, *b = right;

    if (a->last_write_us != b->last_write_us)
        return a->last_write_us < b->last_write_us ? -1 : 1;
    return a->day < b->day ? -1 : a->day > b->day;
}

/* The files in the order in which they go. The one written last never does:
 * it takes what comes now. */
static unsigned
delete_files(struct sqlite_store *store, struct day_span *spans, size_t count,
             int64_t now_us)
{
    int64_t bytes = 0;
    unsigned deleted = 0;

    for (size_t i = 0; i < count; i++)
        bytes += spans[i].bytes;
    qsort(spans, count, sizeof(*spans), least_recent_first);
    for (size_t i = 0; i < count; i++) {
        int is_old = store->retention_us > 0 &&
                     spans[i].last_write_us < now_us - store->retention_us;
        int is_over = store->max_bytes > 0 && bytes > store->max_bytes && i + 1 < count;

        if (!is_old && !is_over)
            continue;
        delete_file(store, &spans[i]);
        bytes -= spans[i].bytes;
        deleted++;
    }
    return deleted;
}

int
sqlite_retain(struct store *base, int64_t now_us, unsigned *ret_deleted, struct err *err)
{
    struct sqlite_store *store = (struct sqlite_store *)base;
    struct day_span *spans;
    unsigned deleted = 0;

    if (store->mode != STORE_WRITE) {
        err_set(err, "store: opened for reading");
        return -1;
    }
    if (files_refresh(store, err) != 0)
        return -1;
    if (store->span_count > 0) {
        spans = calloc(store->span_count, sizeof(*spans));
        if (spans == NULL) {
            err_set(err, "store: out of memory");
            return -1;
        }
        memcpy(spans, store->spans, store->span_count * sizeof(*spans));
        deleted = delete_files(store, spans, store->span_count, now_us);
        free(spans);
    }
    *ret_deleted = deleted;
    if (ledger_expire(store, now_us, err) != 0)
        return -1;
    if (store->retention_us <= 0)
        return 0;
    if (dead_expire(store, now_us - store->retention_us, err) != 0)
        return -1;
    return incidents_expire(store, now_us - store->retention_us, err);
}
