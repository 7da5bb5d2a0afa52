/*
 * incident_apply.h - what a snapshot and an analyst do to a stored incident
 *
 * The same for every store. Pure.
 */
#ifndef PROTO_STORE_INCIDENT_APPLY_H
#define PROTO_STORE_INCIDENT_APPLY_H

#include "proto/incident.h"

/* A resolved incident that goes on is open again, unless its newest event had
 * come before the resolution and was only counted late. 0, or -1: no memory. */
int incident_reopen_if_due(struct incident *stored, const struct incident *inc, int64_t now_us);

/* The status, with a line of history. 1 changed, 2 there is nothing to change,
 * -1, or -2: the history is full. */
int incident_change_status(struct incident *stored, const struct incident_change *change,
                           struct err *err);

#endif
