/*
 * match_case.h - one rule, one event: does it match?
 *
 * The event goes over the wire first, so that its values are as the detector
 * finds them. Its time is 2026-11-22 03:04:05 in Seoul unless it says another.
 */
#ifndef TESTS_SUPPORT_MATCH_CASE_H
#define TESTS_SUPPORT_MATCH_CASE_H

#include <stddef.h>

#include "detector/ruleset/ruleset.h"

/* A selection in flow style, further fields of an event, and whether they match. */
struct match_row {
    const char *selection, *fields;
    int matches;
};

/* Fails the test, naming each row that is wrong. */
void match_case_check(const struct match_row *rows, size_t count);

/* The rules of a file's text; of one rule with this detection, which every event is for.
 * The caller destroys. */
struct ruleset *match_case_rules(const char *text);
struct ruleset *match_case_load(const char *detection);

/* Call judge with the event as the detector finds it. */
void match_case_send(const char *json, void (*judge)(void *ctx, const struct event *ev), void *ctx);

/* How many rules match the event. */
int match_case_count(struct ruleset *rules, const char *json);

#endif
