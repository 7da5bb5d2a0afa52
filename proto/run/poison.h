/*
 * poison.h - the event that kills its reader, and the dead letters
 *
 * One SQLite file per consumer. After an unclean exit the consumer counts,
 * durably, each attempt at a batch before working on it; from the third
 * attempt on it goes event by event, and the one at which two processes died
 * is set aside here, with reason and bytes, and shown. One death says little:
 * a process can be killed from outside while it is at an innocent event.
 */
#ifndef PROTO_RUN_POISON_H
#define PROTO_RUN_POISON_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/err.h"
#include "proto/dead_letter.h"

struct poison;

/* Open (created if missing) and mark this process as running; an exit
 * without poison_close is unclean. NULL with the reason. */
struct poison *poison_open(const char *path, int64_t now_ms, struct err *err);

/* A clean end. */
void poison_close(struct poison **poison);

/* 1 while attempts are counted: after an unclean exit, until 60 s have
 * passed without another. */
int poison_is_careful(const struct poison *poison, int64_t now_ms);

/* Count an attempt at batch (origin, key), durably, and say how many there
 * were, this one included. 0 on failure, with the reason. */
unsigned poison_attempt(struct poison *poison, uint64_t origin, uint64_t key, struct err *err);

/* Event by event: note, durably, that this event is being worked on. 1 when
 * two processes that died had noted it: skip it. 0 go on, -1 failed. */
int poison_begin_event(struct poison *poison, uint64_t origin, uint64_t sequence,
                       struct err *err);

/* The batch is done: forget its attempts. 0 or -1. */
int poison_done(struct poison *poison, uint64_t origin, uint64_t key, struct err *err);

/* Set an event aside, durably, before it is acknowledged: once by its key. Who did it and
 * what was tried since is not kept here. 0 or -1. */
int poison_set_aside(struct poison *poison, const struct dead_letter *letter, struct err *err);

/* Many in one transaction: all of them, or none. */
int poison_set_all_aside(struct poison *poison, const struct dead_letter *letters, size_t count,
                         struct err *err);

/* The letters that were set aside first into ret (to which they are added): at most limit, and no more once
 * they have max_bytes. 0 or -1. */
int poison_letters(struct poison *poison, size_t limit, size_t max_bytes,
                   struct dead_letters *ret, struct err *err);

/* Another keeps these durably: forget them, in one transaction. 0 or -1. */
int poison_forget(struct poison *poison, const struct dead_letter *letters, size_t count,
                  struct err *err);

/* How many are set aside. */
uint64_t poison_count(const struct poison *poison);

#endif
