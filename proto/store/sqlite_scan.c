#include <string.h>

#include "proto/base/buf.h"
#include "proto/store/sqlite_search.h"
#include "proto/store/sqlite_sheet.h"

#define HOUR_US (INT64_C(3600) * 1000000)

static int64_t
hour_of_us(int64_t us)
{
    return us / HOUR_US - (us % HOUR_US < 0);
}

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
        db_failed(file->db, err);
    } else if (query->text.len > 0 && !has_text_nocase(db_column(stmt, 2), query->text)) {
        rc = 0; /* its texts stand in the body as they are */
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

/* A part of a file: at >= bottom and (at, id) below (top, top_id). */
struct range {
    int64_t bottom, top;
    struct event_id top_id;
};

static sqlite3_stmt *
prepare_scan(const struct search *search, struct day_file *file,
             const struct range *range, struct err *err)
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
        sqlite3_bind_int64(stmt, 1, range->bottom);
        sqlite3_bind_int64(stmt, 2, range->top);
        sqlite3_bind_blob(stmt, 3, range->top_id.bytes, range->top_id.len, SQLITE_STATIC);
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
    struct hit hit = { .at_us = sqlite3_column_int64(stmt, 0),
                       .day = file->day,
                       .n = sqlite3_column_int64(stmt, 2) };
    int wanted;

    if (id_take(db_column(stmt, 1), &hit.id) != 0) {
        err_set(err, "%s: an id of a wrong length",
                sqlite3_db_filename(file->db, "main"));
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

static int
scan_range(struct search *search, struct day_file *file, const struct range *range,
           struct err *err)
{
    sqlite3_stmt *stmt = prepare_scan(search, file, range, err);
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
            rc = (int)db_failed(file->db, err);
    }
    sqlite3_finalize(stmt);
    return rc;
}

/* The counters' dimension that names this field's values, or -1. */
static int
dimension_of(struct text field)
{
    switch (event_field_find(field)) {
    case EVENT_TYPE:
        return COUNT_TYPE;
    case EVENT_SOURCE_IP:
    case EVENT_SOURCE_ADDRESS:
        return COUNT_SOURCE;
    case EVENT_USERNAME:
        return COUNT_USER;
    default:
        return -1;
    }
}

/* The value of the first filter that the hours' counters can narrow down, or
 * NULL. */
static const struct text *
find_counted(const struct event_query *query, int *ret_kind)
{
    for (size_t i = 0; i < query->filter_count; i++) {
        const struct text *value = &query->filters[i].value;

        *ret_kind = dimension_of(query->filters[i].field);
        if (*ret_kind >= 0 && value->len <= COUNTED_VALUE_MAX)
            return value;
    }
    return NULL;
}

/* 1 when the sheet names the value, or has some that it does not name. */
static int
may_have(struct text sheet, struct text wanted)
{
    struct text value;
    uint64_t events;
    int rc;

    while ((rc = sheet_next(&sheet, &value, &events)) == 1)
        if (text_equals_nocase(value, wanted) || text_equals(value, count_other))
            return 1;
    return rc < 0;
}

/* Look only through the hours in which the value was counted: a rare one is
 * found among millions without reading all their places. */
static int
scan_hours(struct search *search, struct day_file *file, int kind, struct text value,
           const struct range *whole, struct err *err)
{
    sqlite3_stmt *stmt = file_stmt(file, DAY_READ_HOURS, err);
    int64_t scanned = INT64_MAX;
    int code = SQLITE_DONE, rc = stmt == NULL ? -1 : 0;

    if (stmt != NULL) {
        sqlite3_bind_int(stmt, 1, kind + HOUR_KIND);
        sqlite3_bind_int64(stmt, 2, hour_of_us(whole->bottom));
        sqlite3_bind_int64(stmt, 3, hour_of_us(whole->top));
    }
    while (rc == 0 && !search->is_out_of_time &&
           (code = sqlite3_step(stmt)) == SQLITE_ROW) {
        int64_t hour = sqlite3_column_int64(stmt, 0);
        struct range range = *whole;

        if (hour == scanned || !may_have(db_column(stmt, 1), value))
            continue;
        if (hour > hour_of_us(whole->bottom))
            range.bottom = hour * HOUR_US;
        if (hour < hour_of_us(whole->top)) {
            range.top = (hour + 1) * HOUR_US;
            range.top_id.len = 0;
        }
        rc = scan_range(search, file, &range, err);
        scanned = hour;
    }
    if (code == SQLITE_INTERRUPT)
        search->is_out_of_time = 1;
    else if (rc == 0 && code != SQLITE_DONE && code != SQLITE_ROW)
        rc = (int)db_failed(file->db, err);
    if (stmt != NULL)
        sqlite3_reset(stmt);
    return rc;
}

int
scan_file(struct search *search, struct day_file *file, int64_t bottom, struct err *err)
{
    const struct range whole = { bottom, search->top, search->top_id };
    int kind = -1;
    const struct text *value = find_counted(search->query, &kind);
    int rc;

    if (value != NULL && (uint64_t)whole.top - (uint64_t)bottom > HOUR_US)
        rc = scan_hours(search, file, kind, *value, &whole, err);
    else
        rc = scan_range(search, file, &whole, err);
    return rc == 0 ? 0 : -1;
}
