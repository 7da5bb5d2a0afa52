/*
 * span.h - times as people write them on a command line
 */
#ifndef CTL_SPAN_H
#define CTL_SPAN_H

#include <stdint.h>

#include "ctl/flags.h"
#include "proto/base/buf.h"
#include "proto/base/err.h"
#include "proto/base/text.h"

/* RFC 3339, "2026-11-22" (its first moment), "10:00" and "10:00:30" (today),
 * "90m", "2h", "7d" (ago), "now", "today", "yesterday"; in the site's zone. 0,
 * or -1 with the reason. */
int span_parse(struct text text, int64_t now_us, int64_t *ret_us, struct err *err);

/* The calendar day of such a time: "2026-11-22". */
int span_parse_day(struct text text, int64_t now_us, char ret_day[32], struct err *err);

/* --since and --until as from= and to= of the query. 0, or -1 with the reason. */
int span_add(struct buf *path, const struct call *call, int64_t now_us, struct err *err);

#endif
