#include "detector/state/checkpoint_inner.h"
#include "proto/base/log.h"

/* Beside the schema, for it came later: an older program does not look at it. */
static const char table[] =
    "CREATE TABLE IF NOT EXISTS source (number INTEGER PRIMARY KEY, bytes BLOB NOT NULL)";

int
checkpoint_restore_sources(struct checkpoint *checkpoint, struct sources *sources,
                           uint64_t *ret_refused, struct err *err)
{
    struct log_burst burst = { 0 };
    sqlite3_stmt *stmt = NULL;
    struct err why;

    if (db_exec(checkpoint->db, table, err) != DB_DONE ||
        db_prepare(checkpoint->db, &stmt, "SELECT number, bytes FROM source", err) != 0)
        return -1;
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        const struct source_row row = { sqlite3_column_int64(stmt, 0), db_column(stmt, 1) };

        if (sources_restore(sources, &row, &why) == 0)
            continue;
        ++*ret_refused;
        log_warn_burst(&burst, "log source dropped", "reason=\"%s\"", why.text);
    }
    if (sqlite3_finalize(stmt) != SQLITE_OK) {
        db_failed(checkpoint->db, err);
        return -1;
    }
    return 0;
}

struct writing {
    struct checkpoint_work *work;
    sqlite3_stmt *put;
};

static int
put_source(void *ctx, const struct source_row *row)
{
    struct writing *writing = ctx;

    sqlite3_bind_int64(writing->put, 1, row->number);
    db_bind_blob(writing->put, 2, row->bytes);
    writing->work->outcome = db_step(writing->put, writing->work->err);
    return writing->work->outcome != DB_DONE;
}

enum db_outcome
checkpoint_sources_write(struct checkpoint_work *work)
{
    struct sources *sources = work->commit->sources;
    struct writing writing = { .work = work };

    if (sources == NULL || !sources_is_due(sources))
        return DB_DONE;
    if (db_prepare(work->cp->db, &writing.put, "INSERT INTO source VALUES (?1, ?2)"
                   " ON CONFLICT DO UPDATE SET bytes = excluded.bytes", work->err) != 0)
        return work->outcome = db_failed(work->cp->db, work->err);
    checkpoint_walked(work, sources_changes(sources, put_source, &writing));
    sqlite3_finalize(writing.put);
    return work->outcome;
}
