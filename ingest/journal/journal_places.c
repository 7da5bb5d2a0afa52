#include "ingest/journal/journal_places.h"

#include <stdlib.h>
#include <string.h>

#include "ingest/journal/journal_inner.h"

static const char table[] =
    "CREATE TABLE IF NOT EXISTS files(id INTEGER PRIMARY KEY, kind INTEGER NOT NULL,"
    " device INTEGER NOT NULL, inode INTEGER NOT NULL, offset INTEGER NOT NULL,"
    " head INTEGER NOT NULL, head_len INTEGER NOT NULL, tail INTEGER NOT NULL,"
    " copy_of INTEGER NOT NULL, gone_us INTEGER NOT NULL, path BLOB NOT NULL)";

/* --- the turn's --- */

static int
add_pending(struct journal *journal, const struct file_place *place, int is_dropped)
{
    struct pending_place *more;
    char *path = NULL;
    size_t cap;

    if (!is_dropped && (path = strdup(place->path)) == NULL)
        return -1;
    if (journal->place_count == journal->place_cap) {
        cap = journal->place_cap == 0 ? 64 : journal->place_cap * 2;
        more = realloc(journal->places, cap * sizeof(*more));
        if (more == NULL) {
            free(path);
            return -1;
        }
        journal->places = more;
        journal->place_cap = cap;
    }
    more = &journal->places[journal->place_count++];
    more->place = *place;
    more->place.path = NULL;
    more->path = path;
    more->is_dropped = is_dropped;
    return 0;
}

int
journal_put_place(struct journal *journal, const struct file_place *place)
{
    return add_pending(journal, place, 0);
}

int
journal_drop_place(struct journal *journal, uint64_t id)
{
    const struct file_place place = { .id = id };

    return add_pending(journal, &place, 1);
}

void
journal_clear_places(struct journal *journal)
{
    for (size_t i = 0; i < journal->place_count; i++)
        free(journal->places[i].path);
    journal->place_count = 0;
}

int
journal_has_turn(const struct journal *journal)
{
    return journal->pending_count > 0 || journal->place_count > 0;
}

/* --- in a segment --- */

static enum db_outcome
prepare_places(struct segment *seg, struct err *err)
{
    enum db_outcome outcome = DB_DONE;

    /* a segment that was made before there were places has no table, nor has one
     * where making it was rolled back */
    outcome = db_exec(seg->db, table, err);
    if (outcome != DB_DONE)
        return outcome;
    if ((seg->put_place == NULL &&
         db_prepare(seg->db, &seg->put_place,
                    "INSERT OR REPLACE INTO files VALUES(?,?,?,?,?,?,?,?,?,?,?)", err) != 0) ||
        (seg->drop_place == NULL &&
         db_prepare(seg->db, &seg->drop_place, "DELETE FROM files WHERE id=?", err) != 0))
        return DB_RETRY;
    return DB_DONE;
}

static enum db_outcome
write_place(struct segment *seg, const struct pending_place *pending, struct err *err)
{
    const struct file_place *place = &pending->place;
    sqlite3_stmt *stmt = pending->is_dropped ? seg->drop_place : seg->put_place;

    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)place->id);
    if (!pending->is_dropped) {
        sqlite3_bind_int(stmt, 2, (int)place->kind);
        sqlite3_bind_int64(stmt, 3, (sqlite3_int64)place->device);
        sqlite3_bind_int64(stmt, 4, (sqlite3_int64)place->inode);
        sqlite3_bind_int64(stmt, 5, (sqlite3_int64)place->offset);
        sqlite3_bind_int64(stmt, 6, (sqlite3_int64)place->head);
        sqlite3_bind_int64(stmt, 7, (sqlite3_int64)place->head_len);
        sqlite3_bind_int64(stmt, 8, (sqlite3_int64)place->tail);
        sqlite3_bind_int64(stmt, 9, (sqlite3_int64)place->copy_of);
        sqlite3_bind_int64(stmt, 10, place->gone_us);
        db_bind_blob(stmt, 11, text_of(pending->path));
    }
    return db_step(stmt, err);
}

enum db_outcome
journal_write_places(struct journal *journal, struct segment *seg, struct err *err)
{
    enum db_outcome outcome = DB_DONE;

    if (journal->place_count > 0)
        outcome = prepare_places(seg, err);
    for (size_t i = 0; i < journal->place_count && outcome == DB_DONE; i++)
        outcome = write_place(seg, &journal->places[i], err);
    return outcome;
}

/* 1 when the segment has places, 0, -1 with the reason. */
static int
has_table(struct segment *seg, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    int code;

    if (db_prepare(seg->db, &stmt,
                   "SELECT 1 FROM sqlite_schema WHERE type='table' AND name='files'", err) != 0)
        return -1;
    code = sqlite3_step(stmt);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        db_failed(seg->db, err);
    sqlite3_finalize(stmt);
    return code == SQLITE_ROW ? 1 : code == SQLITE_DONE ? 0 : -1;
}

int
journal_carry_places(struct journal *journal, struct segment *seg, struct err *err)
{
    static const char sql[] =
        "SELECT '; INSERT INTO files VALUES(' || id || ',' || kind || ',' || device || ','"
        " || inode || ',' || offset || ',' || head || ',' || head_len || ',' || tail || ','"
        " || copy_of || ',' || gone_us || ',' || quote(path) || ')' FROM files";
    sqlite3_stmt *stmt = NULL;
    int code = SQLITE_DONE, rc = -1, has;

    buf_clear(&journal->carried);
    if (segment_open_to_read(seg, err) != 0 || (has = has_table(seg, err)) < 0)
        return -1;
    if (has == 0)
        return 0;
    if (buf_append_str(&journal->carried, "; ") != 0 ||
        buf_append_str(&journal->carried, table) != 0)
        goto done;
    if (db_prepare(seg->db, &stmt, sql, err) != 0)
        return -1;
    while ((code = sqlite3_step(stmt)) == SQLITE_ROW)
        if (buf_append_text(&journal->carried, db_column(stmt, 0)) != 0)
            goto done;
    if (code != SQLITE_DONE)
        db_failed(seg->db, err);
    else
        rc = 0;

done:
    if (rc != 0 && (code == SQLITE_DONE || code == SQLITE_ROW))
        err_set(err, "%s: out of memory for the places of files", seg->path);
    sqlite3_finalize(stmt);
    return rc;
}

/* --- reading --- */

static int
give_place(sqlite3_stmt *stmt, int (*each)(void *ctx, const struct file_place *place),
           void *ctx)
{
    struct file_place place = {
        .id = (uint64_t)sqlite3_column_int64(stmt, 0),
        .kind = (enum file_kind)sqlite3_column_int(stmt, 1),
        .device = (uint64_t)sqlite3_column_int64(stmt, 2),
        .inode = (uint64_t)sqlite3_column_int64(stmt, 3),
        .offset = (uint64_t)sqlite3_column_int64(stmt, 4),
        .head = (uint64_t)sqlite3_column_int64(stmt, 5),
        .head_len = (uint32_t)sqlite3_column_int64(stmt, 6),
        .tail = (uint64_t)sqlite3_column_int64(stmt, 7),
        .copy_of = (uint64_t)sqlite3_column_int64(stmt, 8),
        .gone_us = sqlite3_column_int64(stmt, 9),
    };
    char *path = text_dup(db_column(stmt, 10));
    int rc = -1;

    place.path = path;
    if (path != NULL)
        rc = each(ctx, &place);
    free(path);
    return rc;
}

int
journal_each_place(struct journal *journal,
                   int (*each)(void *ctx, const struct file_place *place), void *ctx,
                   struct err *err)
{
    struct segment *seg = journal_newest(journal);
    sqlite3_stmt *stmt = NULL;
    int code, has, rc = -1;

    journal_land(journal);
    has = has_table(seg, err);
    if (has <= 0)
        return has;
    if (db_prepare(seg->db, &stmt,
                   "SELECT id, kind, device, inode, offset, head, head_len, tail, copy_of,"
                   " gone_us, path FROM files ORDER BY id", err) != 0)
        return -1;
    while ((code = sqlite3_step(stmt)) == SQLITE_ROW)
        if (give_place(stmt, each, ctx) != 0) {
            err_set(err, "%s: out of memory for the places of files", seg->path);
            goto done;
        }
    if (code == SQLITE_DONE)
        rc = 0;
    else
        db_failed(seg->db, err);

done:
    sqlite3_finalize(stmt);
    return rc;
}
