/*
 * wait.h - waiting in tests: for a condition, with a deadline
 *
 * while (!condition) { if (now_ms() > deadline) fail_msg(...); wait_a_little(); }
 * Deadlines are for the worst machine there is: a test that passes does not wait
 * for them. What must be quick is measured only when is_slow() is 0, and its
 * program is among the Makefile's ALONE tests.
 */
#ifndef TESTS_SUPPORT_WAIT_H
#define TESTS_SUPPORT_WAIT_H

#include <stdint.h>

/* Milliseconds since some start, whatever the clock on the wall does. */
int64_t now_ms(void);

/* The pause of a waiting loop: 10 ms. */
void wait_a_little(void);

/* Let time pass, where that is what is tested: while a disk is full, a process is
 * stopped. Never in the hope that something has happened then. */
void pass_ms(int64_t ms);

/* 1 when times mean nothing: BONGSU_SLOW=1, or a build with ASan. */
int is_slow(void);

#endif
