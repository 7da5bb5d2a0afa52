/*
 * balance.h - does every accepted event end in exactly one place?
 *
 * The hours of all stages side by side. An hour that is over, and of which
 * nothing is on the way any more, must close: accepted = stored + not stored,
 * and accepted = judged + not judged. Pure.
 */
#ifndef NOTIFIER_BALANCE_H
#define NOTIFIER_BALANCE_H

#include <jansson.h>

#include "proto/ledger.h"

enum { BALANCE_MAX_OFF = 16, BALANCE_TEXT = 400 };

struct balance_off {
    char hour[32];              /* "2026-11-22T14:00:00Z" */
    char text[BALANCE_TEXT];
};

struct balance {
    struct ledger hours;        /* of all stages, and of the store */
    struct balance_off off[BALANCE_MAX_OFF];
    size_t off_count;
    uint64_t closed;            /* hours that were looked at and closed */
};

/* Side by side what ingest and the detector say in their /status (either may
 * be NULL: did not answer) with what `hours` holds already, the store's. */
void balance_take(struct balance *balance, const json_t *ingest, const json_t *detector);

/* Find the hours that do not close. now_us is the time of the looking. */
void balance_check(struct balance *balance, const json_t *ingest, const json_t *detector,
                   int64_t now_us);

/* The same as numbers. */
void balance_sum(const struct balance *balance, int64_t now_us, uint64_t ret[LEDGER_COLUMNS]);

/* The sums of the last 24 hours, for /status; what is still on the way too. */
json_t *balance_to_json(const struct balance *balance, int64_t now_us);

#endif
