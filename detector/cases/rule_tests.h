/*
 * rule_tests.h - a rule is held to its own bongsu.tests when it is loaded
 *
 * Wherever rules are: in the detector, at its start and when they change, and
 * in `bongsu rules`. One whose tests fail is refused like one that does not
 * compile, and the others are unharmed.
 */
#ifndef DETECTOR_CASES_RULE_TESTS_H
#define DETECTOR_CASES_RULE_TESTS_H

#include "detector/ruleset/ruleset.h"

/* For rule_files.try_rule and ruleset_try. */
rule_try rule_tests_try;

/* The rules of a folder (as ruleset_load_with), those whose tests fail refused; of these
 * those that are on (choice NULL: all). */
struct ruleset *rule_tests_load(const char *dir, const struct placeholders *placeholders,
                                const struct rule_choice *choice, struct err *err);

#endif
