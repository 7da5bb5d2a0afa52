#include "proto/base/clock.h"
#include "proto/store/follow_place.h"
#include "proto/store/store_sqlite.h"

/*
 * What is new, exactly. A row's number in its file only grows, and one process
 * writes, so that (file, number) says how far somebody has read, where times
 * cannot: they lie, are equal, and a commit may come long after the receipt.
 */
struct follow {
    struct sqlite_store *store;
    const struct event_query *query;
    int (*visit)(void *ctx, const struct event *ev);
    void *ctx;
    unsigned given;
    int is_over;                /* the page: full, or out of time */
    int64_t deadline_ms;
    msgpack_unpacked unpacked;
    struct event ev;
};

static const char version[] = "s1";

/* One that cannot be read now must not be taken for an empty one. */
static int
is_readable(struct sqlite_store *store, const struct day_span *span, struct err *err)
{
    struct day_file *file = NULL;

    if (span->min_at != INT64_MIN || span->max_at != INT64_MAX)
        return 1;
    if (file_open(store, span->day, 0, &file, err) >= 0)
        err_set(err, "a file of the store cannot be read just now");
    return 0;
}

/* Every file that there is, with how far it was read; `old` NULL: to its end. */
static int
place_renew(struct sqlite_store *store, const struct follow_place *old,
               struct follow_place *place, struct err *err)
{
    for (size_t i = 0; i < store->span_count && i < STORE_FOLLOW_DAYS; i++) {
        const struct day_span *span = &store->spans[i];

        if (!is_readable(store, span, err))
            return -1;
        place->files[i].day = span->day;
        place->files[i].last_n = span->last_n;
        place->files[i].n = old == NULL ? span->last_n : follow_place_find(old, span->day, span->last_n);
        place->count++;
    }
    return 0;
}

/* Show the row's event when it is wanted. 0 or -1. */
static int
follow_row(struct follow *follow, struct day_file *file, sqlite3_stmt *stmt, struct err *err)
{
    const struct event_query *query = follow->query;

    if (event_of_row(file, stmt, &follow->unpacked, &follow->ev, err) != 0)
        return -1;
    if (follow->ev.at_us >= query->from_us && follow->ev.at_us < query->to_us &&
        event_matches(&follow->ev, query)) {
        follow->is_over = follow->visit(follow->ctx, &follow->ev) != 0;
        if (++follow->given == query->limit)
            follow->is_over = 1;
    }
    if (clock_steady_ms() >= follow->deadline_ms)
        follow->is_over = 1;
    return 0;
}

/* From row *n, which is moved on, to the last. A file that is gone has no news. */
static int
follow_file(struct follow *follow, int32_t day, int64_t *n, int64_t last_n, struct err *err)
{
    struct day_file *file = NULL;
    int rc = file_open(follow->store, day, 0, &file, err), code = SQLITE_DONE;
    sqlite3_stmt *stmt = rc == 1 ? file_stmt(file, DAY_READ_NEWS, err) : NULL;

    if (stmt == NULL) {
        *n = rc == 0 ? last_n : *n;
        return rc == 0 ? 0 : -1;
    }
    sqlite3_bind_int64(stmt, 1, *n);
    sqlite3_bind_int64(stmt, 2, last_n);
    rc = 0;
    while (rc == 0 && !follow->is_over && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
        rc = follow_row(follow, file, stmt, err);
        *n = sqlite3_column_int64(stmt, 3);
    }
    if (rc == 0 && code == SQLITE_DONE)
        *n = last_n;
    else if (rc == 0 && code != SQLITE_ROW)
        rc = (int)db_failed(file->db, err);
    sqlite3_reset(stmt);
    return rc == 0 ? 0 : -1;
}

static int
follow_all(struct follow *follow, struct follow_place *place, struct err *err)
{
    for (size_t i = place->count; i-- > 0 && !follow->is_over;)
        if (place->files[i].n < place->files[i].last_n &&
            follow_file(follow, place->files[i].day, &place->files[i].n,
                        place->files[i].last_n, err) != 0)
            return -1;
    return 0;
}

static int
tell(const struct sqlite_store *store, const struct follow_place *place, struct event_news *ret_news,
     struct err *err)
{
    struct event_news news = { .days_left_out = store->span_count - place->count };

    for (size_t i = 0; i < place->count; i++)
        news.is_more |= place->files[i].n < place->files[i].last_n;
    if (follow_place_format(place, version, &news.place) != 0) {
        err_set(err, "store: out of memory");
        buf_release(&news.place);
        return -1;
    }
    *ret_news = news;
    return 0;
}

int
sqlite_follow_events(struct store *base, const struct event_query *query, struct text text,
                     int (*visit)(void *ctx, const struct event *ev), void *ctx,
                     struct event_news *ret_news, struct err *err)
{
    struct follow follow = { .store = (struct sqlite_store *)base, .query = query,
                             .visit = visit, .ctx = ctx,
                             .deadline_ms = clock_steady_ms() + READ_LIMIT_MS };
    struct follow_place old = { .count = 0 }, place = { .count = 0 };
    int rc = text.len == 0 ? 0 : follow_place_parse(text, version, &old, err);

    if (rc != 0)
        return rc;
    if (files_refresh(follow.store, err) != 0 ||
        place_renew(follow.store, text.len == 0 ? NULL : &old, &place, err) != 0)
        return -1;
    msgpack_unpacked_init(&follow.unpacked);
    rc = follow_all(&follow, &place, err);
    event_release(&follow.ev);
    msgpack_unpacked_destroy(&follow.unpacked);
    return rc == 0 ? tell(follow.store, &place, ret_news, err) : -1;
}
