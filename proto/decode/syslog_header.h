/*
 * syslog_header.h - time, host and program before a log line's message
 *
 *   Dec 10 06:55:46 host sshd[24200]: message          RFC 3164, section 4.1
 *   2026-11-22T10:00:00.123456+09:00 host sshd[1]: ... rsyslog of Debian 12, 13
 *   2026-11-22T10:00:00+0900 host sshd[1]: ...         journalctl -o short-iso
 *   Sun 2026-11-22 10:00:00 KST host sshd[1]: ...      journalctl -o short-full
 *   1795302001.123456 host sshd[1]: ...                journalctl -o short-unix
 *   <38>Dec 10 06:55:46 sshd[24200]: ...               as programs send it
 *   <34>1 2003-10-11T22:14:15.003Z host su - ID47 - ... RFC 5424, section 6
 *
 * All of it is optional; what is not there stays empty. A bare RFC 3339 time
 * without "program:" after it starts many an application's own lines, so there
 * only the time is taken.
 */
#ifndef PROTO_DECODE_SYSLOG_HEADER_H
#define PROTO_DECODE_SYSLOG_HEADER_H

#include <stdint.h>

#include "proto/decode/decode.h"

/* Fill ret_line from raw (borrowed). now_us serves dates without a year. */
void syslog_header_read(struct text raw, int64_t now_us, struct log_line *ret_line);

#endif
