/*
 * local.h - asking the processes of this machine's instance
 */
#ifndef CTL_LOCAL_H
#define CTL_LOCAL_H

#include <jansson.h>

#include "proto/base/err.h"
#include "proto/settings.h"

/* The five, in the order in which they are stopped: what feeds comes first. */
extern const char *const local_processes[];
enum { LOCAL_PROCESSES = 5 };

/* How long to wait: for a process that looks at its own numbers, and for one
 * that asks somebody else. */
enum { LOCAL_QUICK_MS = 2000, LOCAL_SLOW_MS = 20000 };

/* GET (or POST, with body not NULL) a path of a process's own socket (or of
 * health.listen). Returns the HTTP status, with the JSON answer (new reference;
 * NULL when it is none) in *ret_body, or -1 with the reason when nobody
 * answers within timeout_ms. */
long local_call(const struct settings *settings, const char *process, const char *path,
                const char *body, long timeout_ms, json_t **ret_body, struct err *err);

/* The number of a process in local_processes, or -1. */
int local_find(const char *process);

#endif
