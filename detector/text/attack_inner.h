/*
 * attack_inner.h - what attack.c and attack_sql.c share
 */
#ifndef DETECTOR_TEXT_ATTACK_INNER_H
#define DETECTOR_TEXT_ATTACK_INNER_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "detector/text/attack.h"

/* A pattern (caseless, extended), compiled at its first use. */
struct pattern_judge {
    const char *pattern;
    pcre2_code *code;
    pcre2_match_data *data;
    pcre2_match_context *context;
};

/* 1 when it is in the value's first bytes; 0 also when that would take too long (counted),
 * or without memory. From any thread. */
int attack_has_pattern(struct pattern_judge *judge, struct text value);

/* SQL injection. */
int attack_is_sqli(struct text value);

#endif
