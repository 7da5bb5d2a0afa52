/*
 * watch_inner.h - the watch's own state, for watch*.c alone
 *
 * watch_ask.c asks the others for their /status; when the last has answered,
 * watch.c judges what they said and writes what is due; watch_balance.c looks
 * at the balance sheet now and then.
 */
#ifndef NOTIFIER_WATCH_INNER_H
#define NOTIFIER_WATCH_INNER_H

#include "notifier/balance.h"
#include "notifier/watch.h"
#include "notifier/watch_state.h"

struct stage {
    struct watch *watch;
    int number, replica;
    char *socket;               /* NULL: by url */
    char *url;
    json_t *status;             /* its answer of this look */
};

struct watch {
    struct notifier *nt;
    struct store *store;
    struct stage stages[WATCH_STAGES][DAEMON_MAX_REPLICAS];
    int under_way;              /* answers that are still to come */
    int is_resumed;
    struct watch_look look;
    struct watch_findings findings;
    struct watch_state state;
    struct balance balance;
    struct ledger read;         /* the store's side, while it is read */
    int64_t balance_at_ms;      /* when it is to be looked at next */
    void (*fill_own)(void *self, json_t *status);
    struct log_burst burst;
    uint64_t *opened, *ended, *failures, *left_out;
    uint64_t *balance_numbers[LEDGER_COLUMNS], *hours_off;
};

/* Read watch.stages and begin to ask. 0, or -1 with the reason. */
int watch_begin_asking(struct watch *watch, struct err *err);
void watch_end_asking(struct watch *watch);

/* watch_replicas.c: what those of a kind say becomes one answer; they are not needed any
 * more. */
void watch_put_together(struct watch *watch);

/* All have answered, or will not. */
void watch_judge(struct watch *watch);

void watch_look_at_balance(struct watch *watch);
void watch_open_balance_metrics(struct watch *watch);

#endif
