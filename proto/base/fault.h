/*
 * fault.h - places where a test can kill this process
 *
 * BONGSU_FAULT=point:n makes the process kill itself (SIGKILL) when it
 * reaches that point for the n-th time; BONGSU_POISON=point:text, each time an
 * event with that text comes by. Test builds only (-DBONGSU_FAULTS); otherwise
 * both functions are nothing. All points of the first kind are in one table, so
 * that a test can hit each.
 */
#ifndef PROTO_BASE_FAULT_H
#define PROTO_BASE_FAULT_H

#include <stddef.h>

#include "proto/base/text.h"

extern const char *const fault_points[];
extern const size_t fault_point_count;

#ifdef BONGSU_FAULTS
/* name must stand in fault_points (asserted). */
void fault_point(const char *name);

/* "detector.event" or "indexer.event", and the event's encoded bytes. */
void fault_on_text(const char *name, struct text encoded);
#else
static inline void
fault_point(const char *name)
{
    (void)name;
}

static inline void
fault_on_text(const char *name, struct text encoded)
{
    (void)name, (void)encoded;
}
#endif

#endif
