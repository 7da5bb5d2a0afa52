/*
 * outbox_inner.h - what outbox.c and outbox_prune.c share
 *
 * A row's next_us says when it is due while it waits; once it was told (or
 * failed for good), when its incident was last heard of. Private to both.
 */
#ifndef NOTIFIER_OUTBOX_INNER_H
#define NOTIFIER_OUTBOX_INNER_H

#include "notifier/outbox.h"
#include "proto/base/log.h"

enum outbox_state { STATE_WAITING, STATE_SENT, STATE_FAILED };

enum outbox_statement {
    TOLD, ADD, DUE, COUNT_DUE, END_ONE, END_DIGEST, NEXT_DUE, READ_UNTIL, COUNTS, BREAK,
    HEARD, PASS, FORGET,
    OUTBOX_STATEMENTS
};

struct outbox {
    sqlite3 *db;
    sqlite3_stmt *stmts[OUTBOX_STATEMENTS];
    int64_t read_until;
    int64_t pruned_to;          /* number of the row that was looked at last */
    int is_new;
    uint64_t broken;
    struct log_burst burst;
};

/* Fill inc or note of a delivery whose what is known. 0 or -1. */
int delivery_read(struct delivery *delivery, struct text body, struct err *err);

/* An incident was heard of that calls for no message: its rows stay. Written down
 * once a day; part of the caller's transaction. 0 or -1. */
int outbox_note_heard(struct outbox *outbox, const char *incident, int64_t heard_us,
                      int64_t now_us, struct err *err);

#endif
