/*
 * fuzz.h - what the fuzz targets share
 *
 * Each fuzz_<what>.c is a libFuzzer target of its own, built with ASan and UBSan: any
 * bytes, and what must hold whatever they are. `make fuzz` runs them all.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/text.h"

#define FUZZ_NOW_US INT64_C(1795305600000000)           /* 2026-11-22 */

/* End the run, with the place: what must hold does not. */
#define REQUIRE(condition) \
    ((condition) ? (void)0 : fuzz_fail(#condition, __FILE__, __LINE__))
void fuzz_fail(const char *condition, const char *file, int line) __attribute__((noreturn));

struct event;
struct intake;

/* The time zone is UTC from here on. */
void fuzz_begin(void);

/* A good event has only UTF-8 and no NUL in its texts, and passes event_check. */
void fuzz_check_event(struct event *ev);

/* An intake on a journal in memory that never commits, made when first asked for; and:
 * drop what was appended since the last time. */
struct intake *fuzz_intake(void);
void fuzz_intake_forget(void);

/* Cut the first byte off data. 0 when there is none. */
unsigned char fuzz_take(struct text *data);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
