/*
 * instance.h - a `bongsu up` in a folder of its own, for tests of the command line
 *
 * Programs come from $BONGSU_BUILD/bin. Every function fails the test itself
 * when something goes wrong.
 */
#ifndef TESTS_SUPPORT_INSTANCE_H
#define TESTS_SUPPORT_INSTANCE_H

#include <stddef.h>

#include "tests/support/command.h"

enum { INSTANCE_PATH_LEN = 512 };

/* What `up` says once all five are ready. */
#define INSTANCE_IS_UP "is up. Ctrl-C stops it."

struct instance {
    char dir[96];                       /* where it runs: ./.env is there */
    char data[INSTANCE_PATH_LEN];       /* dir/var */
    char ingest[64], api[64];           /* 127.0.0.1:port */
    struct command *up;
};

/* A folder and free ports; nothing started. A test may change data and ports. */
void instance_prepare(struct instance *instance);

/* Kill it if it runs; remove the folder. */
void instance_release(struct instance *instance);

/* Start it, with "API_KEY=..." in its environment or NULL: none there. */
void instance_start(struct instance *instance, const char *key);

/* ... and wait until all five are ready. */
void instance_start_and_wait(struct instance *instance, const char *key);

/* `bongsu status` says that all is well; or until it does. */
void instance_check_runs(const struct instance *instance);
void instance_wait_well(const struct instance *instance);

/* `bongsu send` of one line, with the key of ./.env, is accepted. */
void instance_check_takes_a_line(const struct instance *instance);

/* The process of its child of this name ("ingest"), 0 when there is none. */
pid_t instance_child(const struct instance *instance, const char *process);

/* Write a file into its folder. */
void instance_write(const struct instance *instance, const char *name, const char *content);

/* API_KEY's value in its ./.env, "" when there is none. */
void instance_key(const struct instance *instance, char *out, size_t size);

#endif
