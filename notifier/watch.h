/*
 * watch.h - is everything else of Bongsu well?
 *
 * Every few seconds the other processes are asked for their /status; what is
 * wrong for long enough (watch_rules.c, watch_state.c) becomes an incident of
 * its own rule, written to the store from here, since ingest, detector or
 * indexer may be what is wrong. It is told as any other, and its end too.
 */
#ifndef NOTIFIER_WATCH_H
#define NOTIFIER_WATCH_H

#include "notifier/notifier.h"

/* Begin to watch what watch.stages names. NULL with the reason. */
struct watch *watch_new(struct notifier *nt, struct err *err);
void watch_destroy(struct watch **watch);

/* What the notifier's /status says of the others: the balance sheet. self may be
 * NULL. */
void watch_fill_status(void *self, json_t *status);

/* The notifier's own /status, for the rules that look at it. */
void watch_on_own_status(struct watch *watch, void (*fill)(void *self, json_t *status));

#endif
