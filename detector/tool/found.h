/*
 * found.h - the incidents of two sides, and where they differ
 *
 * Before and after: what happened and what the rules would find, or what the present
 * rules find and what new ones would. An incident of one side is that of the other when
 * rule and key are the same and their times meet; its id is no use, for a new threshold
 * opens it with another event.
 */
#ifndef DETECTOR_TOOL_FOUND_H
#define DETECTOR_TOOL_FOUND_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/err.h"
#include "proto/incident.h"

enum found_side { FOUND_BEFORE, FOUND_AFTER, FOUND_SIDES };

/* So many incidents of a side are compared; of each kind of difference so many listed. */
enum { FOUND_MAX = 500000, FOUND_LISTED = 1000 };

/* What can be compared. An incident that ended before since_us is none of our business;
 * nor is one that opened at until_us or later. One that opened before since_us may have
 * begun with events that were not judged here: then only its end counts; of one that
 * went on after until_us only its beginning. */
struct found_span {
    int64_t since_us, until_us;
    int is_whole;               /* all events there are were judged, from the first */
};

struct found;

struct found *found_new(void);      /* NULL when out of memory */
void found_destroy(struct found **found);

/* An incident of a side, as it is now: it takes the place of what was known of its id. 0,
 * or -1 with the reason. */
int found_add(struct found *found, enum found_side side, const struct incident *inc,
              struct err *err);

/* The same of the api's JSON. */
int found_add_json(struct found *found, enum found_side side, const json_t *inc,
                   struct err *err);

/* Leave out what this rule found, on both sides; how many that were. */
size_t found_leave_out(struct found *found, const char *rule_id);

/* {"before": n, "after": n, "same": n, "counts": {"added": n, ...}, "added": [incident...],
 * "gone": [...], "changed": [{"before": incident, "after": incident}...]}. A new
 * reference, NULL when out of memory. *ret_differs: 1 when there is any difference. */
json_t *found_compare(struct found *found, const struct found_span *span, int *ret_differs);

#endif
