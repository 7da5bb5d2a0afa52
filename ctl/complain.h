/*
 * complain.h - what went wrong, to people and to programs
 *
 * To standard error in one line, escaped: a reason may quote an event or what
 * an answer said. A call with --json says it on standard output as well, as
 * {"error":"...","exit":69}, so that there is always JSON to read.
 */
#ifndef CTL_COMPLAIN_H
#define CTL_COMPLAIN_H

#include "ctl/flags.h"
#include "proto/base/err.h"

/* Why the call ends; gives code back. */
int call_complain(const struct call *call, int code, const struct err *err);

/* Something that does not end it, or is of no command (NULL); only to standard error. */
void call_warn(const char *name, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
