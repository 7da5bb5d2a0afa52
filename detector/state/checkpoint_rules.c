#include "detector/state/checkpoint_rules.h"

#include <stdlib.h>

#include "detector/state/checkpoint_inner.h"

/* Events wait meanwhile: so many files are written in a few milliseconds. */
enum { BUSY_MS = 5000, FILES_AT_ONCE = 200 };

/* Beside the schema, for it came later: an older program does not look at it. */
static const char table[] =
    "CREATE TABLE IF NOT EXISTS rule_file (number INTEGER PRIMARY KEY,"
    " name TEXT NOT NULL UNIQUE, bytes BLOB NOT NULL)";

static int
read_files(sqlite3 *db, struct rule_files *files, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc = 0;

    if (db_prepare(db, &stmt, "SELECT name, bytes FROM rule_file", err) != 0)
        return -1;
    while (rc == 0 && sqlite3_step(stmt) == SQLITE_ROW) {
        struct rule_file *file = rule_files_find(files, db_column(stmt, 0));

        if (file == NULL)
            continue;
        buf_clear(&file->last_good);
        rc = buf_append_text(&file->last_good, db_column(stmt, 1));
    }
    if (sqlite3_finalize(stmt) != SQLITE_OK) {
        db_failed(db, err);
        return -1;
    }
    if (rc != 0)
        err_set(err, "rules: out of memory");
    return rc;
}

int
checkpoint_read_rules(struct checkpoint *checkpoint, struct rule_files *files,
                      struct err *err)
{
    return db_exec(checkpoint->db, table, err) == DB_DONE
               ? read_files(checkpoint->db, files, err) : -1;
}

int
checkpoint_rules_of(const char *path, struct rule_files *files, struct err *err)
{
    sqlite3 *db = NULL;
    int rc = -1;

    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK)
        db_failed(db, err);
    else
        rc = sqlite3_busy_timeout(db, BUSY_MS) == SQLITE_OK ? read_files(db, files, err) : -1;
    sqlite3_close(db);
    return rc;
}

static int
is_new(const struct rule_file *file)
{
    return file->is_good && !file->is_kept && !file->is_saved &&
           (file->last_good.ptr == NULL ||
            !text_equals(buf_text(&file->last_good), buf_text(&file->bytes)));
}

static enum db_outcome
put_files(struct checkpoint *cp, const struct rule_files *files, size_t *ret_end,
          struct err *err)
{
    size_t put = 0, i;
    enum db_outcome outcome = DB_DONE;
    sqlite3_stmt *stmt = NULL;

    if (db_prepare(cp->db, &stmt, "INSERT INTO rule_file (name, bytes) VALUES (?1, ?2)"
                   " ON CONFLICT (name) DO UPDATE SET bytes = excluded.bytes", err) != 0)
        return db_failed(cp->db, err);
    for (i = 0; i < files->count && put < FILES_AT_ONCE && outcome == DB_DONE; i++) {
        const struct rule_file *file = &files->files[i];

        if (!is_new(file))
            continue;
        put++;
        db_bind_text(stmt, 1, text_of(file->name));
        db_bind_blob(stmt, 2, buf_text(&file->bytes));
        outcome = db_step(stmt, err);
    }
    sqlite3_finalize(stmt);
    *ret_end = i;
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
checkpoint_keep_rules(struct checkpoint *checkpoint, struct rule_files *files,
                      int *ret_is_all, struct err *err)
{
    enum db_outcome outcome = db_exec(checkpoint->db, "BEGIN IMMEDIATE", err);
    size_t end = 0;

    if (outcome == DB_DONE)
        outcome = put_files(checkpoint, files, &end, err);
    *ret_is_all = end == files->count;
    if (outcome == DB_DONE && *ret_is_all)
        outcome = drop_files(checkpoint, files, err);
    if (outcome == DB_DONE)
        outcome = db_exec(checkpoint->db, "COMMIT", err);
    if (outcome != DB_DONE)
        sqlite3_exec(checkpoint->db, "ROLLBACK", NULL, NULL, NULL);
    for (size_t i = 0; i < end && outcome == DB_DONE; i++)
        files->files[i].is_saved = 1;
    return outcome;
}
