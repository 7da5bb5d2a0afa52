#include <string.h>

#include "proto/store/store_sqlite.h"

int
id_take(struct text bytes, struct event_id *ret_id)
{
    if (bytes.len > sizeof(ret_id->bytes))
        return -1;
    *ret_id = (struct event_id){ .len = (uint8_t)bytes.len };
    if (bytes.len > 0)
        memcpy(ret_id->bytes, bytes.ptr, bytes.len);
    return 0;
}

int
event_of_row(struct day_file *file, sqlite3_stmt *stmt, msgpack_unpacked *unpacked,
             struct event *ev, struct err *err)
{
    struct text body = db_column(stmt, 2);

    if (event_unpack(body.ptr, body.len, unpacked, ev, err) != 0 ||
        id_take(db_column(stmt, 0), &ev->id) != 0) {
        err_add(err, "%s", sqlite3_db_filename(file->db, "main"));
        return -1;
    }
    ev->received_us = sqlite3_column_int64(stmt, 1);
    return 0;
}

/* Look for the id in one file: 1 and shown, 0, -1. */
static int
find_id(struct sqlite_store *store, const struct event_id *id, int32_t day,
        int (*visit)(void *ctx, const struct event *ev), void *ctx, struct err *err)
{
    msgpack_unpacked unpacked;
    struct event ev = { 0 };
    struct day_file *file = NULL;
    int rc = file_open(store, day, 0, &file, err), code;
    sqlite3_stmt *stmt = rc == 1 ? file_stmt(file, DAY_FIND_ID, err) : NULL;

    if (stmt == NULL)
        return rc == 0 ? 0 : -1;
    msgpack_unpacked_init(&unpacked);
    sqlite3_bind_blob(stmt, 1, id->bytes, id->len, SQLITE_STATIC);
    code = sqlite3_step(stmt);
    if (code == SQLITE_ROW)
        rc = event_of_row(file, stmt, &unpacked, &ev, err) == 0 ? 1 : -1;
    else
        rc = code == SQLITE_DONE ? 0 : -1;
    if (rc == -1 && code != SQLITE_ROW)
        db_failed(file->db, err);
    if (rc == 1)
        visit(ctx, &ev);
    sqlite3_reset(stmt);
    event_release(&ev);
    msgpack_unpacked_destroy(&unpacked);
    return rc;
}

int
sqlite_get_event(struct store *base, const struct event_id *id, int32_t day,
                 int (*visit)(void *ctx, const struct event *ev), void *ctx,
                 struct err *err)
{
    struct sqlite_store *store = (struct sqlite_store *)base;
    int rc = 0;

    if (day != INT32_MIN)
        return find_id(store, id, day, visit, ctx, err);
    if (files_refresh(store, err) != 0)
        return -1;
    for (size_t i = 0; i < store->span_count && rc == 0; i++)
        rc = find_id(store, id, store->spans[i].day, visit, ctx, err);
    return rc;
}
