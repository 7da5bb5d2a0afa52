#include <stdlib.h>
#include <string.h>

#include "proto/base/clock.h"
#include "proto/store/sqlite_search.h"

/* The first stretch of event time that is looked through; each next one is
 * twice as long. It is always finished, so that every page gets further. */
#define FIRST_STRETCH_US (INT64_C(1) * 1000000)

/* Look through every file from search->top down to bottom. */
static int
scan_stretch(struct search *search, int64_t bottom, struct err *err)
{
    struct sqlite_store *store = search->store;

    for (size_t i = 0; i < store->span_count && !search->is_out_of_time; i++) {
        const struct day_span *span = &store->spans[i];
        struct day_file *file = NULL;
        int rc;

        if (span->min_at > search->top || span->max_at < bottom)
            continue;
        rc = file_open(store, span->day, 0, &file, err);
        if (rc < 0 || (rc == 1 && scan_file(search, file, bottom, err) != 0))
            return -1;
        if (clock_steady_ms() >= store->deadline_ms)
            search->is_out_of_time = 1;
    }
    return 0;
}

/* The newest event time of any file that is not above top, or INT64_MIN. */
static int64_t
newest_below(const struct search *search)
{
    int64_t newest = INT64_MIN;

    for (size_t i = 0; i < search->store->span_count; i++) {
        const struct day_span *span = &search->store->spans[i];
        int64_t at = span->max_at < search->top ? span->max_at : search->top;

        if (span->min_at <= span->max_at && span->min_at <= search->top && at > newest)
            newest = at;
    }
    return newest;
}

/* Stretch by stretch, downwards, until the page and one more are found. */
static int
scan_all(struct search *search, struct err *err)
{
    struct sqlite_store *store = search->store;
    uint64_t stretch = FIRST_STRETCH_US;
    int64_t from = search->query->from_us, bottom, newest;

    store->deadline_ms = search->start_ms + READ_LIMIT_HARD_MS;
    while (search->hit_count <= search->query->limit) {
        newest = newest_below(search);
        if (newest < from || newest == INT64_MIN)
            break;
        if (newest < search->top) {
            search->top = newest + 1;
            search->top_id.len = 0;
        }
        if (search->top < from || (search->top == from && search->top_id.len == 0))
            break;
        bottom = (uint64_t)search->top - (uint64_t)from <= stretch
                     ? from
                     : (int64_t)((uint64_t)search->top - stretch);
        if (scan_stretch(search, bottom, err) != 0)
            return -1;
        if (search->is_out_of_time)
            break;
        search->top = bottom;
        search->top_id.len = 0;
        stretch = stretch > UINT64_MAX / 2 ? stretch : stretch * 2;
        store->deadline_ms = search->start_ms + READ_LIMIT_MS;
        search->is_first = 0;
    }
    if (search->is_out_of_time && search->is_first) {
        err_set(err, "searching one second's events took longer than %d s",
                READ_LIMIT_HARD_MS / 1000);
        return -1;
    }
    return 0;
}

/* What was found below the last whole stretch is not all there is of it. */
static void
drop_unfinished(struct search *search)
{
    while (search->is_out_of_time && search->hit_count > 0 &&
           search->hits[search->hit_count - 1].at_us < search->top)
        search->hit_count--;
}

/* Show row n: visit's result, 0 when its file is gone by now, or -1. */
static int
show_hit(struct search *search, const struct hit *hit,
         int (*visit)(void *ctx, const struct event *ev), void *ctx, int *ret_stop,
         struct err *err)
{
    struct day_file *file = NULL;
    int rc = file_open(search->store, hit->day, 0, &file, err);
    sqlite3_stmt *stmt = rc == 1 ? file_stmt(file, DAY_READ_EVENT, err) : NULL;
    int code;

    if (stmt == NULL)
        return rc == 0 ? 0 : -1;
    sqlite3_bind_int64(stmt, 1, hit->n);
    code = sqlite3_step(stmt);
    if (code == SQLITE_ROW)
        rc = event_of_row(file, stmt, &search->unpacked, &search->ev, err);
    else
        rc = code == SQLITE_DONE ? 0 : (int)db_failed(file->db, err);
    if (code == SQLITE_ROW && rc == 0)
        *ret_stop = visit(ctx, &search->ev) != 0;
    sqlite3_reset(stmt);
    return rc;
}

static int
show_page(struct search *search, int (*visit)(void *ctx, const struct event *ev),
          void *ctx, struct event_page *ret_page, struct err *err)
{
    static const struct event_id lowest = { .len = 16 };
    struct event_page page = { .cursor_at_us = search->top, .cursor_id = lowest };
    size_t shown = 0;
    int is_stopped = 0;

    drop_unfinished(search);
    search->store->deadline_ms = 0;
    while (shown < search->hit_count && shown < search->query->limit && !is_stopped)
        if (show_hit(search, &search->hits[shown++], visit, ctx, &is_stopped, err) != 0)
            return -1;
    page.is_more = shown < search->hit_count || search->is_out_of_time;
    if (shown > 0 && (shown < search->hit_count || !search->is_out_of_time)) {
        page.cursor_at_us = search->hits[shown - 1].at_us;
        page.cursor_id = search->hits[shown - 1].id;
    }
    *ret_page = page;
    return 0;
}

int
sqlite_find_events(struct store *base, const struct event_query *query,
                   int (*visit)(void *ctx, const struct event *ev), void *ctx,
                   struct event_page *ret_page, struct err *err)
{
    struct search search = { .store = (struct sqlite_store *)base,
                             .query = query,
                             .top = query->to_us,
                             .is_first = 1,
                             .start_ms = clock_steady_ms() };
    int rc = -1;

    msgpack_unpacked_init(&search.unpacked);
    if (query->limit < 1 || query->limit > STORE_MAX_PAGE ||
        query->filter_count > STORE_MAX_FILTERS) {
        err_set(err, "find: 1 to %d events a page, at most %d filters", STORE_MAX_PAGE,
                STORE_MAX_FILTERS);
        goto done;
    }
    if (query->has_cursor && query->cursor_at_us < query->to_us) {
        search.top = query->cursor_at_us;
        search.top_id = query->cursor_id;
    }
    search.hits = calloc((size_t)query->limit + 1, sizeof(*search.hits));
    if (search.hits == NULL) {
        err_set(err, "store: out of memory");
        goto done;
    }
    if (files_refresh(search.store, err) == 0 && scan_all(&search, err) == 0)
        rc = show_page(&search, visit, ctx, ret_page, err);

done:
    search.store->deadline_ms = 0;
    event_release(&search.ev);
    msgpack_unpacked_destroy(&search.unpacked);
    free(search.hits);
    return rc;
}
