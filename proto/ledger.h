/*
 * ledger.h - how many events each hour brought, by what became of them
 *
 * The balance sheet: of each journal and each UTC hour of receipt, ingest
 * counts what it accepted and refused, the detector what it judged, the store
 * what is in it. Each counts in the transaction that the count speaks of, so
 * that a repeat changes nothing and accepted = judged + set aside = stored +
 * set aside once all have caught up.
 */
#ifndef PROTO_LEDGER_H
#define PROTO_LEDGER_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/text.h"

enum ledger_column {
    LEDGER_ACCEPTED, LEDGER_REFUSED_JSON, LEDGER_REFUSED_FIELD, LEDGER_REFUSED_NO_TIME,
    LEDGER_REFUSED_TOO_BIG,                     /* ingest */
    LEDGER_JUDGED, LEDGER_NOT_JUDGED,           /* detector: set aside, lost, refused */
    LEDGER_STORED, LEDGER_NOT_STORED,           /* indexer: set aside */
    LEDGER_COLUMNS
};

/* "accepted", "refused_json", ... */
extern const char *const ledger_names[LEDGER_COLUMNS];
int ledger_column_find(struct text name);       /* or -1 */

/* Kept; and shown in /status, which is asked for often. */
enum { LEDGER_MAX_ROWS = 400, LEDGER_SHOWN_HOURS = 50 };

struct ledger_row {
    uint64_t journal;
    int64_t hour;                               /* hours since 1970, UTC */
    uint64_t counts[LEDGER_COLUMNS];
    int is_changed;                             /* since the last ledger_settle */
};

/* The newest hours, ascending; beyond LEDGER_MAX_ROWS the oldest goes. */
struct ledger {
    struct ledger_row rows[LEDGER_MAX_ROWS];
    size_t count;
};

int64_t ledger_hour(int64_t at_us);

/* Count n more events (of the past below zero: a transaction that was taken
 * back). */
void ledger_add(struct ledger *ledger, uint64_t journal, int64_t hour,
                enum ledger_column column, int64_t n);

/* The numbers that changed and are not zero, from *at (0 at first) on: 1 with the row and
 * column of the next, 0 at the end. And: all of them are written. */
int ledger_next_changed(const struct ledger *ledger, size_t *at,
                        const struct ledger_row **ret_row, enum ledger_column *ret_column);
void ledger_settle(struct ledger *ledger);

/* As if all had changed: what was settled did not come to the disk after all. */
void ledger_unsettle(struct ledger *ledger);

/* A journal's id as 16 hex digits: 0 or -1. */
int ledger_journal_read(const char *hex, uint64_t *ret_journal);

/* Make it n where it is less. */
void ledger_raise(struct ledger *ledger, uint64_t journal, int64_t hour,
                  enum ledger_column column, int64_t n);

/* What the store was found to hold (LEDGER_STORED, LEDGER_NOT_STORED), into what was written
 * down of its hours: as it is where an hour closes with it, also where it is less. Else the
 * larger numbers: of an old hour some events may be gone. */
void ledger_take_counted(struct ledger *ledger, const struct ledger *counted);

/* The row, or NULL. */
const struct ledger_row *ledger_find(const struct ledger *ledger, uint64_t journal, int64_t hour);

/* All rows from an hour on as [{"journal":"<16 hex>","hour":N,"accepted":n,...}],
 * without zeros; and such a list added to ledger, each number as it stands there.
 * New reference, NULL when out of memory; how many entries made no sense. */
json_t *ledger_to_json(const struct ledger *ledger, int64_t from_hour);
size_t ledger_from_json(struct ledger *ledger, const json_t *list);

#endif
