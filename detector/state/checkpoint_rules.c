#include "detector/state/checkpoint_rules.h"

#include <stdlib.h>

#include "detector/state/checkpoint_inner.h"

/* Beside the schema, for it came later: an older program does not look at it. */
static const char table[] =
    "CREATE TABLE IF NOT EXISTS rule_file (number INTEGER PRIMARY KEY,"
    " name TEXT NOT NULL UNIQUE, bytes BLOB NOT NULL)";

int
checkpoint_read_rules(struct checkpoint *checkpoint, struct rule_files *files,
                      struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc = 0;

    if (db_exec(checkpoint->db, table, err) != DB_DONE ||
        db_prepare(checkpoint->db, &stmt, "SELECT name, bytes FROM rule_file", err) != 0)
        return -1;
    while (rc == 0 && sqlite3_step(stmt) == SQLITE_ROW) {
        struct rule_file *file = rule_files_find(files, db_column(stmt, 0));

        if (file == NULL)
            continue;
        buf_clear(&file->last_good);
        rc = buf_append_text(&file->last_good, db_column(stmt, 1));
    }
    if (sqlite3_finalize(stmt) != SQLITE_OK) {
        db_failed(checkpoint->db, err);
        return -1;
    }
    if (rc != 0)
        err_set(err, "rules: out of memory");
    return rc;
}

static int
is_new(const struct rule_file *file)
{
    return file->is_good && !file->is_kept &&
           (file->last_good.ptr == NULL ||
            !text_equals(buf_text(&file->last_good), buf_text(&file->bytes)));
}

static enum db_outcome
put_files(struct checkpoint *cp, const struct rule_files *files, struct err *err)
{
    enum db_outcome outcome = DB_DONE;
    sqlite3_stmt *stmt = NULL;

    if (db_prepare(cp->db, &stmt, "INSERT INTO rule_file (name, bytes) VALUES (?1, ?2)"
                   " ON CONFLICT (name) DO UPDATE SET bytes = excluded.bytes", err) != 0)
        return db_failed(cp->db, err);
    for (size_t i = 0; i < files->count && outcome == DB_DONE; i++) {
        const struct rule_file *file = &files->files[i];

        if (!is_new(file))
            continue;
        db_bind_text(stmt, 1, text_of(file->name));
        db_bind_blob(stmt, 2, buf_text(&file->bytes));
        outcome = db_step(stmt, err);
    }
    sqlite3_finalize(stmt);
    return outcome;
}

/* Only rows that the walk has passed are deleted under it. */
static enum db_outcome
drop_files(struct checkpoint *cp, const struct rule_files *files, struct err *err)
{
    enum db_outcome outcome = DB_DONE;
    sqlite3_stmt *walk = NULL, *drop = NULL;

    if (db_prepare(cp->db, &walk, "SELECT number, name FROM rule_file ORDER BY number",
                   err) != 0 ||
        db_prepare(cp->db, &drop, "DELETE FROM rule_file WHERE number = ?1", err) != 0) {
        outcome = db_failed(cp->db, err);
        goto done;
    }
    while (outcome == DB_DONE && sqlite3_step(walk) == SQLITE_ROW) {
        if (rule_files_find(files, db_column(walk, 1)) != NULL)
            continue;
        sqlite3_bind_int64(drop, 1, sqlite3_column_int64(walk, 0));
        outcome = db_step(drop, err);
    }

done:
    sqlite3_finalize(drop);
    if (sqlite3_finalize(walk) != SQLITE_OK && outcome == DB_DONE)
        outcome = db_failed(cp->db, err);
    return outcome;
}

enum db_outcome
checkpoint_keep_rules(struct checkpoint *checkpoint, const struct rule_files *files,
                      struct err *err)
{
    enum db_outcome outcome = db_exec(checkpoint->db, "BEGIN IMMEDIATE", err);

    if (outcome == DB_DONE)
        outcome = put_files(checkpoint, files, err);
    if (outcome == DB_DONE)
        outcome = drop_files(checkpoint, files, err);
    if (outcome == DB_DONE)
        outcome = db_exec(checkpoint->db, "COMMIT", err);
    if (outcome != DB_DONE)
        sqlite3_exec(checkpoint->db, "ROLLBACK", NULL, NULL, NULL);
    return outcome;
}
