/* One new state file, of what belongs to its slot in all the old ones. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "detector/state/division_inner.h"
#include "proto/base/log.h"

/* While a file is filled. */
struct filling {
    const struct division *division;
    const struct division_old *old;
    unsigned slot;
    struct checkpoint *to;
    struct err *err;
};

/* slot_of(hash, slots): as share.c says it, of a number that SQLite takes as signed. */
static void
slot_of(sqlite3_context *ctx, int count, sqlite3_value **values)
{
    uint64_t hash = (uint64_t)sqlite3_value_int64(values[0]);

    (void)count;
    sqlite3_result_int64(ctx, (sqlite3_int64)(hash % (uint64_t)sqlite3_value_int64(values[1])));
}

/* kind_of(rule, key): an enum engine_division. */
static void
kind_of(sqlite3_context *ctx, int count, sqlite3_value **values)
{
    const struct ruleset *rules = sqlite3_user_data(ctx);
    struct text texts[2];

    for (int i = 0; i < count && i < 2; i++) {
        texts[i].ptr = sqlite3_value_blob(values[i]);
        texts[i].len = (size_t)sqlite3_value_bytes(values[i]);
        if (texts[i].ptr == NULL)
            texts[i] = text_of("");
    }
    sqlite3_result_int(ctx, (int)engine_division(rules, texts[0], texts[1]));
}

/* Run SQL with ?1 the slot it comes from, ?2 and ?3 the slots of then and now, ?4 the new
 * slot, ?5 as given. */
static int
run(const struct filling *filling, const char *sql, unsigned from, int64_t fifth)
{
    const int64_t numbers[] = { from, filling->old->slots, filling->division->slots,
                                filling->slot, fifth };
    sqlite3_stmt *stmt = NULL;
    enum db_outcome outcome;

    if (db_prepare(filling->to->db, &stmt, sql, filling->err) != 0)
        return -1;
    for (int i = 1; i <= sqlite3_bind_parameter_count(stmt); i++)
        sqlite3_bind_int64(stmt, i, numbers[i - 1]);
    outcome = db_step(stmt, filling->err);
    sqlite3_finalize(stmt);
    return outcome == DB_DONE ? 0 : -1;
}

/* How far an old slot has judged a journal; one that has no state: nothing. */
static uint64_t
judged_until(const struct checkpoint *cp, uint64_t origin)
{
    for (size_t i = 0; cp != NULL && i < cp->position_count; i++)
        if (cp->positions[i].origin == origin)
            return cp->positions[i].last;
    return 0;
}

/* The slot that is furthest behind in a journal, of those that have a file. */
static unsigned
last_of_all(const struct division_old *old, uint64_t origin)
{
    unsigned found = SHARE_MAX_SLOTS;

    for (unsigned i = 0; i < old->slots; i++)
        if (old->files[i] != NULL &&
            (found == SHARE_MAX_SLOTS || judged_until(old->files[i], origin) <
                                             judged_until(old->files[found], origin)))
            found = i;
    return found;
}

static uint64_t
lowest_place(const struct division_old *old, uint64_t origin)
{
    uint64_t lowest = UINT64_MAX;

    for (unsigned i = 0; i < old->slots; i++)
        if (judged_until(old->files[i], origin) < lowest)
            lowest = judged_until(old->files[i], origin);
    return lowest;
}

/* Keys' rows, to the one who owns them, and those that several have. */
static const char *const row_sql[] = {
    "INSERT OR IGNORE INTO main.state SELECT rule, key, hash, state FROM old.state"
    " WHERE kind_of(rule, key) = 0 AND slot_of(hash, ?2) = ?1 AND slot_of(hash, ?3) = ?4",
    "INSERT INTO main.extra SELECT CASE slot_of(hash, ?2) WHEN ?1 THEN 0 ELSE 1 + ?1 END,"
    " rule, key, hash, state FROM old.state WHERE kind_of(rule, key) = 2 OR"
    " (kind_of(rule, key) = 1 AND slot_of(hash, ?3) = ?4)",
    "INSERT INTO main.extra SELECT 100 + place, rule, key, hash, state FROM old.extra"
    " WHERE kind_of(rule, key) = 2 OR (kind_of(rule, key) = 1 AND slot_of(hash, ?3) = ?4)",
    /* the first that is there: all were given the same rules */
    "INSERT OR IGNORE INTO main.rule_file (name, bytes) SELECT name, bytes FROM old.rule_file",
    "INSERT OR IGNORE INTO main.allow_file SELECT number, bytes FROM old.allow_file",
};

/* Snapshots that no indexer has confirmed: their revs are in them, so that who sends
 * them does not matter. */
static const char outbox_sql[] =
    "INSERT INTO main.outbox (incident, body) SELECT incident, body FROM old.outbox"
    " WHERE ?1 % ?3 = ?4 ORDER BY counter";

/* A journal's hours are those of the one that is furthest behind: from there on all
 * count again. */
static const char ledger_sql[] =
    "INSERT INTO main.ledger SELECT hour, journal, what, events FROM old.ledger"
    " WHERE journal = ?5";

static int
take_ledger(const struct filling *filling, unsigned from)
{
    const struct checkpoint *cp = filling->old->files[from];

    for (size_t i = 0; i < cp->position_count; i++) {
        uint64_t origin = cp->positions[i].origin;

        if (lowest_place(filling->old, origin) > 0 &&
            last_of_all(filling->old, origin) == from &&
            run(filling, ledger_sql, from, (int64_t)origin) != 0)
            return -1;
    }
    return 0;
}

static int
take_file(const struct filling *filling, unsigned from)
{
    sqlite3_stmt *attach = NULL;
    char path[DB_PATH_LEN];
    int rc = 0;

    division_path(filling->division->dir, from, 0, path);
    if (db_prepare(filling->to->db, &attach, "ATTACH ?1 AS old", filling->err) != 0)
        return -1;
    db_bind_text(attach, 1, text_of(path));
    rc = db_step(attach, filling->err) == DB_DONE ? 0 : -1;
    sqlite3_finalize(attach);
    if (rc != 0)
        return -1;
    if (db_exec(filling->to->db, "BEGIN", filling->err) != DB_DONE)
        return -1;
    for (size_t i = 0; rc == 0 && i < sizeof(row_sql) / sizeof(row_sql[0]); i++)
        rc = run(filling, row_sql[i], from, 0);
    if (rc == 0)
        rc = run(filling, outbox_sql, from, 0);
    if (rc == 0)
        rc = take_ledger(filling, from);
    if (rc == 0 && (db_exec(filling->to->db, "COMMIT", filling->err) != DB_DONE ||
                    db_exec(filling->to->db, "DETACH old", filling->err) != DB_DONE))
        rc = -1;
    return rc;
}

/* Where the new slot begins: each journal that one of the old knows, at the lowest. */
static int
put_places(const struct filling *filling)
{
    static const char sql[] = "INSERT OR IGNORE INTO position VALUES (?1, ?2)";
    sqlite3_stmt *stmt = NULL;
    int rc = 0;

    if (db_prepare(filling->to->db, &stmt, sql, filling->err) != 0)
        return -1;
    for (unsigned o = 0; o < filling->old->slots && rc == 0; o++) {
        const struct checkpoint *cp = filling->old->files[o];

        for (size_t i = 0; cp != NULL && i < cp->position_count && rc == 0; i++) {
            uint64_t origin = cp->positions[i].origin;

            sqlite3_bind_int64(stmt, 1, (int64_t)origin);
            sqlite3_bind_int64(stmt, 2, (int64_t)lowest_place(filling->old, origin));
            rc = db_step(stmt, filling->err) == DB_DONE ? 0 : -1;
        }
    }
    sqlite3_finalize(stmt);
    return rc;
}

static int
put_former(const struct filling *filling, sqlite3_stmt *stmt, const struct former *former)
{
    /* below where all begin it says nothing */
    if (former->last <= lowest_place(filling->old, former->origin))
        return 0;
    if (former->generation >= SHARE_MAX_FORMERS) {
        err_set(filling->err, "the slots have changed more than %d times while one was behind;"
                " let all of them catch up first", (int)SHARE_MAX_FORMERS);
        return -1;
    }
    sqlite3_bind_int64(stmt, 1, former->generation);
    sqlite3_bind_int64(stmt, 2, former->slots);
    sqlite3_bind_int64(stmt, 3, former->slot);
    sqlite3_bind_int64(stmt, 4, (int64_t)former->origin);
    sqlite3_bind_int64(stmt, 5, (int64_t)former->last);
    return db_step(stmt, filling->err) == DB_DONE ? 0 : -1;
}

/* Who judged what beyond that: the old slots, and those before them, of whom each of the
 * old knows the same. */
static int
put_formers(const struct filling *filling)
{
    const struct division_old *old = filling->old;
    const struct checkpoint *known = NULL;
    sqlite3_stmt *stmt = NULL;
    int rc = 0;

    if (db_prepare(filling->to->db, &stmt, "INSERT INTO former VALUES (?1, ?2, ?3, ?4, ?5)",
                   filling->err) != 0)
        return -1;
    for (unsigned o = 0; o < old->slots; o++) {
        const struct checkpoint *cp = old->files[o];

        if (known == NULL || (cp != NULL && cp->former_count > known->former_count))
            known = cp;
        for (size_t i = 0; cp != NULL && i < cp->position_count && rc == 0; i++) {
            const struct former former = { 0, old->slots, o, cp->positions[i].origin,
                                           cp->positions[i].last };

            rc = put_former(filling, stmt, &former);
        }
    }
    for (size_t i = 0; known != NULL && i < known->former_count && rc == 0; i++) {
        struct former former = known->formers[i];

        former.generation++;
        rc = put_former(filling, stmt, &former);
    }
    sqlite3_finalize(stmt);
    return rc;
}

static int
put_source(void *ctx, const struct source_row *row)
{
    const struct filling *filling = ctx;
    sqlite3_stmt *stmt = NULL;
    enum db_outcome outcome;

    if (db_prepare(filling->to->db, &stmt, "INSERT INTO source VALUES (?1, ?2)",
                   filling->err) != 0)
        return 1;
    sqlite3_bind_int64(stmt, 1, row->number);
    db_bind_blob(stmt, 2, row->bytes);
    outcome = db_step(stmt, filling->err);
    sqlite3_finalize(stmt);
    return outcome != DB_DONE;
}

static int
put_sources(struct filling *filling, struct metrics *metrics)
{
    const struct sources_options options = { .max = SOURCES_MAX };
    const struct share share = { .slots = filling->division->slots, .slot = filling->slot };
    struct sources *sources = sources_new(&options, metrics);
    int rc = -1;

    if (sources == NULL) {
        err_set(filling->err, "state: out of memory");
        return -1;
    }
    sources_set_share(sources, &share);
    for (unsigned o = 0; o < filling->old->slots; o++)
        if (filling->old->sources[o] != NULL)
            sources_take(sources, filling->old->sources[o]);
    sources_hasten(sources);
    rc = sources_changes(sources, put_source, filling);
    if (rc < 0)
        err_set(filling->err, "state: out of memory");
    sources_destroy(&sources);
    return rc == 0 ? 0 : -1;
}

/* A file that is newer than all before it: what it says of an incident counts. */
static int64_t
newest_epoch(const struct filling *filling)
{
    int64_t newest = filling->division->now_us;

    for (unsigned o = 0; o < filling->old->slots; o++)
        if (filling->old->files[o] != NULL && filling->old->files[o]->created_us >= newest)
            newest = filling->old->files[o]->created_us + 1;
    return newest;
}

static int
fill(struct filling *filling)
{
    struct metrics *metrics = metrics_new();
    int rc = 0;

    if (sqlite3_create_function(filling->to->db, "slot_of", 2, SQLITE_UTF8, NULL, slot_of,
                                NULL, NULL) != SQLITE_OK ||
        sqlite3_create_function(filling->to->db, "kind_of", 2, SQLITE_UTF8,
                                (void *)(uintptr_t)filling->division->rules, kind_of, NULL,
                                NULL) != SQLITE_OK || metrics == NULL) {
        err_set(filling->err, "state: out of memory");
        rc = -1;
    }
    for (unsigned o = 0; rc == 0 && o < filling->old->slots; o++)
        if (filling->old->files[o] != NULL)
            rc = take_file(filling, o);
    if (rc == 0 && db_exec(filling->to->db, "BEGIN", filling->err) != DB_DONE)
        rc = -1;
    if (rc == 0 && (put_places(filling) != 0 || put_formers(filling) != 0 ||
                    put_sources(filling, metrics) != 0 ||
                    checkpoint_set_slots(filling->to, filling->division->slots,
                                         filling->err) != 0 ||
                    db_exec(filling->to->db, "COMMIT", filling->err) != DB_DONE))
        rc = -1;
    metrics_destroy(&metrics);
    return rc;
}

int
division_fill(const struct division *division, const struct division_old *old, unsigned slot,
              struct err *err)
{
    struct filling filling = { .division = division, .old = old, .slot = slot, .err = err };
    static const char *const ends[] = { "", "-wal", "-shm" };
    char path[DB_PATH_LEN], name[DB_PATH_LEN + 8];
    int rc;

    division_path(division->dir, slot, 1, path);
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        snprintf(name, sizeof(name), "%s%s", path, ends[i]);
        unlink(name);
    }
    filling.to = checkpoint_open(path, newest_epoch(&filling), err);
    if (filling.to == NULL)
        return -1;
    rc = fill(&filling);
    checkpoint_close(&filling.to);
    /* the last to close it has put everything into the file itself */
    snprintf(name, sizeof(name), "%s-wal", path);
    if (rc == 0 && access(name, F_OK) == 0) {
        err_set(err, "%s cannot be closed", path);
        return -1;
    }
    return rc;
}
