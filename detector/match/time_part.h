/*
 * time_part.h - the minute, hour, day, week, month or year of a time
 *
 * In the site's zone, for "login between two and five at night" means the site's
 * night; or in one that a rule names (bongsu.timezone). Weeks are ISO 8601's, 1 to 53.
 */
#ifndef DETECTOR_MATCH_TIME_PART_H
#define DETECTOR_MATCH_TIME_PART_H

#include <stdint.h>

#include "detector/sigma/sigma_rule.h"

/* The part of a time, in microseconds since 1970; zone NULL: the site's. */
int time_part_of(enum sigma_part part, int64_t at_us, const struct zone_table *zone);

#endif
