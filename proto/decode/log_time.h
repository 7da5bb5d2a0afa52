/*
 * log_time.h - the times that programs write into their own logs
 *
 * Each reader takes a time off the start of *text and moves past it, or
 * returns -1 and leaves *text as it was. A time without a zone is the site's.
 */
#ifndef PROTO_DECODE_LOG_TIME_H
#define PROTO_DECODE_LOG_TIME_H

#include <stdint.h>

#include "proto/base/text.h"

/* "Dec 10 06:55:46 ", "Dec  1 06:55:46.250 " and the space: RFC 3164. The year
 * is the latest that is not ahead of now by more than 10 minutes. 1, moved past
 * and *ret_us untouched, for a date that is ahead by up to a day: it is as
 * likely a source whose clock or zone is ahead as a line of last year's. */
int log_time_take_bsd(struct text *text, int64_t now_us, int64_t *ret_us);

/* "22/Dec/2016:16:30:52 +0300": access logs. */
int log_time_take_clf(struct text *text, int64_t *ret_us);

/* "Sun Dec 04 04:47:44 2005" and "Fri Nov 20 10:00:00.123456 2026": asctime(). */
int log_time_take_ctime(struct text *text, int64_t *ret_us);

/* "2026-11-22 10:00:00", "2026/11/22 10:00:00", with T for the space, with a
 * fraction, with hours of one digit (" 9:05:07"), and followed directly by Z or
 * an offset, or not. */
int log_time_take_date(struct text *text, int64_t *ret_us);

/* "261122 10:00:00": MySQL before 5.6. */
int log_time_take_short(struct text *text, int64_t *ret_us);

/* log_time_take_date() and " ZONE", as PostgreSQL and journalctl write it:
 * "2026-11-22 10:00:00.123 KST". -1 for a zone that is neither the site's, nor
 * an offset, nor one of those that mean one thing. */
int log_time_take_zoned(struct text *text, int64_t *ret_us);

/* "1646861401.5241024": seconds since 1970, the whole of text. */
int log_time_from_epoch(struct text text, int64_t *ret_us);

#endif
