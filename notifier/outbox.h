/*
 * outbox.h - what is to be told, durably, before it is told
 *
 * One row per delivery: (incident, why), where why is "opened", "severity:
 * <level>", "reopened:<n>" or, of what Bongsu found wrong with itself, "over:<n>";
 * a report is ("report|daily|2026-11-21", "report").
 * A row exists before the first attempt and stays as the record that it was
 * told, until nobody can hear of the incident any more. At least once, at most
 * one extra per crash (between sending and marking).
 */
#ifndef NOTIFIER_OUTBOX_H
#define NOTIFIER_OUTBOX_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/db.h"
#include "proto/base/err.h"
#include "proto/incident.h"
#include "proto/report/report_note.h"

struct outbox;

enum { OUTBOX_WHAT_LEN = 32, OUTBOX_MAX_DUE = 64 };

struct delivery {
    int64_t number;
    char what[OUTBOX_WHAT_LEN];
    struct incident *inc;       /* as it was when the row was made; NULL: a report */
    struct report_note *note;   /* the report */
    unsigned attempts;
};

/* One attempt: which rows it tells of. */
struct attempt {
    int64_t last;               /* number of the one, or of the last one due */
    int64_t due_us;             /* due at this time */
    int is_digest;              /* all that were due, up to last */
};

struct outbox_counts {
    uint64_t waiting, failed, sent;
    uint64_t refused_last;      /* of those that failed, after the last one that was sent */
    int64_t oldest_us;          /* when the oldest that waits was made; 0: none waits */
};

/* Open path, created when missing; a file that is no database is set aside
 * under another name and a new one begun. NULL with the reason. */
struct outbox *outbox_open(const char *path, int64_t now_us, struct err *err);
void outbox_close(struct outbox **outbox);

/* 1 while the store was never read to its end with this file. */
int outbox_is_new(const struct outbox *outbox);

/* Everything written to the store before this was looked at. */
int64_t outbox_read_until(const struct outbox *outbox);
int outbox_set_read_until(struct outbox *outbox, int64_t until_us, struct err *err);

/* Make the rows that this snapshot of an incident calls for and that are not
 * there: nothing while it is below min_severity; "opened" the first time, a
 * row per risen severity, a row per re-opening. is_old marks them as told
 * without telling. Part of the transaction between outbox_begin and
 * outbox_commit (which rolls back when it fails) or outbox_rollback. Returns
 * how many were made, or -1. */
int outbox_begin(struct outbox *outbox, struct err *err);
int outbox_add(struct outbox *outbox, const struct incident *inc, int min_severity,
               int is_old, int64_t now_us, struct err *err);
int outbox_commit(struct outbox *outbox, struct err *err);
void outbox_rollback(struct outbox *outbox);

/* Make the row of a report, unless one with this key is there: 1, 0, or -1. In a
 * transaction of its own. And whether it is there: 1, 0, or -1. */
int outbox_add_report(struct outbox *outbox, const char *key, const struct report_note *note,
                      int64_t now_us, struct err *err);
int outbox_has_report(struct outbox *outbox, const char *key, struct err *err);

/* Up to max deliveries that are due, reports first, then oldest first (the caller releases each),
 * how many are due in all, and that as an attempt. One that cannot be read
 * is set to failed, logged and counted in outbox_broken. 0 or -1. */
int outbox_due(struct outbox *outbox, int64_t now_us, size_t max, struct delivery *ret,
               size_t *ret_count, size_t *ret_total, struct attempt *ret_attempt,
               struct err *err);
uint64_t outbox_broken(const struct outbox *outbox);
void delivery_release(struct delivery *delivery);

/* Write down how an attempt ended: sent, failed for good, or to be tried
 * again at next_us. */
enum outbox_end { OUTBOX_SENT, OUTBOX_FAILED, OUTBOX_AGAIN };
int outbox_end(struct outbox *outbox, const struct attempt *attempt, enum outbox_end end,
               int64_t now_us, int64_t next_us, const char *why, struct err *err);

/* When the next delivery is due, INT64_MAX: none waits. What was never tried is due at
 * once, and so is what waits for longer than anybody asks for: the clock was set back. */
int64_t outbox_next_due(struct outbox *outbox, int64_t now_us);

/* Forget incidents of which nothing was heard since before_us, no message waits,
 * and the store has nothing more: is_gone says so (1, 0, or -1 with the
 * reason). Looks at max rows a call and goes on from there with the next.
 * *ret_rows is how many went. 0, or -1: then none did. */
int outbox_prune(struct outbox *outbox, int64_t before_us, size_t max,
                 int (*is_gone)(void *ctx, const char *incident, struct err *err), void *ctx,
                 uint64_t *ret_rows, struct err *err);

int outbox_counts(struct outbox *outbox, struct outbox_counts *ret, struct err *err);

#endif
