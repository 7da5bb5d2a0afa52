/*
 * stop_signal.h - Ctrl-C ends a long command at a good moment
 */
#ifndef CTL_STOP_SIGNAL_H
#define CTL_STOP_SIGNAL_H

#include <signal.h>
#include <stdint.h>

/* 1 once SIGINT or SIGTERM has come. */
extern volatile sig_atomic_t stop_is_asked;

/* From now on the first one only sets it; the second kills. */
void stop_signal_catch(void);

/* Wait, or until it is asked, or until nobody reads standard output any more:
 * 0, or -1 then. */
int stop_signal_wait(int64_t ms);

#endif
