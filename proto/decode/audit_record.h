/*
 * audit_record.h - a record of the kernel's audit as names and values
 *
 *   type=USER_LOGIN msg=audit(1364481363.243:24287): pid=1 uid=0 msg='op=login
 *   acct="bob" exe="/usr/sbin/sshd" addr=192.0.2.1 res=failed'^]UID="root"
 *
 * What a user may have chosen stands in quotes, or as hexadecimal digits when
 * it has a quote, a space or a byte out of ASCII: so nobody forges a pair.
 */
#ifndef PROTO_DECODE_AUDIT_RECORD_H
#define PROTO_DECODE_AUDIT_RECORD_H

#include <stdint.h>

#include "proto/base/arena.h"
#include "proto/base/text.h"
#include "proto/decode/decode.h"

enum { AUDIT_PAIRS_MAX = 128 };

struct audit_pair {
    struct text name, value;
    int is_quoted;
    int is_enriched;            /* after the 0x1d: what auditd adds for readers */
};

struct audit_record {
    struct text type, node;
    int64_t at_us, sequence;
    int has_time;
    struct text body;           /* after the type and msg=audit(...): */
    struct audit_pair pairs[AUDIT_PAIRS_MAX];   /* the first so many */
    size_t count;
};

/* 1 when line is a record, in auditd's file or through syslog; else 0. */
int audit_record_read(const struct log_line *line, struct audit_record *ret_record);

/* The value of the first pair of that name; {NULL, 0} for none, and for what
 * stands for nothing: "?", "(null)", an unset number. */
struct text audit_record_get(const struct audit_record *record, const char *name);

/* The same, of what auditd added: AUID="bob". */
struct text audit_record_enriched(const struct audit_record *record, const char *name);

/* The same as the first, of a field that users choose: hexadecimal digits
 * are taken for bytes. UTF-8; NULs are spaces. Borrows arena. */
struct text audit_record_chosen(const struct audit_record *record, const char *name,
                                struct arena *arena);

/* All arguments of an EXECVE with spaces between; {NULL, 0} for none. */
struct text audit_record_command(const struct audit_record *record, struct arena *arena);

#endif
