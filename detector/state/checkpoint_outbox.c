#include "detector/state/checkpoint_inner.h"

#include <stdlib.h>
#include <string.h>

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
    struct checkpoint_work *work = ctx;
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

enum db_outcome
checkpoint_walked(struct checkpoint_work *work, int rc)
{
    if (rc != 0 && work->outcome == DB_DONE) {
        err_set(work->err, "state file: out of memory");
        work->outcome = DB_RETRY;
    }
    return work->outcome;
}

enum db_outcome
checkpoint_outbox_write(struct checkpoint_work *work)
{
    sqlite3_stmt *clear = work->cp->stmts[CLEAR_OUTBOX];

    if (checkpoint_walked(work, engine_incidents(work->commit->engine, work->commit->most_grown,
                                                 put_incident, work)) != DB_DONE)
        return work->outcome;
    sqlite3_bind_int64(clear, 1, (sqlite3_int64)work->commit->acked);
    work->outcome = db_step(clear, work->err);
    return work->outcome;
}

void
checkpoint_outbox_publish(struct checkpoint *cp, const struct checkpoint_commit *commit)
{
    for (size_t i = 0; i < cp->snapshot_count; i++) {
        const struct snapshot *snap = &cp->snapshots[i];
        const struct batch_head head = {
            .origin = cp->id, .first = snap->inc->rev_counter, .count = 1,
        };

        commit->published(commit->ctx, snap->inc, &head, buf_text(&snap->body));
    }
}

void
checkpoint_forget_snapshots(struct checkpoint *cp)
{
    for (size_t i = 0; i < cp->snapshot_count; i++) {
        incident_destroy(&cp->snapshots[i].inc);
        buf_release(&cp->snapshots[i].body);
    }
    cp->snapshot_count = 0;
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

    switch (checkpoint_next(checkpoint, 0, &head, &body, NULL)) {
    case 1:
        return head.first - 1;
    case 0:
        return checkpoint->counter;
    default:
        return 0;       /* unknown: nothing may count as acknowledged */
    }
}
