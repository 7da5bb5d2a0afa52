/* Among how many slots the state is divided, and who judged what before that. */
#include <stdlib.h>

#include "detector/state/checkpoint_inner.h"

/* Beside the schema, for they came later: an older program does not look at them. */
static const char make_sql[] =
    "CREATE TABLE IF NOT EXISTS slots (slots INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS former (generation INTEGER NOT NULL, slots INTEGER NOT NULL,"
    " slot INTEGER NOT NULL, origin INTEGER NOT NULL, last INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS extra (place INTEGER NOT NULL, rule BLOB, key BLOB,"
    " hash INTEGER NOT NULL, state BLOB NOT NULL);"
    "CREATE TABLE IF NOT EXISTS source (number INTEGER PRIMARY KEY, bytes BLOB NOT NULL);"
    "CREATE TABLE IF NOT EXISTS rule_file (number INTEGER PRIMARY KEY,"
    " name TEXT NOT NULL UNIQUE, bytes BLOB NOT NULL);"
    "CREATE TABLE IF NOT EXISTS allow_file (number INTEGER PRIMARY KEY, bytes BLOB NOT NULL)";

enum { MAX_FORMERS = SHARE_MAX_FORMERS * SHARE_MAX_SLOTS * CHECKPOINT_MAX_JOURNALS };

static int
add_former(struct checkpoint *cp, sqlite3_stmt *stmt)
{
    struct former *grown, former = {
        .generation = (unsigned)sqlite3_column_int(stmt, 0),
        .slots = (unsigned)sqlite3_column_int(stmt, 1),
        .slot = (unsigned)sqlite3_column_int(stmt, 2),
        .origin = (uint64_t)sqlite3_column_int64(stmt, 3),
        .last = (uint64_t)sqlite3_column_int64(stmt, 4),
    };

    if (former.generation >= SHARE_MAX_FORMERS || former.slots == 0 ||
        former.slots > SHARE_MAX_SLOTS || former.slot >= former.slots ||
        cp->former_count >= MAX_FORMERS)
        return 0;
    grown = realloc(cp->formers, (cp->former_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return -1;
    cp->formers = grown;
    cp->formers[cp->former_count++] = former;
    if (former.last >= cp->former_until)
        cp->former_until = former.last + 1;
    return 0;
}

int
checkpoint_slots_open(struct checkpoint *cp, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc = 0;

    cp->slots = 0;
    if (db_exec(cp->db, make_sql, err) != DB_DONE ||
        db_prepare(cp->db, &stmt, "SELECT max(slots) FROM slots", err) != 0)
        return -1;
    if (sqlite3_step(stmt) == SQLITE_ROW)
        cp->slots = (unsigned)sqlite3_column_int(stmt, 0);
    sqlite3_finalize(stmt);
    if (db_prepare(cp->db, &stmt, "SELECT generation, slots, slot, origin, last FROM former",
                   err) != 0)
        return -1;
    while (rc == 0 && sqlite3_step(stmt) == SQLITE_ROW)
        rc = add_former(cp, stmt);
    if (rc != 0)
        err_set(err, "state file: out of memory");
    if (sqlite3_finalize(stmt) != SQLITE_OK) {
        db_failed(cp->db, err);
        return -1;
    }
    return rc;
}

void
checkpoint_slots_close(struct checkpoint *cp)
{
    free(cp->formers);
    cp->formers = NULL;
    cp->former_count = 0;
    cp->former_until = 0;
}

unsigned
checkpoint_slots(const struct checkpoint *checkpoint)
{
    return checkpoint->slots;
}

int
checkpoint_set_slots(struct checkpoint *checkpoint, unsigned slots, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    enum db_outcome outcome;

    if (checkpoint->slots == slots)
        return 0;
    if (db_prepare(checkpoint->db, &stmt, "INSERT INTO slots VALUES (?1)", err) != 0)
        return -1;
    sqlite3_bind_int(stmt, 1, (int)slots);
    outcome = db_step(stmt, err);
    sqlite3_finalize(stmt);
    if (outcome == DB_DONE)
        checkpoint->slots = slots;
    return outcome == DB_DONE ? 0 : -1;
}

int
checkpoint_share(const struct checkpoint *checkpoint, uint64_t origin, uint64_t last,
                 struct share *share)
{
    size_t before = share->former_count;

    share->former_count = 0;
    if (last >= checkpoint->former_until)
        return before > 0;
    for (size_t i = 0; i < SHARE_MAX_FORMERS; i++) {
        share->formers[i].slots = 1;
        share->formers[i].judged = 0;
    }
    for (size_t i = 0; i < checkpoint->former_count; i++) {
        const struct former *former = &checkpoint->formers[i];

        if (former->origin != origin || former->last < last)
            continue;
        share->formers[former->generation].slots = former->slots;
        share->formers[former->generation].judged |= UINT32_C(1) << former->slot;
        if (share->former_count <= former->generation)
            share->former_count = former->generation + 1;
    }
    return before > 0 || share->former_count > 0;
}
