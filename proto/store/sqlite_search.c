#include <stdlib.h>
#include <string.h>

#include "proto/base/buf.h"
#include "proto/base/clock.h"
#include "proto/store/store_sqlite.h"

/* The first stretch of event time that is looked through; each next one is
 * twice as long. It is always finished, so that every page gets further. */
#define FIRST_STRETCH_US (INT64_C(1) * 1000000)

/* An event of the page: where it is. Bodies are read again when it is shown. */
struct hit {
    int64_t at_us, n;
    struct event_id id;
    int32_t day;
};

struct search {
    struct sqlite_store *store;
    const struct event_query *query;
    int64_t top;                /* all at or above it has been looked through */
    struct event_id top_id;     /* at top itself, only what is below this */
    int64_t start_ms;
    int is_first;               /* stretch */
    int is_out_of_time;
    struct hit *hits;           /* newest first, at most limit + 1 */
    size_t hit_count;
    msgpack_unpacked unpacked;
    struct event ev;
};

static int
compare_places(int64_t a_us, const struct event_id *a, int64_t b_us,
               const struct event_id *b)
{
    size_t len = a->len < b->len ? a->len : b->len;
    int order;

    if (a_us != b_us)
        return a_us < b_us ? -1 : 1;
    order = memcmp(a->bytes, b->bytes, len);
    return order != 0 ? order : (int)a->len - (int)b->len;
}

static int
failed(struct day_file *file, struct err *err)
{
    db_failed(file->db, err);
    return -1;
}

/* 1 when the event of row n is one that the query means. Filters are looked
 * at again even where a hash has matched. */
static int
is_wanted(struct search *search, struct day_file *file, int64_t n, struct err *err)
{
    const struct event_query *query = search->query;
    sqlite3_stmt *stmt;
    int code, rc = -1;

    if (query->filter_count == 0 && query->text.len == 0)
        return 1;
    stmt = file_stmt(file, DAY_READ_EVENT, err);
    if (stmt == NULL)
        return -1;
    sqlite3_bind_int64(stmt, 1, n);
    code = sqlite3_step(stmt);
    if (code == SQLITE_INTERRUPT) {
        search->is_out_of_time = 1;
        rc = 0;
    } else if (code != SQLITE_ROW) {
        failed(file, err);
    } else if (query->text.len > 0 && !has_text_nocase(db_column(stmt, 2), query->text)) {
        rc = 0;                 /* its texts stand in the body as they are */
    } else if (event_of_row(file, stmt, &search->unpacked, &search->ev, err) == 0) {
        rc = event_matches(&search->ev, query);
    }
    sqlite3_reset(stmt);
    return rc;
}

static void
add_hit(struct search *search, const struct hit *hit)
{
    size_t at = search->hit_count, most = (size_t)search->query->limit + 1;

    while (at > 0 && compare_places(search->hits[at - 1].at_us, &search->hits[at - 1].id,
                                    hit->at_us, &hit->id) < 0)
        at--;
    if (at == most)
        return;
    if (search->hit_count < most)
        search->hit_count++;
    memmove(&search->hits[at + 1], &search->hits[at],
            (search->hit_count - at - 1) * sizeof(*hit));
    search->hits[at] = *hit;
}

/* The column whose hash narrows this filter down, or NULL. source_address is
 * source_ip wherever there is one. */
static const char *
column_for(struct text field)
{
    int number = event_field_find(field);

    if (number == EVENT_SOURCE_IP)
        number = EVENT_SOURCE_ADDRESS;
    for (int i = 0; i < PLACE_COUNT; i++)
        if ((int)places[i].field == number)
            return places[i].column;
    return NULL;
}

static sqlite3_stmt *
prepare_scan(const struct search *search, struct day_file *file, int64_t bottom,
             struct err *err)
{
    const struct event_query *query = search->query;
    struct buf sql = { 0 };
    sqlite3_stmt *stmt = NULL;
    int rc = buf_append_str(&sql, "SELECT at, id, n FROM places"
                                  " WHERE at >= ?1 AND (at, id) < (?2, ?3)");

    for (size_t i = 0; i < query->filter_count && rc == 0; i++) {
        const char *column = column_for(query->filters[i].field);

        if (column != NULL)
            rc = buf_printf(&sql, " AND %s = %d", column,
                            (int)place_hash(query->filters[i].value));
    }
    if (rc != 0 || buf_append_str(&sql, " ORDER BY at DESC, id DESC") != 0)
        err_set(err, "store: out of memory");
    else if (db_prepare(file->db, &stmt, sql.ptr, err) == 0) {
        sqlite3_bind_int64(stmt, 1, bottom);
        sqlite3_bind_int64(stmt, 2, search->top);
        sqlite3_bind_blob(stmt, 3, search->top_id.bytes, search->top_id.len, SQLITE_STATIC);
    }
    buf_release(&sql);
    return stmt;
}

/* One row of places: 1 to go on, 0 when nothing below can be on the page. */
static int
take_place(struct search *search, struct day_file *file, sqlite3_stmt *stmt,
           struct err *err)
{
    const struct hit *last = &search->hits[search->query->limit];
    struct hit hit = { .at_us = sqlite3_column_int64(stmt, 0), .day = file->day,
                       .n = sqlite3_column_int64(stmt, 2) };
    int wanted;

    if (id_take(db_column(stmt, 1), &hit.id) != 0) {
        err_set(err, "%s: an id of a wrong length", sqlite3_db_filename(file->db, "main"));
        return -1;
    }
    if (search->hit_count > search->query->limit &&
        compare_places(hit.at_us, &hit.id, last->at_us, &last->id) < 0)
        return 0;
    wanted = is_wanted(search, file, hit.n, err);
    if (wanted == 1)
        add_hit(search, &hit);
    return wanted < 0 ? -1 : !search->is_out_of_time;
}

/* Look through one file from search->top down to bottom. */
static int
scan_file(struct search *search, struct day_file *file, int64_t bottom, struct err *err)
{
    sqlite3_stmt *stmt = prepare_scan(search, file, bottom, err);
    int code, rc = stmt == NULL ? -1 : 1;

    while (rc == 1) {
        code = sqlite3_step(stmt);
        if (code == SQLITE_ROW)
            rc = take_place(search, file, stmt, err);
        else if (code == SQLITE_DONE)
            rc = 0;
        else if (code == SQLITE_INTERRUPT)
            search->is_out_of_time = 1, rc = 0;
        else
            rc = failed(file, err);
    }
    sqlite3_finalize(stmt);
    return rc;
}

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
                     ? from : (int64_t)((uint64_t)search->top - stretch);
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
        rc = code == SQLITE_DONE ? 0 : failed(file, err);
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
    struct search search = { .store = (struct sqlite_store *)base, .query = query,
                             .top = query->to_us, .is_first = 1,
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
