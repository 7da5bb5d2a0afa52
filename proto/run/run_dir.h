/*
 * run_dir.h - the folder of this instance's sockets
 *
 * bus.dir when it is set; else <data_dir>/run; else, when that path is too
 * long for a unix socket (107 bytes), a short folder of its own below
 * $XDG_RUNTIME_DIR or /tmp, named by the data folder's hash. Every process of
 * an instance comes to the same answer.
 */
#ifndef PROTO_RUN_RUN_DIR_H
#define PROTO_RUN_RUN_DIR_H

#include "proto/settings.h"

/* The folder as an absolute path (not created); the caller frees. NULL when
 * out of memory. */
char *run_dir(const struct settings *settings);

/* The socket of a process's health, metrics and status below it; the caller frees. */
char *run_dir_socket(const struct settings *settings, const char *process);

#endif
