/*
 * clock.h - what time it is
 *
 * Only main loops, run/, listeners and stores read a clock; engines get
 * their time with the event.
 */
#ifndef PROTO_BASE_CLOCK_H
#define PROTO_BASE_CLOCK_H

#include <stdint.h>

/* Microseconds since 1970-01-01 UTC. May step when the system clock is set. */
int64_t clock_real_us(void);

/* Milliseconds that only ever go forward; for timeouts and ages. */
int64_t clock_steady_ms(void);

#endif
