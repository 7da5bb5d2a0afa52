#include "detector/checkpoint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/buf.h"
#include "proto/base/fault.h"
#include "proto/base/hash.h"
#include "proto/base/log.h"

enum { MAX_JOURNALS = 256, VERSION = 1 };

static const char schema[] =
    "CREATE TABLE meta (id INTEGER NOT NULL, created_us INTEGER NOT NULL, counter INTEGER NOT NULL);"
    "CREATE TABLE state (rule BLOB, key BLOB, hash INTEGER NOT NULL, state BLOB NOT NULL,"
    " PRIMARY KEY (rule, key)) WITHOUT ROWID;"
    "CREATE TABLE position (origin INTEGER PRIMARY KEY, last INTEGER NOT NULL);"
    "CREATE TABLE outbox (counter INTEGER PRIMARY KEY, incident TEXT NOT NULL, body BLOB NOT NULL);"
    "CREATE INDEX outbox_incident ON outbox (incident)";

enum statement {
    PUT_STATE, DROP_STATE, PUT_POSITION, PUT_OUTBOX, REPLACE_OUTBOX, CLEAR_OUTBOX,
    PUT_COUNTER, NEXT_OUTBOX, STATEMENTS
};

static const char *const statements[STATEMENTS] = {
    [PUT_STATE] = "INSERT INTO state VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET"
                  " hash = excluded.hash, state = excluded.state",
    [DROP_STATE] = "DELETE FROM state WHERE rule = ?1 AND key = ?2",
    [PUT_POSITION] = "INSERT INTO position VALUES (?1, ?2)"
                     " ON CONFLICT DO UPDATE SET last = excluded.last",
    [PUT_OUTBOX] = "INSERT INTO outbox VALUES (?1, ?2, ?3)",
    [REPLACE_OUTBOX] = "DELETE FROM outbox WHERE incident = ?1 AND counter > ?2",
    [CLEAR_OUTBOX] = "DELETE FROM outbox WHERE counter <= ?1",
    [PUT_COUNTER] = "UPDATE meta SET counter = ?1",
    [NEXT_OUTBOX] = "SELECT counter, body FROM outbox WHERE counter > ?1"
                    " ORDER BY counter LIMIT 1",
};

/* A snapshot of this commit, to be published once it is on disk. */
struct snapshot {
    struct incident *inc;
    struct buf body;
};

struct checkpoint {
    sqlite3 *db;
    sqlite3_stmt *stmts[STATEMENTS];
    int is_new;
    uint64_t id, counter;
    int64_t created_us;
    struct position positions[MAX_JOURNALS];
    size_t position_count;
    struct snapshot *snapshots;
    size_t snapshot_count, snapshot_cap;
    struct buf next_body;
};

/* What one commit hands to its visitors. */
struct work {
    struct checkpoint *cp;
    const struct checkpoint_commit *commit;
    enum db_outcome outcome;
    struct err *err;
};

static int
read_positions(struct checkpoint *cp, struct err *err)
{
    sqlite3_stmt *stmt = NULL;

    if (db_prepare(cp->db, &stmt, "SELECT origin, last FROM position", err) != 0)
        return -1;
    while (sqlite3_step(stmt) == SQLITE_ROW && cp->position_count < MAX_JOURNALS) {
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

/* Read the meta row, or write a new one. */
static int
read_meta(struct checkpoint *cp, int64_t now_us, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    enum db_outcome outcome;

    if (db_prepare(cp->db, &stmt, "SELECT id, created_us, counter FROM meta", err) != 0)
        return -1;
    if (sqlite3_step(stmt) == SQLITE_ROW) {
        cp->id = (uint64_t)sqlite3_column_int64(stmt, 0);
        cp->created_us = sqlite3_column_int64(stmt, 1);
        cp->counter = (uint64_t)sqlite3_column_int64(stmt, 2);
        sqlite3_finalize(stmt);
        return 0;
    }
    sqlite3_finalize(stmt);
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

/* Put a file that is no database out of the way, so that work can go on. */
static int
set_aside(const char *path, int64_t now_us, struct err *err)
{
    static const char *const endings[] = { "", "-wal", "-shm" };
    char from[4096], to[4200];

    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        snprintf(from, sizeof(from), "%s%s", path, endings[i]);
        snprintf(to, sizeof(to), "%s.corrupt-%lld%s", path, (long long)(now_us / 1000000),
                 endings[i]);
        if (rename(from, to) != 0 && errno != ENOENT) {
            err_set(err, "%s: cannot be renamed: %s", from, strerror(errno));
            return -1;
        }
    }
    log_error("state file is damaged; a new one is begun", "kept=%s.corrupt-%lld", path,
              (long long)(now_us / 1000000));
    return 0;
}

static sqlite3 *
open_file(const char *path, int64_t now_us, struct err *err)
{
    int is_corrupt = 0;
    sqlite3 *db = db_open(path, schema, VERSION, &is_corrupt, err);

    if (db == NULL && is_corrupt && set_aside(path, now_us, err) == 0)
        db = db_open(path, schema, VERSION, NULL, err);
    return db;
}

struct checkpoint *
checkpoint_open(const char *path, int64_t now_us, struct err *err)
{
    struct checkpoint *cp = calloc(1, sizeof(*cp));

    if (cp == NULL) {
        err_set(err, "%s: out of memory", path);
        return NULL;
    }
    cp->db = open_file(path, now_us, err);
    if (cp->db == NULL)
        goto failed;
    for (size_t i = 0; i < STATEMENTS; i++)
        if (db_prepare(cp->db, &cp->stmts[i], statements[i], err) != 0)
            goto failed;
    if (read_meta(cp, now_us, err) != 0 || read_positions(cp, err) != 0)
        goto failed;
    return cp;

failed:
    checkpoint_close(&cp);
    return NULL;
}

static void
forget_snapshots(struct checkpoint *cp)
{
    for (size_t i = 0; i < cp->snapshot_count; i++) {
        incident_destroy(&cp->snapshots[i].inc);
        buf_release(&cp->snapshots[i].body);
    }
    cp->snapshot_count = 0;
}

void
checkpoint_close(struct checkpoint **checkpoint)
{
    struct checkpoint *cp = *checkpoint;

    if (cp == NULL)
        return;
    forget_snapshots(cp);
    free(cp->snapshots);
    buf_release(&cp->next_body);
    for (size_t i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(cp->stmts[i]);
    db_close(&cp->db);
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

int
checkpoint_restore(struct checkpoint *checkpoint, struct engine *engine,
                   uint64_t *ret_refused, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    uint64_t refused = 0;
    struct err why;

    if (db_prepare(checkpoint->db, &stmt, "SELECT rule, key, hash, state FROM state", err) != 0)
        return -1;
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        const struct engine_row row = {
            .rule = db_column(stmt, 0), .key = db_column(stmt, 1),
            .hash = (uint64_t)sqlite3_column_int64(stmt, 2), .state = db_column(stmt, 3),
        };

        if (engine_restore(engine, &row, &why) != 0) {
            refused++;
            log_warn("state row dropped", "reason=\"%s\"", why.text);
        }
    }
    if (sqlite3_finalize(stmt) != SQLITE_OK) {
        db_failed(checkpoint->db, err);
        return -1;
    }
    *ret_refused = refused;
    return 0;
}

struct position *
checkpoint_position(struct checkpoint *checkpoint, uint64_t origin)
{
    struct position *pos;

    for (size_t i = 0; i < checkpoint->position_count; i++)
        if (checkpoint->positions[i].origin == origin)
            return &checkpoint->positions[i];
    if (checkpoint->position_count == MAX_JOURNALS)
        return NULL;
    pos = &checkpoint->positions[checkpoint->position_count++];
    pos->origin = origin;
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
    struct work *work = ctx;
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

static struct snapshot *
add_snapshot(struct checkpoint *cp, const struct incident *inc)
{
    struct snapshot *snap;

    if (cp->snapshot_count == cp->snapshot_cap) {
        size_t cap = cp->snapshot_cap == 0 ? 16 : cp->snapshot_cap * 2;
        struct snapshot *grown = realloc(cp->snapshots, cap * sizeof(*grown));

        if (grown == NULL)
            return NULL;
        cp->snapshots = grown;
        cp->snapshot_cap = cap;
    }
    snap = &cp->snapshots[cp->snapshot_count];
    memset(snap, 0, sizeof(*snap));
    snap->inc = incident_copy(inc);
    if (snap->inc == NULL)
        return NULL;
    cp->snapshot_count++;
    snap->inc->rev_epoch = cp->created_us;
    snap->inc->rev_counter = ++cp->counter;
    if (batch_pack_count(1, &snap->body) != 0 || incident_pack(snap->inc, &snap->body) != 0)
        return NULL;
    return snap;
}

static int
put_incident(void *ctx, const struct incident *inc)
{
    struct work *work = ctx;
    struct checkpoint *cp = work->cp;
    const struct snapshot *snap = add_snapshot(cp, inc);

    if (snap == NULL) {
        err_set(work->err, "state file: out of memory");
        work->outcome = DB_RETRY;
        return 1;
    }
    db_bind_text(cp->stmts[REPLACE_OUTBOX], 1, text_of(snap->inc->id));
    sqlite3_bind_int64(cp->stmts[REPLACE_OUTBOX], 2, (sqlite3_int64)work->commit->sent);
    work->outcome = db_step(cp->stmts[REPLACE_OUTBOX], work->err);
    if (work->outcome != DB_DONE)
        return 1;
    sqlite3_bind_int64(cp->stmts[PUT_OUTBOX], 1, (sqlite3_int64)snap->inc->rev_counter);
    db_bind_text(cp->stmts[PUT_OUTBOX], 2, text_of(snap->inc->id));
    db_bind_blob(cp->stmts[PUT_OUTBOX], 3, buf_text(&snap->body));
    work->outcome = db_step(cp->stmts[PUT_OUTBOX], work->err);
    return work->outcome != DB_DONE;
}

static enum db_outcome
put_positions(struct checkpoint *cp, const struct checkpoint_commit *commit, struct err *err)
{
    enum db_outcome outcome = DB_DONE;

    for (size_t i = 0; i < cp->position_count && outcome == DB_DONE; i++) {
        if (cp->positions[i].last == cp->positions[i].durable)
            continue;
        sqlite3_bind_int64(cp->stmts[PUT_POSITION], 1, (sqlite3_int64)cp->positions[i].origin);
        sqlite3_bind_int64(cp->stmts[PUT_POSITION], 2, (sqlite3_int64)cp->positions[i].last);
        outcome = db_step(cp->stmts[PUT_POSITION], err);
    }
    if (outcome == DB_DONE) {
        sqlite3_bind_int64(cp->stmts[CLEAR_OUTBOX], 1, (sqlite3_int64)commit->acked);
        outcome = db_step(cp->stmts[CLEAR_OUTBOX], err);
    }
    if (outcome == DB_DONE) {
        sqlite3_bind_int64(cp->stmts[PUT_COUNTER], 1, (sqlite3_int64)cp->counter);
        outcome = db_step(cp->stmts[PUT_COUNTER], err);
    }
    return outcome;
}

static enum db_outcome
write_all(struct work *work)
{
    struct engine *engine = work->commit->engine;

    work->outcome = db_exec(work->cp->db, "BEGIN IMMEDIATE", work->err);
    if (work->outcome == DB_DONE)
        engine_changes(engine, put_row, work);
    if (work->outcome == DB_DONE)
        engine_incidents(engine, put_incident, work);
    if (work->outcome == DB_DONE)
        work->outcome = put_positions(work->cp, work->commit, work->err);
    fault_point("detector.before_commit");
    if (work->outcome == DB_DONE)
        work->outcome = db_exec(work->cp->db, "COMMIT", work->err);
    return work->outcome;
}

enum db_outcome
checkpoint_commit(struct checkpoint *checkpoint, const struct checkpoint_commit *commit,
                  struct err *err)
{
    struct work work = { checkpoint, commit, DB_DONE, err };
    uint64_t counter = checkpoint->counter;

    if (write_all(&work) != DB_DONE) {
        sqlite3_exec(checkpoint->db, "ROLLBACK", NULL, NULL, NULL);
        checkpoint->counter = counter;
        forget_snapshots(checkpoint);
        return work.outcome;
    }
    fault_point("detector.after_commit");
    for (size_t i = 0; i < checkpoint->position_count; i++)
        checkpoint->positions[i].durable = checkpoint->positions[i].last;
    engine_settle(commit->engine);
    for (size_t i = 0; i < checkpoint->snapshot_count; i++) {
        const struct snapshot *snap = &checkpoint->snapshots[i];
        const struct batch_head head = {
            .origin = checkpoint->id, .first = snap->inc->rev_counter, .count = 1,
        };

        commit->published(commit->ctx, snap->inc, &head, buf_text(&snap->body));
    }
    forget_snapshots(checkpoint);
    return DB_DONE;
}

int
checkpoint_next(struct checkpoint *checkpoint, uint64_t after, struct batch_head *ret_head,
                struct text *ret_body, struct err *err)
{
    sqlite3_stmt *stmt = checkpoint->stmts[NEXT_OUTBOX];
    int code, rc = 0;

    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)after);
    code = sqlite3_step(stmt);
    if (code == SQLITE_ROW) {
        buf_clear(&checkpoint->next_body);
        rc = buf_append_text(&checkpoint->next_body, db_column(stmt, 1)) == 0 ? 1 : -1;
        *ret_head = (struct batch_head){
            .origin = checkpoint->id, .first = (uint64_t)sqlite3_column_int64(stmt, 0),
            .count = 1,
        };
        *ret_body = buf_text(&checkpoint->next_body);
        if (rc < 0)
            err_set(err, "outbox: out of memory");
    } else if (code != SQLITE_DONE) {
        db_failed(checkpoint->db, err);
        rc = -1;
    }
    sqlite3_reset(stmt);
    return rc;
}

uint64_t
checkpoint_frontier(struct checkpoint *checkpoint)
{
    struct batch_head head;
    struct text body;

    if (checkpoint_next(checkpoint, 0, &head, &body, NULL) == 1)
        return head.first - 1;
    return checkpoint->counter;
}
