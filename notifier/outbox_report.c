#include "notifier/outbox_inner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/fault.h"

static const char what_report[] = "report";

int
outbox_has_report(struct outbox *outbox, const char *key, struct err *err)
{
    sqlite3_stmt *stmt = outbox->stmts[TOLD];
    int rc = -1;

    db_bind_text(stmt, 1, text_of(key));
    if (sqlite3_step(stmt) == SQLITE_ROW)
        rc = sqlite3_column_int64(stmt, 0) > 0;
    else
        db_failed(outbox->db, err);
    sqlite3_reset(stmt);
    return rc;
}

int
outbox_add_report(struct outbox *outbox, const char *key, const struct report_note *note,
                  int64_t now_us, struct err *err)
{
    sqlite3_stmt *stmt = outbox->stmts[ADD];
    struct buf body = { 0 };
    int rc = -1;

    if (report_note_write(note, &body) != 0) {
        err_set(err, "outbox: out of memory");
        goto done;
    }
    db_bind_text(stmt, 1, text_of(key));
    db_bind_text(stmt, 2, text_of(what_report));
    sqlite3_bind_int(stmt, 3, 0);
    sqlite3_bind_int64(stmt, 4, 0);
    sqlite3_bind_int(stmt, 5, STATE_WAITING);
    sqlite3_bind_int64(stmt, 6, now_us);
    db_bind_blob(stmt, 7, buf_text(&body));
    fault_point("notifier.before_insert");
    if (db_step(stmt, err) == DB_DONE) {
        rc = sqlite3_changes(outbox->db);
        fault_point("notifier.after_insert");
    }

done:
    buf_release(&body);
    return rc;
}

int
delivery_read(struct delivery *delivery, struct text body, struct err *err)
{
    if (strcmp(delivery->what, what_report) != 0)
        return incident_unpack(body.ptr, body.len, &delivery->inc, err);
    delivery->note = calloc(1, sizeof(*delivery->note));
    if (delivery->note != NULL && report_note_read(body, delivery->note, err) == 0)
        return 0;
    if (delivery->note == NULL)
        err_set(err, "outbox: out of memory");
    free(delivery->note);
    delivery->note = NULL;
    return -1;
}

void
delivery_release(struct delivery *delivery)
{
    incident_destroy(&delivery->inc);
    if (delivery->note != NULL)
        report_note_release(delivery->note);
    free(delivery->note);
    delivery->note = NULL;
}
