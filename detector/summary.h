/*
 * summary.h - an incident in one sentence
 *
 * From the rule's template (bongsu.summary) with {title}, {key}, {count},
 * {span} (from the first event to the last), {threshold} and the rule's
 * group-by fields, or the default "title: key (count events)".
 */
#ifndef DETECTOR_SUMMARY_H
#define DETECTOR_SUMMARY_H

#include <stddef.h>
#include <stdint.h>

#include "detector/sigma_rule.h"
#include "proto/base/buf.h"
#include "proto/incident.h"

/* -1 when the template names what the rule cannot know; *ret_unknown is it. */
int summary_check(const struct sigma_rule *rule, struct text *ret_unknown);

/* Append the sentence for inc (its keys and count), whose events span span_us.
 * 0, or -1 when out of memory. */
int summary_write(const struct sigma_rule *rule, const struct incident *inc,
                  int64_t span_us,
                  struct buf *out);

#endif
