/*
 * env_file.h - ./.env: secrets and settings as NAME=value lines
 *
 * The format docker compose reads, without its $ and \ : comments with #,
 * optional quotes, optional "export ". What the environment has already wins.
 */
#ifndef CTL_ENV_FILE_H
#define CTL_ENV_FILE_H

#include "proto/base/err.h"

/* Put the file's lines into the environment. A file that is not there is
 * fine. -1 with file, line and reason when a line makes no sense. */
int env_file_load(const char *path, struct err *err);

/* Append NAME=value (without quotes, # and line ends); the file has mode 0600
 * then, and lines that set NAME before are gone. All or nothing. 0 or -1. */
int env_file_set(const char *path, const char *name, const char *value, struct err *err);

#endif
