/*
 * syslog.h - syslog over UDP, TCP and TLS, on ingest's loop
 *
 * What has come in is committed at the end of each turn, before anything else is read: a
 * stream is read no further than the journal has room, so that the sender waits, and what
 * was read of it is kept until it is on disk. Datagrams cannot wait: those that are lost
 * are counted, the kernel's own count of them included. There is no acknowledgement in
 * syslog: what is in the kernel's buffers when the process dies is lost.
 */
#ifndef INGEST_SYSLOG_SYSLOG_H
#define INGEST_SYSLOG_SYSLOG_H

#include <jansson.h>

#include "ingest/intake/intake.h"
#include "proto/run/daemon.h"

struct syslog;
struct tls;

struct syslog_spec {
    struct intake *intake;      /* lent */
    struct tls *tls;            /* lent; NULL: no certificate is set */
    /* Commit the journal's turn, now; or without waiting, and tell over(turn) how it ended,
     * perhaps at once (requests_commit_then). */
    enum journal_outcome (*commit)(void *self, struct err *err);
    void (*commit_then)(void *self, void (*over)(void *turn, enum journal_outcome outcome,
                                                 const char *reason), void *turn);
    void *self;
};

/* What can be wrong with the settings without opening anything. 0, or -1 with the reason. */
int syslog_check(const struct settings *settings, struct err *err);

/* 1 when the settings ask for some of it. */
int syslog_is_wanted(const struct settings *settings);

/* Listen. NULL with the reason; *ret_code is EXIT_TAKEN when another has an address. */
struct syslog *syslog_new(struct daemon *daemon, const struct syslog_spec *spec, int *ret_code,
                          struct err *err);

/* Take in what the senders have sent so far, commit it, and end the connections. */
void syslog_drain(struct syslog *syslog);
void syslog_destroy(struct syslog **syslog);

/* Put "syslog" into *status, and what people should know into its "warnings". */
void syslog_status(const struct syslog *syslog, json_t *status);

#endif
