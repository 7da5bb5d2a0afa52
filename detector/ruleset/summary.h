/*
 * summary.h - an incident in one sentence
 *
 * From the rule's template (bongsu.summary), or "title: key (count events)".
 * In braces: title, key, the rule's group-by fields; count and threshold, with
 * a noun for one and for many when it says so ({count|event|events}); times
 * (once, twice, 3 times); span, from the first event to the last; and in_span,
 * "in 4 minutes", or nothing when there is but one event. A field of
 * bongsu.details is its value, when all events had the same; with a noun, how
 * many values there were ({username|user|users}); with "*" for the one, that
 * one's value ({username|*|users}); with words and ";" before it, nothing when no
 * event had one ({on ;host.name}). distinct:username is how many in any case,
 * list:username the first and how many more. since is when it began.
 */
#ifndef DETECTOR_RULESET_SUMMARY_H
#define DETECTOR_RULESET_SUMMARY_H

#include <stddef.h>
#include <stdint.h>

#include "detector/sigma/sigma_rule.h"
#include "proto/base/buf.h"
#include "proto/incident.h"

/* -1 when the template names what the rule cannot know; *ret_unknown is it. */
int summary_check(const struct sigma_rule *rule, struct text *ret_unknown);

/* Its first event, and the last. */
struct summary_times {
    int64_t first_us, last_us;
};

/* Append the sentence for inc (its keys and count). details (NULL: none was seen)
 * are those of its key. 0, or -1 when out of memory. */
int summary_write(const struct sigma_rule *rule, const struct incident *inc,
                  const struct summary_times *times, const struct details *details,
                  struct buf *out);

#endif
