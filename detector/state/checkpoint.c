#include "detector/state/checkpoint_inner.h"

#include <stdlib.h>

#include "proto/base/fault.h"
#include "proto/base/hash.h"
#include "proto/base/log.h"

enum { VERSION = 1 };

static const char schema[] =
    "CREATE TABLE meta (id INTEGER NOT NULL, created_us INTEGER NOT NULL, counter INTEGER NOT NULL);"
    "CREATE TABLE state (rule BLOB, key BLOB, hash INTEGER NOT NULL, state BLOB NOT NULL,"
    " PRIMARY KEY (rule, key)) WITHOUT ROWID;"
    "CREATE TABLE position (origin INTEGER PRIMARY KEY, last INTEGER NOT NULL);"
    "CREATE TABLE outbox (counter INTEGER PRIMARY KEY, incident TEXT NOT NULL, body BLOB NOT NULL);"
    "CREATE INDEX outbox_incident ON outbox (incident)";

static const char *const statements[CHECKPOINT_STATEMENTS] = {
    [PUT_STATE] = "INSERT INTO state VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET"
                  " hash = excluded.hash, state = excluded.state",
    [DROP_STATE] = "DELETE FROM state WHERE rule = ?1 AND key = ?2",
    [PUT_POSITION] = "INSERT INTO position VALUES (?1, ?2)"
                     " ON CONFLICT DO UPDATE SET last = excluded.last",
    [DROP_POSITION] = "DELETE FROM position WHERE origin = ?1",
    [PUT_OUTBOX] = "INSERT INTO outbox VALUES (?1, ?2, ?3)",
    [REPLACE_OUTBOX] = "DELETE FROM outbox WHERE incident = ?1 AND counter > ?2",
    [CLEAR_OUTBOX] = "DELETE FROM outbox WHERE counter <= ?1",
    [PUT_COUNTER] = "UPDATE meta SET counter = ?1",
    [NEXT_OUTBOX] = "SELECT counter, body FROM outbox WHERE counter > ?1"
                    " ORDER BY counter LIMIT 1",
};

static int
read_positions(struct checkpoint *cp, struct err *err)
{
    sqlite3_stmt *stmt = NULL;

    if (db_prepare(cp->db, &stmt, "SELECT origin, last FROM position", err) != 0)
        return -1;
    while (sqlite3_step(stmt) == SQLITE_ROW && cp->position_count < CHECKPOINT_MAX_JOURNALS) {
        struct position *pos = &cp->positions[cp->position_count++];

        pos->origin = (uint64_t)sqlite3_column_int64(stmt, 0);
        pos->last = pos->durable = (uint64_t)sqlite3_column_int64(stmt, 1);
    }
    if (sqlite3_finalize(stmt) != SQLITE_OK) {
        db_failed(cp->db, err);
        return -1;
    }
    return 0;
}

static int
write_meta(struct checkpoint *cp, int64_t now_us, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    enum db_outcome outcome;

    cp->is_new = 1;
    cp->id = hash_random64();
    cp->created_us = now_us;
    if (db_prepare(cp->db, &stmt, "INSERT INTO meta VALUES (?1, ?2, 0)", err) != 0)
        return -1;
    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)cp->id);
    sqlite3_bind_int64(stmt, 2, cp->created_us);
    outcome = db_step(stmt, err);
    sqlite3_finalize(stmt);
    return outcome == DB_DONE ? 0 : -1;
}

/* Read the meta row, or write a new one. */
static int
read_meta(struct checkpoint *cp, int64_t now_us, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    int has_row;

    if (db_prepare(cp->db, &stmt, "SELECT id, created_us, counter FROM meta", err) != 0)
        return -1;
    has_row = sqlite3_step(stmt) == SQLITE_ROW;
    if (has_row) {
        cp->id = (uint64_t)sqlite3_column_int64(stmt, 0);
        cp->created_us = sqlite3_column_int64(stmt, 1);
        cp->counter = (uint64_t)sqlite3_column_int64(stmt, 2);
        /* as the journal's sequence: a file put back to an older copy must give
         * no rev again that the store has, or what follows would look old */
        if (now_us > 0 && cp->counter < (uint64_t)now_us)
            cp->counter = (uint64_t)now_us;
    }
    if (sqlite3_finalize(stmt) != SQLITE_OK) {
        db_failed(cp->db, err);
        return -1;
    }
    return has_row ? 0 : write_meta(cp, now_us, err);
}

/* Every page is read at start anyway; one that is damaged should show now. */
static int
check_pages(struct checkpoint *cp, const char *path, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    int is_sound = 0;

    if (db_prepare(cp->db, &stmt, "PRAGMA quick_check(1)", err) != 0)
        return -1;
    if (sqlite3_step(stmt) == SQLITE_ROW) {
        is_sound = text_is(db_column(stmt, 0), "ok");
        if (!is_sound)
            err_set(err, "%s: %s", path, (const char *)sqlite3_column_text(stmt, 0));
    } else {
        db_failed(cp->db, err);
    }
    sqlite3_finalize(stmt);
    return is_sound ? 0 : -1;
}

static int
open_parts(struct checkpoint *cp, const char *path, int64_t now_us, int *ret_is_corrupt,
           struct err *err)
{
    int code;

    cp->db = db_open(path, schema, VERSION, ret_is_corrupt, err);
    if (cp->db == NULL)
        return -1;
    if (check_pages(cp, path, err) != 0) {
        code = sqlite3_errcode(cp->db) & 0xff;
        /* what the check has found is no error of the call itself */
        *ret_is_corrupt = code == SQLITE_CORRUPT || code == SQLITE_NOTADB ||
                          code == SQLITE_OK || code == SQLITE_DONE || code == SQLITE_ROW;
        return -1;
    }
    for (size_t i = 0; i < CHECKPOINT_STATEMENTS; i++)
        if (db_prepare(cp->db, &cp->stmts[i], statements[i], err) != 0)
            return -1;
    if (read_meta(cp, now_us, err) != 0 || read_positions(cp, err) != 0)
        return -1;
    return checkpoint_slots_open(cp, err) != 0 ? -1 : checkpoint_ledger_open(cp, err);
}

static void
close_parts(struct checkpoint *cp)
{
    for (size_t i = 0; i < CHECKPOINT_STATEMENTS; i++) {
        sqlite3_finalize(cp->stmts[i]);
        cp->stmts[i] = NULL;
    }
    checkpoint_ledger_close(cp);
    checkpoint_slots_close(cp);
    db_close(&cp->db);
    cp->position_count = 0;
}

struct checkpoint *
checkpoint_open(const char *path, int64_t now_us, struct err *err)
{
    struct checkpoint *cp = calloc(1, sizeof(*cp));
    char kept[DB_PATH_LEN];
    int is_corrupt = 0;

    if (cp == NULL) {
        err_set(err, "%s: out of memory", path);
        return NULL;
    }
    if (open_parts(cp, path, now_us, &is_corrupt, err) == 0)
        return cp;
    close_parts(cp);
    if (is_corrupt && db_set_aside(path, now_us, kept, err) == 0) {
        log_error("state file is damaged; a new one is begun", "kept=\"%s\"", kept);
        if (open_parts(cp, path, now_us, &is_corrupt, err) == 0)
            return cp;
    }
    checkpoint_close(&cp);
    return NULL;
}

void
checkpoint_close(struct checkpoint **checkpoint)
{
    struct checkpoint *cp = *checkpoint;

    if (cp == NULL)
        return;
    checkpoint_forget_snapshots(cp);
    free(cp->snapshots);
    buf_release(&cp->next_body);
    close_parts(cp);
    free(cp);
    *checkpoint = NULL;
}

int
checkpoint_is_new(const struct checkpoint *checkpoint)
{
    return checkpoint->is_new;
}

uint64_t
checkpoint_id(const struct checkpoint *checkpoint)
{
    return checkpoint->id;
}

int64_t
checkpoint_epoch(const struct checkpoint *checkpoint)
{
    return checkpoint->created_us;
}

uint64_t
checkpoint_counter(const struct checkpoint *checkpoint)
{
    return checkpoint->counter;
}

/* Rows of one of the two tables; what makes no sense is counted and dropped. */
static int
restore_rows(struct checkpoint *cp, struct engine *engine, int is_extra,
             uint64_t *ret_refused, struct err *err)
{
    struct log_burst burst = { 0 };
    sqlite3_stmt *stmt = NULL;
    struct err why;

    if (db_prepare(cp->db, &stmt,
                   is_extra ? "SELECT rule, key, hash, state FROM extra ORDER BY place"
                            : "SELECT rule, key, hash, state FROM state", err) != 0)
        return -1;
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        const struct engine_row row = {
            .rule = db_column(stmt, 0), .key = db_column(stmt, 1),
            .hash = (uint64_t)sqlite3_column_int64(stmt, 2), .state = db_column(stmt, 3),
            .is_extra = is_extra,
        };

        cp->has_extra |= is_extra;
        if (engine_restore(engine, &row, &why) != 0) {
            ++*ret_refused;
            log_warn_burst(&burst, "state row dropped", "reason=\"%s\"", why.text);
        }
    }
    if (sqlite3_finalize(stmt) != SQLITE_OK) {
        db_failed(cp->db, err);
        return -1;
    }
    return 0;
}

int
checkpoint_restore(struct checkpoint *checkpoint, struct engine *engine,
                   uint64_t *ret_refused, struct err *err)
{
    uint64_t refused = 0;

    if (restore_rows(checkpoint, engine, 0, &refused, err) != 0 ||
        restore_rows(checkpoint, engine, 1, &refused, err) != 0)
        return -1;
    if (refused > 0)
        log_warn("rows of the state file were dropped", "rows=%llu",
                 (unsigned long long)refused);
    *ret_refused = refused;
    return 0;
}

/* The place of a journal that is likely no more: sequences follow the clock, so
 * the lowest ended first. NULL when all were named, or the disk takes nothing. */
static struct position *
drop_stalest(struct checkpoint *cp)
{
    struct position *stalest = NULL;
    struct err err;

    for (size_t i = 0; i < cp->position_count; i++) {
        struct position *pos = &cp->positions[i];

        if (!pos->is_heard && (stalest == NULL || pos->last < stalest->last))
            stalest = pos;
    }
    if (stalest == NULL)
        return NULL;
    sqlite3_bind_int64(cp->stmts[DROP_POSITION], 1, (sqlite3_int64)stalest->origin);
    if (db_step(cp->stmts[DROP_POSITION], &err) != DB_DONE)
        return NULL;
    log_warn("place in a journal forgotten, for a new one", "journal=%016llx last=%llu",
             (unsigned long long)stalest->origin, (unsigned long long)stalest->last);
    return stalest;
}

struct position *
checkpoint_position(struct checkpoint *checkpoint, uint64_t origin)
{
    struct position *pos = checkpoint->positions;
    struct position *end = pos + checkpoint->position_count;

    while (pos < end && pos->origin != origin)
        pos++;
    if (pos == end) {
        if (checkpoint->position_count == CHECKPOINT_MAX_JOURNALS)
            pos = drop_stalest(checkpoint);
        else
            checkpoint->position_count++;
        if (pos == NULL)
            return NULL;
        *pos = (struct position){ .origin = origin };
    }
    pos->is_heard = 1;
    return pos;
}

const struct position *
checkpoint_positions(const struct checkpoint *checkpoint, size_t *ret_count)
{
    *ret_count = checkpoint->position_count;
    return checkpoint->positions;
}

static int
put_row(void *ctx, const struct engine_row *row)
{
    struct checkpoint_work *work = ctx;
    int is_gone = row->state.ptr == NULL;
    sqlite3_stmt *stmt = work->cp->stmts[is_gone ? DROP_STATE : PUT_STATE];

    db_bind_blob(stmt, 1, row->rule);
    db_bind_blob(stmt, 2, row->key);
    if (!is_gone) {
        sqlite3_bind_int64(stmt, 3, (sqlite3_int64)row->hash);
        db_bind_blob(stmt, 4, row->state);
    }
    work->outcome = db_step(stmt, work->err);
    return work->outcome != DB_DONE;
}

static enum db_outcome
put_positions(struct checkpoint *cp, struct err *err)
{
    enum db_outcome outcome = DB_DONE;

    for (size_t i = 0; i < cp->position_count && outcome == DB_DONE; i++) {
        if (cp->positions[i].last == cp->positions[i].durable)
            continue;
        sqlite3_bind_int64(cp->stmts[PUT_POSITION], 1, (sqlite3_int64)cp->positions[i].origin);
        sqlite3_bind_int64(cp->stmts[PUT_POSITION], 2, (sqlite3_int64)cp->positions[i].last);
        outcome = db_step(cp->stmts[PUT_POSITION], err);
    }
    if (outcome == DB_DONE && cp->has_extra)
        outcome = db_exec(cp->db, "DELETE FROM extra", err);
    if (outcome == DB_DONE) {
        sqlite3_bind_int64(cp->stmts[PUT_COUNTER], 1, (sqlite3_int64)cp->counter);
        outcome = db_step(cp->stmts[PUT_COUNTER], err);
    }
    return outcome;
}

static enum db_outcome
write_all(struct checkpoint_work *work)
{
    struct engine *engine = work->commit->engine;

    work->outcome = db_exec(work->cp->db, "BEGIN IMMEDIATE", work->err);
    if (work->outcome != DB_DONE || checkpoint_outbox_write(work) != DB_DONE ||
        checkpoint_walked(work, engine_changes(engine, put_row, work)) != DB_DONE ||
        checkpoint_sources_write(work) != DB_DONE)
        return work->outcome;
    work->outcome = put_positions(work->cp, work->err);
    if (work->outcome == DB_DONE)
        work->outcome = checkpoint_ledger_write(work->cp, work->err);
    fault_point("detector.before_commit");
    if (work->outcome == DB_DONE)
        work->outcome = db_exec(work->cp->db, "COMMIT", work->err);
    return work->outcome;
}

enum db_outcome
checkpoint_commit(struct checkpoint *checkpoint, const struct checkpoint_commit *commit,
                  struct err *err)
{
    struct checkpoint_work work = { checkpoint, commit, DB_DONE, err };
    uint64_t counter = checkpoint->counter;

    if (write_all(&work) != DB_DONE) {
        sqlite3_exec(checkpoint->db, "ROLLBACK", NULL, NULL, NULL);
        checkpoint->counter = counter;
        checkpoint_forget_snapshots(checkpoint);
        return work.outcome;
    }
    fault_point("detector.after_commit");
    checkpoint->has_extra = 0;
    for (size_t i = 0; i < checkpoint->position_count; i++)
        checkpoint->positions[i].durable = checkpoint->positions[i].last;
    ledger_settle(&checkpoint->ledger);
    engine_settle(commit->engine);
    if (commit->sources != NULL)
        sources_settle(commit->sources);
    checkpoint_outbox_publish(checkpoint, commit);
    checkpoint_forget_snapshots(checkpoint);
    return DB_DONE;
}
