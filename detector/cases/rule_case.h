/*
 * rule_case.h - one case: events in, and are these the incidents?
 *
 * As bongsu.tests or a file of cases has it (sigma_tests.c says the form),
 * through the reader, the check, the wire and the engine that judge live. Times
 * are the case's own, so it has the same answer on every day.
 */
#ifndef DETECTOR_CASES_RULE_CASE_H
#define DETECTOR_CASES_RULE_CASE_H

#include <jansson.h>

#include "detector/ruleset/ruleset.h"
#include "proto/base/err.h"

struct rule_case {
    const char *rule;           /* only incidents of the rule with this id; NULL: of all */
    const struct zone_table *zone;  /* of a start that says none; NULL: the site's */
    /* It does not hold: what is wrong, and with what (may be NULL). */
    void (*complain)(void *ctx, const char *what, const json_t *about);
    void *ctx;
};

/* Run one test with these rules (lent; NULL after a failure). 0, also when it does not
 * hold; -1 with the reason when out of memory. */
int rule_case_run(const struct rule_case *test, struct ruleset **rules,
                  const struct sigma_test *one, struct err *err);

#endif
