/*
 * civil.h - the Gregorian calendar as day numbers
 *
 * Day 0 is 1970-01-01. Arithmetic only: no zone, no clock, no C library.
 * Source: Howard Hinnant, chrono-compatible low-level date algorithms.
 */
#ifndef PROTO_BASE_CIVIL_H
#define PROTO_BASE_CIVIL_H

#include <stdint.h>

/* The day number of a date that exists, in any year within a million of 0. */
int64_t civil_to_days(int64_t year, int month, int day);

/* The date (month 1..12, day 1..31) of a day number. */
void civil_from_days(int64_t days, int64_t *ret_year, int *ret_month, int *ret_day);

/* How many days the month has; month is 1..12. */
int civil_month_len(int64_t year, int month);

#endif
