/* Dead letters: <dir>/dead.db, opened for each call; they are few. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proto/base/clock.h"
#include "proto/store/store_sqlite.h"

static const char dead_schema[] =
    "CREATE TABLE dead(id TEXT NOT NULL PRIMARY KEY, at INTEGER NOT NULL,"
    " received INTEGER NOT NULL, reason TEXT NOT NULL, author TEXT NOT NULL,"
    " attempts INTEGER NOT NULL, tried INTEGER NOT NULL, is_wanted INTEGER NOT NULL,"
    " encoded BLOB NOT NULL);"
    "CREATE INDEX dead_at ON dead(at, id);"
    "CREATE INDEX dead_wanted ON dead(at, id) WHERE is_wanted;"
    "CREATE INDEX dead_unwanted ON dead(id) WHERE NOT is_wanted";

/* There may be a million: nobody is to wait until all of them are written. */
enum { PIECES_MS = 500 };
#define PIECE 5000
#define TEXT_OF(number) #number
#define OF_A_PIECE(where, piece) \
    " WHERE id IN (SELECT id FROM dead WHERE " where " LIMIT " TEXT_OF(piece) ")"

static const char put_sql[] =
    "INSERT INTO dead VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING";
static const char want_sql[] = "UPDATE dead SET is_wanted = 1 WHERE id = ?1";
static const char want_all_sql[] =
    "UPDATE dead SET is_wanted = 1" OF_A_PIECE("NOT is_wanted", PIECE);
static const char expire_sql[] = "DELETE FROM dead" OF_A_PIECE("at < ?1", PIECE);
static const char drop_sql[] = "DELETE FROM dead WHERE id = ?1";
static const char refuse_sql[] =
    "UPDATE dead SET reason = ?2, attempts = ?3, tried = ?4, is_wanted = 0 WHERE id = ?1";

#define FIND(where)                                                                        \
    "SELECT id, at, received, reason, author, attempts, tried, is_wanted, encoded FROM dead" \
    " WHERE " where "(at, id) < (?1, ?2) ORDER BY at DESC, id DESC LIMIT ?3"

static const char *const find_sql[] = { FIND(""), FIND("is_wanted AND ") };

/* Behind every key's text. */
#define LAST_ID "~"

/* --- the file --- */

/* *ret_outcome is 0 when there is none and none may be made, else as connection_open
 * says. The caller closes it. */
static sqlite3 *
open_dead(struct sqlite_store *store, const char *schema, int may_create, int *ret_outcome,
          struct err *err)
{
    sqlite3 *db = NULL;
    char *path = NULL;

    *ret_outcome = STORE_RETRY;
    store->deadline_ms = schema == NULL ? clock_steady_ms() + READ_LIMIT_MS : 0;
    if (asprintf(&path, "%s/dead.db", store->dir) < 0) {
        err_set(err, "store: out of memory");
        return NULL;
    }
    if (!may_create && access(path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR))
        *ret_outcome = 0;
    else
        db = connection_open(store, path, schema, ret_outcome, err);
    free(path);
    return db;
}

/* --- writing --- */

/* One statement for each of count things, in one transaction. */
struct dead_write {
    const char *sql;
    void (*bind)(sqlite3_stmt *stmt, const void *all, size_t i);
    const void *all;
    size_t count;
    int may_create;
    unsigned char *changed;             /* beside the things; NULL: nobody asks */
    uint64_t changes;                   /* filled */
};

static enum db_outcome
step_each(sqlite3 *db, struct dead_write *write, struct err *err)
{
    enum db_outcome outcome = DB_DONE;
    sqlite3_stmt *stmt = NULL;

    if (db_prepare(db, &stmt, write->sql, err) != 0)
        return db_failed(db, err);
    for (size_t i = 0; i < write->count && outcome == DB_DONE; i++) {
        if (write->bind != NULL)
            write->bind(stmt, write->all, i);
        outcome = db_step(stmt, err);
        write->changes += (uint64_t)sqlite3_changes64(db);
        if (write->changed != NULL)
            write->changed[i] = sqlite3_changes64(db) > 0;
    }
    sqlite3_finalize(stmt);
    return outcome;
}

static int
write_dead(struct sqlite_store *store, struct dead_write *write, struct err *err)
{
    enum db_outcome done;
    int outcome;
    sqlite3 *db = open_dead(store, dead_schema, write->may_create, &outcome, err);

    write->changes = 0;
    if (db == NULL)
        return outcome == 0 ? 0 : -1;
    done = db_exec(db, "BEGIN IMMEDIATE", err);
    if (done == DB_DONE)
        done = step_each(db, write, err);
    if (done == DB_DONE)
        done = db_exec(db, "COMMIT", err);
    if (done != DB_DONE && !sqlite3_get_autocommit(db))
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    connection_close(&db);
    return done == DB_DONE ? 0 : -1;
}

/* Piece by piece as long as there is time; *ret_is_more: that was not all. */
static int
write_pieces(struct sqlite_store *store, const struct dead_write *write, uint64_t *ret_changes,
             int *ret_is_more, struct err *err)
{
    const int64_t end_ms = clock_steady_ms() + PIECES_MS;

    *ret_changes = 0;
    do {
        struct dead_write piece = *write;

        if (write_dead(store, &piece, err) != 0)
            return -1;
        *ret_changes += piece.changes;
        *ret_is_more = piece.changes == PIECE;
    } while (*ret_is_more && clock_steady_ms() < end_ms);
    return 0;
}

static void
bind_key(sqlite3_stmt *stmt, int index, const struct dead_key *key)
{
    char id[DEAD_KEY_TEXT_LEN];

    dead_key_format(key, id);
    sqlite3_bind_text(stmt, index, id, -1, SQLITE_TRANSIENT);
}

static void
bind_letter(sqlite3_stmt *stmt, const void *all, size_t i)
{
    const struct dead_letter *letter = (const struct dead_letter *)all + i;

    bind_key(stmt, 1, &letter->key);
    sqlite3_bind_int64(stmt, 2, letter->at_us);
    sqlite3_bind_int64(stmt, 3, letter->received_us);
    db_bind_text(stmt, 4, letter->reason);
    db_bind_text(stmt, 5, letter->by);
    sqlite3_bind_int64(stmt, 6, letter->attempts);
    sqlite3_bind_int64(stmt, 7, letter->tried_us);
    sqlite3_bind_int(stmt, 8, letter->is_wanted != 0);
    db_bind_blob(stmt, 9, letter->encoded);
}

static void
bind_refusal(sqlite3_stmt *stmt, const void *all, size_t i)
{
    const struct dead_letter *letter = (const struct dead_letter *)all + i;

    bind_key(stmt, 1, &letter->key);
    db_bind_text(stmt, 2, letter->reason);
    sqlite3_bind_int64(stmt, 3, letter->attempts);
    sqlite3_bind_int64(stmt, 4, letter->tried_us);
}

static void
bind_letter_key(sqlite3_stmt *stmt, const void *all, size_t i)
{
    bind_key(stmt, 1, &((const struct dead_letter *)all)[i].key);
}

static void
bind_wanted(sqlite3_stmt *stmt, const void *all, size_t i)
{
    bind_key(stmt, 1, &((const struct dead_key *)all)[i]);
}

static int
put(struct store *base, const struct dead_letter *letters, size_t count, struct err *err)
{
    struct sqlite_store *store = (struct sqlite_store *)base;
    struct dead_write write = { put_sql, bind_letter, letters, count, 1, NULL, 0 };

    if (store->mode == STORE_WRITE)
        return write_dead(store, &write, err);
    err_set(err, "store: opened for reading");
    return -1;
}

static int
want(struct store *base, struct dead_wish *wish, struct err *err)
{
    struct dead_write write = { want_sql, bind_wanted, wish->keys, wish->count, 0, wish->found, 0 };
    const struct dead_write all = { .sql = want_all_sql, .count = 1 };

    if (wish->keys == NULL)
        return write_pieces((struct sqlite_store *)base, &all, &wish->wanted, &wish->is_more,
                            err);
    for (size_t i = 0; i < wish->count; i++)
        wish->found[i] = 0;             /* perhaps there is no file */
    wish->is_more = 0;
    if (write_dead((struct sqlite_store *)base, &write, err) != 0)
        return -1;
    wish->wanted = write.changes;
    return 0;
}

static int
refuse(struct store *base, const struct dead_letter *letters, size_t count, struct err *err)
{
    struct dead_write write = { refuse_sql, bind_refusal, letters, count, 0, NULL, 0 };

    return write_dead((struct sqlite_store *)base, &write, err);
}

static int
drop(struct store *base, const struct dead_letter *letters, size_t count, struct err *err)
{
    struct dead_write write = { drop_sql, bind_letter_key, letters, count, 0, NULL, 0 };

    return write_dead((struct sqlite_store *)base, &write, err);
}

static void
bind_time(sqlite3_stmt *stmt, const void *all, size_t i)
{
    sqlite3_bind_int64(stmt, 1, ((const int64_t *)all)[i]);
}

int
dead_expire(struct sqlite_store *store, int64_t before_us, struct err *err)
{
    const struct dead_write write = { expire_sql, bind_time, &before_us, 1, 0, NULL, 0 };
    uint64_t changes;
    int is_more;                        /* then retention comes again */

    return write_pieces(store, &write, &changes, &is_more, err);
}

/* --- reading --- */

/* What the row says; its texts are good until the next step. */
static int
letter_of_row(sqlite3 *db, sqlite3_stmt *stmt, struct dead_letter *ret, struct err *err)
{
    *ret = (struct dead_letter){
        .at_us = sqlite3_column_int64(stmt, 1), .received_us = sqlite3_column_int64(stmt, 2),
        .reason = db_column(stmt, 3), .by = db_column(stmt, 4),
        .attempts = (unsigned)sqlite3_column_int64(stmt, 5),
        .tried_us = sqlite3_column_int64(stmt, 6), .is_wanted = sqlite3_column_int(stmt, 7),
        .encoded = db_column(stmt, 8) };
    if (dead_key_parse(db_column(stmt, 0), &ret->key) == 0)
        return 0;
    err_set(err, "%s: a letter without an id", sqlite3_db_filename(db, "main"));
    return -1;
}

struct dead_reading {
    const struct dead_query *query;
    int (*visit)(void *ctx, const struct dead_letter *letter);
    void *ctx;
    struct dead_page *page;
};

static int
visit_rows(sqlite3 *db, sqlite3_stmt *stmt, const struct dead_reading *reading, struct err *err)
{
    size_t count = 0, bytes = 0;
    int code, is_full = 0;

    while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
        struct dead_letter letter;

        if (is_full || count == reading->query->limit || bytes >= DEAD_PAGE_BYTES) {
            reading->page->is_more = 1;
            return 0;
        }
        if (letter_of_row(db, stmt, &letter, err) != 0)
            return -1;
        reading->page->cursor_at_us = letter.at_us;
        reading->page->cursor = letter.key;
        is_full = reading->visit(reading->ctx, &letter) != 0;
        bytes += letter.encoded.len;
        count++;
    }
    if (code == SQLITE_DONE)
        return 0;
    db_failed(db, err);
    return -1;
}

static int
read_page(sqlite3 *db, const struct dead_reading *reading, struct err *err)
{
    const struct dead_query *query = reading->query;
    sqlite3_stmt *stmt = NULL;
    int rc;

    if (db_prepare(db, &stmt, find_sql[query->is_wanted != 0], err) != 0)
        return -1;
    sqlite3_bind_int64(stmt, 1, query->has_cursor ? query->cursor_at_us : INT64_MAX);
    if (query->has_cursor)
        bind_key(stmt, 2, &query->cursor);
    else
        sqlite3_bind_text(stmt, 2, LAST_ID, -1, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 3, (sqlite3_int64)query->limit + 1);
    rc = visit_rows(db, stmt, reading, err);
    sqlite3_finalize(stmt);
    return rc;
}

static int
find(struct store *base, const struct dead_query *query,
     int (*visit)(void *ctx, const struct dead_letter *letter), void *ctx,
     struct dead_page *ret_page, struct err *err)
{
    struct dead_page page = { 0 };
    const struct dead_reading reading = { query, visit, ctx, &page };
    int outcome, rc = -1;
    sqlite3 *db;

    if (query->limit < 1 || query->limit > STORE_MAX_PAGE) {
        err_set(err, "find: 1 to %d letters a page", STORE_MAX_PAGE);
        return -1;
    }
    db = open_dead((struct sqlite_store *)base, NULL, 0, &outcome, err);
    if (db != NULL)
        rc = read_page(db, &reading, err);
    else if (outcome == 0)
        rc = 0;                         /* nothing was written yet */
    connection_close(&db);
    if (rc == 0)
        *ret_page = page;
    return rc;
}

static int
count_letters(struct store *base, uint64_t *ret_count, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    int outcome, rc = -1;
    sqlite3 *db = open_dead((struct sqlite_store *)base, NULL, 0, &outcome, err);

    if (db != NULL && db_prepare(db, &stmt, "SELECT count(*) FROM dead", err) == 0) {
        if (sqlite3_step(stmt) == SQLITE_ROW) {
            *ret_count = (uint64_t)sqlite3_column_int64(stmt, 0);
            rc = 0;
        } else {
            db_failed(db, err);
        }
    } else if (db == NULL && outcome == 0) {
        *ret_count = 0;
        rc = 0;
    }
    sqlite3_finalize(stmt);
    connection_close(&db);
    return rc;
}

const struct store_dead_ops sqlite_dead_ops = {
    .put = put, .find = find, .want = want, .refuse = refuse, .drop = drop,
    .count = count_letters,
};
