#include <stdlib.h>
#include <string.h>

#include "proto/base/buf.h"
#include "proto/base/clock.h"
#include "proto/store/sqlite_incidents.h"

int
incident_of_row(sqlite3 *db, sqlite3_stmt *stmt, struct incident **ret_inc,
                struct err *err)
{
    struct text body = db_column(stmt, 0), history;
    struct incident *inc = NULL;
    int status = sqlite3_column_int(stmt, 2);

    if (incident_unpack(body.ptr, body.len, &inc, err) != 0)
        goto failed;
    history = db_column(stmt, 1);
    if (incident_unpack_history(history.ptr, history.len, inc, err) != 0)
        goto failed;
    inc->status = status >= 0 && status < STATUS_COUNT ? status : STATUS_OPEN;
    inc->reopened = (uint64_t)sqlite3_column_int64(stmt, 3);
    *ret_inc = inc;
    return 0;

failed:
    incident_destroy(&inc);
    err_add(err, "%s", sqlite3_db_filename(db, "main"));
    return -1;
}

/* The ways to the rows: by key, by when they were written, by last_seen. */
static const char by_key[] = " FROM incident_keys AS k CROSS JOIN incidents AS i ON i.id "
                             "= k.id WHERE k.value = ?1";
static const char by_update[] =
    " FROM incidents AS i INDEXED BY incidents_updated WHERE i.updated >= ?2";
static const char by_last_seen[] =
    " FROM incidents AS i INDEXED BY incidents_seen WHERE 1";
static const char the_rest[] =
    " AND i.updated >= ?2 AND i.last_seen >= ?3 AND i.last_seen < ?4"
    " AND (?5 < 0 OR i.status = ?5) AND i.severity >= ?6"
    " AND (?7 IS NULL OR i.rule_id = ?7) AND (i.last_seen, i.id) < (?8, ?9)"
    " ORDER BY i.last_seen DESC, i.id DESC LIMIT ?10";

static sqlite3_stmt *
prepare_find(sqlite3 *db, const struct incident_query *query, struct err *err)
{
    const char *way = query->key_value.ptr != NULL ? by_key
                      : query->updated_from_us > 0 ? by_update
                                                   : by_last_seen;
    sqlite3_stmt *stmt = NULL;
    struct buf sql = { 0 };

    if (buf_printf(&sql, "SELECT " INCIDENT_COLUMNS "%s%s", way, the_rest) != 0)
        err_set(err, "store: out of memory");
    else if (db_prepare(db, &stmt, sql.ptr, err) == 0) {
        db_bind_text(stmt, 1, query->key_value);
        sqlite3_bind_int64(stmt, 2, query->updated_from_us);
        sqlite3_bind_int64(stmt, 3, query->from_us == 0 ? INT64_MIN : query->from_us);
        sqlite3_bind_int64(stmt, 4, query->to_us);
        sqlite3_bind_int(stmt, 5, query->status);
        sqlite3_bind_int(stmt, 6, query->severity);
        db_bind_text(stmt, 7, query->rule_id);
        sqlite3_bind_int64(stmt, 8, query->has_cursor ? query->cursor_us : INT64_MAX);
        db_bind_text(stmt, 9, text_of(query->has_cursor ? query->cursor_id : ""));
        sqlite3_bind_int64(stmt, 10, (sqlite3_int64)query->limit + 1);
    }
    buf_release(&sql);
    return stmt;
}

/* The rows of stmt, at most limit + 1 of them. 0 or -1. */
static int
read_rows(sqlite3 *db, sqlite3_stmt *stmt, struct incident **incidents, size_t *count,
          struct err *err)
{
    int code;

    while ((code = sqlite3_step(stmt)) == SQLITE_ROW)
        if (incident_of_row(db, stmt, &incidents[*count], err) != 0)
            return -1;
        else
            ++*count;
    if (code == SQLITE_DONE)
        return 0;
    db_failed(db, err);
    if (code == SQLITE_INTERRUPT)
        err_set(err, "the search for incidents took longer than %d s",
                READ_LIMIT_MS / 1000);
    return -1;
}

int
sqlite_find_incidents(struct store *base, const struct incident_query *query,
                      struct incident ***ret_incidents, size_t *ret_count,
                      int *ret_is_more, struct err *err)
{
    struct sqlite_store *store = (struct sqlite_store *)base;
    struct incident **incidents = NULL;
    sqlite3_stmt *stmt = NULL;
    sqlite3 *db = NULL;
    size_t count = 0;
    int rc = -1, found;

    if (query->limit < 1 || query->limit > STORE_MAX_PAGE) {
        err_set(err, "find: 1 to %d incidents a page", STORE_MAX_PAGE);
        return -1;
    }
    store->deadline_ms = clock_steady_ms() + READ_LIMIT_MS;
    found = incidents_open(store, 0, &db, err);
    incidents = calloc((size_t)query->limit + 1, sizeof(*incidents));
    if (incidents == NULL)
        err_set(err, "store: out of memory");
    if (found == 1)
        stmt = prepare_find(db, query, err);
    if (found < 0 || incidents == NULL || (found == 1 && stmt == NULL))
        goto done;
    if (found == 1 && read_rows(db, stmt, incidents, &count, err) != 0)
        goto done;
    *ret_is_more = count > query->limit;
    if (count > query->limit)
        incident_destroy(&incidents[--count]);
    *ret_incidents = incidents;
    *ret_count = count;
    incidents = NULL;
    rc = 0;

done:
    store->deadline_ms = 0;
    sqlite3_finalize(stmt);
    incidents_done(store, &db);
    store_free_incidents(&incidents, count);
    return rc;
}

int
incident_read(sqlite3 *db, const char *id, struct incident **ret_inc, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc, code;

    if (db_prepare(db, &stmt, "SELECT " INCIDENT_COLUMNS " FROM incidents WHERE id = ?1",
                   err) != 0)
        return (int)db_failed(db, err);
    db_bind_text(stmt, 1, text_of(id));
    code = sqlite3_step(stmt);
    if (code == SQLITE_ROW)
        rc = incident_of_row(db, stmt, ret_inc, err) == 0 ? 1 : STORE_UNCLEAR;
    else
        rc = code == SQLITE_DONE ? 0 : (int)db_failed(db, err);
    sqlite3_finalize(stmt);
    return rc;
}

int
sqlite_get_incident(struct store *base, const char *id, struct incident **ret_inc,
                    struct err *err)
{
    struct sqlite_store *store = (struct sqlite_store *)base;
    sqlite3 *db = NULL;
    int rc = incidents_open(store, 0, &db, err);

    if (rc == 1)
        rc = incident_read(db, id, ret_inc, err);
    incidents_done(store, &db);
    return rc < 0 ? -1 : rc;
}
