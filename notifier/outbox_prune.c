#include <stdlib.h>
#include <string.h>

#include "notifier/outbox_inner.h"

#define DAY_US (INT64_C(86400) * 1000000)

int
outbox_note_heard(struct outbox *outbox, const char *incident, int64_t heard_us,
                  int64_t now_us, struct err *err)
{
    sqlite3_stmt *stmt = outbox->stmts[HEARD];

    if (now_us - heard_us < DAY_US)
        return 0;
    db_bind_text(stmt, 1, text_of(incident));
    sqlite3_bind_int64(stmt, 2, now_us);
    return db_step(stmt, err) == DB_DONE ? 0 : -1;
}

/* The incidents of some rows that nobody waits for and that are old: in one walk,
 * for the rows may not be deleted during it. */
struct pass {
    char (*incidents)[INCIDENT_ID_HEX];
    size_t count, rows;
    int64_t last;               /* number of the last row looked at */
};

static int
walk(struct outbox *outbox, int64_t before_us, size_t max, struct pass *pass,
     struct err *err)
{
    sqlite3_stmt *stmt = outbox->stmts[PASS];
    int code;

    sqlite3_bind_int64(stmt, 1, outbox->pruned_to);
    sqlite3_bind_int64(stmt, 2, before_us);
    sqlite3_bind_int64(stmt, 3, (sqlite3_int64)max);
    while ((code = sqlite3_step(stmt)) == SQLITE_ROW && pass->rows < max) {
        struct text id = db_column(stmt, 1);

        pass->rows++;
        pass->last = sqlite3_column_int64(stmt, 0);
        if (!sqlite3_column_int(stmt, 2) || id.len >= INCIDENT_ID_HEX)
            continue;
        memcpy(pass->incidents[pass->count], id.ptr, id.len);
        pass->incidents[pass->count++][id.len] = '\0';
    }
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        db_failed(outbox->db, err);
    sqlite3_reset(stmt);
    return code == SQLITE_ROW || code == SQLITE_DONE ? 0 : -1;
}

/* Every row of an incident, or none: what is left would not say what was told. */
static int
forget(struct outbox *outbox, const char *incident, int64_t before_us, uint64_t *rows,
       struct err *err)
{
    sqlite3_stmt *stmt = outbox->stmts[FORGET];

    db_bind_text(stmt, 1, text_of(incident));
    sqlite3_bind_int64(stmt, 2, before_us);
    if (db_step(stmt, err) != DB_DONE)
        return -1;
    *rows += (uint64_t)sqlite3_changes(outbox->db);
    return 0;
}

int
outbox_prune(struct outbox *outbox, int64_t before_us, size_t max,
             int (*is_gone)(void *ctx, const char *incident, struct err *err), void *ctx,
             uint64_t *ret_rows, struct err *err)
{
    struct pass pass = { .incidents = calloc(max, sizeof(pass.incidents[0])) };
    uint64_t rows = 0;
    int rc = -1, gone = 0;

    if (pass.incidents == NULL) {
        err_set(err, "outbox: out of memory");
        return -1;
    }
    before_us -= DAY_US;        /* it may have been heard of for so long since */
    if (walk(outbox, before_us, max, &pass, err) != 0 ||
        (pass.count > 0 && outbox_begin(outbox, err) != 0))
        goto done;
    for (size_t i = 0; i < pass.count; i++) {
        gone = is_gone(ctx, pass.incidents[i], err);
        if (gone < 0 || (gone && forget(outbox, pass.incidents[i], before_us, &rows, err) != 0)) {
            outbox_rollback(outbox);
            goto done;
        }
    }
    if (pass.count > 0 && outbox_commit(outbox, err) != 0)
        goto done;
    outbox->pruned_to = pass.rows < max ? 0 : pass.last;
    *ret_rows = rows;
    rc = 0;

done:
    free(pass.incidents);
    return rc;
}
