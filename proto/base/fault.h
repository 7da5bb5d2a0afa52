/*
 * fault.h - places where a test can kill this process
 *
 * BONGSU_FAULT=point:n makes the process kill itself (SIGKILL) when it
 * reaches that point for the n-th time. Test builds only (-DBONGSU_FAULTS);
 * otherwise fault_point() is nothing. All points are in one table, so that a
 * test can hit each.
 */
#ifndef PROTO_BASE_FAULT_H
#define PROTO_BASE_FAULT_H

#include <stddef.h>

extern const char *const fault_points[];
extern const size_t fault_point_count;

#ifdef BONGSU_FAULTS
/* name must stand in fault_points (asserted). */
void fault_point(const char *name);
#else
static inline void
fault_point(const char *name)
{
    (void)name;
}
#endif

#endif
