/*
 * supervisor.h - child processes that are started, kept running, and stopped in order
 *
 * One that dies is started again after 50 ms, doubling to 1 s while it keeps
 * dying; 5 s when it says that its configuration is wrong. All die with us.
 */
#ifndef CTL_SUPERVISOR_H
#define CTL_SUPERVISOR_H

#include <stdint.h>
#include <sys/types.h>

#include "proto/base/err.h"

enum { SUPERVISOR_MAX = 24 };

struct child {
    const char *name;           /* "ingest" */
    char **argv;                /* argv[0] is the program's path */
    pid_t pid;                  /* 0: not running */
    int64_t started_ms;
    int64_t restart_at_ms;      /* 0: none planned */
    int64_t backoff_ms;
    unsigned restarts;
    int was_ready;              /* once, since we began */
    int last_exit;              /* exit code, or 128 + signal */
};

struct supervisor {
    struct child children[SUPERVISOR_MAX];  /* in the order in which they are stopped */
    int count;
    int signal_fd;              /* SIGCHLD SIGTERM SIGINT SIGHUP; -1 before supervisor_start */
};

/* Start all. 0, or -1 with the reason. */
int supervisor_start(struct supervisor *sv, struct err *err);

/* Reap and restart until a signal says stop or timeout_ms has passed. Returns
 * the signal, 0 on timeout, -1 when a child that was never ready says it cannot
 * start (its exit code in *ret_code, its name in *ret_name). */
int supervisor_run(struct supervisor *sv, int64_t timeout_ms, int *ret_code,
                   const char **ret_name);

/* Stop one after the other: SIGTERM, and SIGKILL to one that takes too long. */
void supervisor_stop(struct supervisor *sv);

#endif
