/*
 * rule_choice.h - which of the rules of a folder are on
 *
 * A list of lines such as "off path=sigma*" or "on path=sigma* level=high level=critical
 * status=stable". A line is for the rules that have, of each word that it says, one of its
 * values. The last line that is for a rule decides; a rule that no line is for is on.
 */
#ifndef DETECTOR_RULESET_RULE_CHOICE_H
#define DETECTOR_RULESET_RULE_CHOICE_H

#include "detector/sigma/sigma_rule.h"
#include "proto/base/err.h"
#include "proto/base/text.h"

struct rule_choice;

/* More are an error. */
enum { RULE_CHOICE_MAX_LINES = 200, RULE_CHOICE_MAX_WORDS = 100 };

/* The lines with commas between them (NULL: none). The caller destroys; NULL with the
 * reason, in which name (of the option) goes first. */
struct rule_choice *rule_choice_parse(const char *name, const char *lines, struct err *err);
void rule_choice_destroy(struct rule_choice **choice);

/* Is a rule of this file (below the folder) on? Yes when choice is NULL. */
int rule_choice_is_on(const struct rule_choice *choice, const char *file,
                      const struct sigma_rule *rule);

#endif
