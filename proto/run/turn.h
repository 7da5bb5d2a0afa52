/*
 * turn.h - several of a kind share a data folder, and one of them works
 *
 * The others stand by: each second they try the lock, and whoever gets it
 * goes on. The lock is the truth. To stand by is to be ready: nothing is wrong.
 */
#ifndef PROTO_RUN_TURN_H
#define PROTO_RUN_TURN_H

#include "proto/run/daemon.h"

struct turn;

/* Wait for the lock (path copied; tried at once, then each second). on_turn is called when
 * it is ours: 0, or -1 with the reason: then the process ends with EXIT_CONFIG. NULL with
 * the reason. */
struct turn *turn_new(struct daemon *daemon, const char *path,
                      int (*on_turn)(void *self, struct err *err), void *self,
                      struct err *err);
void turn_destroy(struct turn **turn);

/* 1 once the lock is ours. */
int turn_has_come(const struct turn *turn);

#endif
