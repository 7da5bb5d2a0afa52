/*
 * syslog_place.h - a chain whose ingest takes syslog, and senders to it
 *
 * Each function fails the test itself.
 */
#ifndef TESTS_SUPPORT_SYSLOG_PLACE_H
#define TESTS_SUPPORT_SYSLOG_PLACE_H

#include <jansson.h>
#include <stddef.h>
#include <sys/types.h>

#include "tests/support/chain.h"

struct syslog_place {
    struct chain *chain;
    int udp, tcp, tls;          /* ports of 127.0.0.1; tls 0: none */
};

/* A chain with UDP and TCP, not started; everything on 127.0.0.0/8 may send. */
void syslog_place_open(struct syslog_place *place);
void syslog_place_close(struct syslog_place *place);

/* A connection (or a connected socket of UDP) from an address of ours, a descriptor. */
int syslog_dial(int port, int type, const char *from);

/* Send all of it; 0, or -1 when the other side does not want it. */
int syslog_send(int fd, const void *bytes, size_t len);
void syslog_say(int fd, const char *text);

/* Until the other side has ended the connection. */
void syslog_wait_end(int fd, int64_t deadline_ms);

/* Until so many messages of a transport are on ingest's disk since it started. */
void syslog_wait_messages(struct syslog_place *place, const char *transport, double count);

/* A number of ingest's: bongsu_syslog_<name>. */
double syslog_number(struct syslog_place *place, const char *name);

/* The one event whose raw_log ends with this; borrowed from events. */
const json_t *syslog_event(const json_t *events, const char *end);

/* Run a program that is no part of Bongsu; args[0] is looked for in PATH. It dies with
 * the test. Output goes to a file of that name in the chain's folder. */
pid_t syslog_run(struct syslog_place *place, const char *output, const char *const *args,
                 const char *library_path);

#endif
