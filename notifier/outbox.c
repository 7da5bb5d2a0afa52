#include "notifier/outbox_inner.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/buf.h"
#include "proto/base/fault.h"

enum { VERSION = 1 };

/* Of a row that waits. Nobody asks us to wait for more than a day (http_client.h): a
 * later time is of a clock that was set back since. */
#define IS_DUE(now) "(attempts = 0 OR next_us <= " now " OR next_us > " now " + 87000000000)"

static const char schema[] =
    "CREATE TABLE meta (read_until INTEGER NOT NULL);"
    "INSERT INTO meta VALUES (0);"
    "CREATE TABLE delivery (number INTEGER PRIMARY KEY, incident TEXT NOT NULL,"
    " what TEXT NOT NULL, severity INTEGER NOT NULL, reopened INTEGER NOT NULL,"
    " state INTEGER NOT NULL, attempts INTEGER NOT NULL, next_us INTEGER NOT NULL,"
    " made_us INTEGER NOT NULL, ended_us INTEGER, why TEXT, body BLOB,"
    " UNIQUE (incident, what));"
    "CREATE INDEX delivery_due ON delivery (next_us) WHERE state = 0";

static const char *const statements[OUTBOX_STATEMENTS] = {
    [TOLD] = "SELECT count(*), max(severity), max(reopened), max(next_us) FROM delivery"
             " WHERE incident = ?1",
    [ADD] = "INSERT INTO delivery (incident, what, severity, reopened, state, attempts, next_us,"
            " made_us, body) VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6, ?6, ?7)"
            " ON CONFLICT DO NOTHING",
    [DUE] = "SELECT number, what, attempts, body FROM delivery"
            " WHERE state = 0 AND " IS_DUE("?1") " ORDER BY what <> 'report', number"
            " LIMIT ?2",
    [COUNT_DUE] = "SELECT count(*), max(number) FROM delivery"
                  " WHERE state = 0 AND " IS_DUE("?1"),
    /* what was told needs no copy of the incident any more */
    [END_ONE] = "UPDATE delivery SET state = ?1, attempts = attempts + 1, next_us = ?2,"
                " ended_us = ?3, why = ?4, body = CASE WHEN ?1 = 0 THEN body END"
                " WHERE number = ?5 AND state = 0",
    [END_DIGEST] = "UPDATE delivery SET state = ?1, attempts = attempts + 1, next_us = ?2,"
                   " ended_us = ?3, why = ?4, body = CASE WHEN ?1 = 0 THEN body END"
                   " WHERE number <= ?5 AND state = 0 AND " IS_DUE("?6"),
    [BREAK] = "UPDATE delivery SET state = 2, ended_us = ?1, why = ?2, body = NULL"
              " WHERE number = ?3",
    [NEXT_DUE] = "SELECT min(CASE WHEN " IS_DUE("?1") " THEN ?1 ELSE next_us END) FROM delivery"
                 " WHERE state = 0",
    [READ_UNTIL] = "UPDATE meta SET read_until = ?1",
    [COUNTS] = "SELECT sum(state = 0), sum(state = 2), sum(state = 1),"
               " min(CASE state WHEN 0 THEN made_us END),"
               " (SELECT count(*) FROM delivery WHERE state = 2 AND ended_us >"
               " coalesce((SELECT max(ended_us) FROM delivery WHERE state = 1), 0))"
               " FROM delivery",
    [HEARD] = "UPDATE delivery SET next_us = ?2 WHERE incident = ?1 AND state <> 0",
    [PASS] = "SELECT number, incident, state <> 0 AND next_us < ?2 FROM delivery"
             " WHERE number > ?1 ORDER BY number LIMIT ?3",
    [FORGET] = "DELETE FROM delivery WHERE incident = ?1 AND NOT EXISTS (SELECT 1 FROM"
               " delivery WHERE incident = ?1 AND (state = 0 OR next_us >= ?2))",
};

static int
read_meta(struct outbox *outbox, struct err *err)
{
    sqlite3_stmt *stmt = NULL;

    if (db_prepare(outbox->db, &stmt, "SELECT read_until FROM meta", err) != 0)
        return -1;
    if (sqlite3_step(stmt) == SQLITE_ROW)
        outbox->read_until = sqlite3_column_int64(stmt, 0);
    outbox->is_new = outbox->read_until == 0;
    if (sqlite3_finalize(stmt) == SQLITE_OK)
        return 0;
    db_failed(outbox->db, err);
    return -1;
}

struct outbox *
outbox_open(const char *path, int64_t now_us, struct err *err)
{
    struct outbox *outbox = calloc(1, sizeof(*outbox));
    char kept[DB_PATH_LEN];
    int is_corrupt = 0;

    if (outbox == NULL) {
        err_set(err, "%s: out of memory", path);
        return NULL;
    }
    outbox->db = db_open(path, schema, VERSION, &is_corrupt, err);
    if (is_corrupt && db_set_aside(path, now_us, kept, err) == 0) {
        log_error("outbox is damaged; a new one is begun", "kept=\"%s\"", kept);
        outbox->db = db_open(path, schema, VERSION, NULL, err);
    }
    if (outbox->db == NULL || read_meta(outbox, err) != 0)
        goto failed;
    for (size_t i = 0; i < OUTBOX_STATEMENTS; i++)
        if (db_prepare(outbox->db, &outbox->stmts[i], statements[i], err) != 0)
            goto failed;
    return outbox;

failed:
    outbox_close(&outbox);
    return NULL;
}

void
outbox_close(struct outbox **outbox)
{
    if (*outbox == NULL)
        return;
    for (size_t i = 0; i < OUTBOX_STATEMENTS; i++)
        sqlite3_finalize((*outbox)->stmts[i]);
    db_close(&(*outbox)->db);
    free(*outbox);
    *outbox = NULL;
}

int
outbox_is_new(const struct outbox *outbox)
{
    return outbox->is_new;
}

int64_t
outbox_read_until(const struct outbox *outbox)
{
    return outbox->read_until;
}

int
outbox_set_read_until(struct outbox *outbox, int64_t until_us, struct err *err)
{
    sqlite3_bind_int64(outbox->stmts[READ_UNTIL], 1, until_us);
    if (db_step(outbox->stmts[READ_UNTIL], err) != DB_DONE)
        return -1;
    outbox->read_until = until_us;
    outbox->is_new = 0;
    return 0;
}

int
outbox_begin(struct outbox *outbox, struct err *err)
{
    return db_exec(outbox->db, "BEGIN IMMEDIATE", err) == DB_DONE ? 0 : -1;
}

int
outbox_commit(struct outbox *outbox, struct err *err)
{
    fault_point("notifier.before_insert");
    if (db_exec(outbox->db, "COMMIT", err) != DB_DONE) {
        sqlite3_exec(outbox->db, "ROLLBACK", NULL, NULL, NULL);
        return -1;
    }
    fault_point("notifier.after_insert");
    return 0;
}

void
outbox_rollback(struct outbox *outbox)
{
    sqlite3_exec(outbox->db, "ROLLBACK", NULL, NULL, NULL);
}

/* Which delivery an incident calls for now: its name into what; 0 none, -1. */
static int
choose(struct outbox *outbox, const struct incident *inc, int64_t now_us,
       char what[OUTBOX_WHAT_LEN], struct err *err)
{
    sqlite3_stmt *stmt = outbox->stmts[TOLD];
    int64_t rows, severity, reopened, heard_us;
    int code;

    db_bind_text(stmt, 1, text_of(inc->id));
    code = sqlite3_step(stmt);
    if (code != SQLITE_ROW)
        db_failed(outbox->db, err);
    rows = sqlite3_column_int64(stmt, 0);
    severity = sqlite3_column_int64(stmt, 1);
    reopened = sqlite3_column_int64(stmt, 2);
    heard_us = sqlite3_column_int64(stmt, 3);
    sqlite3_reset(stmt);
    if (code != SQLITE_ROW)
        return -1;
    if (rows == 0)
        snprintf(what, OUTBOX_WHAT_LEN, "opened");
    else if ((int64_t)inc->reopened > reopened)
        snprintf(what, OUTBOX_WHAT_LEN, "reopened:%" PRIu64, inc->reopened);
    else if (inc->severity > severity)
        snprintf(what, OUTBOX_WHAT_LEN, "severity:%s", severity_name(inc->severity));
    else if (incident_ended_by_us(inc))
        snprintf(what, OUTBOX_WHAT_LEN, "over:%" PRIu64, inc->reopened);
    else
        return outbox_note_heard(outbox, inc->id, heard_us, now_us, err);
    return 1;
}

int
outbox_add(struct outbox *outbox, const struct incident *inc, int min_severity,
           int is_old, int64_t now_us, struct err *err)
{
    sqlite3_stmt *stmt = outbox->stmts[ADD];
    char what[OUTBOX_WHAT_LEN];
    struct buf body = { 0 };
    int rc;

    if (inc->severity < min_severity)
        return 0;
    rc = choose(outbox, inc, now_us, what, err);
    if (rc <= 0)
        return rc;
    rc = -1;
    if (incident_pack(inc, &body) != 0) {
        err_set(err, "outbox: out of memory");
        goto done;
    }
    db_bind_text(stmt, 1, text_of(inc->id));
    db_bind_text(stmt, 2, text_of(what));
    sqlite3_bind_int(stmt, 3, inc->severity);
    sqlite3_bind_int64(stmt, 4, (sqlite3_int64)inc->reopened);
    sqlite3_bind_int(stmt, 5, is_old ? STATE_SENT : STATE_WAITING);
    sqlite3_bind_int64(stmt, 6, now_us);
    db_bind_blob(stmt, 7, is_old ? (struct text){ NULL, 0 } : buf_text(&body));
    if (db_step(stmt, err) == DB_DONE)
        rc = sqlite3_changes(outbox->db);

done:
    buf_release(&body);
    return rc;
}

/* How many are due and the last one's number. 0 or -1. */
static int
count_due(struct outbox *outbox, int64_t now_us, size_t *ret_total, int64_t *ret_last,
          struct err *err)
{
    sqlite3_stmt *stmt = outbox->stmts[COUNT_DUE];
    int code;

    sqlite3_bind_int64(stmt, 1, now_us);
    code = sqlite3_step(stmt);
    if (code == SQLITE_ROW) {
        *ret_total = (size_t)sqlite3_column_int64(stmt, 0);
        *ret_last = sqlite3_column_int64(stmt, 1);
    } else {
        db_failed(outbox->db, err);
    }
    sqlite3_reset(stmt);
    return code == SQLITE_ROW ? 0 : -1;
}

/* What a walk over the due rows has found. */
struct due {
    struct delivery *deliveries;
    size_t count;
    int64_t broken;             /* number of a row that cannot be read, 0: none */
    char why[200];
};

/* Walk up to the first row that cannot be read. 0 or -1. */
static int
read_due(struct outbox *outbox, int64_t now_us, size_t max, struct due *due, struct err *err)
{
    sqlite3_stmt *stmt = outbox->stmts[DUE];
    struct err why = { "" };
    int code;

    sqlite3_bind_int64(stmt, 1, now_us);
    sqlite3_bind_int64(stmt, 2, (sqlite3_int64)max);
    while ((code = sqlite3_step(stmt)) == SQLITE_ROW && due->broken == 0) {
        struct text body = db_column(stmt, 3);
        struct delivery *one = &due->deliveries[due->count];

        *one = (struct delivery){ .number = sqlite3_column_int64(stmt, 0),
                                  .attempts = (unsigned)sqlite3_column_int(stmt, 2) };
        snprintf(one->what, sizeof(one->what), "%s",
                 (const char *)sqlite3_column_text(stmt, 1));
        if (delivery_read(one, body, &why) == 0) {
            due->count++;
        } else {
            due->broken = one->number;
            snprintf(due->why, sizeof(due->why), "%.190s", why.text);
        }
    }
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        db_failed(outbox->db, err);
    sqlite3_reset(stmt);
    return code == SQLITE_ROW || code == SQLITE_DONE ? 0 : -1;
}

static void
release_due(struct due *due)
{
    while (due->count > 0)
        delivery_release(&due->deliveries[--due->count]);
}

/* It must not stand in the way of the others: failed for good. */
static int
fail_broken(struct outbox *outbox, const struct due *due, int64_t now_us, struct err *err)
{
    sqlite3_stmt *stmt = outbox->stmts[BREAK];

    sqlite3_bind_int64(stmt, 1, now_us);
    db_bind_text(stmt, 2, text_of(due->why));
    sqlite3_bind_int64(stmt, 3, due->broken);
    if (db_step(stmt, err) != DB_DONE)
        return -1;
    log_warn_burst(&outbox->burst, "a message cannot be read, set to failed",
                   "number=%lld reason=\"%s\"", (long long)due->broken, due->why);
    outbox->broken++;
    return 0;
}

int
outbox_due(struct outbox *outbox, int64_t now_us, size_t max, struct delivery *ret,
           size_t *ret_count, size_t *ret_total, struct attempt *ret_attempt, struct err *err)
{
    struct attempt attempt = { .due_us = now_us };
    size_t total = 0;
    struct due due;

    do {
        due = (struct due){ .deliveries = ret };
        if (read_due(outbox, now_us, max, &due, err) != 0 ||
            (due.broken != 0 && fail_broken(outbox, &due, now_us, err) != 0)) {
            release_due(&due);
            return -1;
        }
        if (due.broken != 0)
            release_due(&due);
    } while (due.broken != 0);
    if (count_due(outbox, now_us, &total, &attempt.last, err) != 0) {
        release_due(&due);
        return -1;
    }
    *ret_count = due.count;
    *ret_total = total;
    *ret_attempt = attempt;
    return 0;
}

uint64_t
outbox_broken(const struct outbox *outbox)
{
    return outbox->broken;
}

int
outbox_end(struct outbox *outbox, const struct attempt *attempt, enum outbox_end end,
           int64_t now_us, int64_t next_us, const char *why, struct err *err)
{
    static const int states[] = {
        [OUTBOX_SENT] = STATE_SENT, [OUTBOX_FAILED] = STATE_FAILED, [OUTBOX_AGAIN] = STATE_WAITING,
    };
    sqlite3_stmt *stmt = outbox->stmts[attempt->is_digest ? END_DIGEST : END_ONE];

    sqlite3_bind_int(stmt, 1, states[end]);
    sqlite3_bind_int64(stmt, 2, next_us);
    sqlite3_bind_int64(stmt, 3, now_us);
    db_bind_text(stmt, 4, text_of(why));
    sqlite3_bind_int64(stmt, 5, attempt->last);
    if (attempt->is_digest)
        sqlite3_bind_int64(stmt, 6, attempt->due_us);
    return db_step(stmt, err) == DB_DONE ? 0 : -1;
}

int64_t
outbox_next_due(struct outbox *outbox, int64_t now_us)
{
    sqlite3_stmt *stmt = outbox->stmts[NEXT_DUE];
    int64_t next = INT64_MAX;

    sqlite3_bind_int64(stmt, 1, now_us);
    if (sqlite3_step(stmt) == SQLITE_ROW && sqlite3_column_type(stmt, 0) == SQLITE_INTEGER)
        next = sqlite3_column_int64(stmt, 0);
    sqlite3_reset(stmt);
    return next;
}

int
outbox_counts(struct outbox *outbox, struct outbox_counts *ret, struct err *err)
{
    sqlite3_stmt *stmt = outbox->stmts[COUNTS];
    int rc = -1;

    if (sqlite3_step(stmt) == SQLITE_ROW) {
        ret->waiting = (uint64_t)sqlite3_column_int64(stmt, 0);
        ret->failed = (uint64_t)sqlite3_column_int64(stmt, 1);
        ret->sent = (uint64_t)sqlite3_column_int64(stmt, 2);
        ret->oldest_us = sqlite3_column_int64(stmt, 3);
        ret->refused_last = (uint64_t)sqlite3_column_int64(stmt, 4);
        rc = 0;
    } else {
        db_failed(outbox->db, err);
    }
    sqlite3_reset(stmt);
    return rc;
}
