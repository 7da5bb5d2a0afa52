/*
 * command.h - a program run by a test: its arguments, its output, its end
 *
 * What it writes goes to a file, so that no pipe can fill up. It dies with
 * the test. Every function fails the test itself when something goes wrong.
 */
#ifndef TESTS_SUPPORT_COMMAND_H
#define TESTS_SUPPORT_COMMAND_H

#include <stdint.h>
#include <sys/types.h>

struct command;

struct command_spec {
    const char *dir;            /* where it runs; NULL: where the test does */
    int net;                    /* the network namespace it runs in, a descriptor; 0: ours */
    const char *const *env;     /* NAME=value, NULL at the end; "NAME": unset; may be NULL */
};

/* Start $BONGSU_BUILD/bin/<args[0]>; args ends with NULL. */
struct command *command_start(const struct command_spec *spec, const char *const *args);

/* Wait for its end: the exit code, or 128 + signal. Fails the test at the deadline. */
int command_wait(struct command *command, int64_t deadline_ms);

/* start, wait a minute, and give the command with its output. */
struct command *command_run(const struct command_spec *spec, const char *const *args,
                            int *ret_code);

void command_signal(const struct command *command, int signo);
pid_t command_pid(const struct command *command);

/* 1 once it has ended (command_wait then returns at once). */
int command_has_ended(struct command *command);

/* All that it wrote so far to both outputs; valid until the next call. */
const char *command_output(struct command *command);

/* Until its output contains text, else the test fails. */
void command_expect(struct command *command, const char *text, int64_t deadline_ms);

/* kill -9 if it runs, and forget it. */
void command_destroy(struct command **command);

/* The path of a program of the build that is tested, absolute. */
void command_path(const char *program, char *out, size_t size);

/* The newest child of parent with this name (its first 15 characters), 0: none. */
pid_t command_child(pid_t parent, const char *name);

/* 1 while there is such a process (one that ended and was not reaped is none). */
int command_is_alive(pid_t pid);

/* A folder of its own (temp_dir_make); and away with it and all that is in it. */
void command_make_folder(char *out, size_t size);
void command_remove_folder(const char *dir);

#endif
