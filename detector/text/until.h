/*
 * until.h - when something that was written with a date ends
 */
#ifndef DETECTOR_TEXT_UNTIL_H
#define DETECTOR_TEXT_UNTIL_H

#include <stdint.h>

#include "proto/base/err.h"
#include "proto/base/text.h"

/* A day ("2026-12-31": with its last moment, in the site's zone) or a time (RFC 3339) as
 * the first moment after it. 0, or -1 with the reason. */
int until_parse(struct text text, int64_t *ret_us, struct err *err);

#endif
