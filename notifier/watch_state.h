/*
 * watch_state.h - from findings to what is going on, and what to do about it
 *
 * A finding must last before it is told and be gone for a while before it is
 * over, so that what flaps is one incident. Pure but for the clock it is
 * given; what it asks for is done by watch.c, and asked for again until it is
 * said to be done.
 */
#ifndef NOTIFIER_WATCH_STATE_H
#define NOTIFIER_WATCH_STATE_H

#include "notifier/watch_rules.h"
#include "proto/incident.h"

enum watch_phase { WATCH_NEW, WATCH_ON, WATCH_OVER };

struct watch_item {
    struct watch_finding found;     /* as it was last */
    enum watch_phase phase;
    int64_t since_ms, last_ms;      /* steady clock: found first, and last */
    int64_t written_ms;             /* when its incident was written last, 0: never */
    char id[INCIDENT_ID_HEX];
    int64_t opened_us;              /* wall clock */
    int64_t newest_us;              /* of the opening, or when there was more of it */
    uint64_t most;                  /* that was counted: one of several may be away */
    int64_t rev;                    /* of its newest snapshot: the clock, but never less */
    int is_due;                     /* its incident is to be written, or ended */
};

struct watch_state {
    struct watch_item items[2 * WATCH_MAX_FINDINGS];
    size_t count;
    int64_t after_ms;               /* watch.after */
    uint64_t left_out;              /* findings for which there was no room */
};

/* Take in a look's findings: afterwards is_due marks what is to be written. */
void watch_apply(struct watch_state *state, const struct watch_findings *findings,
                 int64_t now_ms, int64_t now_us);

/* Written: a new or changed incident, or its end (and then it is forgotten). */
void watch_done(struct watch_state *state, struct watch_item *item, int64_t now_ms);

/* After a start: an incident of the store goes on, newest first. One that a
 * person closed while it lasts is not told anew. */
void watch_resume(struct watch_state *state, const struct incident *inc, int64_t now_ms,
                  int64_t now_us);

/* The incident that an item stands for, newer than the last one; NULL when out of
 * memory. */
struct incident *watch_incident(struct watch_item *item, int64_t now_us);

#endif
