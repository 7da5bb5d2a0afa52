#include "detector/state/checkpoint_allow.h"

#include "detector/state/checkpoint_inner.h"

/* Beside the schema, for it came later: an older program does not look at it. */
static const char table[] =
    "CREATE TABLE IF NOT EXISTS allow_file (number INTEGER PRIMARY KEY, bytes BLOB NOT NULL)";

int
checkpoint_read_allow(struct checkpoint *checkpoint, struct buf *out, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc = 0;

    if (db_exec(checkpoint->db, table, err) != DB_DONE ||
        db_prepare(checkpoint->db, &stmt, "SELECT bytes FROM allow_file WHERE number = 1",
                   err) != 0)
        return -1;
    if (sqlite3_step(stmt) == SQLITE_ROW) {
        rc = buf_append_text(out, db_column(stmt, 0)) == 0 ? 1 : -1;
        if (rc < 0)
            err_set(err, "allow list: out of memory");
    }
    if (sqlite3_finalize(stmt) != SQLITE_OK) {
        db_failed(checkpoint->db, err);
        return -1;
    }
    return rc;
}

enum db_outcome
checkpoint_keep_allow(struct checkpoint *checkpoint, struct text bytes, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    enum db_outcome outcome;

    if (db_exec(checkpoint->db, table, err) != DB_DONE ||
        db_prepare(checkpoint->db, &stmt, "INSERT INTO allow_file VALUES (1, ?1)"
                   " ON CONFLICT DO UPDATE SET bytes = excluded.bytes"
                   " WHERE bytes <> excluded.bytes", err) != 0)
        return db_failed(checkpoint->db, err);
    db_bind_blob(stmt, 1, bytes);
    outcome = db_step(stmt, err);
    sqlite3_finalize(stmt);
    return outcome;
}
