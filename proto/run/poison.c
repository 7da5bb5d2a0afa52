#include "proto/run/poison.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/db.h"
#include "proto/base/hash.h"

enum {
    SCHEMA_VERSION = 1,
    CAREFUL_MS = 60000,
    /* processes that must have died at an event: one may have been killed
     * from outside just then, and an innocent event must not be set aside */
    DEATHS_TO_SKIP = 2
};

/* A note in `working` says which event a process was at when it died; it
 * goes with its batch, which is the nearest counted one below the event. */
static const char schema[] =
    "CREATE TABLE state(id INTEGER PRIMARY KEY CHECK(id = 0),"
    " is_running INTEGER NOT NULL);"
    "INSERT INTO state VALUES(0, 0);"
    "CREATE TABLE attempts(origin INTEGER, key INTEGER, count INTEGER NOT NULL,"
    " PRIMARY KEY(origin, key)) WITHOUT ROWID;"
    "CREATE TABLE working(process INTEGER PRIMARY KEY, origin INTEGER NOT NULL,"
    " sequence INTEGER NOT NULL, batch INTEGER)";

/* Apart, since there are files that were made before it. A client's key names one event
 * a day, so that the id alone would lose the second. */
static const char letters_schema[] =
    "CREATE TABLE IF NOT EXISTS letters(id BLOB NOT NULL, day INTEGER NOT NULL,"
    " at INTEGER NOT NULL, received INTEGER NOT NULL, reason TEXT NOT NULL,"
    " encoded BLOB NOT NULL, PRIMARY KEY(id, day))";

/* The table of before knew neither day nor receipt: they were at about the same time. */
static const char take_over_sql[] =
    "BEGIN IMMEDIATE; INSERT OR IGNORE INTO letters SELECT id,"
    " CASE length(id) WHEN 16 THEN at / 86400000000 ELSE 0 END, at, at, reason, encoded"
    " FROM dead; DROP TABLE dead; COMMIT";

enum statement {
    ATTEMPT, FIND_NOTE, NOTE, FORGET_ATTEMPTS, FORGET_NOTES, SET_ASIDE, COUNT, READ, FORGET,
    STATEMENT_COUNT
};

/* What others finished meanwhile stays in these tables until a clean end; a
 * process that only ever crashes must not let them grow for ever. */
static const char begin_sql[] =
    "DELETE FROM attempts WHERE (SELECT count(*) FROM attempts) > 100000;"
    "DELETE FROM working WHERE (SELECT count(*) FROM working) > 10000;"
    "UPDATE state SET is_running = 1";

/* Numbers are kept as the signed ones with the same 64 bits: only equality and,
 * below 2^63, order is asked of them. */
static const char *const statements[STATEMENT_COUNT] = {
    [ATTEMPT] =
        "INSERT INTO attempts VALUES(?1, ?2, 1)"
        " ON CONFLICT DO UPDATE SET count = count + 1 RETURNING count",
    [FIND_NOTE] =
        "SELECT count(*) FROM working"
        " WHERE origin = ?1 AND sequence = ?2 AND process <> ?3",
    [NOTE] =
        "INSERT INTO working VALUES(?3, ?1, ?2,"
        " (SELECT max(key) FROM attempts WHERE origin = ?1 AND key <= ?2))"
        " ON CONFLICT DO UPDATE SET origin = excluded.origin,"
        " sequence = excluded.sequence, batch = excluded.batch",
    [FORGET_ATTEMPTS] = "DELETE FROM attempts WHERE origin = ?1 AND key = ?2",
    [FORGET_NOTES] =
        "DELETE FROM working WHERE origin = ?1 AND (batch = ?2 OR process = ?3)",
    [SET_ASIDE] = "INSERT INTO letters VALUES(?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
    [COUNT] = "SELECT count(*) FROM letters",
    [READ] = "SELECT id, day, at, received, reason, encoded FROM letters ORDER BY rowid LIMIT ?1",
    [FORGET] = "DELETE FROM letters WHERE id = ?1 AND day = ?2",
};

struct poison {
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENT_COUNT];
    int64_t process;            /* random: this run's notes are not a dead one's */
    int64_t careful_until_ms;   /* INT64_MIN: the last end was clean */
    uint64_t count;
};

static void
bind_number(sqlite3_stmt *stmt, int index, uint64_t number)
{
    sqlite3_bind_int64(stmt, index, (sqlite3_int64)number);
}

/* Step to the end, so that a failing COMMIT is seen, and keep the last row's
 * first column. 1 a row came, 0 none, -1 with the reason. */
static int
step_for_number(sqlite3_stmt *stmt, int64_t *ret_number, struct err *err)
{
    int64_t number = 0;
    int code, rows = 0;

    while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
        number = sqlite3_column_int64(stmt, 0);
        rows = 1;
    }
    if (code != SQLITE_DONE)
        db_failed(sqlite3_db_handle(stmt), err);
    sqlite3_reset(stmt);
    sqlite3_clear_bindings(stmt);
    if (code != SQLITE_DONE)
        return -1;
    if (rows)
        *ret_number = number;
    return rows;
}

static int
prepare_all(struct poison *poison, struct err *err)
{
    for (int i = 0; i < STATEMENT_COUNT; i++)
        if (db_prepare(poison->db, &poison->statements[i], statements[i], err) != 0)
            return -1;
    return 0;
}

static int
make_letters(struct poison *poison, struct err *err)
{
    if (db_exec(poison->db, letters_schema, err) != DB_DONE)
        return -1;
    if (sqlite3_table_column_metadata(poison->db, NULL, "dead", NULL, NULL, NULL, NULL, NULL,
                                      NULL) != SQLITE_OK ||
        db_exec(poison->db, take_over_sql, err) == DB_DONE)
        return 0;
    sqlite3_exec(poison->db, "ROLLBACK", NULL, NULL, NULL);
    return -1;
}

/* How the last run ended, and that this one has begun. */
static int
begin_run(struct poison *poison, int64_t now_ms, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    int64_t was_running = 0, count = 0;
    int rc = -1;

    if (db_prepare(poison->db, &stmt, "SELECT is_running FROM state", err) != 0 ||
        step_for_number(stmt, &was_running, err) < 0 ||
        step_for_number(poison->statements[COUNT], &count, err) < 0)
        goto done;
    if (db_exec(poison->db, begin_sql, err) != DB_DONE)
        goto done;
    poison->careful_until_ms = was_running ? now_ms + CAREFUL_MS : INT64_MIN;
    poison->count = (uint64_t)count;
    rc = 0;

done:
    sqlite3_finalize(stmt);
    return rc;
}

static void
release(struct poison **poison)
{
    for (int i = 0; i < STATEMENT_COUNT; i++)
        sqlite3_finalize((*poison)->statements[i]);
    db_close(&(*poison)->db);
    free(*poison);
    *poison = NULL;
}

struct poison *
poison_open(const char *path, int64_t now_ms, struct err *err)
{
    struct poison *poison = calloc(1, sizeof(*poison));

    if (poison == NULL) {
        err_set(err, "%s: out of memory", path);
        return NULL;
    }
    poison->process = (int64_t)hash_random64();
    poison->db = db_open(path, schema, SCHEMA_VERSION, NULL, err);
    if (poison->db == NULL || make_letters(poison, err) != 0 || prepare_all(poison, err) != 0 ||
        begin_run(poison, now_ms, err) != 0)
        release(&poison);
    return poison;
}

void
poison_close(struct poison **poison)
{
    if (*poison == NULL)
        return;
    /* What was begun killed nobody. Should this fail, the next run is careful
     * for no need, which costs only time. */
    if (db_exec((*poison)->db,
                "BEGIN IMMEDIATE; DELETE FROM attempts; DELETE FROM working;"
                "UPDATE state SET is_running = 0; COMMIT", NULL) != DB_DONE)
        sqlite3_exec((*poison)->db, "ROLLBACK", NULL, NULL, NULL);
    release(poison);
}

int
poison_is_careful(const struct poison *poison, int64_t now_ms)
{
    return now_ms < poison->careful_until_ms;
}

unsigned
poison_attempt(struct poison *poison, uint64_t origin, uint64_t key, struct err *err)
{
    sqlite3_stmt *stmt = poison->statements[ATTEMPT];
    int64_t count = 0;

    bind_number(stmt, 1, origin);
    bind_number(stmt, 2, key);
    if (step_for_number(stmt, &count, err) < 0)
        return 0;
    return count > INT32_MAX ? INT32_MAX : (unsigned)count;
}

int
poison_begin_event(struct poison *poison, uint64_t origin, uint64_t sequence,
                   struct err *err)
{
    sqlite3_stmt *find = poison->statements[FIND_NOTE];
    sqlite3_stmt *note = poison->statements[NOTE];
    int64_t deaths = 0;

    bind_number(find, 1, origin);
    bind_number(find, 2, sequence);
    sqlite3_bind_int64(find, 3, poison->process);
    if (step_for_number(find, &deaths, err) < 0)
        return -1;
    if (deaths >= DEATHS_TO_SKIP)
        return 1;
    bind_number(note, 1, origin);
    bind_number(note, 2, sequence);
    sqlite3_bind_int64(note, 3, poison->process);
    return db_step(note, err) == DB_DONE ? 0 : -1;
}

int
poison_done(struct poison *poison, uint64_t origin, uint64_t key, struct err *err)
{
    sqlite3_stmt *attempts = poison->statements[FORGET_ATTEMPTS];
    sqlite3_stmt *notes = poison->statements[FORGET_NOTES];

    bind_number(attempts, 1, origin);
    bind_number(attempts, 2, key);
    bind_number(notes, 1, origin);
    bind_number(notes, 2, key);
    sqlite3_bind_int64(notes, 3, poison->process);
    if (db_exec(poison->db, "BEGIN IMMEDIATE", err) != DB_DONE)
        return -1;
    if (db_step(attempts, err) == DB_DONE && db_step(notes, err) == DB_DONE &&
        db_exec(poison->db, "COMMIT", err) == DB_DONE)
        return 0;
    sqlite3_exec(poison->db, "ROLLBACK", NULL, NULL, NULL);
    return -1;
}

static void
bind_key(sqlite3_stmt *stmt, const struct dead_key *key)
{
    db_bind_blob(stmt, 1, (struct text){ (const char *)key->id.bytes, key->id.len });
    sqlite3_bind_int(stmt, 2, key->day);
}

static struct text
not_null(struct text text)
{
    return text.ptr == NULL ? (struct text){ "", 0 } : text;
}

/* The transaction's end, which changes the number of letters. 0, or -1. */
static int
end_letters(struct poison *poison, enum db_outcome outcome, int64_t added, struct err *err)
{
    if (outcome == DB_DONE)
        outcome = db_exec(poison->db, "COMMIT", err);
    if (outcome == DB_DONE)
        poison->count += (uint64_t)added;
    else if (!sqlite3_get_autocommit(poison->db))
        sqlite3_exec(poison->db, "ROLLBACK", NULL, NULL, NULL);
    return outcome == DB_DONE ? 0 : -1;
}

int
poison_set_all_aside(struct poison *poison, const struct dead_letter *letters, size_t count,
                     struct err *err)
{
    sqlite3_stmt *stmt = poison->statements[SET_ASIDE];
    enum db_outcome outcome = db_exec(poison->db, "BEGIN IMMEDIATE", err);
    uint64_t added = 0;

    for (size_t i = 0; i < count && outcome == DB_DONE; i++) {
        bind_key(stmt, &letters[i].key);
        sqlite3_bind_int64(stmt, 3, letters[i].at_us);
        sqlite3_bind_int64(stmt, 4, letters[i].received_us);
        db_bind_text(stmt, 5, not_null(letters[i].reason));
        db_bind_blob(stmt, 6, not_null(letters[i].encoded));
        outcome = db_step(stmt, err);
        added += sqlite3_changes64(poison->db) > 0;
    }
    return end_letters(poison, outcome, (int64_t)added, err);
}

int
poison_set_aside(struct poison *poison, const struct dead_letter *letter, struct err *err)
{
    return poison_set_all_aside(poison, letter, 1, err);
}

static int
add_row(sqlite3_stmt *stmt, struct dead_letters *ret, struct err *err)
{
    struct text id = db_column(stmt, 0);
    struct dead_letter letter = {
        .key = { .id = { .len = (uint8_t)id.len }, .day = sqlite3_column_int(stmt, 1) },
        .at_us = sqlite3_column_int64(stmt, 2), .received_us = sqlite3_column_int64(stmt, 3),
        .reason = not_null(db_column(stmt, 4)), .by = { "", 0 },
        .encoded = not_null(db_column(stmt, 5)) };

    if (id.len > sizeof(letter.key.id.bytes)) {
        err_set(err, "%s: an id of %zu bytes",
                sqlite3_db_filename(sqlite3_db_handle(stmt), "main"), id.len);
        return -1;
    }
    if (id.len > 0)
        memcpy(letter.key.id.bytes, id.ptr, id.len);
    if (dead_letters_add(ret, &letter) == 0)
        return 0;
    err_set(err, "out of memory");
    return -1;
}

int
poison_letters(struct poison *poison, size_t limit, size_t max_bytes,
               struct dead_letters *ret, struct err *err)
{
    sqlite3_stmt *stmt = poison->statements[READ];
    int code = SQLITE_DONE, rc = 0;

    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)limit);
    while (rc == 0 && ret->bytes < max_bytes && (code = sqlite3_step(stmt)) == SQLITE_ROW)
        rc = add_row(stmt, ret, err);
    if (rc == 0 && code != SQLITE_DONE && code != SQLITE_ROW) {
        db_failed(poison->db, err);
        rc = -1;
    }
    sqlite3_reset(stmt);
    return rc;
}

int
poison_forget(struct poison *poison, const struct dead_letter *letters, size_t count,
              struct err *err)
{
    sqlite3_stmt *stmt = poison->statements[FORGET];
    int64_t forgotten = 0;
    enum db_outcome outcome = db_exec(poison->db, "BEGIN IMMEDIATE", err);

    for (size_t i = 0; i < count && outcome == DB_DONE; i++) {
        bind_key(stmt, &letters[i].key);
        outcome = db_step(stmt, err);
        forgotten += sqlite3_changes64(poison->db);
    }
    return end_letters(poison, outcome, -forgotten, err);
}

uint64_t
poison_count(const struct poison *poison)
{
    return poison->count;
}
