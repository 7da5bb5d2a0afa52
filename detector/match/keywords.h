/*
 * keywords.h - where Sigma's keywords are looked for in an event
 *
 * In the line and the description; where there is no line, or one that hides its texts (JSON,
 * XML), in every field.
 */
#ifndef DETECTOR_MATCH_KEYWORDS_H
#define DETECTOR_MATCH_KEYWORDS_H

#include "proto/event.h"

/* Call visit for each value (none is absent) until it returns other than 0: that is
 * returned, or 0. */
int keywords_each(const struct event *ev, int (*visit)(void *ctx, const struct value *value),
                  void *ctx);

#endif
