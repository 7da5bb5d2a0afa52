/*
 * attack_log.h - sshd logs of attacks, and what must be found in them
 *
 * What must be found is told from the lines' own text, by nothing that the
 * programs under test use. Functions fail the test themselves.
 */
#ifndef TESTS_SUPPORT_ATTACK_LOG_H
#define TESTS_SUPPORT_ATTACK_LOG_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* Write a log of "Dec 10": attackers above and below the threshold in several
 * ways, repeated messages, PAM's lines about the same attempts. */
void attack_log_write(const char *path);

/* Write `days` copies of a log, each with the date of another past day, in order. */
void attack_log_repeat(const char *from, const char *path, unsigned days);

/* How many lines. */
size_t attack_log_lines(const char *path);

/* {"<date> <address>": most failed passwords within five minutes} of those with
 * five and more: a new reference. */
json_t *attack_log_attackers(const char *path);

/* A number that only depends on which lines there are, how often each, and not on
 * their order; the same of a stored event's raw_log is added to *sum. */
uint64_t attack_log_sum(const char *path);
void attack_log_add(uint64_t *sum, const char *raw_log);

#endif
