/*
 * sending.h - `bongsu send` of a file to a chain
 *
 * Every function fails the test itself when something goes wrong.
 */
#ifndef TESTS_SUPPORT_SENDING_H
#define TESTS_SUPPORT_SENDING_H

#include <stddef.h>

#include "tests/support/chain.h"
#include "tests/support/command.h"

/* Start sending; the caller destroys the command. */
struct command *sending_start(const struct chain *chain, const char *path);

/* Wait for its end: exit code 0, and it says that so many lines were accepted and
 * none refused. */
void sending_end(struct command *send, size_t lines);

/* Send a file of so many lines, and wait until all is stored and judged. */
void send_whole(struct chain *chain, const char *path, size_t lines);

#endif
