/*
 * daemon.h - what every one of the five does besides its duty
 *
 * daemon_main reads the configuration, opens the log, sets up the one loop,
 * signals, metrics and health, and runs until SIGTERM or SIGINT. A program
 * is a struct daemon_spec and its handlers; everything happens on the loop.
 */
#ifndef PROTO_RUN_DAEMON_H
#define PROTO_RUN_DAEMON_H

#include <czmq.h>

#include "proto/base/err.h"
#include "proto/base/metrics.h"
#include "proto/run/health.h"
#include "proto/settings.h"

/* sysexits.h's numbers, by the names we use */
enum exit_code {
    EXIT_DONE = 0,
    EXIT_PARTLY = 1,        /* done, but not all */
    EXIT_USAGE = 64,        /* the call: unknown flag or command, no value */
    EXIT_NO_INPUT = 66,     /* no such file */
    EXIT_UNREACHABLE = 69,  /* nobody answers */
    EXIT_SOFTWARE = 70,     /* our own bug */
    EXIT_TAKEN = 73,        /* port or folder is in use by another */
    EXIT_IO = 74,           /* the disk failed in a way that leaves what is stored unclear */
    EXIT_BUSY = 75,         /* not now: too many requests, or the store is not there */
    EXIT_PROTOCOL = 76,     /* something else answers there */
    EXIT_NO_PERMISSION = 77,    /* wrong or missing key */
    EXIT_CONFIG = 78,       /* configuration, rules, permissions */
    EXIT_STOPPED = 130      /* Ctrl-C, as shells say */
};

/* So many of a kind may share one data folder. */
enum { DAEMON_MAX_REPLICAS = 16 };

struct daemon {
    const char *name;               /* "ingest" */
    const struct settings *settings;
    zloop_t *loop;
    struct metrics *metrics;
    struct health *health;
    struct keyring *keyring;        /* for all servers of the process */
    struct http_server *server;     /* health's own: a program may add routes */
    int exit_code;                  /* set by daemon_fail */
};

struct daemon_spec {
    const char *name;
    const char *help;               /* one line: its duty */
    /* Open everything and register on the loop. *ret_self is the program's
     * own state. -1 with the reason ends with *ret_code (EXIT_CONFIG). With
     * is_check only check (-n): open no socket, write no file. */
    int (*start)(struct daemon *daemon, int is_check, void **ret_self,
                 int *ret_code, struct err *err);
    /* SIGHUP: what is read from files is read anew, without a pause. NULL: nothing is. */
    void (*reload)(void *self);
    /* Finish what was begun, wait for no peer; then the loop ends. NULL: nothing. */
    void (*drain)(void *self);
    /* Close and free. */
    void (*destroy)(void **self);
};

/* The whole of a program's main(). */
int daemon_main(int argc, char **argv, const struct daemon_spec *spec);

/* Log and end the process with this code, without drain (after a failure
 * that leaves the disk's state unclear) - does not return. */
void daemon_die(enum exit_code code, const char *reason) __attribute__((noreturn));

/* Create dir (mode 0700, its parents too) when missing; -1 with the reason
 * when it cannot be, is no folder, or belongs to another user. */
int daemon_make_dir(const char *path, struct err *err);

/* Lock path (created) for this process's life. The descriptor, or -1 with the
 * reason ("... is in use by process 123"; errno is then EWOULDBLOCK). */
int daemon_lock(const char *path, struct err *err);

#endif
