/*
 * rule_cases.h - runs cases against rules: events in, incidents expected
 *
 * A file is a list of cases. `events` are what clients send, or raw lines
 * (`line:`) that go through the decoders; `at` is the time after the case's
 * `start` (10:00 of the site unless given), `repeat` and `every` make a series,
 * and "{n}" in a text is the number within it. `incidents` are all that must
 * come of it: rule (its title), key, count, severity, and summary where it
 * matters; [] demands silence. At the end time passes, with no more events. The engine is the one that judges live.
 */
#ifndef DETECTOR_TOOL_RULE_CASES_H
#define DETECTOR_TOOL_RULE_CASES_H

#include <jansson.h>
#include <stddef.h>

#include "proto/base/err.h"

struct placeholders;

struct rule_cases {
    /* A case does not hold: where it stands, what is wrong, and with what (may be NULL). */
    void (*complain)(void *ctx, const char *file, int line, const char *what,
                     const json_t *about);
    void *ctx;
    const struct placeholders *placeholders;    /* lent; NULL: none are known */
    size_t cases, failures;     /* counted */
};

/* Run the cases of a file, each with the rules of a file or folder as if they were new. 0; or
 * -1 with the reason when either cannot be read, or a rule is refused. */
int rule_cases_run(struct rule_cases *run, const char *rules, const char *cases,
                   struct err *err);

/* The rules of a file, or of a folder, those whose own tests fail refused; the caller
 * destroys. Without placeholders, or with these (lent; NULL: none). */
struct ruleset;
struct ruleset *rule_cases_load(const char *rules, struct err *err);
struct ruleset *rule_cases_load_with(const char *rules,
                                     const struct placeholders *placeholders,
                                     struct err *err);
/* Of a folder those that are on (choice NULL: all). */
struct rule_choice;
struct ruleset *rule_cases_load_chosen(const char *rules,
                                       const struct placeholders *placeholders,
                                       const struct rule_choice *choice, struct err *err);

#endif
